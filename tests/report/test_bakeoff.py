"""The whole job in one call."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import bakeoff
from bakeoff.report import bakeoff as whole
from bakeoff.report import crowned
from bakeoff.runs.board import Doing, Happening
from bakeoff.runs.cluster import cluster
from bakeoff.runs.cluster.cluster import Cluster
from bakeoff.runs.folder import Folder
from bakeoff.spec.errors import DataError, MissingExtraError, SpecError
from tests.champion.crowned import light
from tests.runs.baking import cheap, near, tiny
from tests.runs.cluster.pretended import Pretended
from tests.runs.digits import digits
from tests.training.jobs import DEVICE


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured, and one thread is enough."""
    cheap(monkeypatch)
    light(monkeypatch)
    monkeypatch.setattr(whole, "choose", lambda name: DEVICE)


def test_run(tmp_path: Path) -> None:
    """Recipes as values and limits as texts; result.json, both reports and a Result come out."""
    told: list[Happening] = []
    out = tmp_path / "out"
    result = bakeoff.run(
        digits(),
        lineup=[near(), tiny()],
        seeds=1,
        epochs=1,
        out=out,
        prefer="size",
        max_latency="1s",
        max_size="1MB",
        listen=told.append,
    )
    assert isinstance(result, bakeoff.Result)
    assert result.winner == "near"
    assert result.path == out
    assert "near" in (out / "report.html").read_text()
    assert (out / "report.md").read_text().startswith("# Bake-off: digits")
    question = Folder(path=out).record().question
    assert (question.lineup, question.prefer) == ("near,tiny", "size")
    assert (question.max_latency, question.max_size) == (1.0, 1_000_000)
    assert told[-2:] == [Doing(text="writing the report"), Doing(text="making the champion")]
    assert result.champion == out / "champion"
    assert bakeoff.open(result.champion).record.name == "near"
    other = result.crown("tiny", dataset=digits())
    assert bakeoff.open(other).record.name == "tiny"
    assert other == out / "champion-tiny"
    assert "weighted avg" in result.classification_report("tiny")


def test_without_a_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be left out; and where it cannot be made, what was found stands."""

    def fail(*_: Any, **__: Any) -> None:
        raise DataError("the champion", "cannot be made")

    monkeypatch.setattr(crowned, "crown", fail)
    how: dict[str, Any] = {"lineup": [near()], "seeds": 1, "out": tmp_path, "test": False}
    assert bakeoff.run(digits(), champion=False, **how).champion is None
    with pytest.warns(bakeoff.BakeoffWarning, match="There is no champion: the champion cannot"):
        assert bakeoff.run(digits(), **how).champion is None


def test_the_same_champion_stays(tmp_path: Path) -> None:
    """Going on with a bake-off that is over makes it again only for another judgement."""
    how: dict[str, Any] = {"seeds": 1, "out": tmp_path, "test": False, "epochs": 1}
    first = bakeoff.run(digits(), lineup=[near(), tiny()], **how).champion
    assert first is not None
    before = (first / "manifest.json").stat().st_mtime_ns
    bakeoff.run(digits(), lineup=[near(), tiny()], **how)
    assert (first / "manifest.json").stat().st_mtime_ns == before
    (first / "README.md").write_text("changed")
    bakeoff.run(digits(), lineup=[near(), tiny()], **how)
    assert bakeoff.open(first).record.name == "near"


def test_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are made where `on` and `via` say, and nothing else changes."""
    asked: list[Any] = []
    ray = Pretended()

    def elsewhere(*where: Any) -> Any:
        asked.append(where)
        return nullcontext(Cluster(ray, "ray"))

    monkeypatch.setattr(whole, "elsewhere", elsewhere)
    how: dict[str, Any] = {"lineup": [near()], "seeds": 1, "out": tmp_path, "test": False}
    result = bakeoff.run(digits(), on="ray", via="s3://bucket/a", champion=False, **how)
    assert result.winner == "near"
    assert asked == [("ray", "s3://bucket/a", tmp_path)]
    assert [one.options["name"] for one in ray.sent if "name" in one.options] == ["near-0"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on": "spark"}, "on must be ray or ray://HOST:PORT, but is 'spark'."),
        ({"via": "s3://a/b"}, "via needs on: it is where runs are kept while nodes of a cluster"),
        ({"out": "s3://a/b"}, "out must be a folder of this machine, but is 's3://a/b'. Where "),
    ],
)
def test_where_runs_cannot_be_made(given: dict[str, Any], message: str) -> None:
    """Named as it is named in Python."""
    with pytest.raises(SpecError) as caught:
        bakeoff.run(digits(), lineup=[near()], **given)
    assert str(caught.value).startswith(message)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument that needs it is named."""

    def missing() -> Any:
        raise MissingExtraError("--on", "ray")

    monkeypatch.setattr(cluster, "_ray", missing)
    with pytest.raises(MissingExtraError, match=r"^on needs the optional part 'ray'"):
        bakeoff.run(digits(), lineup=[near()], on="ray")


def test_names_are_looked_up_first(tmp_path: Path) -> None:
    """A misspelt recipe is told before the data is looked for."""
    with pytest.raises(SpecError, match=r"Did you mean 'cnn3'\?"):
        bakeoff.run(tmp_path / "nowhere", lineup="linear,cnn33", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_asked_again(tmp_path: Path) -> None:
    """What is not given is what it was."""
    bakeoff.run(digits(), lineup=[near()], seeds=1, out=tmp_path, test=False)
    question = whole.asked_again(tmp_path, {"prefer": "size", "test": True})
    assert (question.seeds, question.prefer, question.test) == (1, "size", True)


def test_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by time and data, and never one that is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: "2026-01-02-030405")
    first = whole.new_folder("photos of/cats & dogs.zip")
    assert first == Path("bakeoffs/2026-01-02-030405-cats---dogs")
    first.mkdir(parents=True)
    assert whole.new_folder("cats & dogs.zip").name == f"{first.name}-2"
    assert re.fullmatch(r"[\d-]+-data", whole.new_folder("…").name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lineup": []}, "lineup must name at least one recipe."),
        ({"seeds": 0}, "seeds must be 1 or more, but is 0."),
        ({"epochs": 1.0, "budget": 60.0}, "epochs and budget exclude each other. Give one."),
        ({"max_latency": -1.0}, "max_latency must be a number greater than 0, but is -1.0."),
    ],
)
def test_errors_name_the_argument(given: dict[str, Any], message: str) -> None:
    """Who calls from Python reads of arguments, and of no option of the command."""
    with pytest.raises(SpecError) as caught:
        bakeoff.run(digits(), **given)
    assert str(caught.value) == message
