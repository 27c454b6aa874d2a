"""How far a champion knows what it does not know: in numbers, and in words for what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.champion.crowning.foreign import SCANS
from bakeoff.champion.record import Record
from bakeoff.evaluation.phrases import count, listed, share

__all__ = ["unknown"]

_HARDLY, _MOSTLY = 0.3, 0.8
"""Shares below and from which on a kind is hardly, or mostly, recognised."""

_METHODS = {
    "energy": "energy (how little any class answers)",
    "doubt": "doubt (how unsure the answer is)",
}


def unknown(record: Record) -> list[str]:
    """How far foreign pictures are recognised, and at what price."""
    found = record.unknown
    if found is None:
        return [f"Not offered: {record.metrics['unknown']['why_not']}"]
    told = record.metrics["unknown"]
    alarms = told["alarms"]
    scanned = any(one["name"] == SCANS for one in found.foreign)
    made = "all but the scanned digits made" if scanned else "all made"
    lines = [
        f"A picture is called *none of these* where its {_METHODS[found.method]} is beyond a "
        f"threshold at which {share(told['stated'], 0)} of the pictures that do belong to a class "
        f"are called so by mistake. Measured crosswise on halves of "
        f"{count(told['pictures'], 'validation picture')}: {share(alarms['value'], 2)} "
        f"({share(alarms['low'], 2)} to {share(alarms['high'], 2)}). Recognised of pictures that "
        f"belong to none, {made} by program:",
        "",
        "| kind | pictures | recognised | interval |",
        "| :-- | --: | --: | --: |",
    ]
    for one in found.foreign:
        low, high = share(one["low"]), share(one["high"])
        recognised = share(one["recognised"])
        lines.append(f"| {one['name']} | {one['pictures']:,} | {recognised} | {low} to {high} |")
    return [
        *lines,
        "",
        " ".join(_in_words({one["name"]: one["recognised"] for one in found.foreign})),
    ]


def _in_words(shares: dict[str, float]) -> Sequence[str]:
    """What the table means for whoever relies on it."""
    hardly = [name for name, value in shares.items() if value < _HARDLY]
    partly = [name for name, value in shares.items() if _HARDLY <= value < _MOSTLY]
    mostly = [name for name, value in shares.items() if value >= _MOSTLY]
    told = []
    if hardly:
        told.append(
            f"Hardly recognised: {listed(hardly, 9)}. Do not count on it for such pictures."
        )
    if partly:
        told.append(
            f"Recognised in part: {listed(partly, 9)}. Many of them get a class all the same."
        )
    if mostly:
        told.append(f"Mostly recognised: {listed(mostly, 9)}.")
    told.append(
        "Photographs of other things are not among them, and may well be harder: try it on some of "
        "yours before you rely on it."
    )
    return told
