"""What goes along with an ONNX graph, so that it answers without Bakeoff: a short program and what
it has to know."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bakeoff.champion.champion import Champion
from bakeoff.data.decode import FORMATS, filling

__all__ = ["PROGRAM", "accompanied"]

PROGRAM = Path(__file__).parent / "alone" / "predict.py"
"""It takes the steps of `data.decode`; a test holds the two together."""


_FILTERS = {
    "nearest": (0, 0),
    "area": (2, 4),
    "bilinear": (2, 2),
    "bicubic": (3, 3),
    "lanczos": (1, 1),
}
"""Pillow's numbers, by way of resampling: where a picture is enlarged, and where it is shrunk.
"""


def accompanied(model: Champion, folder: Path) -> None:
    """Write model.json and predict.py beside the graph in `folder`."""
    target = model.recipe.preprocess
    record = model.record
    told = {
        "classes": record.classes,
        "temperature": record.temperature,
        "unknown": None if record.unknown is None else record.unknown.method,
        "threshold": None if record.unknown is None else record.unknown.threshold,
        "size": target.size,
        "fit": target.fit,
        "keep": target.keep,
        "interpolation": target.interpolation,
        "filters": _FILTERS[target.interpolation],
        "fill": filling(target),
        "formats": FORMATS,
    }
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")
    shutil.copyfile(PROGRAM, folder / PROGRAM.name)
