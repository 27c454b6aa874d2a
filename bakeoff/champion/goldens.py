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

from bakeoff.champion.engine import Engine, Outputs
from bakeoff.champion.manifest import AGAIN, escapes
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


def write(champion: Path, goldens: Sequence[Golden], classes: Sequence[str]) -> None:
    """Put the goldens into a champion that is being made, whose `classes` are in the order of
    their probabilities.

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
    told = {"schema": SCHEMA, "kind": "goldens", "classes": list(classes), "pictures": pictures}
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")


def read(champion: Path, classes: Sequence[str], name: str = "") -> tuple[Golden, ...]:
    """The goldens of a champion, called `name` in errors."""
    where = f"{FOLDER}/{_FILE} of {name or champion}"
    try:
        told = json.loads((champion / FOLDER / _FILE).read_bytes())
        schema = told["schema"]
        if schema == SCHEMA:
            _refuse_other_classes(told.get("classes"), classes, where)
            return _read(champion / FOLDER, told, classes)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        reason = _reason(error)
        raise DataError(where, f"is not what was written: {reason}", suggestion=AGAIN) from None
    raise DataError(
        f"{where}: schema",
        f"must be {SCHEMA}, the version this Bakeoff reads",
        schema,
        "Use the Bakeoff that wrote it.",
    )


def replay(
    goldens: Sequence[Golden],
    engine: Engine,
    preprocess: Preprocess,
    classes: Sequence[str],
    *,
    temperature: float | None = None,
) -> float:
    """The largest difference of a probability from what is expected; an error where it is beyond
    what the engine's arithmetic can make. With the champion's `temperature`, probabilities have to
    be those that it makes of the scores: a graph has its own inside."""
    pictures = np.stack([decode(one.content, preprocess, name=one.file) for one in goldens])
    outputs = engine(pictures)
    got = outputs.probabilities.astype(np.float64)
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
    if temperature is not None:
        _refuse_other_temperature(outputs, engine, temperature)
    return worst


def _refuse_other_classes(told: Any, classes: Sequence[str], where: str) -> None:
    # The first goldens that were written named none.
    if told is None or told == list(classes):
        return
    if isinstance(told, list) and sorted(map(str, told)) == sorted(classes):
        rule = "has the same classes as champion.json in another order"
    else:
        rule = "has other classes than champion.json"
    raise DataError(
        f"{where}: classes", f"{rule}: answers would get each other's names", None, AGAIN
    )


def _refuse_other_temperature(outputs: Outputs, engine: Engine, temperature: float) -> None:
    """An error where the scores at `temperature` are not the probabilities."""
    raised = outputs.scores.astype(np.float64) / temperature
    raised = np.exp(raised - raised.max(1, keepdims=True))
    expected = raised / raised.sum(1, keepdims=True)
    apart = float(np.abs(expected - outputs.probabilities).max())
    if not apart <= engine.tolerance:
        raise DataError(
            f"the champion, opened by {engine.name},",
            f"gives probabilities that are not those of its scores at the temperature in "
            f"champion.json ({temperature:g}): up to {apart:.4f} apart (tolerance "
            f"{engine.tolerance:g}). One of the two was changed",
            suggestion=AGAIN,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "it is not valid JSON"
    if isinstance(error, OSError):
        return f"a picture that it names cannot be read ({error.strerror})"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, _WrongError) else "something in it is of another kind"


class _WrongError(ValueError):
    """What is read is not as it was written; the words say what."""


def _read(folder: Path, told: Any, classes: Sequence[str]) -> tuple[Golden, ...]:
    found = []
    for one in told["pictures"]:
        probabilities = np.array(one["probabilities"], np.float64)
        if escapes(one["file"]):
            raise _WrongError(f"{one['file']!r} would lie outside of the champion")
        if probabilities.shape != (len(classes),):
            rule = f"{one['file']} needs {len(classes)} probabilities, one of each class"
            raise _WrongError(rule)
        if one["label"] is not None and not isinstance(one["label"], str):
            raise _WrongError(f"the label of {one['file']} must be text, or null")
        found.append(
            Golden(
                file=one["file"],
                content=(folder / one["file"]).read_bytes(),
                label=one["label"],
                probabilities=probabilities,
            )
        )
    if not found:
        raise _WrongError("it names no picture")
    return tuple(found)
