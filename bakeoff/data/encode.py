"""Arrays to picture files, for pages and archives. The opposite way is `decode`'s alone."""

from __future__ import annotations

import base64
import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["Kind", "data_uri", "encode"]

Kind = Literal["jpeg", "png", "webp"]


def encode(
    picture: npt.NDArray[np.uint8],
    kind: Kind = "png",
    *,
    quality: int = 85,
    size: tuple[int, int] | None = None,
) -> bytes:
    """`picture`, uint8 H×W×3, as the bytes of a file.

    `quality`, 1 to 100, is for JPEG and WebP; 100 makes WebP lossless. PNG always is. `size`,
    width and height, is what it is brought to first.
    """
    assert picture.dtype == np.uint8, picture.dtype
    assert picture.ndim == 3, picture.shape
    assert picture.shape[2] == 3, picture.shape
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    if size is not None:
        image = image.resize(size, Image.Resampling.LANCZOS)
    if kind == "png":
        image.save(buffer, "PNG", optimize=True)
    elif kind == "webp":
        image.save(buffer, "WEBP", quality=quality, lossless=quality == 100, method=4)
    else:
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def data_uri(
    picture: npt.NDArray[np.uint8],
    kind: Kind = "png",
    *,
    quality: int = 85,
    size: tuple[int, int] | None = None,
) -> str:
    """`picture` as an address that holds the file itself, for pages that need no other file."""
    content = base64.b64encode(encode(picture, kind, quality=quality, size=size)).decode("ascii")
    return f"data:image/{kind};base64,{content}"
