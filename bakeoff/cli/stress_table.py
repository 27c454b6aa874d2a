"""A stress test on a terminal: a table of strains, then what it comes to in sentences."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.cli.text import printable
from bakeoff.evaluation.stress import Row, Stressed

if TYPE_CHECKING:
    from bakeoff.report.stress_page import Labels

__all__ = ["show"]

_LOST = ((0.5, "bold red"), (0.25, "red"), (0.1, "yellow"))
"""Share of the accuracy that is lost, and how that is shown."""


def show(found: Stressed, labels: Labels | None, console: Console) -> None:
    """All of it, but for slices that nothing can be said of."""
    part = "validation" if found.part == "val" else "test"
    console.print(
        f"{printable(found.champion)} on {found.pictures:,} {part} pictures of "
        f"{printable(found.data)}, made worse at {found.side}×{found.side} pixels.\n",
        soft_wrap=True,
    )
    for steps, rows in groupby(found.rows, lambda one: [cell.step for cell in one.cells]):
        console.print(_table(list(rows), steps, found))
        console.print()
    for sentence in found.sentences:
        console.print(printable(sentence), soft_wrap=True)
    for one in found.worst_slices:
        console.print(printable(f"! {one.words}"), soft_wrap=True)
    if labels is not None:
        console.print(labels.text, soft_wrap=True)
    for note in found.notes:
        console.print(f"Note: {note}", soft_wrap=True)


def _table(rows: list[Row], steps: list[str], found: Stressed) -> Table:
    common = rows[0].kind != "handling"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("severity" if common else "", no_wrap=True)
    for step in steps:
        table.add_column(step, justify="right")
    if common:
        table.add_column("mean", justify="right")
        table.add_row("as they are", *[""] * len(steps), _share(found.clean.value, found))
    for one in rows:
        means = [_share(one.mean.value, found)] if common else []
        cells = [_share(cell.accuracy.value, found) for cell in one.cells]
        table.add_row(one.title, *cells, *means)
    return table


def _share(value: float, found: Stressed) -> Text:
    lost = (found.clean.value - value) / max(found.clean.value, 1e-9)
    style = next((style for least, style in _LOST if lost >= least), "")
    return Text(f"{100 * value:.1f}", style=style)
