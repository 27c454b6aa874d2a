"""A champion that is open: pictures in, answers out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine, Outputs
from bakeoff.champion.prediction import Prediction
from bakeoff.champion.record import Record
from bakeoff.data.decode import decode, taken
from bakeoff.evaluation.strangeness import strangeness
from bakeoff.spec.errors import ArgumentError, PictureError
from bakeoff.spec.recipe import Recipe

__all__ = ["BATCH", "Champion", "Picture"]

Pixels = npt.NDArray[np.uint8]

Picture = Any
"""A path, the bytes of a file, a picture of Pillow's, or 8-bit values H×W, H×W×3 or H×W×4."""

BATCH = 64


class Champion:
    """What was measured, and says what it does not know. Made by `bakeoff.open`.

    It may be asked from several threads at once.
    """

    def __init__(
        self,
        *,
        record: Record,
        recipe: Recipe,
        engine: Engine,
        digest: str,
        card: str,
        reference: Mapping[str, npt.NDArray[Any]],
        path: Path,
    ) -> None:
        self.record = record
        self.recipe = recipe
        self.engine = engine
        self.digest = digest
        """SHA-256 of its manifest: of everything in it."""
        self.card = card
        """The model card, in Markdown."""
        self.reference = reference
        """What pictures were like when it was made."""
        self.path = path
        """Where it was opened."""

    def __repr__(self) -> str:
        record = self.record
        return (
            f"<Champion {record.name}, {len(record.classes)} classes, {self.digest[:12]}, "
            f"{self.engine.name}>"
        )

    @property
    def name(self) -> str:
        """Of its recipe."""
        return self.record.name

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart, in the order of all its numbers."""
        return self.record.classes

    def by(self, engine: Engine) -> Champion:
        """The same, computed by another engine."""
        return Champion(
            record=self.record,
            recipe=self.recipe,
            engine=engine,
            digest=self.digest,
            card=self.card,
            reference=self.reference,
            path=self.path,
        )

    @overload
    def predict(
        self, x: list[Picture] | tuple[Picture, ...], *, batch: int = BATCH
    ) -> list[Prediction]: ...

    @overload
    def predict(self, x: str | bytes | os.PathLike[str]) -> Prediction: ...

    @overload
    def predict(self, x: Picture, *, batch: int = BATCH) -> Any: ...

    def predict(self, x: Picture, *, batch: int = BATCH) -> Prediction | list[Prediction]:
        """What it says of a picture: a path, the bytes of a file, a picture of Pillow's, or 8-bit
        values (height × width, or height × width × 3 or 4); or of each in a list of them, of which
        `batch` are held at a time. An array of four dimensions is such a list."""
        many = isinstance(x, list | tuple) or getattr(x, "ndim", 0) == 4
        if not many:
            return self.answers(self.tell(self.read(x)[None]))[0]
        if batch < 1:
            raise ArgumentError("batch", "must be at least 1", batch)
        found: list[Prediction] = []
        for start in range(0, len(x), batch):
            some = enumerate(x[start : start + batch], start)
            pixels = [self.read(one, name=f"picture {place}") for place, one in some]
            found += self.answers(self.tell(np.stack(pixels)))
        return found

    def read(self, source: Picture, *, name: str = "") -> Pixels:
        """A picture as the network sees it, S×S×3. `name` is what it is called in errors: a
        path has its own, and both are given."""
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            shown = f"{name}, {path}," if name else str(path)
            if path.is_dir():
                rule = "is a folder, not a picture"
                raise PictureError(shown, rule, suggestion=_FOLDER)
            return decode(path, self.recipe.preprocess, name=shown)
        name = name or "the picture"
        if isinstance(source, bytes | bytearray | memoryview):
            return decode(bytes(source), self.recipe.preprocess, name=name)
        if not _is_picture(source):
            raise ArgumentError(
                name,
                "must be a path, bytes, a picture of Pillow's, an array, or a list of these",
                type(source).__name__,
            )
        return taken(source, self.recipe.preprocess, name=name)

    def tell(self, pixels: Pixels) -> Outputs:
        """What the network makes of pictures that were read, N×S×S×3."""
        side = self.recipe.preprocess.size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (side, side, 3):
            shape = "×".join(map(str, pixels.shape))
            rule = f"must be uint8, N×{side}×{side}×3, as read() gives them"
            raise ArgumentError("pixels", rule, f"{pixels.dtype}, {shape}")
        return self.engine(pixels)

    def answers(self, outputs: Outputs) -> list[Prediction]:
        """What is said of each picture."""
        strange = self.strangeness(outputs)
        rows = enumerate(outputs.probabilities)
        return [self._answer(row, None if strange is None else strange[at]) for at, row in rows]

    def strangeness(self, outputs: Outputs) -> npt.NDArray[np.float64] | None:
        """How little each picture looks like any of the classes; None where that was not
        measured."""
        measured = self.record.unknown
        if measured is None:
            return None
        return strangeness(
            measured.method,
            outputs.scores,
            outputs.features,
            self.reference,
            self.record.temperature,
        )

    def _answer(self, row: npt.NDArray[np.float32], strange: float | None) -> Prediction:
        order = np.argsort(-row, kind="stable").tolist()
        shares = row.tolist()
        best = order[0]
        measured = self.record.unknown
        is_unknown: bool | None = None
        if measured is not None and strange is not None:
            # What is no number is as strange as can be.
            is_unknown = not float(strange) <= measured.threshold
        return Prediction(
            label=self.classes[best],
            probability=shares[best],
            probabilities={self.classes[place]: shares[place] for place in order},
            unknown=is_unknown,
            strangeness=None if strange is None else float(strange),
        )


_FOLDER = (
    "Give the pictures in it: predict(list(folder.glob('*.jpg'))), or bakeoff predict CHAMPION "
    "FOLDER on the command line."
)


def _is_picture(source: Sequence[object] | object) -> bool:
    """Whether it is something that NumPy makes an array of by itself, as Pillow's pictures are."""
    return hasattr(source, "__array__") or hasattr(source, "__array_interface__")
