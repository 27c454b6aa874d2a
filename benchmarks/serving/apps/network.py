"""What every peer computes, in the way that its users would: Pillow opens the picture, and torch or
ONNX Runtime, with the threads that they take by themselves, computes the champion."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["answer", "opened"]

_TOP = 5

CHAMPION = Path(os.environ["CHAMPION"])
ENGINE = os.environ["ENGINE"]

_recipe = json.loads((CHAMPION / "recipe.json").read_text())["preprocess"]
_classes = json.loads((CHAMPION / "champion.json").read_text())["classes"]
assert _recipe["fit"] in ("crop", "stretch"), _recipe
_side = _recipe["size"]
_filter = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}[_recipe["interpolation"]]


def _torch() -> Callable[[Any], Any]:
    # Its network alone, rebuilt from the recipe; nothing else of Bakeoff is at work.
    from bakeoff.champion.opening import open as champion

    engine = champion(CHAMPION, engine="torch", replay=False).engine
    return lambda pixels: engine(pixels).probabilities


def _onnx() -> Callable[[Any], Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(CHAMPION / "model.onnx"))
    return lambda pixels: session.run(["probabilities"], {"pictures": pixels})[0]


_network = {"torch": _torch, "onnx": _onnx}[ENGINE]()


def opened(content: bytes) -> Image.Image:
    """A file's bytes as a picture."""
    return Image.open(io.BytesIO(content)).convert("RGB")


def answer(picture: Image.Image) -> dict[str, Any]:
    """The best classes, with their probabilities."""
    width, height = picture.size
    box: tuple[float, float, float, float] = (0, 0, width, height)
    if _recipe["fit"] == "crop":
        side = min(width, height) * _recipe["keep"]
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    if picture.size != (_side, _side):
        picture = picture.resize((_side, _side), _filter, box=box)
    shares = _network(np.asarray(picture)[None])[0]
    order = np.argsort(-shares)[:_TOP].tolist()
    best = [{"label": _classes[place], "probability": float(shares[place])} for place in order]
    return {**best[0], "top": best}
