"""What a run says while another process makes it."""

from __future__ import annotations

from pathlib import Path

from bakeoff.runs.cluster.tail import Tail
from bakeoff.runs.run import Run
from bakeoff.training.events import Evaluated, Noted, Stepped
from tests.runs.digits import run


def test_all_that_was_said(tmp_path: Path) -> None:
    """As events, in order; the pictures' shares are not on record."""
    heard: list[object] = []
    run(tmp_path / "run", listen=heard.append)
    told = Tail(Run(path=tmp_path / "run")).events()
    steps = [event for event in heard if isinstance(event, Stepped)]
    assert steps == [event for event in told if isinstance(event, Stepped)]
    looks = [event.accuracy for event in heard if isinstance(event, Evaluated)]
    assert looks == [event.accuracy for event in told if isinstance(event, Evaluated)]


def test_line_by_line(tmp_path: Path) -> None:
    """Only what is new; half a line waits for its end, and one that a crash cut off is passed
    over."""
    it = Run(path=tmp_path)
    tail = Tail(it)
    assert (tail.grew(), tail.events()) == (False, [])
    it.record("note", {"text": "one", "exact": True})
    assert tail.grew()
    assert tail.events() == [Noted(text="one")]
    path = tmp_path / "events.jsonl"
    with path.open("a") as file:
        file.write('{"event": "note", "text": "tw')
    assert tail.events() == []
    with path.open("a") as file:
        file.write('o", "exact": false}\n{"event": "no')
    assert tail.events() == [Noted(text="two", exact=False)]
    it.record("note", {"text": "three", "exact": True})
    assert tail.events() == [Noted(text="three")]
    assert not tail.grew()
    assert Tail(it, skip=True).events() == []


def test_another_file_in_its_place(tmp_path: Path) -> None:
    """Read on from where the two differ; never further back than asked, nor further on."""
    it = Run(path=tmp_path)
    for text in ("one", "two"):
        it.record("note", {"text": text, "exact": True})
    tail = Tail(it, skip=True)
    path = tmp_path / "events.jsonl"
    tail.rewind(len(path.read_bytes().splitlines(True)[0]))
    assert tail.events() == [Noted(text="two")]
    tail.rewind(10**6)
    assert tail.events() == []
    it.record("note", {"text": "three", "exact": True})
    assert tail.events() == [Noted(text="three")]
