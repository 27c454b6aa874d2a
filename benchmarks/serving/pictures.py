"""The pictures that servers are sent, good and bad, made here."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["BAD", "GOOD", "Picture"]

_SEED = 7
_JUNK = 100_000_000
_BOMB = 12_000


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file's bytes."""

    name: str
    kind: str
    content: bytes

    def __str__(self) -> str:
        return self.name


def _scene(width: int, height: int) -> Image.Image:
    """Waves and noise: it compresses about as photographs do."""
    rng = np.random.default_rng(_SEED)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [
        np.sin(2 * np.pi * (a * x + b * y) + c) for a, b, c in rng.uniform(0, 6, (3, 3)).tolist()
    ]
    values = 128 + 70 * np.stack(waves, 2) + rng.normal(0, 10, (height, width, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _saved(picture: Image.Image, form: str, **how: int) -> bytes:
    held = io.BytesIO()
    picture.save(held, form, **how)
    return held.getvalue()


_SMALL = _saved(_scene(32, 32), "PNG")
_PHOTO = _saved(_scene(640, 480), "JPEG", quality=85)

GOOD = (
    Picture(name="PNG 32×32", kind="image/png", content=_SMALL),
    Picture(name="JPEG 640×480", kind="image/jpeg", content=_PHOTO),
)


def _bad() -> tuple[Picture, ...]:
    bomb = _saved(Image.new("1", (_BOMB, _BOMB)), "PNG", compress_level=9)
    return (
        Picture(name="truncated JPEG", kind="image/jpeg", content=_PHOTO[: len(_PHOTO) // 2]),
        Picture(name="100 MB of junk", kind="image/jpeg", content=b"\x5a" * _JUNK),
        Picture(name="144-megapixel PNG", kind="image/png", content=bomb),
    )


BAD = _bad()
