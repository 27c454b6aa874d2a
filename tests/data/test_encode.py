"""Arrays to picture files."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from bakeoff.data.decode import decode, header
from bakeoff.data.encode import Kind, data_uri, encode
from tests.pictures import photograph

PICTURE = np.asarray(photograph(320, 200))


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_what_is_written_can_be_read(kind: Kind) -> None:
    """Each kind comes back as itself, with the same size and nearly the same colours."""
    content = encode(PICTURE, kind)
    assert header(content).format.lower() == kind
    back = decode(content)
    assert back.shape == PICTURE.shape
    assert np.abs(back.astype(int) - PICTURE).mean() < 4


@pytest.mark.parametrize(("kind", "quality"), [("png", 85), ("webp", 100)])
def test_lossless_kinds_lose_nothing(kind: Kind, quality: int) -> None:
    """PNG, and WebP at 100, come back pixel for pixel."""
    assert np.array_equal(decode(encode(PICTURE, kind, quality=quality)), PICTURE)


def test_lower_quality_is_smaller() -> None:
    """Quality is heeded."""
    assert len(encode(PICTURE, "jpeg", quality=20)) < len(encode(PICTURE, "jpeg", quality=95))


def test_size_is_what_was_asked_for() -> None:
    """A picture is brought to the width and height given."""
    assert decode(encode(PICTURE, size=(10, 30))).shape == (30, 10, 3)


def test_a_data_uri_holds_the_file() -> None:
    """The address names the kind and decodes to the very bytes."""
    start, content = data_uri(PICTURE, "webp", quality=80).split(",")
    assert start == "data:image/webp;base64"
    assert base64.b64decode(content) == encode(PICTURE, "webp", quality=80)


def test_slices_of_larger_arrays_are_written_as_they_look() -> None:
    """Memory layout does not matter."""
    assert np.array_equal(decode(encode(PICTURE[::2, ::-1])), PICTURE[::2, ::-1])
