"""A run's directory where several machines look at it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bakeoff.runs import opening
from bakeoff.runs.opening import opened
from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError
from bakeoff.training import checkpoint
from bakeoff.training.team import Team
from tests.runs.digits import recipe

OTHER = Team(rank=1, world=2, local_world=1)


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team of which only this process is here."""
    monkeypatch.setattr(Team, "any", lambda self, flag: flag)
    monkeypatch.setattr(checkpoint, "handed", lambda state, team: state)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")


def seen(run: Run, team: Team = OTHER) -> None:
    """What a process does that does not lead."""
    assert opened(run, recipe(), {}, team, resume=False) is None


def test_a_disk_that_is_not_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that does not see the run could not go on with it, should it lead after a
    restart."""
    monkeypatch.setattr(opening, "_LATE", 0.0)
    with pytest.raises(DataError) as caught:
        seen(Run(path=tmp_path / "run"))
    assert str(caught.value) == (
        f"{tmp_path / 'run'} must lie on a disk that all machines share: after a restart another "
        "may lead, and would not find the run. Give such an --out, or --max-restarts 0."
    )


def test_a_disk_that_shows_things_late(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is waited for."""
    run = Run(path=tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: (tmp_path / "environment.json").touch())
    seen(run)
    assert run.has_begun


@pytest.mark.parametrize(
    ("restarts", "team"),
    [("0", OTHER), ("1", Team(rank=1, world=2, local_rank=1, local_world=2))],
    ids=["no restarts", "one machine"],
)
def test_where_none_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restarts: str, team: Team
) -> None:
    """One machine has one disk, and without restarts the leader stays the leader."""
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", restarts)
    monkeypatch.setattr(opening, "_LATE", 0.0)
    seen(Run(path=tmp_path), team)
