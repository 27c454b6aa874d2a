"""One look at every picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import scan as scanning
from bakeoff.data.decode import fit
from bakeoff.data.listing import ArrayPictures, FilePictures
from bakeoff.data.scan import THUMB, in_order, scan
from bakeoff.spec.image import Preprocess
from tests.pictures import digit, encoded, folder_of_digits, photograph


def files(root: Path) -> FilePictures:
    """Every file below a folder."""
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return FilePictures(root=root, paths=tuple(found))


def test_a_file_and_an_array_show_the_same(tmp_path: Path) -> None:
    """Thumbnail and size of a picture do not depend on where it is kept."""
    pictures = [photograph(48, 48, seed=seed) for seed in range(3)]
    for place, picture in enumerate(pictures):
        (tmp_path / f"{place}.png").write_bytes(encoded(picture))
    filed = scan(files(tmp_path))
    held = scan(ArrayPictures(array=np.stack([np.asarray(picture) for picture in pictures])))
    assert np.abs(filed.thumbs.astype(int) - held.thumbs).max() <= 1
    assert filed.heights.tolist() == held.heights.tolist() == [48, 48, 48]


@pytest.mark.parametrize("side", [8, 16, 24, 32, 48])
def test_thumbnails_of_arrays_are_those_of_single_pictures(side: int) -> None:
    """Reducing many pictures at once gives what fitting each gives."""
    array = np.stack([np.asarray(photograph(side, side, seed=seed)) for seed in range(3)])
    small = Preprocess(size=THUMB, fit="stretch", interpolation="area")
    single = np.stack([fit(picture, small) for picture in array])
    assert np.abs(scan(ArrayPictures(array=array)).thumbs.astype(int) - single).max() <= 1


def test_equal_pictures_have_equal_digests(tmp_path: Path) -> None:
    """A copy under another name is recognised, a different picture is not."""
    folder = folder_of_digits(tmp_path / "digits", per_class=2, classes=2)
    (folder / "0" / "copy.png").write_bytes(next((folder / "1").iterdir()).read_bytes())
    pictures = files(folder)
    digests = [row.tobytes() for row in scan(pictures).digests]
    assert len(set(digests)) == 4
    copy = pictures.paths.index("0/copy.png")
    assert digests.count(digests[copy]) == 2


def test_broken_and_missing_files_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A scan never stops at a bad picture; it says which and why."""
    folder = folder_of_digits(tmp_path / "digits", per_class=2, classes=1)
    (folder / "0" / "text.png").write_text("not a picture")
    (folder / "0" / "half.jpg").write_bytes(encoded(photograph(80, 80), "JPEG")[:-500])
    pictures = files(folder)
    pictures = FilePictures(root=folder, paths=(*pictures.paths, "0/gone.png"))
    seen = scan(pictures)
    told = {pictures.name(place): reason for place, reason in seen.reasons.items()}
    assert sorted(told) == ["0/gone.png", "0/half.jpg", "0/text.png"]
    assert told["0/gone.png"] == "is missing"
    assert told["0/half.jpg"].startswith("is damaged (image file is truncated")
    assert told["0/text.png"].startswith("is not a picture that can be opened")
    assert (seen.widths > 0).sum() == 2


def test_a_scan_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is decoded; a changed file is noticed."""
    folder = folder_of_digits(tmp_path / "digits", per_class=3, classes=1)
    first = scan(files(folder))

    def refuse(item: object) -> None:
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "_look", refuse)
        again = scan(files(folder))
    assert again.modes == first.modes
    assert np.array_equal(again.thumbs, first.thumbs)
    changed = next((folder / "0").iterdir())
    changed.write_bytes(encoded(digit(99)))
    os.utime(changed, ns=(1, 1))
    assert not np.array_equal(scan(files(folder)).digests, first.digests)


def test_a_file_rewritten_under_its_old_time_is_looked_at_again(tmp_path: Path) -> None:
    """Size and time of writing may both stay, as tools that keep times have it."""
    path = tmp_path / "photos" / "one.bmp"
    path.parent.mkdir()
    path.write_bytes(encoded(digit(0), "BMP"))
    first, before = scan(files(path.parent)), path.stat()
    path.write_bytes(encoded(digit(1), "BMP"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert not np.array_equal(scan(files(path.parent)).digests, first.digests)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_a_broken_picture(tmp_path: Path) -> None:
    """Nobody waits for something to be written into it."""
    os.mkfifo(tmp_path / "pipe.jpg")
    seen = scan(FilePictures(root=tmp_path, paths=("pipe.jpg",)))
    assert seen.reasons == {0: "is a pipe or a device, not a file"}


def test_progress_is_told_from_none_to_all(tmp_path: Path) -> None:
    """Whoever watches sees the first and the last picture counted."""
    told: list[tuple[str, int, int | None, str]] = []

    def watch(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        told.append((task, done, total, unit))

    folder = folder_of_digits(tmp_path / "digits", per_class=3, classes=1)
    scan(files(folder), progress=watch)
    assert told[0] == ("looking", 0, 3, "pictures")
    assert told[-1] == ("looking", 3, 3, "pictures")


def test_work_done_side_by_side_comes_out_in_order() -> None:
    """Results are in the order of the items, however long each takes, and errors get through."""
    assert list(in_order(lambda item: item * item, range(300), group=3, ahead=7)) == [
        item * item for item in range(300)
    ]
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 // item, [1, 0, 1]))


def test_some_of_a_scan_keeps_its_reasons() -> None:
    """Taking some pictures renumbers what is said of them."""
    seen = scan(ArrayPictures(array=np.zeros((4, 8, 8, 3), np.uint8)))
    seen.reasons.update({1: "is odd", 3: "is even"})
    taken = seen.take(np.array([3, 0]))
    assert taken.reasons == {0: "is even"}
    assert len(taken) == 2
