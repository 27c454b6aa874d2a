"""Arrays to picture files, for pages and archives. The opposite way is `decode`'s alone."""

from __future__ import annotations

import base64
import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Kind", "data_uri", "encode", "lettered"]

Kind = Literal["bmp", "jpeg", "png", "webp"]


def encode(
    picture: npt.NDArray[np.uint8],
    kind: Kind = "png",
    *,
    quality: int = 85,
    size: tuple[int, int] | None = None,
) -> bytes:
    """`picture`, uint8 H×W×3, as the bytes of a file.

    `quality`, 1 to 100, is for JPEG and WebP; 100 makes WebP lossless. PNG and BMP always are.
    `size`, width and height, is what it is brought to first.
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
    elif kind == "bmp":
        image.save(buffer, "BMP")
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


def lettered(text: str, *, width: int, height: int, right: bool = False) -> npt.NDArray[np.uint8]:
    """A line of black text on white, cut where there is no more room. Letters that Pillow's own
    font does not have, such as Chinese ones, are boxes."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(height * 0.65)
    # A line, whatever a name holds.
    text = whole = " ".join(text.split())
    while text and draw.textlength(text, font) > width:
        whole = whole[:-1]
        text = f"{whole.rstrip()}…" if whole else ""
    at = (width, height / 2) if right else (0, height / 2)
    draw.text(at, text, fill="black", font=font, anchor="rm" if right else "lm")
    return np.asarray(image)
