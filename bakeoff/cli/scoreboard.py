"""What a bake-off found, on a terminal: warnings, verdict, scoreboard, where the rest is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.cli.text import printable
from bakeoff.report.board import Board, Row
from bakeoff.report.result import Result
from bakeoff.report.standing import overrun

__all__ = ["show", "show_numbers"]

_SHOWN = ("bytes", "latency", "training", "tta", "f1", "loss")
"""Columns beside the accuracy and what was asked for, the most wanted first: as many as fit."""

_WIDTH = 12

_MARKS = {"better": "▲", "worse": "▼", "tied": "= tied", "can't tell": "? can't tell"}


def show(result: Result, console: Console) -> None:
    """All that a person wants to know at once, and where the rest is."""
    show_numbers(result, console)
    console.print(f"Report: {result.path / 'report.html'}", soft_wrap=True)
    if result.champion is not None:
        console.print(f"Champion: {result.champion}", soft_wrap=True)


def show_numbers(result: Result, console: Console) -> None:
    """Warnings, verdict, scoreboard, why some stopped, how often the test part was opened."""
    for warning in result.warnings:
        console.print(Text(f"! {printable(warning)}", style="yellow"))
    if result.warnings:
        console.print()
    console.print(Text(printable(result.verdict), style="bold"))
    console.print()
    console.print(_table(result, console.width))
    console.print()
    for row in result.board.rows:
        if row.reason:
            console.print(Text(f"{row.name} {row.status}: {printable(row.reason)}", style="dim"))
    opened = result.facts["opened"]
    if opened is not None:
        times = "once" if opened["times"] == 1 else f"{opened['times']} times"
        console.print(f"This test set has been opened {times}.")
    late = overrun(result.facts)
    if late:
        console.print(f"The bake-off {late}.")


def _table(result: Result, width: int) -> Table:
    board = result.board
    part = "test" if result.part == "test" else "validation"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("contender", no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column(part, justify="right", no_wrap=True)
    asked = _asked_for(result.facts["asked"])
    room = width - 34
    # What was asked for goes before all else.
    spare = room - _WIDTH * len(_columns(board, room // _WIDTH, asked))
    interval, against = spare > 16, spare > 32
    if interval:
        table.add_column("95%", justify="right", no_wrap=True)
    if against:
        table.add_column(f"against {result.winner}" if result.winner else "", no_wrap=True)
    count = (room - 16 * interval - 16 * against) // _WIDTH
    columns = _columns(board, count, (*asked, *(key for key in _SHOWN if key not in asked)))
    for at in columns:
        table.add_column(board.columns[at].title, justify="right", no_wrap=True)
    for row in board.rows:
        cells = [
            "" if row.rank is None else str(row.rank),
            printable(row.name),
            row.accuracy.text,
            *([row.interval] if interval else []),
            *([_against(row)] if against else []),
            *(row.cells[at].text for at in columns),
        ]
        style = "bold" if row.name == result.winner else ("" if row.rank else "dim")
        table.add_row(*cells, style=style)
    return table


def _asked_for(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the columns without which the answer to the question cannot be checked."""
    wanted = {
        "tta": asked.get("tta"),
        "latency": asked.get("max_latency") is not None or asked.get("prefer") == "latency",
        "bytes": asked.get("max_size") is not None or asked.get("prefer") == "size",
    }
    return tuple(key for key, is_wanted in wanted.items() if is_wanted)


def _columns(board: Board, count: int, keys: Sequence[str]) -> list[int]:
    """Places of the columns that there is room and something for, in the order of the board."""
    places = {one.key: at for at, one in enumerate(board.columns)}
    filled = [
        places[key]
        for key in keys
        if key in places and any(row.cells[places[key]].value is not None for row in board.rows)
    ]
    return sorted(filled[: max(0, count)])


def _against(row: Row) -> str:
    if not row.rank:
        return row.status
    mark = _MARKS.get(row.outcome)
    return row.against.text if mark is None else f"{mark} {row.against.text}"
