"""A bake-off as it goes."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from bakeoff.cli import board
from bakeoff.cli.board import Shown, watching
from bakeoff.runs.board import Doing, Entered, RunBegan, RunEnded, Told
from bakeoff.runs.estimate import Estimate
from bakeoff.runs.lineup import Contender, LeftOut, Lineup
from bakeoff.training.events import Noted
from tests.runs.baking import near, tiny
from tests.runs.test_watchman import look, step

LINEUP = Lineup(
    name="default",
    reason="Chosen for these.",
    contenders=tuple(
        Contender(
            recipe=one,
            expected=Estimate(seconds=10.0, least=0.5, fills=True, steps=3),
            remarks=remarks,
        )
        for one, remarks in ((near(), ()), (tiny(), ("Larger.",)))
    ),
    left_out=(LeftOut(recipe="speed", reason="there are too few pictures"),),
)

ENTERED = Entered(lineup=LINEUP, seeds=2, seconds=None, spent=0.0)
ENDED = RunEnded(contender="near", seed=0, status="finished", validation=0.5, seconds=3.0)


def made(width: int = 80) -> tuple[Shown, Console]:
    """What is shown where there is no terminal, and the page it is written on."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    return Shown(console), console


def lines(console: Console) -> list[str]:
    """What was written."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_plain_lines() -> None:
    """Who takes part and why, then a line for each run that ended."""
    shown, console = made()
    for happening in (
        ENTERED,
        ENDED,
        RunBegan(contender="tiny", seed=0, share=None, resumed=True),
        Told(contender="tiny", seed=0, event=Noted(text="Smaller batches."), place=0.1),
        RunEnded(
            contender="tiny", seed=0, status="crashed", validation=None, seconds=1.0, reason="Oh."
        ),
        replace(ENDED, seed=1, remembered=True),
        RunEnded(
            contender="tiny", seed=1, status="crashed", validation=None, seconds=0.0, reason="Oh."
        ),
    ):
        shown(happening)
    assert lines(console) == [
        "near, tiny; 2 seeds each.",
        "Chosen for these.",
        "tiny: Larger.",
        "Left out: speed, as there are too few pictures.",
        "[1/4] near, seed 0: 0.5000 on validation, 3 s",
        "tiny, seed 0: goes on.",
        "tiny, seed 0: Smaller batches.",
        "[2/4] tiny, seed 0: crashed. Oh.",
        "[3/4] near, seed 1: 0.5000 on validation, from before",
        "[4/4] tiny, seed 1: left out, crashed before.",
    ]


def test_long_runs_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then, with the accuracy so far and the time left; not at every step."""
    shown, console = made()
    shown(ENTERED)
    shown(RunBegan(contender="tiny", seed=0, share=None))
    before = len(lines(console))
    shown(Told(contender="tiny", seed=0, event=look(0.25), place=0.4))
    assert len(lines(console)) == before
    monkeypatch.setattr(board, "EVERY", 0.0)
    shown(Told(contender="tiny", seed=0, event=step(0, 0.5), place=0.5))
    (line,) = lines(console)[before:]
    assert line.startswith("tiny, seed 0: 50%, 0.2500 on validation; about ")
    assert line.endswith(" left in all")
    shown(Doing(text="opening the test part"))
    assert lines(console)[-1] == "opening the test part …"


def table(shown: Shown, width: int) -> list[str]:
    """The live picture on a terminal of this width."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(shown.table())
    return lines(console)


@pytest.mark.parametrize("width", [30, 50, 66, 100])
def test_the_live_table(width: int) -> None:
    """Who runs, how far, how good so far, time left; on a narrow terminal less of it."""
    shown, _ = made(width)
    assert table(shown, width) == ["…"]
    shown(ENTERED)
    shown(ENDED)
    shown(RunBegan(contender="tiny", seed=0, share=None))
    shown(Told(contender="tiny", seed=0, event=look(0.25), place=0.5))
    shown.working("packing", 3, 9)
    found = table(shown, width)
    assert len(found) == 4
    assert found[1].split()[:3] == ["near", "✓·", "0.5000"]
    assert found[2].split()[:3] == ["tiny", "▸·", "0.2500"]
    assert ("━━━━━╌╌╌╌╌  50%" in found[2]) == (width >= 66)
    assert found[3].startswith("0 s gone, about ")
    assert max(map(len, found)) <= width
    if width == 100:
        assert "packing: 3 of 9 pictures" in found[3]


def test_many_seeds_are_counted() -> None:
    """A sign for each would not fit."""
    shown, _ = made()
    shown(replace(ENTERED, seeds=20))
    shown(ENDED)
    assert "1/20" in table(shown, 80)[1]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said."""
    happenings: list[Any] = [ENTERED, ENDED]
    with watching(quiet=True) as shown:
        for happening in happenings:
            shown(happening)
        shown.working("packing", 3, 9)
    assert capsys.readouterr() == ("", "")
    assert shown.board.rows["near"].accuracy == 0.5
