"""`bakeoff stress`: on the terminal, as pages, for programs."""

from __future__ import annotations

import csv
import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.champion.opening import open as opened
from bakeoff.cli import main
from bakeoff.data.dataset import Dataset, load
from bakeoff.runs.ledger import open_test, openings
from bakeoff.spec import codec
from bakeoff.spec.split import SplitPlan
from tests.champion import made


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    """A champion."""
    return made.plain(tmp_path / "champion")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of its classes."""
    root = tmp_path / "photos"
    for label, name in enumerate(made.CLASSES):
        (root / name).mkdir(parents=True)
        for seed in range(20):
            picture = made.picture(label, 7000 + seed)
            (root / name / f"{seed}.png").write_bytes(made.encoded(picture))
    return root


def test_a_table_and_pages(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    champion: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    """Strains by severity, sentences and notes; pages, figures and the table of labels in --out;
    nothing in the champion."""
    monkeypatch.setenv("COLUMNS", "100")
    before = sorted(champion.rglob("*"))
    out = tmp_path / "out"
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "--pictures", "6"]
    assert main([*words, "--only", "fog,jpeg,rotation", "--out", str(out), "-q"]) == 0
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    assert ["severity", "1", "2", "3", "4", "5", "mean"] in lines
    assert ["±5°", "±10°", "±20°", "±30°", "±45°", "±90°"] in lines
    assert {"fog", "JPEG", "rotation"} <= {line[0] for line in lines if line}
    assert "patterns on 6 validation pictures of photos, made worse at 16×16 pixels." in told
    assert "Of 24 validation pictures, " in told
    sentence = next(line for line in told.splitlines() if line.startswith("Of 24 validation"))
    assert all(
        sentence in (out / page).read_text("utf-8") for page in ("labels.html", "stress.html")
    )
    assert "Note: The champion learnt from other data" in told
    files = {"labels.html", "stress.html", "stress.json", "suspects.csv"}
    assert {one.name for one in out.iterdir()} == files
    assert "The champion learnt from other data" in (out / "stress.html").read_text("utf-8")
    with (out / "suspects.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file))[0] == "name"
    assert sorted(champion.rglob("*")) == before


def test_for_programs(capsys: pytest.CaptureFixture[str], champion: Path, photos: Path) -> None:
    """With --json one document of all figures, the same each time."""
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "--pictures", "4"]
    documents = []
    for _ in range(2):
        assert main([*words, "--only", "snow", "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1]
    assert (documents[0]["part"], documents[0]["rows"][0]["name"]) == ("val", "snow")


def test_the_plan_of_its_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, photos: Path
) -> None:
    """Without split options the data is split as it was for the champion; with any, as they say."""
    told, plan = made.record_of(), SplitPlan(shares=(0.4, 0.4, 0.2))
    told = replace(told, data={**told.data, "plan": codec.encode(plan)})
    champion = made.champion(tmp_path / "planned", told)
    words = ["stress", str(champion), str(photos), "--only", "fog", "--json"]
    counts = []
    for more in ((), ("--split", "40/40/20"), ("--val", "6")):
        assert main([*words, *more]) == 0
        counts.append(json.loads(capsys.readouterr().out)["pictures"])
    assert counts == [24, 24, 6]


def of(dataset: Dataset, folder: Path) -> Path:
    """A champion whose bake-off has opened the test part of this dataset."""
    told = made.record_of()
    measured = {"part": "test", "opened": {"times": 1, "pictures": len(dataset.split.test)}}
    told = replace(
        told, metrics={"measured": measured}, digests={**told.digests, "data": dataset.digest}
    )
    return made.champion(folder, told)


def test_the_test_part_stays_sealed(
    capsys: pytest.CaptureFixture[str], champion: Path, photos: Path
) -> None:
    """What another bake-off has opened is sealed to a champion that was chosen without it."""
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "--only", "fog"]
    dataset = load(str(photos), plan=SplitPlan(shares=(0.4, 0.4, 0.2)))
    open_test(dataset, token="one", why="a bake-off", where=photos)
    assert main([*words, "--part", "test"]) == 2
    assert capsys.readouterr().err == (
        "Error: the test part of photos is sealed: the champion's bake-off has not opened it. "
        "Leave --part out, and validation is looked at.\n"
    )
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["part"] == "val"
    assert len(openings(dataset)) == 1


def test_the_test_part_that_its_bakeoff_opened(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, photos: Path
) -> None:
    """It is looked at by default where the ledger knows of it, else when asked; each champion's
    look is written down once."""
    dataset = load(str(photos), plan=SplitPlan(shares=(0.4, 0.4, 0.2)))
    champion = of(dataset, tmp_path / "its own")
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "--only", "fog", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["part"] == "val"
    assert openings(dataset) == ()
    for more in (["--part", "test"], []):
        assert main([*words, *more]) == 0
        assert json.loads(capsys.readouterr().out)["part"] == "test"
    (one,) = openings(dataset)
    model = opened(champion, engine="torch")
    assert (one.why, one.token) == ("a stress test of patterns", f"stress {model.digest}")
    assert main([*words, "--part", "val"]) == 0
    assert json.loads(capsys.readouterr().out)["part"] == "val"


def test_a_failure_opens_nothing(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    photos: Path,
) -> None:
    """Whatever is wrong with a stress test is said before the test part counts as opened."""
    dataset = load(str(photos), plan=SplitPlan(shares=(0.4, 0.4, 0.2)))
    champion = of(dataset, tmp_path / "its own")
    open_test(dataset, token="one", why="a bake-off", where=photos)
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "-q"]

    def refused(*words: str, because: str) -> None:
        assert main([*words, "--part", "test"]) == 2
        assert because in capsys.readouterr().err
        assert [one.why for one in openings(dataset)] == ["a bake-off"]

    refused(*words, "--only", "fogg", because="--only must name strains")
    refused(*words, "--pictures", "0", because="--pictures must be at least 1")
    renamed = ["--classes", str(tmp_path / "names.json")]
    (tmp_path / "names.json").write_text('{"sky": "sea"}', encoding="utf-8")
    refused(*words, *renamed, because="is sealed")
    monkeypatch.setattr("bakeoff.champion.stress.is_open", lambda *_: True)
    refused(*words, *renamed, because="is none that the champion knows")
    (tmp_path / "file").touch()
    out = ["--out", str(tmp_path / "file" / "out")]
    refused(*words, *out, because="a file stands where a folder is needed")

    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr("bakeoff.cli.stress.TemporaryFile", denied)
    refused(*words, "--out", str(tmp_path / "out"), because="cannot be written: no permission")
    assert not (tmp_path / "out").exists()


def test_decisions_are_not_written_over(
    capsys: pytest.CaptureFixture[str], champion: Path, photos: Path, tmp_path: Path
) -> None:
    """Pages are replaced; a table in which somebody has decided is not."""
    out = tmp_path / "out"
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "--pictures", "2"]
    words += ["--only", "fog", "--out", str(out), "-q"]
    assert main(words) == 0
    (out / "stress.html").write_text("old", encoding="utf-8")
    assert main(words) == 0
    assert (out / "stress.html").read_text("utf-8") != "old"
    capsys.readouterr()
    row = "name,given,suggested,label,score\nsky/0.png,sky,grass,grass,0.9\n"
    (out / "suspects.csv").write_text(row, encoding="utf-8")
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"Error: --out {out} holds a suspects.csv that somebody has filled in, and that is not "
        "written over. Move it away, or give another folder.\n"
    )
    assert (out / "suspects.csv").read_text("utf-8") == row


def test_mistakes(
    capsys: pytest.CaptureFixture[str], champion: Path, photos: Path, tmp_path: Path
) -> None:
    """A part that there is not, a strain that there is not, and a place that must not be."""
    words = ["stress", str(champion), str(photos), "--split", "40/40/20", "-q"]
    assert main([*words, "--part", "train"]) == 2
    assert capsys.readouterr().err.startswith("Error: --part must be val or test, but is 'train'.")
    assert main([*words, "--only", "fogg"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Error: --only must name strains, but is 'fogg'. Did you mean 'fog'?")
    assert main([*words, "--only", ","]) == 2
    assert capsys.readouterr().err == "Error: --only must name at least one strain, but is ','.\n"
    assert main([*words, "--pictures", "0"]) == 2
    assert capsys.readouterr().err == "Error: --pictures must be at least 1, but is 0.\n"
    assert main([*words, "--out", str(champion)]) == 2
    assert capsys.readouterr().err == (
        f"Error: --out {champion} is a champion, and nothing is ever added to one. Give another "
        "folder.\n"
    )
    file = tmp_path / "file"
    file.touch()
    assert main([*words, "--out", str(file)]) == 2
    assert capsys.readouterr().err == f"Error: --out {file} must be a folder, not a file.\n"
