"""Which pictures become golden: some of validation, of all classes and of all degrees of certainty,
or pictures of one's own where none of the data may travel.

They travel with the champion, as files: the original one where it is small, else a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine
from bakeoff.champion.files import pictures_in
from bakeoff.champion.goldens import Golden
from bakeoff.champion.rehearsal import Rehearsal
from bakeoff.data.dataset import Dataset
from bakeoff.data.decode import decode
from bakeoff.data.encode import encode
from bakeoff.data.listing import FilePictures
from bakeoff.data.scan import THUMB
from bakeoff.spec.errors import DataError, one_of
from bakeoff.spec.image import Preprocess

__all__ = ["FEWEST", "MOST", "own", "picked", "specimens"]

FEWEST, MOST = 8, 64
"""Goldens: fewer prove little, and all of them are looked at whenever a champion is opened."""

_SMALL = Preprocess(size=THUMB, fit="stretch", interpolation="area")
"""As thumbnails of the data are made."""

_LARGE = 64 * 1024
"""Bytes of a picture file above which a smaller copy of it is kept."""

_SIDE = 256
"""Of such a copy, its longer side in pixels; twice what the network sees, where that is more."""

_QUALITY = 90

_UNSURE = 1 / 3
"""Of the pictures of a class, by confidence: half of the goldens are of these. What is as good as 1
stays so, whatever is broken."""

_TURN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, fall evenly between 0 and 1, however many there are.
"""


def specimens(
    found: Rehearsal, dataset: Dataset, target: Preprocess, engine: Engine, *, count: int
) -> tuple[Golden, ...]:
    """`count` goldens, or as many as there are pictures, with what `engine` says of them as they
    are kept."""
    confidence = found.outputs.probabilities.max(1)
    rows = picked(found.labels, confidence, count)
    made = []
    for place, row in enumerate(rows):
        index = int(found.indices[row])
        suffix, content = _file(dataset, index, target)
        made.append(
            Golden(
                file=f"{place:02d}{suffix}",
                content=content,
                label=dataset.classes[found.labels[row]],
                probabilities=np.empty(0),
            )
        )
    return _answered(made, target, engine)


def own(folder: Path, dataset: Dataset, target: Preprocess, engine: Engine) -> tuple[Golden, ...]:
    """All pictures of a folder, with what `engine` says of them: in folders called as classes, or
    in none. None may be of the dataset."""
    where = f"the folder of golden pictures {folder}"
    if not folder.is_dir():
        raise DataError(where, "is not there")
    paths = pictures_in([folder])
    if not FEWEST <= len(paths) <= MOST:
        raise DataError(where, f"must hold {FEWEST} to {MOST} pictures", len(paths))
    made = []
    for place, path in enumerate(paths):
        inside = path.relative_to(folder).parts
        label = inside[0] if len(inside) > 1 else None
        if label is not None and label not in dataset.classes:
            rule = f"has a folder {label!r}, which is no class of the champion"
            raise DataError(where, rule, suggestion=one_of(label, dataset.classes))
        _refuse_known(path, dataset)
        suffix, content = _copied(path, path.relative_to(folder).as_posix(), target)
        empty = np.empty(0)
        file = f"{place:02d}{suffix}"
        made.append(Golden(file=file, content=content, label=label, probabilities=empty))
    return _answered(made, target, engine)


def _refuse_known(path: Path, dataset: Dataset) -> None:
    """An error where the picture is one of the data, in whatever file."""
    small = decode(path, _SMALL, name=str(path))
    same = np.flatnonzero((dataset.scan.thumbs == small).all((1, 2, 3)))
    if len(same):
        raise DataError(
            f"the golden picture {path}",
            f"must be none of the data, but looks like {dataset.pictures.name(int(same[0]))}",
            suggestion="Take others, or leave them out: then pictures of validation become golden.",
        )


def _answered(made: Sequence[Golden], target: Preprocess, engine: Engine) -> tuple[Golden, ...]:
    pictures = np.stack([decode(one.content, target, name=one.file) for one in made])
    said = engine(pictures).probabilities.astype(np.float64)
    return tuple(replace(one, probabilities=row) for one, row in zip(made, said, strict=True))


def picked(
    labels: npt.NDArray[np.int64], confidence: npt.NDArray[np.floating], count: int
) -> Sequence[int]:
    """Rows spread over classes, and within them over confidence, the least sure
    ones twice as thick as the others; none twice."""
    classes = np.unique(labels)
    if len(classes) > count:
        classes = classes[np.arange(count) * len(classes) // count]
    left = {
        label: sorted(np.flatnonzero(labels == label), key=lambda row: confidence[row])
        for label in classes.tolist()
    }
    found: list[int] = []
    turn = 0
    while len(found) < min(count, sum(map(len, left.values())) + len(found)):
        rows = left[classes[turn % len(classes)]]
        turn += 1
        if rows:
            found.append(int(rows.pop(int(_bent(turn * _TURN % 1) * len(rows)))))
    return found


def _bent(share: float) -> float:
    """From 0 to 1 as `share` does; for half of its way among the least sure."""
    return 2 * share * _UNSURE if share < 0.5 else 1 - 2 * (1 - share) * (1 - _UNSURE)


def _file(dataset: Dataset, index: int, target: Preprocess) -> tuple[str, bytes]:
    """A picture as a file: its suffix and its bytes."""
    pictures = dataset.pictures
    if isinstance(pictures, FilePictures):
        return _copied(pictures.path(index), pictures.name(index), target)
    return _written(dataset.picture(index), target)


def _copied(path: Path, name: str, target: Preprocess) -> tuple[str, bytes]:
    if path.stat().st_size > _LARGE:
        return _written(decode(path, name=name), target)
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix.isascii() else "", path.read_bytes()


def _written(pixels: npt.NDArray[np.uint8], target: Preprocess) -> tuple[str, bytes]:
    assert target.size is not None
    height, width = pixels.shape[:2]
    share = min(1.0, max(_SIDE, 2 * target.size) / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    lossless = encode(pixels, "png", size=size)
    if len(lossless) <= _LARGE:
        return ".png", lossless
    return ".jpg", encode(pixels, "jpeg", quality=_QUALITY, size=size)
