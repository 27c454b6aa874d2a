"""The journal's tables from version to version."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import MetaData, text

from bakeoff.serving.journal import schema, tables
from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.reading import newest, opened, said, summary
from bakeoff.serving.journal.store import Store
from tests.serving.journal.entries import entry, speech

FIRST = Path(__file__).parent / "version_1.sql"
"""A journal as the first version left it, with a picture that somebody spoke of."""

NEXT = (*schema.STEPS, ("ALTER TABLE predictions ADD COLUMN mood TEXT DEFAULT 'fine'",))


def test_a_fresh_journal_has_todays_tables(where: Address) -> None:
    """What the steps make is what the code expects: tables, columns, and which may be empty."""
    store = Store(where)
    made = MetaData()
    with store.begin():
        made.reflect(store.connection)
        assert schema.version(store.connection) == len(schema.STEPS)
    store.close()

    def facts(known: MetaData) -> dict[str, dict[str, bool | None]]:
        return {
            table.name: {column.name: column.nullable for column in table.columns}
            for table in known.sorted_tables
        }

    # SQLite's primary key may be empty by its words, though never in fact.
    expected, found = facts(tables.metadata), facts(made)
    for columns in (*expected.values(), *found.values()):
        columns.pop("number", None)
    assert found == expected


def test_an_older_journal_is_brought_up_to_date(where: Address) -> None:
    """A step that is missing is taken, and what was written stays."""
    store = Store(where)
    store.write([entry(1)], (), [speech(1)])
    schema.migrate(store.connection, str(where), NEXT)
    with store.begin():
        row = store.connection.execute(text("SELECT id, mood FROM predictions")).one()
        assert tuple(row) == ("r1", "fine")
        assert schema.version(store.connection) == len(NEXT)
    store.close()


def test_a_step_that_fails_changes_nothing(where: Address) -> None:
    """Steps are taken all or none."""
    store = Store(where)
    broken = (*NEXT, ("CREATE TABLE half (a INTEGER)", "NONSENSE"))
    with pytest.raises(Exception, match="NONSENSE"):
        schema.migrate(store.connection, str(where), broken)
    with store.begin():
        found = MetaData()
        found.reflect(store.connection)
        assert "half" not in found.tables
        assert "mood" not in found.tables["predictions"].columns
    store.close()


def test_a_newer_journal_is_refused(where: Address) -> None:
    """An older Bakeoff leaves a newer one's journal alone, and says so."""
    store = Store(where)
    schema.migrate(store.connection, str(where), NEXT)
    store.close()
    with pytest.raises(schema.JournalVersionError) as caught:
        Store(where)
    assert str(caught.value) == (
        f"journal {where} must be of version 1 or older, but is 2. It was made by a newer "
        "Bakeoff: use that one, or another journal."
    )


def test_many_at_once(where: Address) -> None:
    """Workers that start together make the tables once, and all of them can write."""
    program = (
        "import sys\n"
        "from bakeoff.serving.journal.address import address\n"
        "from bakeoff.serving.journal.store import Store\n"
        "from tests.serving.journal.entries import entry\n"
        "store = Store(address(sys.argv[1]))\n"
        "store.write([entry(sys.argv[2])], (), ())\n"
    )
    place = str(where.path or where.url)
    command = [sys.executable, "-c", program, place]
    root = Path(__file__).parents[3]
    running = [
        subprocess.Popen([*command, str(n)], cwd=root, stderr=subprocess.PIPE) for n in range(4)
    ]
    errors = [one.communicate(timeout=60)[1].decode() for one in running]
    assert errors == [""] * 4
    with opened(where) as store:
        assert summary(store).predictions == 4


def test_the_first_version_is_still_read(file: Address) -> None:
    """What the first released version wrote can be read, written to and spoken of today."""
    assert file.path is not None
    file.path.parent.mkdir()
    with sqlite3.connect(file.path) as old:
        old.executescript(FIRST.read_text())
    old.close()
    store = Store(file)
    store.write([entry(2)], (), ())
    store.close()
    with opened(file) as store:
        assert [row["id"] for row in newest(store, 5)] == ["r2", "r1"]
        assert newest(store, 5)[1]["top"] == [["cat", 0.75], ["dög", 0.25]]
        assert [one.label for one in said(store)] == ["dög"]
        assert summary(store).drift[0]["verdict"] == "strong"
