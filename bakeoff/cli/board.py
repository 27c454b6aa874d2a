"""A bake-off as it goes: on a terminal a live table, elsewhere a line for each thing that ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bakeoff.cli.text import amount, duration
from bakeoff.runs.board import Board, Doing, Entered, Happening, Leg, Row, RunBegan, RunEnded, Told
from bakeoff.training.events import Noted

__all__ = ["Shown", "watching"]

EVERY = 15.0
"""Seconds between plain lines of one run."""

ROOMY = 66
"""Columns from which there is room for how far a run is."""

_SIGNS = {
    "waiting": ("·", "dim"),
    "running": ("▸", "cyan"),
    "finished": ("✓", "green"),
    "crashed": ("✗", "red"),
    "stopped": ("–", "yellow"),
    "unfinished": ("–", "yellow"),
}
"""A sign for each state, so that nothing hangs on the colour alone."""

_BAR = 10


@contextmanager
def watching(*, quiet: bool) -> Iterator[Shown]:
    """Somebody who is told what happens, and shows it on standard error."""
    console = Console(file=sys.stderr, highlight=False, markup=False)
    if quiet or not console.is_terminal:
        yield Shown(None if quiet else console)
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield Shown(console, live)


class Shown:
    """The board, and the two ways to show it."""

    def __init__(self, console: Console | None, live: Live | None = None) -> None:
        self.board = Board()
        self._console, self._live = console, live
        self._began = self._told = time.monotonic()
        self._done, self._runs = 0, 0

    def __call__(self, happening: Happening) -> None:
        """Something happened."""
        self.board.told(happening)
        if self._live is not None:
            self._live.update(self.table())
        if self._console is not None:
            self._said(happening)

    def working(self, task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        """Told of work that is no training: reading, packing, features, fits."""
        of = "" if total is None else f" of {amount(total, unit)}"
        self.board.doing = f"{task}: {amount(done, unit)}{of} {unit}"
        if self._live is not None:
            self._live.update(self.table())

    def table(self) -> RenderableType:
        """The live picture."""
        assert self._console is not None
        if not self.board.rows:
            return Text(self.board.doing or "…")
        roomy = self._console.width >= ROOMY
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("contender", no_wrap=True, overflow="ellipsis", min_width=10)
        table.add_column("seeds", no_wrap=True)
        table.add_column("validation", justify="right", no_wrap=True)
        if roomy:
            table.add_column("", no_wrap=True)
            table.add_column("time", justify="right", no_wrap=True)
        best = max((row.accuracy or 0.0 for row in self.board.rows.values()), default=0.0)
        for row in self.board.rows.values():
            cells = [Text(row.name), _seeds(row), _accuracy(row, best)]
            if roomy:
                cells += [_far(row), Text(duration(row.seconds) if row.seconds else "")]
            table.add_row(*cells, style="dim" if row.status == "waiting" else "")
        return Group(table, Text(self._now(), style="dim", no_wrap=True, overflow="ellipsis"))

    def _now(self) -> str:
        left = self.board.left()
        gone = duration(time.monotonic() - self._began)
        about = "" if left is None else f", about {duration(left)} left"
        doing = f" · {self.board.doing}" if self.board.doing else ""
        return f"{gone} gone{about}{doing}"

    def _said(self, happening: Happening) -> None:
        """A plain line, where one is due; above the live table only what would be lost."""
        match happening:
            case Entered():
                self._entered(happening)
            case RunEnded():
                self._done += 1
                self._ended(happening)
            case Told(event=Noted(text=text)):
                self._say(f"{happening.contender}, seed {happening.seed}: {text}")
            case RunBegan(resumed=True):
                self._say(f"{happening.contender}, seed {happening.seed}: goes on.")
            case Told() if self._live is None and time.monotonic() - self._told >= EVERY:
                self._going(happening)
            case Doing() if self._live is None and time.monotonic() - self._told >= EVERY:
                self._say(f"{happening.text} …")
            case _:
                pass

    def _entered(self, happening: Entered) -> None:
        lineup = happening.lineup
        self._runs = len(lineup.contenders) * happening.seeds
        seeds = "1 seed" if happening.seeds == 1 else f"{happening.seeds} seeds"
        self._say(f"{', '.join(one.name for one in lineup.contenders)}; {seeds} each.")
        self._say(lineup.reason)
        for contender in lineup.contenders:
            for remark in contender.remarks:
                self._say(f"{contender.name}: {remark}")
        for left in lineup.left_out:
            self._say(f"Left out: {left.recipe}, as {left.reason}.")

    def _ended(self, happening: RunEnded) -> None:
        where = f"[{self._done}/{self._runs}] {happening.contender}, seed {happening.seed}"
        if happening.status == "finished":
            assert happening.validation is not None
            took = "from before" if happening.remembered else duration(happening.seconds)
            self._say(f"{where}: {happening.validation:.4f} on validation, {took}")
        elif happening.seconds or happening.seed == 0 or happening.remembered:
            self._say(f"{where}: {happening.status}. {happening.reason}")
        else:
            self._say(f"{where}: left out, {happening.status} before.")

    def _going(self, happening: Told) -> None:
        row = self.board.rows[happening.contender]
        leg = row.legs[happening.seed]
        good = "" if leg.accuracy is None else f", {leg.accuracy:.4f} on validation"
        left = self.board.left()
        about = "" if left is None else f"; about {duration(left)} left in all"
        self._say(
            f"{happening.contender}, seed {happening.seed}: {100 * leg.place:.0f}%{good}{about}"
        )

    def _say(self, text: str) -> None:
        assert self._console is not None
        self._told = time.monotonic()
        self._console.print(text, soft_wrap=True)


def _seeds(row: Row) -> Text:
    """A sign for each seed; of many, how many."""
    if len(row.legs) > 8:
        done = sum(leg.status == "finished" for leg in row.legs)
        return Text(f"{done}/{len(row.legs)}")
    text = Text()
    for leg in row.legs:
        sign, style = _SIGNS[leg.status]
        text.append(sign, style=style)
    return text


def _accuracy(row: Row, best: float) -> Text:
    if row.accuracy is None:
        return Text("–", style="dim")
    return Text(f"{row.accuracy:.4f}", style="bold" if row.accuracy >= best else "")


def _far(row: Row) -> Text:
    """How far the run is that is going on; else a word."""
    running: Leg | None = next((leg for leg in row.legs if leg.status == "running"), None)
    if running is None:
        return Text("" if row.status in ("waiting", "finished") else row.status)
    full = round(_BAR * running.place)
    return Text(f"{'━' * full}{'╌' * (_BAR - full)} {100 * running.place:3.0f}%")
