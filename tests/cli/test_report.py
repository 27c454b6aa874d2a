"""`bakeoff report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.cli import main
from bakeoff.data.dataset import load
from tests.report.bakeoffs import made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bake-off over the digits."""
    return made(tmp_path / "one", 3, 1, dataset=load("digits"), crashed=1)


def test_pages_are_written_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both reports are there after, with pictures, and the verdict is printed."""
    assert main(["report", str(folder), "--quiet"]) == 0
    assert "data:image/webp" in (folder / "report.html").read_text()
    assert (folder / "report.md").read_text().startswith("# Bake-off: digits")
    out, err = capsys.readouterr()
    assert "resnet50 wins with an accuracy of" in out
    assert "1  resnet50" in out
    assert "broken-1 crashed: out of memory" in out
    assert out.endswith("This test set has been opened 2 times.\n")
    assert err == ""


def test_without_the_data_the_page_has_no_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data that is gone is said to be, and the rest is written."""
    folder = made(tmp_path / "one", 2, 1)
    assert main(["report", str(folder)]) == 0
    err = capsys.readouterr().err
    assert "The page goes without pictures: " in err
    assert f"Written: {folder / 'report.html'} and report.md" in err
    assert "data:image" not in (folder / "report.html").read_text()


def test_two_side_by_side(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both verdicts and what became of each contender; the page on demand."""
    other = made(tmp_path / "two", 2, 1, dataset=load("digits"), accuracies=(0.92, 0.5))
    page = tmp_path / "page.html"
    assert main(["report", str(folder), str(other), "--html", str(page)]) == 0
    out, err = capsys.readouterr()
    assert f"First: {folder}\n" in out
    assert "convnext_tiny is worse in the second: −" in out
    assert "Only in the first: cnn10." in out
    assert err == f"Page written to {page}\n"
    assert page.read_text().startswith("<!doctype html>")
    assert not (folder / "report.html").exists()


def test_unlike_bakeoffs_are_not_compared(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is printed, and both scoreboards."""
    other = made(tmp_path / "two", 2, 1)
    assert main(["report", str(folder), str(other)]) == 0
    out = capsys.readouterr().out
    assert "Not comparable: the data digests are " in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("1  ")] == [
        "resnet50",
        "resnet50",
    ]
    assert "| " not in out


def test_one_given_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is compared with itself: it is said, and shown once."""
    assert main(["report", str(folder), str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Both are one and the same bake-off: {folder}\n")
    assert out.count("1  resnet50") == 1
    assert "Not comparable" not in out


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program learns what was written, or the comparison."""
    assert main(["report", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "html": str(folder / "report.html"),
        "markdown": str(folder / "report.md"),
        "pictures": True,
    }
    assert main(["report", str(folder), str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparable"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "{0}/nowhere"], "Error: {0}/nowhere is not there. Give the folder of a "),
        (
            ["report", "{0}", "--html", "x.html"],
            "Error: --html is for two bake-offs side by side; the page of one is DIR/report.html. "
            "Leave it out, or give OTHER.",
        ),
        (
            ["report", "{0}", "{0}", "--html", "{0}"],
            "Error: --html {0} cannot be written: Is a directory.",
        ),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """What cannot be read or written is said in a paragraph."""
    assert main([word.format(folder) for word in words]) == 2
    assert capsys.readouterr().err.startswith(message.format(folder))
