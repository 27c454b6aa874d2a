"""`bakeoff explain`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.cli import main
from bakeoff.data.decode import header
from tests.champion import made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture in a file."""
    path = tmp_path / "sky.png"
    made.picture(1, 4).save(path)
    return path


def test_a_picture_is_explained(
    tmp_path: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says class, probability and method, and writes a PNG named after the picture."""
    champion = made.plain(tmp_path / "champion")
    monkeypatch.chdir(tmp_path)
    assert main(["explain", str(champion), str(picture)]) == 0
    said, aside = capsys.readouterr()
    assert said.startswith("sky: ")
    assert said.endswith("%, by Grad-CAM\n")
    assert aside == "Written: sky-explained.png\n"
    assert header(tmp_path / "sky-explained.png").format == "PNG"


def test_what_is_known_before(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a champion's notes only those are said after which no answer is worth anything."""
    told = replace(made.record_of(), notes=("Made for a test.", "BROKEN: it learned nothing."))
    champion, out = made.champion(tmp_path / "champion", told), tmp_path / "out.png"
    assert main(["explain", str(champion), str(picture), "--out", str(out)]) == 0
    assert capsys.readouterr().err == f"BROKEN: it learned nothing.\nWritten: {out}\n"


def test_the_picture_itself_is_left_alone(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there is replaced, but never by its own explanation."""
    champion, before = made.plain(tmp_path / "champion"), picture.read_bytes()
    assert main(["explain", str(champion), str(picture), "--out", str(picture)]) == 2
    assert capsys.readouterr().err == (
        f"Error: --out must not be the picture itself, but is {str(picture)!r}.\n"
    )
    assert picture.read_bytes() == before


def test_another_class_and_neighbours(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class that is asked for stands beside the predicted one; the nearest pictures come along,
    with a word where the data are others."""
    champion, out = made.plain(tmp_path / "champion"), tmp_path / "out.png"
    words = ["explain", str(champion), str(picture), "--class", "grass", "--out", str(out)]
    words += ["--method", "occlusion", "--neighbours", "digits"]
    assert main(words) == 0
    said, aside = capsys.readouterr()
    assert [line.split(":")[0] for line in said.splitlines()] == ["sky", "grass", *["near"] * 5]
    assert "digits is not what the champion learnt from, or is split otherwise" in aside
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == str(out)
    assert [one["label"] for one in told["explanations"]] == ["sky", "grass"]
    assert {one["method"] for one in told["explanations"]} == {"occlusion"}
    assert len(told["neighbours"]) == 5
    assert main(["explain", str(champion), str(picture), "--out", str(out)]) == 0
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--out", "x.jpg"],
            "Error: --out must end in .png, but is 'x.jpg'.\n",
        ),
        (
            ["--method", "gradcan"],
            "Error: --method must be a known one, but is 'gradcan'. Did you mean 'gradcam'? "
            "(Known: attention, auto, gradcam, occlusion.)\n",
        ),
        (
            ["--class", "aple", "--out", "x.png"],
            "Error: --class must be one of the champion's, but is 'aple'. Did you mean 'apple'? "
            "(Known: apple, grass, sky.)\n",
        ),
        (
            ["--out", "nowhere/x.png"],
            "Error: --out nowhere/x.png cannot be written: No such file or directory.\n",
        ),
    ],
)
def test_the_users_mistakes(
    tmp_path: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    """What cannot be is said by the option's name; nothing is written."""
    champion = made.plain(tmp_path / "champion")
    monkeypatch.chdir(tmp_path)
    assert main(["explain", str(champion), str(picture), *words]) == 2
    assert capsys.readouterr() == ("", message)
    assert not list(tmp_path.glob("x.*"))


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder in the place of a picture is answered with the command that takes one."""
    assert main(["explain", "boxed", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"Error: {tmp_path} is a folder, and one picture at a time is explained. Give one of it. "
        f"All are answered by: bakeoff predict boxed {tmp_path}\n"
    )
