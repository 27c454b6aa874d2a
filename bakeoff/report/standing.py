"""What a report calls things: who was chosen, how many seeds, what it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bakeoff.report.units import written

__all__ = ["broken", "lineup", "overrun", "role", "seeds", "standing"]

Facts = Mapping[str, Any]

Role = Literal["winner", "chosen"]

LATE = 1.05
"""Of what was asked: what took longer is said to have."""


def role(facts: Facts) -> Role:
    """What the one that was chosen is called: the winner only if it is shown to be better than
    every other, and learnt something."""
    name = facts["verdict"]["winner"]
    won = name is not None and not any(
        broken(one) for one in facts["contenders"] if one["name"] == name
    )
    others = [pair for pair in facts["pairs"] if name in (pair["first"], pair["second"])]
    better = all(
        pair["outcome"] == ("better" if pair["first"] == name else "worse") for pair in others
    )
    return "winner" if won and others and better else "chosen"


def broken(contender: Facts) -> bool:
    """Whether any of its runs is no better than no model at all."""
    return any("BROKEN" in text for text in contender["warnings"])


def standing(facts: Facts) -> str:
    """How the one that was chosen stands to the others, in a few words."""
    verdict = facts["verdict"]
    if role(facts) == "winner":
        return "Winner"
    if len([one for one in facts["contenders"] if one["numbers"]]) == 1:
        return "Chosen, as there is no other"
    tied, untold = len(verdict.get("tied", ())), len(verdict.get("untold", ()))
    said = [f"tied with {_others(tied)}"] if tied else []
    if untold:
        said.append(f"{'' if tied else 'but '}not to be told from {_others(untold)}")
    return ", ".join(["Chosen", *said])


def seeds(facts: Facts) -> str:
    """As in 3 seeds, or up to 3 seeds where some contenders had fewer."""
    found = {one["numbers"]["accuracy"]["seeds"] for one in facts["contenders"] if one["numbers"]}
    most = max(found, default=facts["asked"]["seeds"])
    return f"{'up to ' * (len(found) > 1)}{most} {'seed' if most == 1 else 'seeds'}"


def overrun(facts: Facts) -> str:
    """As in took 1 min 4 s of 1 min asked; empty where the budget was kept, or none was set."""
    asked, total = facts["asked"].get("budget"), facts["seconds"]["total"]
    if asked is None or total <= LATE * asked:
        return ""
    return f"took {written(total, 'seconds')} of {written(asked, 'seconds')} asked"


def lineup(facts: Facts) -> str:
    """Which contenders, and why: a line-up that is nothing but its names is told once."""
    name, reason = facts["lineup"]["name"], facts["lineup"]["reason"]
    return reason if name in reason else f"{name}: {reason}"


def _others(count: int) -> str:
    return f"{count} {'other' if count == 1 else 'others'}"
