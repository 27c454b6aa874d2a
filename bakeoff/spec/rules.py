"""The few rules that fields of many declarations share."""

from __future__ import annotations

from bakeoff.spec.errors import SpecError

__all__ = ["at_least", "between", "positive"]


def positive(field: str, value: float, suggestion: str = "") -> None:
    """Refuse zero and below."""
    if value <= 0:
        raise SpecError(field, "must be greater than 0", value, suggestion)


def at_least(field: str, value: float, low: float, suggestion: str = "") -> None:
    """Refuse anything below `low`."""
    if value < low:
        raise SpecError(field, f"must be {low:g} or more", value, suggestion)


def between(field: str, value: float, low: float, high: float, suggestion: str = "") -> None:
    """Refuse anything outside `low` to `high`, both allowed."""
    if not low <= value <= high:
        raise SpecError(field, f"must be between {low:g} and {high:g}", value, suggestion)
