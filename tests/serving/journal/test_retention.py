"""What is too old, or too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bakeoff.serving.journal import retention, scribe
from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.reading import newest, opened, summary
from bakeoff.serving.journal.store import Store
from bakeoff.serving.journal.writer import Journal
from tests.serving.journal.entries import drift, entry, speech, until


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 30)


def test_age_takes_all_along(where: Address) -> None:
    """What is older than the days goes, feedback and figures included, a few rows at a time."""
    store = Store(where)
    long_ago = datetime.now(UTC) - timedelta(days=8)
    store.write([entry(n, at=long_ago) for n in range(100)], [drift(at=long_ago)], ())
    store.write([entry("new")], [drift()], [speech(1, at=long_ago), speech("new")])
    rounds = 0
    while retention.prune(store, 7, None):
        rounds += 1
    assert rounds == 4
    store.close()
    with opened(where) as read:
        found = summary(read)
        assert [row["id"] for row in newest(read, 9)] == ["rnew"]
    assert (found.predictions, found.feedback, len(found.drift)) == (1, 1, 1)


def test_the_number_spares_what_people_spoke_of(where: Address) -> None:
    """Beyond the number of rows the oldest go, but for answers with feedback."""
    store = Store(where)
    store.write([entry(n) for n in range(100)], (), [speech(5), speech(95)])
    while retention.prune(store, None, 10):
        pass
    store.close()
    with opened(where) as read:
        left = [row["id"] for row in newest(read, 99)]
    assert left == [*(f"r{n}" for n in range(99, 89, -1)), "r5"]


def test_nothing_goes_unasked(where: Address) -> None:
    """Without limits all stays."""
    store = Store(where)
    store.write([entry(1, at=datetime(2000, 1, 1, tzinfo=UTC))], (), ())
    assert not retention.prune(store, None, None)
    assert not retention.prune(store, None, 1)
    store.close()
    with opened(where) as read:
        assert summary(read).predictions == 1


def test_the_file_shrinks(file: Address) -> None:
    """Room that deleting made goes back to the disk."""
    store = Store(file)
    store.write([entry(n, route="/" * 1000) for n in range(1000)], (), ())

    def pages() -> int:
        with store.begin():
            return int(store.connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    before = pages()
    while retention.prune(store, None, 10):
        pass
    assert pages() < before / 2
    store.close()


def test_a_service_tidies_up(file: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal's thread does it by itself, between its rounds."""
    monkeypatch.setattr(scribe, "_TIDY_EVERY", 0)
    journal = Journal(file, keep=scribe.Keep(days=None, rows=10)).start()
    for n in range(200):
        journal.put(entry(n))
    assert journal.flush(30)

    def rows() -> int:
        with opened(file) as read:
            return summary(read).predictions

    until(lambda: rows() == 10)
    assert journal.close(30)
