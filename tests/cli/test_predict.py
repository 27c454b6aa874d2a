"""`bakeoff predict`: for people, for spreadsheets, for programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion import record, signing
from bakeoff.champion.opening import open as open_champion
from bakeoff.champion.record import Unknown
from bakeoff.cli import main
from tests.champion import made


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    """A champion that torch opens."""
    return made.plain(tmp_path / "champion")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures and a broken one."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for at in range(4):
        name = f"more/{at}.png" if at % 2 else f"{at}.png"
        (folder / name).write_bytes(made.encoded(made.picture(at % 3, at)))
    (folder / "broken.jpg").write_bytes(b"junk")
    return folder


ORDER = ("0.png", "2.png", "more/1.png", "more/3.png")


def ran(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(["predict", *map(str, words), "--engine", "torch", "--device", "cpu"])
    return code, *capsys.readouterr()


def expected(champion: Path, photos: Path) -> list[Any]:
    """What the champion says when it is asked in Python."""
    model = open_champion(champion, engine="torch", device="cpu")
    return [model.predict(photos / name) for name in ORDER]


def test_a_table(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    champion: Path,
    photos: Path,
) -> None:
    """People get a line per picture; the broken one is named on standard error, the exit code is
    2 and the others are answered."""
    monkeypatch.setenv("COLUMNS", "300")
    code, out, err = ran(capsys, champion, photos, "--quiet")
    assert code == 2
    assert err.startswith(f"Broken: {photos / 'broken.jpg'} is not a picture that can be opened")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    told = zip(ORDER, expected(champion, photos), strict=True)
    assert lines == [
        "picture label probability",
        *(f"{photos / name} {one.label} {one.probability:.3f}" for name, one in told),
    ]


def test_more_classes(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    champion: Path,
    photos: Path,
) -> None:
    """--top names the next ones too."""
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = ran(capsys, champion, photos / "0.png", "--top", 2)
    assert code == 0
    (label, share), (second, less), _ = expected(champion, photos)[0].probabilities.items()
    assert f"{label} {share:.3f} {second} {less:.3f}" in " ".join(out.split())


def test_csv(capsys: pytest.CaptureFixture[str], champion: Path, photos: Path) -> None:
    """Spreadsheets get a header and a line per picture that could be read."""
    code, out, err = ran(capsys, champion, photos, "--csv", "--top", 2)
    assert code == 2
    assert "broken.jpg" in err
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [
        *("path", "label", "probability", "unknown", "strangeness"),
        *("label_2", "probability_2"),
    ]
    for name, row, one in zip(ORDER, rows, expected(champion, photos), strict=True):
        assert row["path"] == str(photos / name)
        assert (row["label"], row["unknown"], row["strangeness"]) == (one.label, "", "")
        assert float(row["probability"]) == pytest.approx(one.probability, abs=1e-4)
        assert row["label_2"] == list(one.probabilities)[1]


def test_json(capsys: pytest.CaptureFixture[str], champion: Path, photos: Path) -> None:
    """Programs get one document with every class, and what is broken."""
    code, out, _ = ran(capsys, champion, photos, "--json")
    assert code == 2
    document = json.loads(out)
    model = open_champion(champion, engine="torch", device="cpu")
    assert document["champion"] == {
        "name": "patterns",
        "digest": model.digest,
        "path": str(champion),
        "engine": "torch cpu float32",
        "classes": list(made.CLASSES),
    }
    told = expected(champion, photos)
    for name, row, one in zip(ORDER, document["pictures"], told, strict=True):
        assert row["path"] == str(photos / name)
        assert row["probabilities"] == pytest.approx(dict(one.probabilities), abs=1e-5)
        assert (row["label"], row["unknown"]) == (one.label, None)
    assert [one["path"] for one in document["broken"]] == [str(photos / "broken.jpg")]


def test_a_signature_is_asked_for(
    capsys: pytest.CaptureFixture[str], champion: Path, photos: Path, tmp_path: Path
) -> None:
    """--key admits only what is signed by it."""
    pytest.importorskip("cryptography")
    keys = signing.make_keys(tmp_path / "mine")
    words = (champion, photos / "0.png", "--key", keys.public)
    code, _, err = ran(capsys, *words)
    assert code == 2
    assert "has no signature, and one by a key is asked for" in err
    signing.sign(champion, keys.private)
    assert ran(capsys, *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--csv", "--json"], "--csv cannot be given together with --json."),
        (["--top", "0"], "--top must be at least 1, but is 0."),
        (["--batch", "0"], "--batch must be at least 1, but is 0."),
    ],
)
def test_mistakes(
    capsys: pytest.CaptureFixture[str],
    champion: Path,
    photos: Path,
    words: list[str],
    message: str,
) -> None:
    """Options are checked before anything is opened."""
    code, _, err = ran(capsys, champion, photos, *words)
    assert (code, err) == (2, f"Error: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "onx"], "--engine must be one of those there are, but is 'onx'. Did you"),
        (["--device", "gpu"], "--device must be one of those there are, but is 'gpu'. Known: cpu;"),
        (["--threads", "0"], "--threads must be at least 1, but is 0."),
        (["--engine", "onnx"], "which the engine 'onnx' computes. Take --engine torch, or make"),
    ],
)
def test_options_are_called_as_they_were_typed(
    capsys: pytest.CaptureFixture[str],
    champion: Path,
    photos: Path,
    words: list[str],
    message: str,
) -> None:
    """What opening a champion refuses is told of the option, not of the argument in Python."""
    assert main(["predict", str(champion), str(photos / "0.png"), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_champion_that_knows_what_is_foreign(
    capsys: pytest.CaptureFixture[str], champion: Path, photos: Path
) -> None:
    """Where it was measured, each answer says yes or no, and true or false."""
    unknown = Unknown(method="energy", threshold=1e9, false_alarms=0.05, foreign=())
    told = record.dumps(replace(made.record_of(), unknown=unknown))
    made.resealed(champion, lambda folder: (folder / record.FILE).write_text(told))
    _, out, _ = ran(capsys, champion, photos / "0.png", "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["unknown"], row["strangeness"] != "") == ("no", True)
    _, out, _ = ran(capsys, champion, photos / "0.png", "--json")
    assert json.loads(out)["pictures"][0]["unknown"] is False


def test_nothing_to_look_at(
    capsys: pytest.CaptureFixture[str], champion: Path, tmp_path: Path
) -> None:
    """A folder without pictures is the user's to mend; so is a picture that is not there."""
    (tmp_path / "empty").mkdir()
    code, _, err = ran(capsys, champion, tmp_path / "empty")
    assert code == 2
    assert f"Error: {tmp_path / 'empty'} holds no pictures by their names." in err
    code, out, err = ran(capsys, champion, tmp_path / "no.png")
    assert (code, out, err) == (2, "", f"Broken: {tmp_path / 'no.png'} is missing.\n")
