"""What to know of a dataset before training on it: the facts, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bakeoff.data.dataset import Dataset, find_near
from bakeoff.data.duplicates import Duplicates
from bakeoff.data.facts import TINY, Facts, Odd, measure
from bakeoff.data.progress import Progress, silent

__all__ = ["Audit", "Finding", "audit"]

SCHEMA = 1
"""Raised when the JSON changes shape."""

Severity = Literal["error", "warning", "note"]

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}

LEAK = 0.01
"""Share of a part with copies in what the model learns from, above which scores mislead."""

UNEVEN, LOPSIDED = 1.5, 10.0
"""Largest class over smallest: worth a warning, and worth changing."""

FEW = 20
"""Training pictures below which hardly anything can be learnt of a class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing to know, in a few sentences: what is, what it does, what to do."""

    severity: Severity
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Facts of a dataset, and the findings, the gravest first."""

    facts: Facts
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """For machines: everything but the pictures."""
        return {
            "schema": SCHEMA,
            "findings": [asdict(finding) for finding in self.findings],
            **asdict(self.facts),
        }


def audit(dataset: Dataset, progress: Progress = silent) -> Audit:
    """Look at a dataset before training on it."""
    # The search is the long part: done here, where someone listens, and kept for `dataset.near`.
    find_near(dataset.scan, progress=progress)
    progress("auditing", 0, len(dataset))
    facts = measure(dataset)
    found = [finding for check in _CHECKS for finding in check(facts)]
    found.sort(key=lambda finding: _RANK[finding.severity])
    progress("auditing", len(dataset), len(dataset))
    return Audit(facts=facts, findings=tuple(found))


def _exact_leaks(facts: Facts) -> Iterator[Finding]:
    yield from _leaks(facts, facts.exact, "an identical copy")


def _near_leaks(facts: Facts) -> Iterator[Finding]:
    yield from _leaks(facts, facts.near, "a near-duplicate")


def _leaks(facts: Facts, found: Duplicates, what: str) -> Iterator[Finding]:
    leaked, size = found.leaked["test"], sum(facts.counts["test"])
    if leaked:
        yield Finding(
            severity="error" if leaked / size >= LEAK else "warning",
            text=f"{_some(leaked, size, 'test')} {_have(leaked)} {what} among the training or "
            "validation pictures, so scores on them partly measure memory. Split anew with "
            "--split 80/10/10, which keeps copies on one side, or say so beside the score.",
        )
    leaked, size = found.leaked["val"], sum(facts.counts["val"])
    if leaked:
        yield Finding(
            severity="warning",
            text=f"{_some(leaked, size, 'validation')} {_have(leaked)} {what} among the training "
            "pictures, so validation flatters a little, and more so what memorises. "
            "--split 80/10/10 keeps copies on one side.",
        )


def _conflicts(facts: Facts) -> Iterator[Finding]:
    for found, what in ((facts.exact, "identical"), (facts.near, "nearly identical")):
        if found.conflicting:
            # Those with different labels are listed first.
            first = " and ".join(found.listed[0].names)
            yield Finding(
                severity="warning",
                text=f"{_pairs(found.conflicting)} of {what} pictures {_have(found.conflicting)} "
                f"different labels: probably one of the two is wrong; the first: {first}. Look at "
                "them and correct the labels, or take the pictures out.",
            )


def _missing(facts: Facts) -> Iterator[Finding]:
    for part, counts in facts.counts.items():
        absent = [name for name, n in zip(facts.classes, counts, strict=True) if n == 0]
        if absent and sum(counts):
            yield Finding(
                severity="error",
                text=f"{_names(absent, 'class', 'classes')} {_have(len(absent))} no pictures in "
                f"{part}, so nothing can be learnt or said of {_it(absent)} there. Add pictures, "
                "choose another --seed, or take the class out.",
            )


def _few(facts: Facts) -> Iterator[Finding]:
    counts = facts.counts["train"]
    small = [name for name, n in zip(facts.classes, counts, strict=True) if 0 < n < FEW]
    if small:
        yield Finding(
            severity="warning",
            text=f"{_names(small, 'class', 'classes')} {_have(len(small))} fewer than {FEW} "
            "training pictures. Add pictures, and do not trust what is measured on so few.",
        )


def _imbalance(facts: Facts) -> Iterator[Finding]:
    if facts.imbalance <= UNEVEN:
        return
    totals = [sum(column) for column in zip(*facts.counts.values(), strict=True)]
    least, most = totals.index(min(totals)), totals.index(max(totals))
    sizes = (
        f"the largest class, {facts.classes[most]} ({totals[most]:,} pictures), is "
        f"{facts.imbalance:.1f} times the smallest, {facts.classes[least]} ({totals[least]:,})"
    )
    if facts.imbalance > LOPSIDED:
        text = (
            f"Classes are of very different size: {sizes}. A model that ignores small classes "
            "still scores well by plain accuracy: judge by macro figures, and add pictures of "
            "the small classes."
        )
        yield Finding(severity="error", text=text)
    else:
        text = f"Classes are uneven: {sizes}. Look at figures per class beside plain accuracy."
        yield Finding(severity="warning", text=text)


def _broken(facts: Facts) -> Iterator[Finding]:
    count = len(facts.broken)
    if count:
        one = facts.broken[0]
        yield Finding(
            severity="warning",
            text=f"{_some(count, facts.pictures + count)} could not be read and {_were(count)} "
            f"left out; the first: {one.name} {one.reason}. Mend them or take them away.",
        )


def _copies(facts: Facts) -> Iterator[Finding]:
    for found, what, note in (
        (facts.exact, "an identical copy", "They add nothing to learn from; one of each will do."),
        (
            facts.near,
            "a near-duplicate (the same photograph cropped, recoloured, rescaled or mirrored)",
            "Bakeoff cut the test part itself, and kept them on one side."
            if facts.cut
            else "The test part came with the pictures; where Bakeoff cuts it, with --split "
            "80/10/10, they stay on one side.",
        ),
    ):
        if found.pictures:
            share = _some(found.pictures, facts.pictures)
            text = f"{share} {_have(found.pictures)} {what} somewhere in the dataset. {note}"
            yield Finding(severity="note", text=text)


def _odd(facts: Facts) -> Iterator[Finding]:
    kinds: tuple[tuple[Odd, Severity, str], ...] = (
        (facts.blank, "warning", "nearly blank: check that they show anything"),
        (facts.tiny, "warning", f"less than {TINY} pixels on a side, where most have far more"),
        (facts.huge, "note", "huge, and slow to decode: shrink them once, before training"),
        (
            facts.elongated,
            "note",
            "at least three times as long as wide: cropping to a square loses most of them, so "
            "prefer a recipe that pads",
        ),
    )
    for odd, severity, what in kinds:
        if odd.count:
            share = _some(odd.count, facts.pictures)
            verb = "is" if odd.count == 1 else "are"
            text = f"{share} {verb} {what}; the first: {odd.names[0]}."
            yield Finding(severity=severity, text=text)


def _notes(facts: Facts) -> Iterator[Finding]:
    for note in facts.notes:
        yield Finding(severity="note", text=note)


_CHECKS = (
    _missing,
    _exact_leaks,
    _near_leaks,
    _conflicts,
    _imbalance,
    _few,
    _broken,
    _odd,
    _copies,
    _notes,
)


def _some(count: int, total: int, kind: str = "") -> str:
    share = "under 0.1%" if count < 0.001 * total else f"{count / total:.1%}"
    return f"{count:,} of {total:,} {kind}{' ' if kind else ''}pictures ({share})"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _names(names: list[str], one: str, many: str) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"The {one if len(names) == 1 else many} {shown}"
