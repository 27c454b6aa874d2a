"""The database itself: opened with its tables at today's version, written to in whole batches."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, Insert, Table, event, exc, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool

from bakeoff.serving.journal import tables
from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.entry import Drift, Entry, Feedback
from bakeoff.serving.journal.schema import migrate
from bakeoff.spec.errors import MissingExtraError

__all__ = ["Store", "is_about_data"]

_BUSY = 5.0
"""Seconds that SQLite waits for another process's transaction."""

_STATEMENT = 10_000
"""Milliseconds after which PostgreSQL gives a statement up."""

_WIRE = {
    "connect_timeout": 5,
    "application_name": "bakeoff",
    "keepalives_idle": 30,
    "tcp_user_timeout": 10_000,
    # Poolers between us and the server may hand each transaction to another connection.
    "prepare_threshold": None,
}

_SHEET = 500
"""Pages that SQLite gives back to the disk at once."""


class Store:
    """One connection to the journal, for one thread. Errors are the database's own."""

    def __init__(self, where: Address, *, reading: bool = False) -> None:
        self._where = where
        self._engine = _engine(where, reading=reading)
        try:
            self.connection: Connection = self._engine.connect()
            if not reading:
                migrate(self.connection, str(where))
            self._inode = _inode(where)
        except BaseException:
            self._engine.dispose()
            raise
        postgres = where.kind == "postgresql"
        self._lock = sqlalchemy.text(f"SET LOCAL statement_timeout = {_STATEMENT}")
        self._predictions = _once(tables.predictions, postgres)
        self._feedback = _replacing(tables.feedback, postgres)

    def close(self) -> None:
        """Let go of the connection."""
        try:
            self.connection.close()
        finally:
            self._engine.dispose()

    def is_there(self) -> bool:
        """Whether what was opened is still what lies at its place: a file may have been moved."""
        return self._inode == _inode(self._where)

    def begin(self) -> Any:
        """A transaction."""
        transaction = self.connection.begin()
        if self._where.kind == "postgresql":
            try:
                self.connection.execute(self._lock)
            except BaseException:
                transaction.close()
                raise
        return transaction

    def write(
        self, entries: Sequence[Entry], drift: Sequence[Drift], feedback: Sequence[Feedback]
    ) -> list[bool]:
        """All of it in one transaction; of each feedback, whether there is such an answer."""
        with self.begin():
            if entries:
                self.connection.execute(self._predictions, [_row(one) for one in entries])
            if drift:
                self.connection.execute(tables.drift.insert(), [asdict(one) for one in drift])
            return self._write_feedback(feedback)

    def _write_feedback(self, feedback: Sequence[Feedback]) -> list[bool]:
        if not feedback:
            return []
        rows = tables.predictions.c
        asked = [(one.id, one.picture) for one in feedback]
        query = select(rows.id, rows.picture).where(tuple_(rows.id, rows.picture).in_(asked))
        known = {(one.id, one.picture) for one in self.connection.execute(query)}
        # The last word on a picture counts, also within one batch.
        kept = {(one.id, one.picture): asdict(one) for one in feedback}
        there = [row for key, row in kept.items() if key in known]
        if there:
            self.connection.execute(self._feedback, there)
        return [key in known for key in asked]

    def pictures_of(self, feedback: Sequence[Feedback]) -> list[str]:
        """Digests of the pictures that these speak of."""
        rows = tables.predictions.c
        asked = [(one.id, one.picture) for one in feedback]
        query = select(rows.sha256).where(tuple_(rows.id, rows.picture).in_(asked))
        with self.begin():
            return list(self.connection.execute(query).scalars())

    def give_back(self) -> None:
        """Hand pages that deleting has emptied back to the disk, a few at a time."""
        driver = self.connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            # It goes a page a step, and of what has no columns `execute` takes one step only.
            driver.executescript(f"PRAGMA incremental_vacuum({_SHEET})")

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(self.connection.execute(select(func.count()).select_from(table)).scalar_one())


def is_about_data(error: Exception) -> bool:
    """Whether a batch was refused for what is in it, so that it would be refused again."""
    if isinstance(error, exc.DataError | exc.IntegrityError):
        return True
    return not isinstance(error, exc.DBAPIError | OSError | MemoryError)


def _row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def _once(table: Table, postgres: bool) -> Insert:
    if postgres:
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _replacing(table: Table, postgres: bool) -> Insert:
    insert = postgresql.insert(table) if postgres else sqlite.insert(table)
    names = ("at", "correct", "label", "key")
    return insert.on_conflict_do_update(
        index_elements=["id", "picture"], set_={name: insert.excluded[name] for name in names}
    )


def _engine(where: Address, *, reading: bool) -> Engine:
    if where.path is None:
        return _postgres(where)
    engine = _sqlite(where.path)
    # Two that read and then want to write would each wait for the other; a reader keeps nobody.
    word = "BEGIN" if reading else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(word))
    return engine


def _postgres(where: Address) -> Engine:
    try:
        return sqlalchemy.create_engine(where.url, poolclass=NullPool, connect_args=_WIRE)
    except ModuleNotFoundError as error:
        raise MissingExtraError("a journal in PostgreSQL", "postgres") from error


def _sqlite(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made here, as SQLite would let everybody read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"timeout": _BUSY, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    # Transactions are begun by the engine; Python's own would not cover changes of tables.
    connection.isolation_level = None
    for pragma in (
        # Before anything is written, or it does not hold.
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "journal_size_limit = 16777216",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _inode(where: Address) -> tuple[int, int] | None:
    if where.path is None:
        return None
    try:
        found = where.path.stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino
