"""Many files: they are decoded on all processors while the engine computes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.champion.champion import BATCH, Champion
from bakeoff.champion.prediction import Prediction
from bakeoff.data.progress import Progress, silent
from bakeoff.data.scan import in_order
from bakeoff.data.sources.folder import PICTURE_SUFFIXES, is_junk
from bakeoff.spec.errors import DataError, PictureError

__all__ = ["Answer", "answers", "pictures_in"]

_GROUP = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of a file: one of the two."""

    path: Path
    prediction: Prediction | None
    broken: PictureError | None


def pictures_in(paths: Sequence[Path]) -> list[Path]:
    """Files as they are given, whatever their names; of folders and what lies below them, those
    that are pictures by their names, in order."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = sorted(_below(path))
        if not below:
            rule = "holds no pictures by their names"
            raise DataError(str(path), rule, suggestion=f"Known: {', '.join(PICTURE_SUFFIXES)}.")
        found += below
    return found


def answers(
    champion: Champion,
    paths: Sequence[Path],
    *,
    batch: int = BATCH,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """What is said of each file, in their order; broken ones do not stop the others."""

    def read(path: Path) -> npt.NDArray[np.uint8] | PictureError:
        try:
            return champion.read(path)
        except PictureError as error:
            return error

    # So that a whole batch is being decoded while the one before it is computed.
    ahead = max(8, -(-batch // _GROUP))
    read_ones = in_order(read, paths, group=_GROUP, ahead=ahead)
    progress("predicting", 0, len(paths))
    for start in range(0, len(paths), batch):
        some = list(islice(read_ones, batch))
        whole = [one for one in some if not isinstance(one, PictureError)]
        told = iter(champion.answers(champion.tell(np.stack(whole))) if whole else ())
        for place, one in enumerate(some, start):
            broken = one if isinstance(one, PictureError) else None
            prediction = next(told) if broken is None else None
            yield Answer(path=paths[place], prediction=prediction, broken=broken)
        progress("predicting", start + len(some), len(paths))


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_junk(name)]
        for name in files:
            if not is_junk(name) and name.lower().endswith(PICTURE_SUFFIXES):
                yield Path(root, name)
