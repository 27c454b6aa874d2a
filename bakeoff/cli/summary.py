"""An audit on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.cli.text import printable
from bakeoff.data.audit import Audit, Severity
from bakeoff.data.facts import Facts, Sizes

__all__ = ["show"]

MANY = 20
"""Classes above which only the largest and the smallest are listed."""

SHOWN = 5
"""How many of each then."""

MARKS: dict[Severity, tuple[str, str]] = {
    "error": ("✗ error", "bold red"),
    "warning": ("! warning", "yellow"),
    "note": ("· note", "dim"),
}
"""A sign and a word for each, so that nothing hangs on the colour alone."""


def show(found: Audit, console: Console) -> None:
    """Title, counts, sizes, and the findings in words."""
    facts = found.facts
    title = Text(printable(facts.name), style="bold")
    digest = facts.digest[:12]
    rest = f": {facts.pictures:,} pictures in {len(facts.classes):,} classes, digest {digest}"
    console.print(title + Text(rest, style="not bold"), soft_wrap=False)
    console.print()
    console.print(_counts(facts))
    console.print()
    console.print(_sizes(facts.sizes))
    console.print()
    console.print(_findings(found))


def _counts(facts: Facts) -> Table:
    rows = list(zip(*facts.counts.values(), strict=True))
    table = Table("class", box=None, pad_edge=False)
    for part in (*facts.counts, "all"):
        table.add_column(part, justify="right")
    for place in _listed([sum(row) for row in rows]):
        if place is None:
            table.add_row(f"… {len(rows) - 2 * SHOWN:,} more")
        else:
            numbers = (*rows[place], sum(rows[place]))
            table.add_row(printable(facts.classes[place]), *(f"{n:,}" for n in numbers))
    parts = [sum(column) for column in facts.counts.values()]
    table.add_row("all", *(f"{n:,}" for n in (*parts, sum(parts))), style="bold")
    return table


def _listed(sums: list[int]) -> list[int | None]:
    """Classes in the order they are shown; None where some are left out."""
    if len(sums) <= MANY:
        return list(range(len(sums)))
    order = sorted(range(len(sums)), key=lambda place: -sums[place])
    return [*order[:SHOWN], None, *order[-SHOWN:]]


def _sizes(sizes: Sizes) -> str:
    wide, high = sizes.widths, sizes.heights
    if sizes.distinct == 1:
        return f"All pictures are {wide.min}×{high.min} pixels."
    return (
        f"Pictures are {wide.min} to {wide.max} pixels wide (median {wide.median:.0f}) and "
        f"{high.min} to {high.max} high (median {high.median:.0f}), in {sizes.distinct:,} sizes; "
        f"{sizes.not_square:,} are not square."
    )


def _findings(found: Audit) -> Table | str:
    if not found.findings:
        return "✓ Nothing to worry about was found."
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for finding in found.findings:
        mark, style = MARKS[finding.severity]
        table.add_row(Text(mark, style=style), printable(finding.text))
    return table
