"""Golden pictures: what the champion said of them when it was made, it has to say again.

They are kept as files, not as pixels, so that what is replayed is all of it: decoding, fitting,
normalising, the network, the temperature.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Engine
from bakeoff.champion.manifest import escapes
from bakeoff.data.decode import decode
from bakeoff.spec.errors import DataError
from bakeoff.spec.image import Preprocess

__all__ = ["FOLDER", "SCHEMA", "Golden", "read", "replay", "write"]

FOLDER = "goldens"
SCHEMA = 1
_FILE = "goldens.json"

_CAUSES = (
    "Likely causes: pictures are prepared otherwise than in training (size, interpolation, "
    "normalisation, order of the colours), something the network learnt was not kept (statistics "
    "of batch norms), or another version of a library computes otherwise. Answers of this model "
    "here would not be those that were measured."
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Golden:
    """A picture and what is expected of it."""

    file: str
    """Name in the folder of goldens."""

    content: bytes
    label: str | None
    """The class it is of, which need not be what the champion says; None where nobody said."""

    probabilities: npt.NDArray[np.float64]
    """Of each class, in the champion's order; calibrated."""


def write(champion: Path, goldens: Sequence[Golden]) -> None:
    """Put the goldens into a champion that is being made.

    Those of which the champion is least sure tell most: what is as good as 1 stays so, whatever is
    broken.
    """
    assert goldens, "none would prove nothing"
    folder = champion / FOLDER
    folder.mkdir()
    for golden in goldens:
        assert not escapes(golden.file), golden.file
        (folder / golden.file).write_bytes(golden.content)
    pictures = [
        {"file": one.file, "label": one.label, "probabilities": one.probabilities.tolist()}
        for one in goldens
    ]
    told = {"schema": SCHEMA, "kind": "goldens", "pictures": pictures}
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")


def read(champion: Path, classes: Sequence[str], name: str = "") -> tuple[Golden, ...]:
    """The goldens of a champion, called `name` in errors."""
    where = f"{FOLDER}/{_FILE} of {name or champion}"
    try:
        told = json.loads((champion / FOLDER / _FILE).read_bytes())
        schema = told["schema"]
        if schema == SCHEMA:
            return _read(champion / FOLDER, told, classes)
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        raise DataError(where, "is not what was written") from None
    raise DataError(
        f"{where}: schema",
        f"must be {SCHEMA}, the version this Bakeoff reads",
        schema,
        "Use the Bakeoff that wrote it.",
    )


def replay(
    goldens: Sequence[Golden], engine: Engine, preprocess: Preprocess, classes: Sequence[str]
) -> float:
    """The largest difference of a probability from what is expected; an error where it is beyond
    what the engine's arithmetic can make."""
    pictures = np.stack([decode(one.content, preprocess, name=one.file) for one in goldens])
    got = engine(pictures).probabilities.astype(np.float64)
    expected = np.stack([one.probabilities for one in goldens])
    if got.shape != expected.shape:
        rule = f"gives {got.shape[1]} probabilities, and the champion has {len(classes)} classes"
        raise DataError(f"the engine {engine.name}", rule, suggestion=_CAUSES)
    apart = np.abs(got - expected)
    # What is no number is as far away as can be.
    apart = np.where(np.isnan(apart), np.inf, apart)
    row, column = divmod(int(apart.argmax()), len(classes))
    worst = float(apart[row, column])
    if worst > engine.tolerance:
        beyond = int((apart.max(1) > engine.tolerance).sum())
        raise DataError(
            f"the champion, opened by {engine.name},",
            f"does not say what it said when it was made: golden picture {goldens[row].file}, "
            f"class {classes[column]!r}, expected {expected[row, column]:.4f}, got "
            f"{got[row, column]:.4f} (tolerance {engine.tolerance:g}; {beyond} of {len(goldens)} "
            "goldens are beyond it)",
            suggestion=_CAUSES,
        )
    return worst


def _read(folder: Path, told: Any, classes: Sequence[str]) -> tuple[Golden, ...]:
    found = []
    for one in told["pictures"]:
        probabilities = np.array(one["probabilities"], np.float64)
        if escapes(one["file"]) or probabilities.shape != (len(classes),):
            raise ValueError
        if one["label"] is not None and not isinstance(one["label"], str):
            raise TypeError
        found.append(
            Golden(
                file=one["file"],
                content=(folder / one["file"]).read_bytes(),
                label=one["label"],
                probabilities=probabilities,
            )
        )
    if not found:
        raise ValueError
    return tuple(found)
