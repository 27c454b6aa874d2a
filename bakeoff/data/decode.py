"""Picture file → uint8 H×W×3 → the square a network sees. The only place that opens a picture.

Training, evaluation, export and serving all come through here, so they cannot disagree. Nothing
leaves this module but an array or a `PictureError` that says what is wrong with the file.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from bakeoff.data.jpeg import scans
from bakeoff.spec.errors import PictureError
from bakeoff.spec.image import Preprocess

__all__ = [
    "FORMATS",
    "VERSION",
    "File",
    "Header",
    "Limits",
    "decode",
    "filling",
    "fit",
    "header",
    "taken",
]

VERSION = 1
"""Raised when the same file would come out as other pixels; packs made before are then remade."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are opened; anything else is refused by its first bytes, whatever its name says."""

Pixels = npt.NDArray[np.uint8]

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_WHITE = (255, 255, 255)

# A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times faster. The filter
# that follows needs twice the pixels it puts out to hide the difference.
_SLACK = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is refused before any pixel is decoded."""

    pixels: int = 80_000_000
    """Width times height. Above 89 million Pillow itself refuses."""

    side: int = 32_768
    """Width or height."""

    scans: int = 100
    """Passes over a JPEG. Programs write about ten; each takes as long as the picture is large, and
    a few bytes ask for one more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What a file says of itself, before it is decoded."""

    format: str
    width: int
    height: int
    mode: str
    """Pillow's name of the pixel layout: `RGB`, `L`, `CMYK`, …"""


class File:
    """A picture whose head was read, and found to be within the limits. Made by `opening`."""

    def __init__(self, picture: Image.Image, name: str, limits: Limits) -> None:
        self._picture = picture
        self._name = name
        self._limits = limits

    @property
    def size(self) -> int:
        """Width times height."""
        width, height = self._picture.size
        return width * height

    def header(self) -> Header:
        """What it says of itself."""
        picture = self._picture
        width, height = picture.size
        # A PNG would be decoded for it, in case that it stands at the very end.
        if Image.Image.getexif(picture).get(_ORIENTATION, 1) in _TURNED:
            width, height = height, width
        return Header(format=picture.format or "", width=width, height=height, mode=picture.mode)

    def decoded(self, target: Preprocess | None = None) -> Pixels:
        """See `decode`. Once only: a second time there is nothing left to read."""
        picture = self._picture
        _refuse_scans(picture, self._name, self._limits)
        if target is not None:
            _draft(picture, target)
        ImageOps.exif_transpose(picture, in_place=True)
        colours = _colours(picture, self._name)
        if target is not None:
            colours = _fitted(colours, target)
        return np.asarray(colours)


@contextmanager
def opening(
    source: Path | bytes, *, name: str = "", limits: Limits | None = None
) -> Iterator[File]:
    """A picture to be looked at before it is decoded. Whatever goes wrong in the block is an error
    about that picture."""
    name = _name(source, name)
    limits = limits or Limits()
    with _strictly(name, limits), _open(source, name, limits) as picture:
        yield File(picture, name, limits)


def header(source: Path | bytes, *, name: str = "", limits: Limits | None = None) -> Header:
    """Format, size (as it will be shown) and pixel layout of a picture within the limits."""
    with opening(source, name=name, limits=limits) as file:
        return file.header()


def decode(
    source: Path | bytes,
    target: Preprocess | None = None,
    *,
    name: str = "",
    limits: Limits | None = None,
) -> Pixels:
    """The first frame of a picture, upright, as uint8 H×W×3.

    With a `target`, the result is fitted to it, and a large JPEG is decoded at a fraction of its
    size. Without, it comes whole and unchanged. Transparent parts are laid on white.
    """
    with opening(source, name=name, limits=limits) as file:
        return file.decoded(target)


def taken(picture: object, target: Preprocess | None = None, *, name: str) -> Pixels:
    """A picture that is in memory already, as `decode` would give it: one of Pillow's, which is
    not changed, or whatever NumPy makes 8-bit values H×W, H×W×3 or H×W×4 of."""
    with _strictly(name, Limits()):
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(_values(picture, name))
        _refuse_large(picture, name, Limits())
        # Always a copy: whoever gave it still has it as it was.
        colours = _colours(ImageOps.exif_transpose(picture), name)
        return np.asarray(colours if target is None else _fitted(colours, target))


def fit(pixels: Pixels, target: Preprocess) -> Pixels:
    """`pixels` as the square that `target` asks for. A picture that has it already is unchanged."""
    return np.asarray(_fitted(Image.fromarray(pixels), target))


def _fitted(picture: Image.Image, target: Preprocess) -> Image.Image:
    side = target.size
    assert side is not None, "the size is settled before any picture is fitted"
    width, height = picture.size
    if target.fit != "pad":
        box = _window(width, height, target)
        if (width, height) == (side, side) and box == (0, 0, side, side):
            return picture
        resample = _resampling(target, shrinks=min(box[2] - box[0], box[3] - box[1]) >= side)
        return picture.resize((side, side), resample, box=box)
    scale = side / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    if inner != picture.size:
        picture = picture.resize(inner, _resampling(target, shrinks=scale <= 1))
    if inner == (side, side):
        return picture
    canvas = Image.new("RGB", (side, side), filling(target))
    canvas.paste(picture, ((side - inner[0]) // 2, (side - inner[1]) // 2))
    return canvas


def _resampling(target: Preprocess, *, shrinks: bool) -> Image.Resampling:
    if target.interpolation == "area":
        # A mean over less than a pixel is that pixel: enlarged by it, a picture is all blocks.
        return Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return _FILTERS[target.interpolation]


def _window(width: int, height: int, target: Preprocess) -> tuple[float, float, float, float]:
    """The part of the picture that is kept, as left, top, right, bottom."""
    if target.fit != "crop":
        return (0, 0, width, height)
    side = min(width, height) * target.keep
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def filling(target: Preprocess) -> tuple[int, int, int]:
    """The colour that `pad` fills up with."""
    # The mean becomes zero in the network, so that padding says nothing.
    red, green, blue = target.mean or (0.5, 0.5, 0.5)
    return (round(red * 255), round(green * 255), round(blue * 255))


def _draft(picture: Image.Image, target: Preprocess) -> None:
    """Let the JPEG decoder shrink while it decodes, to no less than what `fit` needs."""
    if picture.format != "JPEG":
        return
    assert target.size is not None, "the size is settled before any picture is decoded"
    width, height = picture.size
    if target.fit == "pad":
        have: float = max(width, height)
    else:
        have = min(width, height) * (target.keep if target.fit == "crop" else 1)
    shrink = have / (target.size * _SLACK)
    if shrink >= 2:
        # Pillow takes the largest of 2, 4, 8 that leaves at least the size asked for.
        power = 8 if shrink >= 8 else 4 if shrink >= 4 else 2
        picture.draft(None, (max(1, width // power), max(1, height // power)))


def _open(source: Path | bytes, name: str, limits: Limits) -> Image.Image:
    picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, "r", FORMATS)
    try:
        _refuse_large(picture, name, limits)
    except PictureError:
        picture.close()
        raise
    return picture


def _refuse_large(picture: Image.Image, name: str, limits: Limits) -> None:
    width, height = picture.size
    if width * height > limits.pixels or max(width, height) > limits.side:
        rule = (
            f"is {width}×{height} pixels; at most {limits.pixels / 1e6:g} million pixels and "
            f"{limits.side} pixels a side are opened"
        )
        raise PictureError(name, rule, suggestion="Shrink it first.")
    if min(width, height) < 1:
        raise PictureError(name, "has no pixels", f"{width}×{height}")


def _refuse_scans(picture: Image.Image, name: str, limits: Limits) -> None:
    if not isinstance(picture, JpegImageFile):
        return
    file = picture.fp
    assert file is not None, "it was opened, and not loaded yet"
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    if scans(content, limits.scans) > limits.scans:
        rule = f"is a JPEG in more than the {limits.scans} scans that are decoded"
        raise PictureError(name, rule, suggestion="Save it anew.")


def _values(picture: object, name: str) -> Pixels:
    """An array as one that Pillow takes."""
    values = np.asarray(picture)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype != np.uint8:
        rule = f"must hold whole numbers from 0 to 255 (uint8), and holds {values.dtype}"
        way = "If it runs from 0 to 1: (picture * 255).round().astype('uint8')."
        if values.dtype.kind not in "fb":
            way = "If its values do: picture.astype('uint8')."
        raise PictureError(name, rule, suggestion=way)
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        shape = "×".join(map(str, values.shape)) or "a single number"
        rule = f"must be height × width, or height × width × 3 or 4 channels, and is {shape}"
        raise PictureError(name, rule)
    if not values.size:
        raise PictureError(name, "has no pixels", "×".join(map(str, values.shape)))
    return np.ascontiguousarray(values)


def _colours(picture: Image.Image, name: str) -> Image.Image:
    """`picture` in eight-bit red, green and blue."""
    mode = picture.mode
    if mode == "RGB":
        picture.load()
        return picture
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _deep(picture, name)
    if "transparency" in picture.info or mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, (*_WHITE, 255))
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")


def _deep(picture: Image.Image, name: str) -> Image.Image:
    """A grey picture of more than eight bits, scaled (Pillow itself would cut the values off)."""
    values = np.asarray(picture)
    if picture.mode == "F":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            rule = "has floating-point values outside 0 to 1"
            raise PictureError(name, rule, suggestion="Save it with 8 or 16 bits.")
        values = values * 65535
    elif values.min() < 0 or values.max() > 65535:
        rule = "has values outside the 16 bits that are read"
        raise PictureError(name, rule, suggestion="Save it with 8 or 16 bits.")
    # In 32 bits a file may hold eight: nothing else says how deep it is.
    shallow = picture.mode == "I" and values.max() <= 255
    grey = (values.astype(np.uint32) >> (0 if shallow else 8)).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


def _name(source: Path | bytes, name: str) -> str:
    return name or (str(source) if isinstance(source, Path) else "the picture")


@contextmanager
def _strictly(name: str, limits: Limits) -> Iterator[None]:
    """Warnings are errors, and every error is a `PictureError` about `name`."""
    try:
        with _warnings_are_errors():
            yield
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(name, "needs more memory than there is") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        rule = f"is larger than the {limits.pixels / 1e6:g} million pixels that are opened"
        raise PictureError(name, rule, suggestion="Shrink it first.") from None
    except Exception as error:
        _explain(name, error)


def _explain(name: str, error: Exception) -> NoReturn:
    # Pillow's decoders raise almost anything on damaged files (OSError, SyntaxError, ValueError,
    # IndexError, struct.error, …): a broken picture is a broken picture.
    if isinstance(error, FileNotFoundError):
        raise PictureError(name, "is missing") from None
    if isinstance(error, IsADirectoryError):
        raise PictureError(name, "is a folder, not a picture") from None
    if isinstance(error, PermissionError):
        raise PictureError(name, "cannot be read: no permission") from None
    if isinstance(error, UnidentifiedImageError):
        known = ", ".join("WebP" if kind == "WEBP" else kind for kind in FORMATS)
        rule = f"is not a picture that can be opened ({known})"
        raise PictureError(name, rule) from None
    reason = re.sub(r"\s+", " ", str(error)).strip(" .") or type(error).__name__
    raise PictureError(name, f"is damaged ({reason})") from None


# `warnings.catch_warnings` is not safe among threads: two that overlap may leave the filter in
# place for good. So the filter goes in with the first thread and out with the last.
_filter_lock = threading.Lock()
_filter_users = 0
_filter = ("error", None, Warning, re.compile(r"PIL\."), 0)


@contextmanager
def _warnings_are_errors() -> Iterator[None]:
    global _filter_users
    with _filter_lock:
        _filter_users += 1
        if _filter_users == 1:
            warnings.filters.insert(0, _filter)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        with _filter_lock:
            _filter_users -= 1
            if _filter_users == 0 and _filter in warnings.filters:
                warnings.filters.remove(_filter)  # type: ignore[attr-defined]
