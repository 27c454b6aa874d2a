"""The embedded digits."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bakeoff.data.listing import ArrayPictures
from bakeoff.data.sources import digits
from bakeoff.data.sources.digits import find_digits
from bakeoff.spec.errors import MissingExtraError


def _check_against_sklearn() -> None:
    bunch, found = load_digits(), find_digits()
    assert isinstance(found.pictures, ArrayPictures)
    expected = np.round(bunch.images * 255 / 16)
    assert found.pictures.array.shape == (1797, 8, 8, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found.pictures.array[..., channel], expected)
    np.testing.assert_array_equal(found.labels, bunch.target)
    assert found.classes == tuple("0123456789")
    assert found.official is None


def test_digits_are_those_of_scikit_learn() -> None:
    """Every picture and label is as scikit-learn loads it, stretched to 0 to 255."""
    _check_against_sklearn()


def test_digits_are_loaded_by_scikit_learn_if_it_keeps_the_file_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the file at the known place the result is the same."""
    monkeypatch.setattr(digits, "_table_path", lambda: None)
    _check_against_sklearn()


def test_digits_do_not_import_scikit_learn() -> None:
    """Loading the digits leaves scikit-learn, which is slow to import, out of the process."""
    code = (
        "import sys; from bakeoff.data.sources import find; find('digits'); "
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_digits_need_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-learn the message says what to install."""
    find_spec = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "sklearn" else find_spec(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingExtraError) as caught:
        find_digits()
    assert str(caught.value) == (
        "digits needs the optional part 'train', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[train]'"
    )
