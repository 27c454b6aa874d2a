"""A run that another process makes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bakeoff.runs.cluster import errand as module
from bakeoff.runs.cluster.errand import Brought, Errand, carried_out, held_against
from bakeoff.runs.run import Run
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import CacheError
from bakeoff.spec.training import Budget
from bakeoff.training.events import Evaluated, Event
from tests.runs.baking import near, tiny
from tests.runs.digits import digits, equal, run
from tests.training.jobs import DEVICE


def errand(path: Path, **fields: Any) -> Errand:
    """Four epochs of the tiny network."""
    return Errand(
        **{
            "contender": "tiny",
            "seed": 0,
            "recipe": tiny(),
            "path": path / "tiny-0",
            "device": DEVICE,
            "budget": Budget(epochs=4.0),
            "share": None,
            "limit": None,
            "halt": path / ".halt",
            **fields,
        }
    )


def watchman(told: list[Event], best: tuple[str, float] | None = None) -> Watchman:
    """Who sits beside the run where it is compared."""
    return Watchman(
        tiny().stages,
        tell=lambda event, place: told.append(event),
        asked=lambda: False,
        aside=lambda: None,
        share=None,
        best=best,
        pictures=1000,
    )


def test_it_is_the_same_run(tmp_path: Path) -> None:
    """Bit by bit what `execute` makes; what it said is there to be read again."""
    run(tmp_path / "here", tiny(), budget=Budget(epochs=4.0))
    brought = carried_out(errand(tmp_path), digits())
    assert (brought.finished, brought.reason, brought.error) == (True, None, None)
    assert brought.seconds > 0
    assert equal(tmp_path / "here", tmp_path / "tiny-0")
    told: list[Event] = []
    assert held_against(brought, Run(path=tmp_path / "tiny-0"), watchman(told))
    assert sum(isinstance(event, Evaluated) for event in told) == 4


def test_held_against_the_best(tmp_path: Path) -> None:
    """A run that would have been stopped at half time is, though it went on to its end."""
    brought = carried_out(errand(tmp_path), digits())
    told: list[Event] = []
    beside = watchman(told, best=("best", 5.0))
    assert not held_against(brought, Run(path=tmp_path / "tiny-0"), beside)
    assert beside.reason is not None
    assert beside.reason[0] == "stopped"
    assert "best has 5.0000" in beside.reason[1]


def test_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that appears leaves a checkpoint behind; taken away, it goes on to the same end."""
    monkeypatch.setattr(module, "_OFTEN", 0.0)
    run(tmp_path / "here", tiny(), budget=Budget(epochs=4.0))
    wanted = errand(tmp_path)
    heard = Watchman.heard

    def halting(self: Watchman, event: Event) -> None:
        if isinstance(event, Evaluated):
            wanted.halt.touch()
        heard(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(Watchman, "heard", halting)
        brought = carried_out(wanted, digits())
    assert (brought.finished, brought.reason) == (False, None)
    assert not carried_out(wanted, digits()).finished
    wanted.halt.unlink()
    assert carried_out(wanted, digits()).finished
    assert equal(tmp_path / "here", tmp_path / "tiny-0")
    assert carried_out(wanted, digits()).finished


def test_a_crash_comes_back_as_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, as at home; what is no contender's fault comes back whole, and is raised there."""
    fails: list[Exception] = [RuntimeError("out of paper"), OSError(errno.ENOSPC, "full")]

    def failing(*args: Any, **how: Any) -> Any:
        raise fails.pop(0)

    monkeypatch.setattr(module, "execute", failing)
    brought = carried_out(errand(tmp_path), digits())
    assert brought.reason == ("crashed", "RuntimeError: out of paper")
    beside = watchman([])
    assert not held_against(brought, Run(path=tmp_path / "tiny-0"), beside)
    assert beside.reason == brought.reason
    brought = carried_out(errand(tmp_path), digits())
    with pytest.raises(OSError, match="full"):
        held_against(brought, Run(path=tmp_path / "tiny-0"), beside)


def test_a_fit_beyond_its_time(tmp_path: Path) -> None:
    """Cut short, as at home, with the same words."""
    brought = carried_out(errand(tmp_path, recipe=near(), budget=None, limit=0.0), digits())
    assert brought.reason == (
        "unfinished",
        "It takes longer than its share of the budget, 0 s.",
    )


def test_nobody_writes_beside_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was believed dead is waited for, and then held against no contender."""
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    with FileLock(tmp_path / ".tiny-0.lock"):
        brought = carried_out(errand(tmp_path), digits())
    assert isinstance(brought.error, CacheError)
    assert str(brought.error) == (
        f"{tmp_path / 'tiny-0'} is being written by a process that was given up for lost. End it, "
        "and go on with --resume."
    )
    assert isinstance(brought, Brought)
