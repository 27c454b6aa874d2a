"""Pictures of nothing: made from a seed, and of the kind they say."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.champion.crowning import foreign as module
from bakeoff.champion.crowning.foreign import KINDS, foreign, scans
from bakeoff.spec.errors import MissingExtraError
from bakeoff.spec.image import Preprocess

OWN = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_again(kind: str) -> None:
    """The same seed gives the same pictures, another gives others; none is like the next."""
    found = foreign(kind, OWN, count=5)
    assert found.shape == (5, 16, 16, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, foreign(kind, OWN, count=5))
    assert not np.array_equal(found, foreign(kind, OWN, count=5, seed=1))
    assert len({one.tobytes() for one in found}) == 5
    assert OWN.flags.writeable
    assert np.array_equal(OWN, np.random.default_rng(0).integers(0, 256, OWN.shape, np.uint8))


def test_kinds_are_what_they_say() -> None:
    """Uniform pictures have one colour, smooth ones no jumps, shuffled ones the same pixels."""
    uniform = foreign("uniform colours", OWN, count=4)
    assert (uniform == uniform[:, :1, :1]).all()
    smooth = foreign("smooth noise", OWN, count=4).astype(int)
    noise = foreign("noise", OWN, count=4).astype(int)
    assert abs(np.diff(smooth, axis=2)).mean() < 0.3 * abs(np.diff(noise, axis=2)).mean()
    sums = {one.astype(int).sum() for one in OWN}
    assert {one.astype(int).sum() for one in foreign("shuffled patches", OWN, count=20)} <= sums


@pytest.mark.parametrize("side", [8, 33])
def test_any_size(side: int) -> None:
    """Sides that do not divide by the patches are no trouble."""
    own = np.zeros((2, side, side, 3), np.uint8)
    for kind in KINDS:
        assert foreign(kind, own, count=3).shape == (3, side, side, 3)


def test_scanned_digits() -> None:
    """They are as large as the champion's pictures, and left out where they may be known."""
    target = Preprocess(size=24)
    found = scans(target, ("cat", "dog"), count=6)
    assert found is not None
    assert found.shape == (6, 24, 24, 3)
    assert found.dtype == np.uint8
    assert len({one.tobytes() for one in found}) == 6
    assert scans(target, ("cat", "7"), count=6) is None
    assert scans(target, ("Seven", "Eight"), count=6) is None


def test_scanned_digits_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library that brings them there are none, and no error."""

    def missing() -> None:
        raise MissingExtraError("digits", "train")

    monkeypatch.setattr(module, "find_digits", missing)
    assert scans(Preprocess(size=24), ("cat", "dog"), count=6) is None
