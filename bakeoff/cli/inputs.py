"""What options say, as declarations; what is wrong is told by the option's own name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.split import SplitPlan, parse_shares, parse_val

if TYPE_CHECKING:
    from bakeoff.champion.record import Record

__all__ = ["plan_for", "share", "split_plan"]


def split_plan(
    *,
    split: str | None,
    val: str | None,
    subset: int | None,
    folds: int | None,
    fold: int,
    seed: int,
) -> SplitPlan:
    """How the options want the pictures divided."""
    shares = None if split is None else parse_shares(split)
    part = None if val is None else parse_val(val)
    try:
        return SplitPlan(shares=shares, val=part, subset=subset, folds=folds, fold=fold, seed=seed)
    except SpecError as error:
        name = error.field.removeprefix("SplitPlan.")
        option = {"shares": "--split"}.get(name, f"--{name}")
        if name == "fold" and folds is None:
            raise SpecError(option, "needs --folds", error.value) from None
        raise SpecError(option, error.rule, error.value, error.suggestion) from None


def plan_for(
    told: Record,
    *,
    split: str | None = None,
    val: str | None = None,
    subset: int | None = None,
    seed: int | None = None,
) -> SplitPlan:
    """How the options want the pictures divided; without any, as for the champion's training."""
    kept = told.data.get("plan")
    if kept is not None and (split, val, subset, seed) == (None,) * 4:
        return codec.decode(SplitPlan, kept, path=f"plan of {told.name}")
    return split_plan(split=split, val=val, subset=subset, folds=None, fold=0, seed=seed or 0)


def share(text: str, *, field: str) -> float:
    """A share in a text such as `5%` or `0.05`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    value = float("nan") if match is None else float(match[1]) / (100 if match[2] else 1)
    if not 0 <= value <= 1:
        raise SpecError(field, "must be a share between 0% and 100%", text, "Write 5% or 0.05.")
    return value
