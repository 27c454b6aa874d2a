"""What has to be read before any number: warnings, each told once, and errors in the data.

Seeds of a contender go wrong in the same way, and each says so in a paragraph of its own, the
same but for a number. They become one, with the seeds named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bakeoff.evaluation.phrases import listed

__all__ = ["Remark", "remarks", "remarks_of"]

Facts = Mapping[str, Any]

NEAR = 0.4
"""Two texts that share so much of their beginning and end say the same."""

LONG = 160
"""Letters beyond which a remark is its first sentence, and the rest on demand."""

_SEEDS = re.compile(r"Seeds? (\d+(?:(?:, | and )\d+)*)( \w+)?: (.*)", re.DOTALL)
_SENTENCE = re.compile(r"(.+?[.!?])\s+(?=[A-Z0-9`])(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """One of them."""

    severity: Literal["error", "warning"] = "warning"
    text: str

    @property
    def head(self) -> str:
        """What is shown at once: all of a short one, the first sentence of a long one."""
        return self._parts()[0]

    @property
    def rest(self) -> str:
        """What follows the head."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        found = _SENTENCE.fullmatch(self.text) if len(self.text) > LONG else None
        return (found[1], found[2]) if found else (self.text, "")


def remarks(facts: Facts) -> tuple[Remark, ...]:
    """All of a bake-off: errors in the data first, then warnings as the verdict orders them."""
    found = [
        Remark(severity="error", text=f"Data: {one['text']}")
        for one in facts["data"]["findings"]
        if one["severity"] == "error"
    ]
    by_owner: dict[str, list[str]] = {}
    for number, text in enumerate(facts["verdict"]["warnings"]):
        owner = _owner(facts, text)
        # What is nobody's stays in its place, on its own.
        by_owner.setdefault(owner or f"\n{number}", []).append(text.removeprefix(f"{owner}: "))
    for owner, texts in by_owner.items():
        found += _named("" if owner.startswith("\n") else owner, texts)
    return tuple(found)


def remarks_of(contender: Facts) -> tuple[Remark, ...]:
    """All of one contender: its own, and what only its runs say."""
    known = {_parsed(text)[2] for text in contender["warnings"]} | {contender["reason"]}
    runs = [
        f"Seed {run['seed']}: {text}"
        for run in contender["runs"]
        for text in run["warnings"]
        if text not in known
    ]
    return tuple(_named(contender["name"], [*contender["warnings"], *runs]))


def _owner(facts: Facts, text: str) -> str:
    """The contender that a warning begins with."""
    names = [one["name"] for one in facts["contenders"] if text.startswith(f"{one['name']}: ")]
    return max(names, key=len, default="")


@dataclass(kw_only=True, slots=True)
class _Said:
    """What several seeds say alike."""

    status: str
    seeds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def alike(self, status: str, text: str) -> bool:
        return bool(self.seeds) and self.status == status and _near(self.texts[0], text)


def _named(owner: str, texts: Sequence[str]) -> list[Remark]:
    groups: list[_Said] = []
    for each in texts:
        seeds, status, text = _parsed(each)
        same = (one for one in groups if seeds and one.alike(status, text))
        group = next(same, None)
        if group is None:
            group = _Said(status=status)
            groups.append(group)
        group.seeds += seeds
        group.texts.append(text)
    return [Remark(text=_written(owner, one)) for one in groups]


def _written(owner: str, said: _Said) -> str:
    who = [owner] * bool(owner)
    if said.seeds:
        which = "seed" if len(said.seeds) == 1 else "seeds"
        who.append(f"{which if owner else which.capitalize()} {listed(said.seeds, 20)}")
    text = _joined(said.texts)
    return f"{', '.join(who)}{said.status}: {text}" if who else text


def _parsed(text: str) -> tuple[list[str], str, str]:
    """Seeds, what became of them (as it follows them), and what is said."""
    found = _SEEDS.fullmatch(text)
    if found is None:
        return [], "", text
    return re.findall(r"\d+", found[1]), found[2] or "", found[3]


def _near(one: str, other: str) -> bool:
    words = [one.split(), other.split()]
    begin, end = _common(words)
    return begin + end >= NEAR * max(map(len, words))


def _joined(texts: Sequence[str]) -> str:
    """As in Accuracy 0.72 / 0.68 on 180 pictures: what differs side by side, the rest once."""
    if len(set(texts)) == 1:
        return texts[0]
    words = [text.split() for text in texts]
    begin, end = _common(words)
    if begin + end == min(map(len, words)):
        # One has nothing where others have something: a word they share gives it a place.
        begin, end = (begin - 1, end) if begin else (begin, end - 1)
    if max(map(len, words)) - begin - end > 1:
        # More than a word: side by side stand whole clauses, not what their ends have in common.
        while end and words[0][-1 - end][-1] not in ".!?":
            end -= 1
    middles = [" ".join(each[begin : len(each) - end]) for each in words]
    marks = {middle[-1] for middle in middles}
    mark = marks.pop() if len(marks) == 1 and marks <= set(".,;:") else ""
    middle = " / ".join(one.removesuffix(mark) for one in middles) + mark
    last = words[0][len(words[0]) - end :]
    return " ".join([*words[0][:begin], middle, *last])


def _common(words: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many words all begin with, and how many others all end with."""
    least, begin, end = min(map(len, words)), 0, 0
    while begin < least and len({each[begin] for each in words}) == 1:
        begin += 1
    while end < least - begin and len({each[-1 - end] for each in words}) == 1:
        end += 1
    return begin, end
