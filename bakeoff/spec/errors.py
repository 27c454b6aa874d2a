"""The one exception tree.

`UserError` and below are the user's to mend: each says which field broke which rule, the value
found, and what to do. Anything else that escapes is ours.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "BakeoffError",
    "BakeoffWarning",
    "CacheError",
    "CheckpointError",
    "DataError",
    "ExportError",
    "IncompatibleInstallError",
    "MissingExtraError",
    "PictureError",
    "SpecError",
    "TeamError",
    "TrainingError",
    "UserError",
    "nearest",
    "one_of",
]


class BakeoffError(Exception):
    """Everything Bakeoff raises on purpose."""


class UserError(BakeoffError):
    """Something the user can mend. Printed as one paragraph, without a traceback; exit code 2."""

    def __init__(self, field: str, rule: str, value: object = None, suggestion: str = "") -> None:
        self.field = field
        self.rule = rule
        self.value = value
        self.suggestion = suggestion
        super().__init__(_paragraph(field, rule, value, suggestion))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (workers); the default would replay only the message.
        return type(self), (self.field, self.rule, self.value, self.suggestion)


class SpecError(UserError):
    """A declaration breaks a rule."""


class ArgumentError(UserError, ValueError):
    """A call from Python breaks a rule: a `ValueError` too, as other libraries expect one."""


class DataError(UserError):
    """A dataset, or the place it comes from, cannot be used as it is."""


class PictureError(DataError):
    """One picture cannot be decoded; the rest of its dataset may be fine."""


class CacheError(UserError):
    """The cache cannot be written: disk full, read-only, or damaged."""


class CheckpointError(UserError):
    """A checkpoint cannot be written, or what is there cannot be gone on from."""


class TrainingError(UserError):
    """Training cannot go on, for a reason that lies in the recipe or the data."""


class TeamError(TrainingError):
    """Processes that train together have lost one of them, and the others cannot go on."""


class ExportError(UserError):
    """A champion cannot be exported, or its export is not what it has to be."""


class MissingExtraError(UserError):
    """An optional part of Bakeoff is needed and not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(
            feature,
            f"needs the optional part '{extra}', which is not installed",
            suggestion=f"Install it with: {sys.executable} -m pip install 'bakeoff[{extra}]'",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.feature, self.extra)


class IncompatibleInstallError(UserError):
    """Two installed libraries do not fit each other."""


class BakeoffWarning(UserWarning):
    """A result that has to be read with care: at chance level, or of random weights."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when none is close."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.55)
    return folded[close[0]] if close else None


def one_of(word: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelt `word`: the nearest known one first, then a short list."""
    names = sorted(known)
    close = nearest(word, names)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    if close is not None:
        return f"Did you mean {close!r}? (Known: {listed}.)"
    return f"Known: {listed}." if names else ""


def _paragraph(field: str, rule: str, value: object, suggestion: str) -> str:
    found = "" if value is None else f", but is {value!r}"
    text = f"{field} {rule}{found}"
    text = text if text.endswith((".", "?", "!")) else text + "."
    return f"{text} {suggestion}".strip()
