"""A stress test as one HTML file: what is lost first, then where, and what it looked like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from markupsafe import Markup

from bakeoff.data.corrupt import STRAINS, strained
from bakeoff.data.dataset import Dataset
from bakeoff.data.encode import data_uri
from bakeoff.data.pack import pack
from bakeoff.evaluation.slices import Slice
from bakeoff.evaluation.stress import Row, Stressed
from bakeoff.report.templates import environment, file_of, policy
from bakeoff.spec.image import Preprocess
from bakeoff.version import __version__

__all__ = ["Labels", "Samples", "samples", "stress_page"]

SIDE = 96
"""Longest side of a sample on the page, in pixels."""

KINDS = {"noise": "Noise", "blur": "Blur", "weather": "Weather", "digital": "Digital"}

SLICES = {
    "class": "By class",
    "size": "By size of the picture as it came",
    "brightness": "By brightness",
    "contrast": "By contrast",
}

OUTCOMES = {
    "worse": ("▼ worse", "worse"),
    "better": ("▲ better", "better"),
    "can't tell": ("? can't tell", "unsure"),
    "too few": ("– too few", "unsure"),
}

_DEPTHS = 8
_WIDE, _HIGH, _EDGE = 96, 26, 3
"""Of a curve, in its own units."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """One picture under every strain."""

    side: int
    """Pixels it is shown with."""

    small: bool
    """It has fewer pixels than it is shown with, so they are to be seen."""

    plain: str
    """Address that holds it as it is."""

    worse: dict[str, tuple[tuple[str, str], ...]]
    """By strain: step and address, of the mildest, the middle and the worst."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """What is said of suspected label errors, and where they are to be looked at."""

    text: str
    page: str


def samples(dataset: Dataset, preprocess: Preprocess, found: Stressed) -> Samples:
    """A picture of the validation part, so that test pictures stay unseen, where there is one."""
    place = int(next(part[0] for part in _seen(dataset, found) if len(part)))
    pixels = np.array(pack(dataset, preprocess).pictures[place : place + 1])
    indices, images = np.array([place]), torch.from_numpy(pixels)
    worse = {}
    for one in found.rows:
        last = len(STRAINS[one.name].steps)
        worse[one.name] = tuple(
            (
                STRAINS[one.name].steps[step - 1],
                _address(
                    strained(images, one.name, step, indices=indices, seed=found.seed)[0].numpy()
                ),
            )
            for step in (1, (last + 1) // 2, last)
        )
    return Samples(side=SIDE, small=found.side < SIDE, plain=_address(pixels[0]), worse=worse)


def stress_page(found: Stressed, shown: Samples | None = None, labels: Labels | None = None) -> str:
    """The page, complete in itself."""
    style = file_of("bakeoff.css") + file_of("stress.css")
    template = environment(1).get_template("stress.html")
    common = [one for one in found.rows if one.kind in KINDS]
    return template.render(
        found=found,
        style=Markup(style),
        policy=policy(style),
        part="validation" if found.part == "val" else "test",
        groups=[
            (title, [_line(one, found) for one in common if one.kind == kind])
            for kind, title in KINDS.items()
            if any(one.kind == kind for one in common)
        ],
        handling=[_line(one, found) for one in found.rows if one.kind == "handling"],
        slices=[
            (title, [_sliced(one) for one in found.slices if one.kind == kind])
            for kind, title in SLICES.items()
            if any(one.kind == kind for one in found.slices)
        ],
        outcomes=OUTCOMES,
        samples=shown,
        labels=labels,
        version=__version__,
    )


def _seen(dataset: Dataset, found: Stressed) -> list[npt.NDArray[np.int64]]:
    parts = dataset.split.parts()
    return [parts["val"], parts["train"], parts[found.part]]


def _address(pixels: npt.NDArray[np.uint8]) -> str:
    if pixels.shape[0] < SIDE:
        return data_uri(pixels, "webp", quality=100)
    return data_uri(pixels, "webp", quality=85, size=(SIDE, SIDE))


def _line(one: Row, found: Stressed) -> dict[str, Any]:
    """A strain as it stands in a table."""
    return {
        "row": one,
        "depths": [_depth(cell.accuracy.value, found) for cell in one.cells],
        "curve": Markup(_curve(one, found)),
    }


def _depth(accuracy: float, found: Stressed) -> str:
    """The class of a cell: the deeper in colour, the more of the accuracy is lost."""
    lost = max(found.clean.value - accuracy, 0.0) / max(found.clean.value, 1e-9)
    depth = min(math.ceil(_DEPTHS * lost - 0.25), _DEPTHS)
    return f"w{depth}" if depth > 0 else ""


def _curve(one: Row, found: Stressed) -> str:
    """Accuracy over the steps within its intervals, from 0 to 1, and a line where it was."""
    count = len(one.cells)
    across = [_EDGE + (_WIDE - 2 * _EDGE) * place / max(count - 1, 1) for place in range(count)]

    def at(x: float, share: float) -> str:
        return f"{x:.1f},{_EDGE + (_HIGH - 2 * _EDGE) * (1 - share):.1f}"

    pairs = list(zip(across, (cell.accuracy for cell in one.cells), strict=True))
    upper = [at(x, each.high) for x, each in pairs]
    lower = [at(x, each.low) for x, each in reversed(pairs)]
    middle = " ".join(at(x, each.value) for x, each in pairs)
    before = at(0, found.clean.value).split(",")[1]
    return (
        f'<svg class="curve" viewBox="0 0 {_WIDE} {_HIGH}" aria-hidden="true">'
        f'<line class="before" x1="0" x2="{_WIDE}" y1="{before}" y2="{before}"/>'
        f'<polygon points="{" ".join(upper + lower)}"/><polyline points="{middle}"/></svg>'
    )


def _sliced(one: Slice) -> dict[str, Any]:
    return {"slice": one, "bar": round(100 * one.accuracy.value, 2)}
