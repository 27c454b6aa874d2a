"""Which pictures train, which choose, which are sealed."""

from __future__ import annotations

import re
from typing import Literal

from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.rules import at_least, positive

__all__ = ["SplitPlan", "parse_shares", "parse_val"]


@declaration
class SplitPlan:
    """How a dataset is divided. The same plan on the same pictures gives the same split anywhere.

    Parts are stratified by class; groups and duplicates stay on one side.
    """

    shares: tuple[float, ...] | Literal["official"] | None = None
    """Shares of all pictures, pooled: train/test, or train/validation/test. `official`: the test
    split of the source, and an error where it has none. None: that where there is one, else
    0.8/0.1/0.1."""

    val: float | int | None = None
    """Validation, taken from the training part: a share below 1 or a number of pictures. None:
    the official one where there is one, else a tenth."""

    subset: int | None = None
    """Keep only this many pictures of the training part, validation included; test is untouched."""

    folds: int | None = None
    """Divide the training part into this many equal folds; one of them is validation."""

    fold: int = 0
    """Which fold is validation, from 0."""

    seed: int = 0
    """Changes who goes where."""

    def check(self) -> None:
        if isinstance(self.shares, tuple):
            self._check_shares(self.shares)
        if self.val is not None:
            _check_val(self.val)
        if self.subset is not None:
            at_least("SplitPlan.subset", self.subset, 2)
        at_least("SplitPlan.seed", self.seed, 0)
        self._check_folds()

    def _check_shares(self, shares: tuple[float, ...]) -> None:
        field = "SplitPlan.shares"
        if len(shares) not in (2, 3):
            rule = "must be two shares (train/test) or three (train/validation/test)"
            raise SpecError(field, rule, shares)
        for share in shares:
            positive(field, share)
        if abs(sum(shares) - 1) > 1e-9:
            raise SpecError(field, "must add up to 1", shares)
        if len(shares) == 3 and self.val is not None:
            rule = "must not be given when shares name a validation part"
            raise SpecError("SplitPlan.val", rule, self.val)

    def _check_folds(self) -> None:
        if self.folds is None:
            if self.fold:
                raise SpecError("SplitPlan.fold", "needs folds", self.fold)
            return
        at_least("SplitPlan.folds", self.folds, 2)
        if not 0 <= self.fold < self.folds:
            rule = f"must be between 0 and {self.folds - 1}"
            raise SpecError("SplitPlan.fold", rule, self.fold)
        if self.val is not None or (isinstance(self.shares, tuple) and len(self.shares) == 3):
            raise SpecError(
                "SplitPlan.folds",
                "cannot be combined with a validation share",
                self.folds,
                "Each fold is the validation part in its turn.",
            )


def parse_shares(text: str, *, field: str = "--split") -> tuple[float, ...] | Literal["official"]:
    """Shares in a text such as `80/20` or `80/10/10`; `official` stays what it is."""
    if text.strip().lower() == "official":
        return "official"
    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    total = sum(numbers)
    if len(numbers) not in (2, 3) or min(numbers) <= 0 or not (_is(total, 100) or _is(total, 1)):
        raise SpecError(
            field,
            "must be two or three percentages that add up to 100",
            text,
            "Write 80/20 (train/test), 80/10/10 (train/validation/test) or official.",
        )
    return tuple(number / total for number in numbers)


def parse_val(text: str, *, field: str = "--val") -> float | int:
    """A validation part in a text such as `10%`, `0.1` or `5000`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    if match is None:
        raise SpecError(
            field, "must be a share or a number of pictures", text, "Write 10%, 0.1 or 5000."
        )
    number, percent = float(match[1]), bool(match[2])
    value: float | int = number / 100 if percent else number
    if not percent and number >= 1:
        if number != int(number):
            raise SpecError(field, "must be a whole number of pictures", text)
        value = int(number)
    _check_val(value, field)
    return value


def _is(value: float, wanted: float) -> bool:
    return abs(value - wanted) < 1e-6


def _check_val(value: float | int, field: str = "SplitPlan.val") -> None:
    suggestion = "Write 0.1 for a tenth, 5000 for a number of pictures."
    if isinstance(value, float) and not 0 < value < 1:
        raise SpecError(field, "as a share must be above 0 and below 1", value, suggestion)
    if value <= 0:
        raise SpecError(field, "must be greater than 0", value, suggestion)
