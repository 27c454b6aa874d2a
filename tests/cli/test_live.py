"""A training as it goes, on standard error."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from rich.console import Console
from rich.live import Live

from bakeoff.cli.live import Lines, watching
from bakeoff.spec.training import Stage
from bakeoff.training.checkpoint import LoopState
from bakeoff.training.events import Checkpointed, Evaluated, Event, Finished, Noted, Stepped

ONE = (Stage(epochs=2),)
TWO = (Stage(epochs=1), Stage(epochs=1))
TABLE = np.zeros((1, 2), np.float32)


def stepped(place: float, stage: int = 0, memory: int | None = 2_500_000_000) -> Stepped:
    """A second's work on a thousand pictures."""
    return Stepped(
        stage=stage,
        step=round(place * 20),
        epoch=place * 2,
        place=place,
        loss=0.5,
        rate=1.0,
        pictures=1000,
        seconds=2.0,
        memory=memory,
    )


def looked(best: bool = True, stage: int = 0) -> Evaluated:
    """A look at validation."""
    return Evaluated(
        stage=stage,
        step=10,
        epoch=1.0,
        train_loss=0.75,
        loss=0.25,
        accuracy=0.9,
        probabilities=TABLE,
        best=best,
        seconds=1.0,
    )


def said(capsys: pytest.CaptureFixture[str], stages: tuple[Stage, ...], *events: Event) -> str:
    """What plain lines say of these events."""
    with watching(stages, quiet=False) as lines:
        for event in events:
            lines(event)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_line_for_each_look(capsys: pytest.CaptureFixture[str]) -> None:
    """Both losses, accuracy, the speed since the last look, and the memory held at most."""
    assert said(capsys, ONE, stepped(0.25), stepped(0.5), looked()) == (
        "epoch 1: loss 0.750, validation loss 0.250, validation accuracy 0.9000, 500 pictures/s, "
        "2.5 GB\n"
    )


def test_where_memory_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """On a system that does not say, neither does the line."""
    assert said(capsys, ONE, stepped(0.5, memory=None), looked()).endswith(", 500 pictures/s\n")


def test_stages_are_numbered_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    """And a look that was not the best says so."""
    text = said(capsys, TWO, stepped(0.5, 1), looked(best=False, stage=1))
    assert text.startswith("stage 2/2, epoch 1: loss 0.750")
    assert text.endswith("500 pictures/s, 2.5 GB (not the best)\n")


def test_notes_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """What happened on the way is said; checkpoints and the end are not."""
    state = LoopState(step=0, tensors={}, scalars={})
    finished = Finished(probabilities=TABLE, steps=1, losses=(), seconds=1.0)
    assert said(capsys, ONE, Checkpointed(state=state), Noted(text="Oh."), finished) == "Oh.\n"


def test_lines_within_long_epochs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every few seconds a line, with the time left in the stage."""
    times = iter(np.arange(0.0, 1e6, 6.0).tolist())
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    lines = said(capsys, ONE, *[stepped(place / 10) for place in range(1, 6)]).splitlines()
    assert 1 <= len(lines) <= 5
    assert lines[0].startswith("epoch 0.")
    assert "loss 0.500, 500 pictures/s, 2.5 GB" in lines[0]
    assert lines[-1].endswith(" left")


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing at all, whatever happens."""
    with watching(ONE, quiet=True) as lines:
        for event in (stepped(0.5), looked(), Noted(text="Oh.")):
            lines(event)
        lines.working("packing", 0, 10)
    assert capsys.readouterr() == ("", "")


def test_work_that_is_no_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing and features are told as they are in every verb."""
    with watching(ONE, quiet=False) as lines:
        monkeypatch.setattr(lines._plain, "_clock", iter([0.0, 7.0, 9.0]).__next__)
        for done in (0, 50, 100):
            lines.working("packing", done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "packing: 50 of 100 pictures, 7/s, 7 s left",
        "packing: 100 pictures in 9 s",
    ]


def test_on_a_terminal() -> None:
    """One live line that is gone at the end; looks stay."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, highlight=False)
    with Live(console=console, transient=True, auto_refresh=False) as shown:
        lines = Lines(ONE, console, shown)
        lines.working("packing", 30, 100)
        assert str(shown.get_renderable()) == "packing: 30 of 100 pictures"
        lines(stepped(0.1))
        lines(stepped(0.25))
        assert str(shown.get_renderable()).startswith(
            "epoch 0.5, loss 0.500, 500 pictures/s, 2.5 GB, "
        )
        lines(looked())
    assert "validation accuracy 0.9000" in stream.getvalue()
