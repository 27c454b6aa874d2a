"""The journal under a service: fast, bounded, and never in the way."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakeoff.serving import identity
from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.entry import Entry
from bakeoff.serving.journal.reading import newest, opened, summary
from bakeoff.serving.journal.writer import Journal
from tests.serving.journal.entries import drift, entry, speech, until
from tests.serving.journal.postgres import Cluster

ROOT = Path(__file__).parents[3]
Start = Callable[..., Journal]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts journals, which end with the test."""
    started: list[Journal] = []

    def begin(where: Address, **settings: object) -> Journal:
        journal = Journal(where, **settings)  # type: ignore[arg-type]
        started.append(journal.start())
        return journal

    yield begin
    for journal in started:
        journal.close(20)


def ids(where: Address) -> list[str]:
    """Of all predictions, in their order."""
    with opened(where) as store:
        return [row["id"] for row in reversed(newest(store, 100_000))]


def test_what_is_handed_over_is_written(where: Address, start: Start) -> None:
    """Entries arrive as they were, in their order, with the window's figures."""
    journal = start(where)
    given = [entry(n, label="dög\n", unknown=None, key="mine") for n in range(1200)]
    for one in given:
        journal.put(one)
    journal.put(drift())
    assert journal.flush(30)
    state = journal.state()
    assert (state.text, state.written, state.waiting, state.dropped) == ("ok", 1201, 0, 0)
    with opened(where) as store:
        rows = newest(store, 2000)
        assert summary(store).drift[0]["verdict"] == "strong"
    assert [row["id"] for row in reversed(rows)] == [one.id for one in given]
    last = {name: rows[0][name] for name in Entry.__slots__}
    assert last == {**{n: getattr(given[-1], n) for n in Entry.__slots__}, "top": [
        ["cat", 0.75], ["dög", 0.25]]}  # fmt: skip


def test_the_end_writes_what_is_left(where: Address, start: Start) -> None:
    """Closing drains: what was handed over just before is there afterwards."""
    journal = start(where)
    for n in range(700):
        journal.put(entry(n))
    assert journal.close(30)
    assert len(ids(where)) == 700
    journal.put(entry("late"))
    assert journal.feedback(speech(1)).result(1) == "unavailable"


def test_a_batch_that_comes_twice_is_written_once(where: Address, start: Start) -> None:
    """Nothing is doubled when it is not known whether a batch had arrived; a shadow's answer to
    the same picture is another one."""
    journal = start(where)
    for role in ("live", "live", "shadow"):
        journal.put(entry(1, role=role))
    assert journal.flush(30)
    assert len(ids(where)) == 2


def test_a_bad_entry_takes_nobody_along(
    where: Address, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """What the database will never take is dropped, counted and said; its batch is written."""
    journal = start(where)
    bad = entry("bad", width="wide" if where.path is None else 1 << 80)
    for one in (*map(entry, range(9)), bad, entry(10)):
        journal.put(one)
    assert journal.flush(30)
    assert len(ids(where)) == 10
    state = journal.state()
    assert (state.written, state.dropped) == (10, 1)
    assert "the journal refuses an entry, which is dropped" in caplog.text


def test_feedback(where: Address, start: Start) -> None:
    """Feedback on what was just answered is kept, a second one replaces it, and what nobody was
    answered is unknown."""
    journal = start(where)
    journal.put(entry(1))
    journal.put(entry(2))
    first = journal.feedback(speech(1))
    second = journal.feedback(speech(1, correct=False, label="dög"))
    strangers = [
        journal.feedback(one)
        for one in (speech(3), speech(1, picture=1), speech("\0"), speech(1, picture=1 << 40))
    ]
    assert (first.result(30), second.result(30)) == ("kept", "kept")
    assert [one.result(30) for one in strangers] == ["unknown"] * 4
    with opened(where) as store:
        row = newest(store, 2)[1]
        assert (row["correct"], row["said"]) == (False, "dög")
        assert (summary(store).feedback, summary(store).named) == (1, 1)


def test_feedback_on_what_another_worker_answered(
    where: Address, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer may still be on its way from another process: feedback waits a moment."""
    monkeypatch.setattr("bakeoff.serving.journal.writer._PATIENCE", 60)
    mine, other = start(where), start(where)
    fresh = [identity.new(), "0123456789abcdef"]
    told = [mine.feedback(speech(id=one)) for one in fresh]
    time.sleep(0.4)
    assert not any(one.done() for one in told)
    for one in fresh:
        other.put(entry(id=one))
    assert [one.result(60) for one in told] == ["kept", "kept"]


def test_feedback_on_what_nobody_can_have_answered_just_now(
    where: Address, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is old, or none of ours, is unknown at once unless it is in the database; one that
    waits here to be written is."""
    monkeypatch.setattr("bakeoff.serving.journal.writer._PATIENCE", 600)
    journal = start(where)
    old = "5" + identity.new()[1:]
    assert journal.feedback(speech(id=old)).result(60) == "unknown"
    assert journal.feedback(speech("made up")).result(60) == "unknown"
    journal.put(entry(id=old))
    assert journal.feedback(speech(id=old)).result(60) == "kept"


def test_whoever_asked_may_leave(file: Address, start: Start) -> None:
    """Feedback whose asker has gone disturbs nothing."""
    journal = start(file)
    assert journal.feedback(speech(1)).cancel()
    journal.put(entry(1))
    assert journal.flush(30)
    assert journal.state().is_ok


def test_too_much_is_dropped_and_counted(file: Address) -> None:
    """The queue is bounded by count and by bytes, pictures included."""
    few = Journal(file, most=3)
    for n in range(10):
        few.put(entry(n))
    assert (few.state().waiting, few.state().dropped) == (3, 7)
    assert file.path is not None
    small = Journal(file, most_bytes=10_000, pictures=file.path.parent / "pictures")
    for n in range(5):
        small.put(entry(n), bytes(3000))
    assert (small.state().waiting, small.state().dropped) == (2, 3)
    assert small.state().waiting_bytes <= 10_000


def test_a_database_that_goes_and_comes_back(
    cluster: Cluster, postgres: Address, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """While PostgreSQL is away entries are kept up to the bound, the rest is dropped and counted;
    afterwards what was kept is there once, and each change is one line of the log."""
    journal = start(postgres, most=300)
    for n in range(100):
        journal.put(entry(n))
    assert journal.flush(30)
    cluster.stop()
    try:
        for n in range(100, 200):
            journal.put(entry(n))
        until(lambda: not journal.state().is_ok)
        for n in range(200, 600):
            journal.put(entry(n))
        state = journal.state()
        assert state.text.startswith("degraded: ")
        assert (state.waiting, state.dropped) == (300, 200)
        assert journal.feedback(speech(1)).result(1) == "unavailable"
    finally:
        cluster.start()
    assert journal.flush(60)
    until(lambda: journal.state().is_ok)
    assert ids(postgres) == [f"r{n}" for n in range(400)]
    lines = [one.getMessage() for one in caplog.records if one.name == "bakeoff.journal"]
    assert len(lines) == 2
    assert lines[0].startswith(f"serving goes on without its journal {postgres}: ")
    assert lines[1] == "the journal is back (entries dropped so far: 200)"


def test_a_database_that_was_never_there(tmp_path: Path, start: Start) -> None:
    """The service starts, serves and ends without a journal, and the loss is counted."""
    where = Address(
        kind="postgresql",
        url=f"postgresql+psycopg://me:geheim@/db?host={tmp_path}",
        path=None,
    )
    journal = start(where)
    until(lambda: journal.state().text not in ("ok", "degraded: starting"))
    journal.put(entry(1))
    assert not journal.flush(0.1)
    assert "geheim" not in journal.state().text
    assert not journal.close(20)
    assert journal.state().dropped == 1


def test_a_broken_file(file: Address, start: Start) -> None:
    """A file that is no journal is left alone; once it is moved away the journal begins anew."""
    assert file.path is not None
    file.path.parent.mkdir()
    file.path.write_bytes(b"not a database, " * 1000)
    journal = start(file)
    until(lambda: journal.state().text == "degraded: file is not a database")
    journal.put(entry(1))
    assert file.path.read_bytes() == b"not a database, " * 1000
    file.path.rename(file.path.with_name("old"))
    assert journal.flush(30)
    assert ids(file) == ["r1"]


def test_a_file_that_is_taken_away(file: Address, start: Start) -> None:
    """When the file is moved while it is written to, a new one is begun."""
    journal = start(file)
    journal.put(entry(1))
    assert journal.flush(30)
    assert file.path is not None
    for path in list(file.path.parent.iterdir()):
        path.rename(path.with_name("old-" + path.name))
    journal.put(entry(2))
    assert journal.flush(30)
    assert ids(file) == ["r2"]


def test_a_lock_that_is_held(file: Address, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else holds the file, entries wait; then they are written."""
    monkeypatch.setattr("bakeoff.serving.journal.store._BUSY", 0.1)
    journal = start(file)
    journal.put(entry(1))
    assert journal.flush(30)
    assert file.path is not None
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.put(entry(2))
    until(lambda: journal.state().text == "degraded: database is locked")
    other.execute("ROLLBACK")
    other.close()
    assert journal.flush(30)
    assert ids(file) == ["r1", "r2"]


FULL = """
import resource, sys, time
from pathlib import Path
from bakeoff.serving.journal.address import address
from bakeoff.serving.journal.writer import Journal
from tests.serving.journal.entries import digest, entry, until

folder = Path(sys.argv[1])
journal = Journal(address(str(folder / "journal.sqlite")), pictures=folder / "pictures").start()
journal.put(entry(0))
assert journal.flush(30)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
# No file may grow beyond this: what is written there fails, as on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
for number in range(1, 400):
    journal.put(entry(number))
picture = bytes(100_000)
journal.put(entry(400, sha256=digest(picture)), picture)
def refused():
    # Not by the folder of pictures alone: it may have been asked before the database.
    state = journal.state()
    return state.pictures_lost == 1 and not state.is_ok and "pictures" not in state.text

until(refused)
print(journal.state().text)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert journal.flush(60)
until(lambda: journal.state().is_ok or "pictures" in journal.state().text)
print(journal.state().written, journal.state().dropped, journal.state().pictures_lost)
journal.close(10)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """Where the system refuses to write, the journal says so, and goes on as soon as it can."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, counts = done.stdout.splitlines()
    assert said.startswith("degraded: ")
    assert counts == "401 0 1"


def test_a_bug_does_not_end_it(
    file: Address, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in a round, the next one comes."""
    journal = start(file)
    journal.put(entry(1))
    assert journal.flush(30)
    with monkeypatch.context() as broken:
        broken.setattr("bakeoff.serving.journal.scribe.Scribe._tidy", None)
        until(lambda: not journal.state().is_ok)
    journal.put(entry(2))
    assert journal.flush(30)
    assert len(ids(file)) == 2


KILLED = """
import itertools, sys
from bakeoff.serving.journal.address import address
from bakeoff.serving.journal.writer import Journal
from tests.serving.journal.entries import entry

journal = Journal(address(sys.argv[1])).start()
for number in itertools.count():
    journal.put(entry(f"{sys.argv[2]}-{number}"))
    if number % 500 == 499:
        assert journal.flush(60)
        print(number + 1, flush=True)
"""


def test_a_killed_process_leaves_a_journal(where: Address) -> None:
    """Two processes write at once; after SIGKILL all that was written is there, once, in order."""
    place = str(where.path or where.url)
    logging.getLogger("bakeoff.journal").debug("two writers")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, place, name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    surely = {}
    for name, one in zip("ab", running, strict=True):
        assert one.stdout is not None
        surely[name] = [int(one.stdout.readline()) for _ in range(2)][-1]
    for one in running:
        os.kill(one.pid, signal.SIGKILL)
        one.communicate()
    found = ids(where)
    for name in "ab":
        mine = [one for one in found if one.startswith(f"r{name}-")]
        assert len(mine) >= surely[name]
        assert mine == [f"r{name}-{number}" for number in range(len(mine))]
