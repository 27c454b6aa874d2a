"""What an interrupted bake-off goes on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.runs.journal import Ended, Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of a bake-off that began."""
    made = Journal(tmp_path / "events.jsonl")
    made.record("life", spent=2.0)
    return made


def began(journal: Journal, run: str, place: str = "") -> None:
    """A run begins, or goes on."""
    journal.record("began", run=run, share=7.5, place=place, spent=3.0)


def test_nothing_happened_yet(tmp_path: Path) -> None:
    """Without a file there is no past."""
    past = Journal(tmp_path / "events.jsonl").past()
    assert (past.spent, past.ended, past.deaths) == (0.0, {}, {})


def test_what_is_remembered(journal: Journal) -> None:
    """Runs that ended, shares that were given, contenders that were stopped, costs."""
    began(journal, "a-0")
    journal.record("ended", run="a-0", status="finished", reason=None, seconds=4.0, spent=8.0)
    journal.record("cost", contender="a", cost={"bytes": 3}, look=0.5, spent=8.5)
    journal.record("stopped", contender="a", reason="lost", spent=8.6)
    past = journal.past()
    assert past.ended == {"a-0": Ended(status="finished", reason=None, seconds=4.0)}
    assert past.shares == {"a-0": 7.5}
    assert past.stopped == {"a": "lost"}
    assert (past.costs, past.looks) == ({"a": {"bytes": 3}}, {"a": 0.5})
    assert past.deaths == {}


def test_time_adds_up_over_lives(journal: Journal) -> None:
    """Each life counts its own seconds, as far as they are on record."""
    journal.record("beat", spent=10.0)
    journal.record("life", spent=1.0)
    journal.record("beat", spent=5.0)
    assert journal.past().spent == 15.0


def test_deaths(journal: Journal) -> None:
    """A life that ends within a run without a word is held against the run."""
    began(journal, "a-0")
    assert journal.past().deaths == {"a-0": 1}
    journal.record("life", spent=2.0)
    began(journal, "a-0")
    assert journal.past().deaths == {"a-0": 2}


def test_who_got_further_is_forgiven(journal: Journal) -> None:
    """Only deaths at one and the same place are counted."""
    began(journal, "a-0", "step-1")
    journal.record("life", spent=2.0)
    began(journal, "a-0", "step-2")
    past = journal.past()
    assert (past.deaths, past.places) == ({"a-0": 1}, {"a-0": "step-2"})


def test_put_aside_is_no_death(journal: Journal) -> None:
    """A run that was asked to stop, even if the process was killed then, is not blamed."""
    began(journal, "a-0")
    journal.record("aside", run="a-0", spent=4.0)
    journal.record("life", spent=2.0)
    assert journal.past().deaths == {}


def test_a_line_that_was_cut_off(journal: Journal) -> None:
    """What a crash left of a line neither stops nor swallows the next."""
    began(journal, "a-0")
    with journal.path.open("ab") as file:
        file.write(b'{"event": "end')
    journal.record("ended", run="a-0", status="crashed", reason="oh", seconds=1.0, spent=9.0)
    assert journal.past().ended["a-0"].reason == "oh"
