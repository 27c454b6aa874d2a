"""A run that a node makes for itself, and keeps behind a URL."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bakeoff.runs.cluster import afar, errand
from bakeoff.runs.cluster.afar import Sent, carried_out_afar
from bakeoff.runs.cluster.mirror import Mirror
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.watchman import Watchman
from bakeoff.spec.errors import CacheError
from bakeoff.training.events import Evaluated, Event
from tests.runs.cluster.shelf import SHELF, Shelf, shelf
from tests.runs.cluster.test_errand import errand as an_errand
from tests.runs.digits import digits

__all__ = ["shelf"]

SENT = Sent(via=Via(SHELF), run="bake/tiny-0", life="0001-00000000")


@pytest.fixture
def ticket(shelf: type[Shelf]) -> str:
    """What lets the life go on."""
    name = "bucket/runs/bake/tiny-0/0001-00000000/ticket"
    shelf.held[name] = b"go"
    return name


def test_a_ticket_that_is_taken(
    tmp_path: Path, shelf: type[Shelf], ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was given up for lost ends soon, and leaves nothing more there."""
    monkeypatch.setattr(errand, "_OFTEN", 0.0)
    heard, looked = Watchman.heard, threading.Event()

    def waiting(self: Watchman, event: Event) -> None:
        heard(self, event)
        if isinstance(event, Evaluated) and ticket in shelf.held:
            shelf.held.clear()
            shelf.watch = lambda what, path: looked.set()
            assert looked.wait(60.0)

    monkeypatch.setattr(Watchman, "heard", waiting)
    brought = carried_out_afar(an_errand(tmp_path), digits(), SENT)
    assert isinstance(brought.error, CacheError)
    assert f"{SENT.life}/ticket is not there" in str(brought.error)
    assert not any("over.json" in name for name in shelf.names())


def test_a_ticket_that_never_was(
    tmp_path: Path, shelf: type[Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A life begins with one, or not at all."""
    monkeypatch.setattr(afar, "_SHOWN", 0.0)
    brought = carried_out_afar(an_errand(tmp_path), digits(), SENT)
    assert isinstance(brought.error, CacheError)
    assert shelf.names() == []


def test_what_dead_processes_left(
    tmp_path: Path, cache: Path, shelf: type[Shelf], ticket: str
) -> None:
    """Goes with the next run of the node; what another process still holds stays."""
    place = cache / "lives"
    for name in ("dead", "alive"):
        (place / name / "tiny-0").mkdir(parents=True)
    (place / ".dead.lock").touch()
    with FileLock(place / ".alive.lock"):
        assert carried_out_afar(an_errand(tmp_path), digits(), SENT).finished
        assert sorted(one.name for one in place.iterdir()) == [".alive.lock", "alive"]


def test_a_disk_of_the_node(
    tmp_path: Path, shelf: type[Shelf], ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong with the folder while nobody looks ends the run, and not in silence."""

    def push(mirror: Any) -> None:
        raise OSError("stale file handle")

    monkeypatch.setattr(Mirror, "push", push)
    monkeypatch.setattr(errand, "_OFTEN", 0.0)
    heard = Watchman.heard

    def waiting(self: Watchman, event: Event) -> None:
        heard(self, event)
        threading.Event().wait(0.01)

    monkeypatch.setattr(Watchman, "heard", waiting)
    brought = carried_out_afar(an_errand(tmp_path), digits(), SENT)
    assert "the run's folder cannot be read (stale file handle)" in str(brought.error)
