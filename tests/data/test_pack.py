"""Decoded pictures on disk, made once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bakeoff.data import pack as packing
from bakeoff.data.dataset import Dataset, load
from bakeoff.data.decode import decode, fit
from bakeoff.data.listing import FilePictures
from bakeoff.data.pack import pack
from bakeoff.spec.errors import CacheError, DataError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.split import SplitPlan
from tests.pictures import folder_of_digits

SMALL = Preprocess(size=16)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Thirty digits in files."""
    return load(folder_of_digits(tmp_path / "digits"))


def packs(cache: Path) -> list[str]:
    """Names of finished packs and of anything half-made."""
    folder = cache / "packs"
    found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [name for name in found if not name.endswith(".lock")]


def test_a_pack_holds_what_decode_gives(dataset: Dataset) -> None:
    """Every picture is in the pack as `decode` fits it, in the dataset's order."""
    pictures = dataset.pictures
    assert isinstance(pictures, FilePictures)
    packed = pack(dataset, SMALL).pictures
    assert packed.shape == (30, 16, 16, 3)
    for index in range(30):
        assert np.array_equal(packed[index], decode(pictures.path(index), SMALL))


def test_arrays_are_packed_as_they_are_or_fitted() -> None:
    """Pictures of the right size are copied, others fitted."""
    digits = load("digits", plan=SplitPlan(subset=40))
    native = pack(digits, Preprocess(size=8)).pictures
    assert np.array_equal(native[5], digits.picture(5))
    assert np.array_equal(pack(digits, SMALL).pictures[5], fit(digits.picture(5), SMALL))


def test_a_pack_is_made_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is decoded; packing again changes no byte."""
    first = pack(dataset, SMALL)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(packing, "_decoded", refuse)
    again = pack(dataset, SMALL)
    assert again.digest == first.digest
    assert np.array_equal(again.pictures, first.pictures)


def test_a_pack_cannot_be_written_to(dataset: Dataset) -> None:
    """Training cannot change the pictures it is given."""
    with pytest.raises(ValueError, match="read-only"):
        pack(dataset, SMALL).pictures[0] = 0


def test_another_split_uses_the_same_pack(dataset: Dataset, cache: Path, tmp_path: Path) -> None:
    """A pack depends on pictures and preprocessing, not on who trains or how pixels are scaled."""
    one = pack(dataset, SMALL)
    other = load(tmp_path / "digits", plan=SplitPlan(seed=3))
    scaled = Preprocess(size=16, mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2))
    assert pack(other, scaled).digest == one.digest
    assert len(packs(cache)) == 1


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(size=12),
        Preprocess(size=16, fit="pad"),
        Preprocess(size=16, interpolation="nearest"),
        Preprocess(size=16, keep=0.5),
    ],
)
def test_other_preprocessing_is_another_pack(dataset: Dataset, preprocess: Preprocess) -> None:
    """Whatever changes a pixel changes the digest."""
    assert pack(dataset, preprocess).digest != pack(dataset, SMALL).digest


def test_an_unsettled_size_is_refused(dataset: Dataset) -> None:
    """Nothing is packed at a size that nobody chose."""
    with pytest.raises(DataError, match=r"Preprocess\.size must be settled"):
        pack(dataset, Preprocess())


def test_a_picture_that_breaks_in_between_stops_the_pack(dataset: Dataset, cache: Path) -> None:
    """A file that was whole when loaded and is not any more is named; no pack is left."""
    pictures = dataset.pictures
    assert isinstance(pictures, FilePictures)
    pictures.path(4).write_bytes(b"overwritten")
    with pytest.raises(DataError) as caught:
        pack(dataset, SMALL)
    assert str(caught.value).startswith(f"{pictures.name(4)} is not a picture that can be opened")
    assert "but was whole a moment ago" in str(caught.value)
    assert packs(cache) == []


def test_a_disk_that_is_too_small_is_told_before_work_begins(
    dataset: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the pack cannot fit, nothing is decoded and nothing is left."""

    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10_000, 9_000, 1_000))
    with pytest.raises(CacheError, match=r"the pack in .* ran out of disk space") as caught:
        pack(dataset, SMALL)
    assert "Free some space there, or set BAKEOFF_DATA" in str(caught.value)
    assert packs(cache) == []


def test_a_disk_that_fills_up_leaves_no_pack(dataset: Dataset, cache: Path) -> None:
    """A write that the system refuses halfway ends in words, and the next try starts clean."""
    code = (
        "import resource, signal, sys\n"
        "from bakeoff.data.dataset import load\n"
        "from bakeoff.data import pack as packing\n"
        "from bakeoff.spec.image import Preprocess\n"
        "import errno\n"
        "dataset = load(sys.argv[1])\n"
        "real = packing._decoded\n"
        "def filling(pictures, place, preprocess):\n"
        "    if place == 20: raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "    return real(pictures, place, preprocess)\n"
        "packing._decoded = filling\n"
        "packing.pack(dataset, Preprocess(size=16))\n"
    )
    root = str(dataset.pictures.root)  # type: ignore[union-attr]
    told = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, check=False
    )
    assert "CacheError: the pack in" in told.stderr
    assert "nothing half-made was left behind" in told.stderr
    assert packs(cache) == []


def test_a_killed_packer_leaves_nothing_that_is_taken_for_whole(
    dataset: Dataset, cache: Path
) -> None:
    """After SIGKILL in the middle of a pack, the next process makes it whole."""
    code = (
        "import sys, time\n"
        "from bakeoff.data.dataset import load\n"
        "from bakeoff.data import pack as packing\n"
        "from bakeoff.spec.image import Preprocess\n"
        "def slow(task, done, total, unit='pictures'):\n"
        "    if task == 'packing' and done == 10: print('ready', flush=True); time.sleep(60)\n"
        "packing.pack(load(sys.argv[1]), Preprocess(size=16), progress=slow)\n"
    )
    root = str(dataset.pictures.root)  # type: ignore[union-attr]
    killed = subprocess.Popen([sys.executable, "-c", code, root], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "ready\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert [name for name in packs(cache) if not name.startswith(".")] == []
    assert pack(dataset, SMALL).pictures.shape == (30, 16, 16, 3)
    assert len(packs(cache)) == 1


def test_two_packers_make_one_pack(dataset: Dataset, cache: Path) -> None:
    """Two processes that start together end with one whole pack."""
    code = (
        "import sys\n"
        "from bakeoff.data.dataset import load\n"
        "from bakeoff.data.pack import pack\n"
        "from bakeoff.spec.image import Preprocess\n"
        "print(pack(load(sys.argv[1]), Preprocess(size=16)).pictures.sum())\n"
    )
    root = str(dataset.pictures.root)  # type: ignore[union-attr]
    both = [
        subprocess.Popen([sys.executable, "-c", code, root], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {process.communicate()[0] for process in both}
    assert told == {f"{pack(dataset, SMALL).pictures.sum()}\n"}
    assert len(packs(cache)) == 1


def test_a_damaged_pack_is_named(dataset: Dataset) -> None:
    """A pack that lost its end is refused with the way out, not read past it."""
    made = pack(dataset, SMALL)
    file = made.path / "pictures.npy"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(
        CacheError, match=r"pictures\.npy is damaged .* Delete it; it is made again"
    ):
        pack(dataset, SMALL)
