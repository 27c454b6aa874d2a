"""`bakeoff data`."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.cli import main
from tests.pictures import folder_of_digits


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A small folder of class folders."""
    return folder_of_digits(tmp_path / "photos")


def test_summary(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset is shown with its size, counts per class and part, picture sizes and findings."""
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["data", "digits", "--split", "80/20", "--val", "10%"]) == 0
    out, err = capsys.readouterr()
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0].startswith("digits: 1,797 pictures in 10 classes, digest ")
    assert lines[2].split() == ["class", "train", "val", "test", "all"]
    assert [line.split()[0] for line in lines[3:14]] == [*map(str, range(10)), "all"]
    assert lines[13].split()[-1] == "1,797"
    assert lines[15] == "All pictures are 8×8 pixels."
    assert lines[17].startswith(("✓", "✗ error", "! warning", "· note"))
    assert err == ""


def test_json(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    """With --json standard output holds the audit and nothing else."""
    assert main(["data", str(photos), "--json"]) == 0
    out, err = capsys.readouterr()
    read = json.loads(out)
    assert read["name"] == "photos"
    assert sum(map(sum, read["counts"].values())) == read["pictures"]
    assert err == ""


def test_options_reach_the_dataset(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Sub-sample, folds and class names change what is shown."""
    names = tmp_path / "names.json"
    names.write_text('{"0": "nought"}')
    words = ["--subset", "500", "--folds", "5", "--fold", "1", "--classes", str(names), "--json"]
    assert main(["data", "digits", *words]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["classes"][0] == "nought"
    assert sum(read["counts"]["train"]) + sum(read["counts"]["val"]) == 500
    assert sum(read["counts"]["val"]) == pytest.approx(100, abs=5)


def test_page(capsys: pytest.CaptureFixture[str], photos: Path, tmp_path: Path) -> None:
    """--html writes a page and says where."""
    page = tmp_path / "look.html"
    assert main(["data", str(photos), "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    assert capsys.readouterr().err == f"Page written to {page}\n"
    assert main(["data", str(photos), "--html", str(page), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_page_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A place where no page can be is refused before any work."""
    for place, why in (
        (tmp_path, "must be a file, not a folder"),
        (tmp_path / "no" / "look.html", "must lie in a folder that exists"),
    ):
        assert main(["data", "/does/not/matter", "--html", str(place)]) == 2
        assert capsys.readouterr().err == f"Error: --html {place} {why}.\n"


def test_page_that_fails_late(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    """A page that the system refuses to write is the user's to mend."""
    assert main(["data", str(photos), "--html", "/dev/full"]) == 2
    err = capsys.readouterr().err
    assert err == "Error: --html /dev/full cannot be written: No space left on device.\n"


def test_an_earlier_page_survives_a_failure(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    photos: Path,
    tmp_path: Path,
) -> None:
    """A new page takes the place of an old one when it is whole, and not before."""
    page = tmp_path / "audit.html"
    page.write_text("an earlier look")
    assert main(["data", str(photos), "--quiet"]) == 0

    def full(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text[:10].encode())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert main(["data", str(photos), "--html", str(page)]) == 2
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert page.read_text() == "an earlier look"
    assert main(["data", str(photos), "--html", str(page)]) == 0
    assert page.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.glob("*audit*")] == ["audit.html"]


def test_broken_pictures_are_left_out(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    """A few broken pictures are left out when allowed, and stop the work when not."""
    first = sorted(photos.rglob("*.png"))[0]
    first.write_bytes(first.read_bytes()[:60])
    assert main(["data", str(photos), "--max-broken", "0%"]) == 2
    assert "--max-broken" in capsys.readouterr().err
    assert main(["data", str(photos), "--max-broken", "50%", "--json"]) == 0
    (broken,) = json.loads(capsys.readouterr().out)["broken"]
    assert broken["name"] == first.relative_to(photos).as_posix()


def test_no_such_data(capsys: pytest.CaptureFixture[str]) -> None:
    """A dataset that is neither a name nor a path is the user's to mend."""
    assert main(["data", "cifar01"]) == 2
    assert capsys.readouterr().err.startswith("Error: dataset must be ")


def test_many_classes_are_collapsed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond twenty classes only the largest and the smallest are listed, names disarmed."""
    import numpy as np

    monkeypatch.setenv("COLUMNS", "200")
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), np.arange(10, 40))
    images = random.integers(0, 256, (len(labels), 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "many.npz", images=images, labels=labels)
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"29": "\x1b[2Jlast"}))
    assert main(["data", str(tmp_path / "many.npz"), "--classes", str(names)]) == 0
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    shown = " ".join(line.split()[0] for line in table[1:])
    assert shown == "\\x1b[2Jlast 28 27 26 25 … 4 3 2 1 0 all"
    assert table[6].strip() == "… 20 more"


def test_looking_at_pictures_needs_no_torch(photos: Path) -> None:
    """The whole of `bakeoff data` works without loading torch or scikit-learn."""
    program = (
        "import sys; from bakeoff.cli import main\n"
        f"code = main(['data', {str(photos)!r}, '--json'])\n"
        "assert not {'torch', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_corrected_labels(capsys: pytest.CaptureFixture[str], photos: Path, tmp_path: Path) -> None:
    """--labels takes a table of corrections and says how many labels it changed; one that does not
    fit is an error of the user's."""
    name = sorted((photos / "0").iterdir())[0].name
    fixed = tmp_path / "fixed.csv"
    fixed.write_text(f"name,given,label\n0/{name},0,1\n")
    words = ["data", str(photos), "--split", "60/20/20"]
    assert main([*words, "--labels", str(fixed)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "fixed.csv: 1 label changed, 0 pictures dropped, 0 confirmed, 0 undecided" in told
    assert main([*words, "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert main([*words, "--labels", str(fixed), "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["digest"] != before["digest"]
    sums = [[sum(counts) for counts in one["counts"].values()] for one in (before, after)]
    assert sums[0] == sums[1]
    fixed.write_text(f"name,given,label\n0/{name},1,0\n")
    assert main([*words, "--labels", str(fixed)]) == 2
    assert capsys.readouterr().err.startswith(f"Error: given in line 2 of {fixed} must be ")
