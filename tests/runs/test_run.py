"""The directory of a run: append-only, then sealed."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError, DataError
from tests.runs.digits import recipe


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One that began."""
    made = Run(path=tmp_path / "runs" / "one")
    made.start(recipe(), {"seed": 3})
    return made


def test_what_began_is_written_down(run: Run) -> None:
    """Recipe and environment come back as they were; nothing is sealed yet."""
    assert run.recipe() == recipe()
    assert run.environment() == {"seed": 3}
    assert run.events() == []
    assert not run.is_sealed


def test_a_run_never_writes_over_another(run: Run) -> None:
    """A directory that holds anything is refused, and left as it is."""
    before = sorted(path.name for path in run.path.iterdir())
    with pytest.raises(DataError) as caught:
        run.start(recipe(), {})
    assert str(caught.value) == (
        f"{run.path} holds something already, and a run never writes over another. Give another "
        "--out, or go on with --resume."
    )
    assert sorted(path.name for path in run.path.iterdir()) == before
    assert run.environment() == {"seed": 3}


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    """An empty directory will do."""
    Run(path=tmp_path).start(recipe(), {})


def test_events_are_appended(run: Run) -> None:
    """One line each, with a time; those before stay as they are, byte by byte."""
    run.record("steps", {"step": 1})
    first = (run.path / "events.jsonl").read_bytes()
    run.record("steps", {"step": 2, "text": "ä"})
    assert (run.path / "events.jsonl").read_bytes().startswith(first)
    assert [(event["event"], event["step"]) for event in run.events()] == [
        ("steps", 1),
        ("steps", 2),
    ]
    assert all(event["time"] > 0 for event in run.events())


def test_a_line_that_a_crash_cut_off(run: Run) -> None:
    """It is passed over, and does not swallow the next one."""
    run.record("steps", {"step": 1})
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"event": "st')
    assert [event["step"] for event in run.events()] == [1]
    run.record("steps", {"step": 2})
    assert [event["step"] for event in run.events()] == [1, 2]


def test_predictions_weights_and_result(run: Run) -> None:
    """What comes out comes back bit by bit, and the result seals."""
    table = np.random.default_rng(0).random((4, 3), dtype=np.float32)
    run.predict("val", {"probabilities": table, "labels": np.arange(4)})
    assert np.array_equal(run.predictions("val")["probabilities"], table)
    weight = torch.randn(3, 3, 2, 2).to(memory_format=torch.channels_last)
    run.keep_weights({"weight": weight})
    assert torch.equal(load_file(run.path / "weights.safetensors")["weight"], weight)
    run.seal({"accuracy": 0.5, "name": "ä"})
    assert run.is_sealed
    assert run.result() == {"accuracy": 0.5, "name": "ä"}
    assert not list(run.path.rglob(".*")), "nothing half-made is left"


def test_results_are_json(run: Run) -> None:
    """A number that JSON does not know never gets into a result."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.seal({"loss": float("nan")})
    assert not run.is_sealed


@pytest.mark.parametrize("missing", ["recipe", "environment", "result"])
def test_what_is_no_run(tmp_path: Path, missing: str) -> None:
    """A directory without the files of a run is named, with the file."""
    with pytest.raises(DataError) as caught:
        getattr(Run(path=tmp_path), missing)()
    assert str(caught.value) == (
        f"{tmp_path} is not the directory of a run: {missing}.json is missing. Give the --out of "
        "a run that began, or leave out --resume."
    )


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (errno.ENOSPC, "ran out of disk space while being written; nothing half-made was left"),
        (errno.EROFS, "cannot be written: no permission, or a read-only disk"),
    ],
)
def test_a_disk_that_refuses(
    run: Run, monkeypatch: pytest.MonkeyPatch, code: int, rule: str
) -> None:
    """A full or a read-only disk is the user's to mend, whatever is being written."""

    def refuse(*rest: Any, **named: Any) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(np, "savez", refuse)
    works: list[Callable[[], None]] = [
        lambda: run.record("steps", {}),
        lambda: run.predict("val", {"labels": np.arange(2)}),
        lambda: run.keep_weights({"weight": torch.ones(2)}),
        lambda: run.seal({}),
    ]
    for work in works:
        with pytest.raises(CacheError) as caught:
            work()
        assert rule in str(caught.value)
        assert str(caught.value).endswith("Free some space there, or give another --out.")


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    """A path that is taken by a file is refused in words."""
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CacheError, match="a file stands where a folder is needed"):
            Run(path=path).start(recipe(), {})


def test_a_disk_that_is_full_for_real(run: Run) -> None:
    """What the system says of a full device is understood."""
    (run.path / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(CacheError, match="ran out of disk space"):
        run.record("steps", {"step": 1})


def test_json_is_for_people_too(run: Run) -> None:
    """Files are indented, and end in a line break."""
    text = (run.path / "environment.json").read_text()
    assert text.endswith("\n")
    assert text.count("\n") > 2
    assert json.loads(text) == {"seed": 3}
