"""Unpickling that runs nothing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.sources.pickles import read_pickle
from bakeoff.spec.errors import DataError
from tests.data.sources.batches import write_pickle


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_arrays_lists_and_texts_are_read(tmp_path: Path) -> None:
    """What Python 2 wrote comes back: texts as bytes, arrays as arrays."""
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    write_pickle(tmp_path / "batch", {b"data": array, b"labels": [1, 2], b"of": b"train"})
    found = read_pickle(tmp_path / "batch")
    np.testing.assert_array_equal(found[b"data"], array)
    assert found[b"labels"] == [1, 2]
    assert found[b"of"] == b"train"


def test_arrays_stored_by_columns_are_read(tmp_path: Path) -> None:
    """NumPy's flag for an array stored by columns is heeded."""
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    path = tmp_path / "batch"
    write_pickle(path, {b"data": array})
    by_rows, by_columns = array.tobytes(), array.tobytes("F")
    # The flag (False is opcode 0x89) stands just before the bytes.
    head = b"T" + len(by_rows).to_bytes(4, "little")
    stored = path.read_bytes().replace(b"\x89" + head + by_rows, b"\x88" + head + by_columns)
    path.write_bytes(stored)
    np.testing.assert_array_equal(read_pickle(path)[b"data"], array)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_calls_a_command_is_refused(tmp_path: Path, protocol: int) -> None:
    """A call of os.system is refused by name and does not happen."""
    witness = tmp_path / "ran"
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": Calls(os.system, f"touch {witness}")}, protocol))
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    assert not witness.exists()
    assert str(caught.value) == (
        f"batch file {path} asks for {os.system.__module__}.system, which CIFAR's published files "
        "never do; nothing of it was run. Do not trust this file. Fetch the published archive "
        "again."
    )


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("__builtin__", "eval"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy", "ndarray.tofile"),
        ("_codecs", "encode"),
    ],
)
def test_every_other_name_is_refused(tmp_path: Path, module: str, name: str) -> None:
    """Functions of NumPy that do more than rebuild arrays are refused like any other."""
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n)R.")
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    assert f"asks for {module}.{name}, which" in str(caught.value)


def test_a_name_put_together_from_parts_is_refused(tmp_path: Path) -> None:
    """Later protocols name functions by dotted paths, which reach nothing either."""
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(DataError, match=r"asks for numpy\.ndarray\.tofile"):
        read_pickle(path)


def test_an_array_is_rebuilt_without_numpy_being_called(tmp_path: Path) -> None:
    """Asking for an array of a huge shape takes no memory and is an error."""
    path = tmp_path / "batch"
    huge = b"J\xff\xff\xff\x7f"
    path.write_bytes(b"\x80\x02}U\x04datacnumpy\nndarray\n(" + huge + huge + b"tRs.")
    with pytest.raises(DataError, match="is cut short or damaged"):
        read_pickle(path)


def test_arrays_of_anything_but_bytes_are_refused(tmp_path: Path) -> None:
    """Objects or floats in an array are no pixels."""
    write_pickle(tmp_path / "batch", {b"data": np.zeros((2, 2))})
    with pytest.raises(DataError, match="an array must be of unsigned bytes"):
        read_pickle(tmp_path / "batch")


@pytest.mark.parametrize("kept", [0, 1, 5, 60, -1])
def test_a_cut_pickle_is_said_to_be_cut(tmp_path: Path, kept: int) -> None:
    """However short it is, the file is named with the way out."""
    path = tmp_path / "batch"
    write_pickle(path, {b"data": np.zeros((3, 4), np.uint8), b"labels": [1]})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    assert f"batch file {path} is cut short or damaged" in str(caught.value)
    assert str(caught.value).endswith("Unpack the published archive again.")


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    """A batch file holds a dictionary."""
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="must hold a dictionary, but is 'list'"):
        read_pickle(path)
