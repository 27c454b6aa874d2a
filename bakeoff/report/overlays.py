"""Where the winner found what it said of the pictures that it was most surely wrong about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bakeoff.champion.explaining.explanation import overlaid
from bakeoff.champion.explaining.gradients import Gradients
from bakeoff.champion.explaining.maps import METHODS, enlarged, scaled
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import decode, fit
from bakeoff.data.encode import data_uri
from bakeoff.data.listing import ArrayPictures
from bakeoff.report.findings import Findings
from bakeoff.report.pictures import Answer, mistakes
from bakeoff.runs.reopen import opened
from bakeoff.runs.run import Run
from bakeoff.spec.errors import UserError
from bakeoff.spec.image import Preprocess
from bakeoff.training.device import choose

__all__ = ["Overlay", "Overlays", "overlays"]

Pixels = npt.NDArray[np.uint8]

COUNT = 12
"""Pictures that have one, at most."""

WORK = 150e9
"""Operations that all of them may take together: some seconds on a slow processor."""

SIDE = 96
"""Pixels of an overlay's side, as the pictures beside have them."""

_QUALITY = 78
_BACK = 4
"""Times a pass forward that attention costs with its pass back; Grad-CAM's way back is short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """A picture as the network sees it, under its heat map."""

    source: str
    """An address that holds it."""

    side: int
    flat: bool
    """Nothing in it spoke for the class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlays:
    """Those of the winner."""

    by_place: Mapping[int, Overlay] = field(default_factory=dict)
    """By the picture's place in the dataset."""

    method: str = ""
    seed: int | None = None
    """Of the run that was asked."""

    reason: str = ""
    """Why there are none."""


def overlays(found: Findings, dataset: Dataset | None) -> Overlays:
    """For the class it was taken for, of each of the winner's most confident mistakes.

    Computed anew from the winner's run. Without its weights or the pictures there are none; nor for
    an estimator on pixels, in which nothing has a place.
    """
    if dataset is None or found.winner is None:
        return Overlays()
    try:
        return _made(found, found.winner, dataset)
    except (UserError, OSError, RuntimeError) as error:
        # A report is not lost for them. What a backbone's own code raises is a RuntimeError.
        return Overlays(reason=" ".join(str(error).split()))


def _made(found: Findings, name: str, dataset: Dataset) -> Overlays:
    runs = {run["seed"]: run for run in found.finished_runs(name)}
    answers = mistakes([found.predictions(name, seed) for seed in runs], COUNT)
    won = found.facts["verdict"].get("seed")
    seed = won if won in runs else next(iter(runs))
    run = Run(path=found.path / runs[seed]["path"])
    device = choose("cpu", precision="full")
    maps = Gradients(opened(run, classes=found.classes, device=device))
    if maps.method is None or not answers:
        return Overlays()
    flops = found.contender(name)["cost"].get("flops") or 0
    each = flops * (_BACK if maps.method == "attention" else 1)
    count = COUNT if not each else max(1, min(COUNT, int(WORK / each)))
    made = _overlays(maps, answers[:count], dataset, run.recipe().preprocess)
    return Overlays(by_place=made, method=METHODS[maps.method], seed=seed)


def _overlays(
    maps: Gradients, answers: Sequence[Answer], dataset: Dataset, preprocess: Preprocess
) -> dict[int, Overlay]:
    pictures = np.stack([_seen(dataset, one.place, preprocess) for one in answers])
    heats = maps(pictures, [one.predicted for one in answers])
    made = {}
    for one, picture, raw in zip(answers, pictures, heats, strict=True):
        heat = scaled(raw)
        times = max(1, SIDE // len(picture))
        larger = picture.repeat(times, axis=0).repeat(times, axis=1)
        shown = overlaid(larger, enlarged(heat, len(larger)))
        side = min(SIDE, len(shown))
        source = data_uri(shown, "webp", quality=_QUALITY, size=(side, side))
        made[one.place] = Overlay(source=source, side=side, flat=not heat.any())
    return made


def _seen(dataset: Dataset, place: int, preprocess: Preprocess) -> Pixels:
    """The picture as it was packed."""
    pictures = dataset.pictures
    if isinstance(pictures, ArrayPictures):
        return fit(pictures.array[place], preprocess)
    return decode(pictures.path(place), preprocess, name=pictures.name(place))
