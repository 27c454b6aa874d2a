"""Reads CIFAR's published batch files, which are pickles, without running what a pickle can run.

A pickle names functions and calls them. The published files name three: those that rebuild a NumPy
array. Here each of the three names stands for a record of what was asked, so that no function
named in a file is ever called, NumPy's included; every other name is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.spec.errors import DataError

__all__ = ["read_pickle"]


def read_pickle(path: Path) -> dict[bytes, Any]:
    """The dictionary in a batch file: its keys and texts as bytes, its arrays as uint8."""
    try:
        with path.open("rb") as file:
            found = _Unpickler(file, path).load()
        if isinstance(found, dict):
            return {key: _plain(value) for key, value in found.items()}
    except (OSError, DataError):
        raise
    except Exception as error:  # a damaged pickle can fail in any way at all
        raise DataError(
            f"batch file {path}",
            f"is cut short or damaged ({type(error).__name__}: {error})",
            suggestion="Unpack the published archive again.",
        ) from error
    raise DataError(f"batch file {path}", "must hold a dictionary", type(found).__name__)


class _Dtype:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """Byte order and the like: nothing that matters to single bytes."""


class _Array:
    """Stands for `numpy.ndarray` and for the function that makes an empty one."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def bytes(self) -> npt.NDArray[np.uint8]:
        _version, shape, dtype, by_columns, data = self.state
        if not isinstance(dtype, _Dtype) or dtype.code not in ("u1", "|u1", "uint8"):
            raise ValueError("an array must be of unsigned bytes")
        flat = np.frombuffer(data, np.uint8)
        return flat.reshape(shape, order="F" if by_columns else "C")


class _Unpickler(pickle.Unpickler):
    KNOWN = {  # noqa: RUF012 - a table, never changed
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file, encoding="bytes")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self.KNOWN:
            return self.KNOWN[module, name]
        raise DataError(
            f"batch file {self.path}",
            f"asks for {module}.{name}, which CIFAR's published files never do; nothing of it "
            "was run",
            suggestion="Do not trust this file. Fetch the published archive again.",
        )


def _plain(value: object) -> object:
    return value.bytes() if isinstance(value, _Array) else value
