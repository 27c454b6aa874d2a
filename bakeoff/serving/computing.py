"""The bytes of some pictures to what a champion says of each."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.champion.champion import Champion
from bakeoff.champion.prediction import Prediction
from bakeoff.data.decode import Limits, opening
from bakeoff.serving.pool import Elsewhere
from bakeoff.spec.errors import PictureError
from bakeoff.spec.image import Preprocess

__all__ = ["LARGE", "Computed", "Result", "Upload", "compute", "compute_at_once", "one_large"]

LARGE = 4_000_000
"""Pixels above which pictures are decoded one after the other, so that lanes do not need the memory
of a large one each."""

_QUICK, _QUICK_BYTES = 320_000, 262_144
"""Pixels and bytes up to which a picture is decoded in a millisecond or two."""

_BATCH = 32
"""Pictures that an engine is given at once."""

one_large = threading.Lock()
"""Held while one is decoded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upload:
    """A picture as it came."""

    content: bytes
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """What became of one picture: a prediction, or what is wrong with it."""

    upload: Upload
    prediction: Prediction | None = None
    error: PictureError | None = None
    width: int = 0
    height: int = 0
    sha256: str = ""
    features: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Computed:
    """Results in the order of the uploads, and how long they took."""

    results: tuple[Result, ...]
    decode: float
    infer: float


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    pixels: npt.NDArray[np.uint8]
    width: int
    height: int


def compute(
    champion: Champion, uploads: Sequence[Upload], limits: Limits, *, most: float = math.inf
) -> Computed:
    """What `champion` says of each picture, or what is wrong with it; `Elsewhere` where one has
    more than `most` pixels."""
    began = time.perf_counter()
    opened = [_opened(upload, champion.recipe.preprocess, limits, most) for upload in uploads]
    decoded = time.perf_counter()
    whole = [one for one in opened if isinstance(one, _Opened)]
    told = iter(_told(champion, whole))
    results = tuple(
        Result(upload=upload, error=one)
        if isinstance(one, PictureError)
        else _result(upload, one, *next(told))
        for upload, one in zip(uploads, opened, strict=True)
    )
    ended = time.perf_counter()
    return Computed(results=results, decode=decoded - began, infer=ended - decoded)


def compute_at_once(champion: Champion, uploads: Sequence[Upload], limits: Limits) -> Computed:
    """The same, if it is one small picture; else `Elsewhere`."""
    if len(uploads) > 1 or len(uploads[0].content) > _QUICK_BYTES:
        raise Elsewhere
    return compute(champion, uploads, limits, most=_QUICK)


def _opened(
    upload: Upload, target: Preprocess, limits: Limits, most: float
) -> _Opened | PictureError:
    name = upload.name or "the picture"
    try:
        with opening(upload.content, name=name, limits=limits) as file:
            if file.size > most:
                raise Elsewhere
            with one_large if file.size > LARGE else nullcontext():
                seen, pixels = file.header(), file.decoded(target)
    except PictureError as error:
        # Where it was raised is of no interest, and would keep the whole picture in memory until
        # the collector of cycles comes by.
        error.__traceback__ = error.__context__ = None
        return error
    return _Opened(pixels, seen.width, seen.height)


def _told(
    champion: Champion, opened: Sequence[_Opened]
) -> list[tuple[Prediction, npt.NDArray[np.float32] | None]]:
    told: list[tuple[Prediction, npt.NDArray[np.float32] | None]] = []
    for start in range(0, len(opened), _BATCH):
        outputs = champion.tell(np.stack([one.pixels for one in opened[start : start + _BATCH]]))
        predictions = champion.answers(outputs)
        features = outputs.features
        rows = [None] * len(predictions) if features is None else list(features)
        told += zip(predictions, rows, strict=True)
    return told


def _result(
    upload: Upload,
    opened: _Opened,
    prediction: Prediction,
    features: npt.NDArray[np.float32] | None,
) -> Result:
    return Result(
        upload=upload,
        prediction=prediction,
        width=opened.width,
        height=opened.height,
        # Here, in a lane: of a large file it would hold up the loop, and so everybody.
        sha256=hashlib.sha256(upload.content).hexdigest(),
        features=features,
    )
