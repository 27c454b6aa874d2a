"""What a bake-off was asked, as a value: what an interrupted one is held to when it goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from bakeoff.evaluation.choice import Prefer
from bakeoff.spec.errors import SpecError, one_of
from bakeoff.spec.rules import at_least

__all__ = ["DEFAULT", "SEEDS", "Prefer", "Question"]

DEFAULT = "default"
"""The name of the line-up that is chosen from data, device and budget."""

SEEDS = 3
_MOST_SEEDS = 100

_OPTIONS = {
    "lineup": "--lineup",
    "seeds": "--seeds",
    "seconds": "--budget",
    "epochs": "--epochs",
    "size": "--size",
    "weights": "--weights",
    "stopping": "--no-stopping",
}
"""What decides how the contenders are trained. All else is how they are judged, and may change as
long as the test part is sealed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """The data is named apart, by its digest."""

    data: str
    """As the user named it."""

    labels: str | None = None
    """The table of corrected labels, as the user named it."""

    lineup: str = DEFAULT
    """The name of a line-up, or recipes with commas between."""

    seeds: int = SEEDS
    seconds: float | None = None
    """For the whole bake-off."""

    epochs: float | None = None
    """For each run."""

    size: int | None = None
    weights: str | None = None
    stopping: bool = True
    """Whether hopeless contenders are stopped early."""

    test: bool = True
    """Whether the test part is opened at the end."""

    tta: bool = False
    """Whether several views of each picture are looked at, too."""

    champion: bool = True
    """Whether the winner is made a champion at the end."""

    prefer: Prefer = "accuracy"
    max_latency: float | None = None
    """Seconds for one picture."""

    max_size: int | None = None
    """Bytes on disk."""

    margin: float = 0.005
    """Difference in accuracy up to which two contenders are as good as each other."""

    command: str = ""

    def __post_init__(self) -> None:
        at_least("--seeds", self.seeds, 1)
        if self.seeds > _MOST_SEEDS:
            raise SpecError("--seeds", f"must be at most {_MOST_SEEDS}", self.seeds)
        if self.seconds is not None and self.epochs is not None:
            rule = "exclude each other"
            raise SpecError("--epochs and --budget", rule, suggestion="Give one.")
        for name in ("seconds", "epochs", "max_latency", "max_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                option = _OPTIONS.get(name, _choosing(name))
                raise SpecError(option, "must be a number greater than 0", value)
        if self.prefer not in get_args(Prefer):
            rule = "must be accuracy, latency or size"
            suggestion = one_of(str(self.prefer), get_args(Prefer))
            raise SpecError("--prefer", rule, self.prefer, suggestion)
        if not 0 <= self.margin < 1:
            rule = "must be a share of the pictures, at least 0 and below 1"
            raise SpecError("--margin", rule, self.margin, "Write 0.5% or 0.005.")

    def to_json(self) -> dict[str, Any]:
        """For bakeoff.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Question:
        """What `to_json` told."""
        # Bake-offs that are older know less.
        return cls(**{one.name: told[one.name] for one in fields(cls) if one.name in told})

    def refuse_other_choice(self, before: Question, where: Path) -> None:
        """An error where another contender might be chosen than `before` the test part was seen."""
        for name in ("prefer", "max_latency", "max_size", "margin"):
            mine, theirs = getattr(self, name), getattr(before, name)
            if mine != theirs:
                raise SpecError(
                    f"{_choosing(name)} of {where}",
                    f"must stay {_said(theirs)}: the test part has been opened, and a choice made "
                    "now would be made after seeing it",
                    "not given" if mine is None else mine,
                    "Give the same options; or another --out, which is recorded as another "
                    "opening.",
                )

    def refuse_other(self, before: Question, where: Path) -> None:
        """An error unless contenders would be trained as they were `before`."""
        for name, option in _OPTIONS.items():
            mine, theirs = getattr(self, name), getattr(before, name)
            if mine != theirs:
                raise SpecError(
                    f"{option} of {where}",
                    f"must be what it began with, {_said(theirs)}",
                    "not given" if mine is None else mine,
                    "Give the same options, or another --out.",
                )


def _choosing(name: str) -> str:
    return "--" + name.replace("_", "-")


def _said(value: object) -> str:
    return "not given" if value is None else repr(value)
