"""What is too old, or too much, goes: a few rows at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, func, select

from bakeoff.serving.journal.store import Store
from bakeoff.serving.journal.tables import drift, feedback, predictions

__all__ = ["prune"]

_AT_ONCE = 2000
"""Rows in one transaction: others wait for it for some hundredths of a second."""


def prune(store: Store, days: float | None, rows: int | None) -> bool:
    """Delete some of what is too old; True: there may be more of it.

    Age takes everything along. The number of rows spares answers that somebody spoke of, which are
    counted for themselves: what people said is worth more than what was answered.
    """
    more = False
    if days is not None:
        before = datetime.now(UTC) - timedelta(days=days)
        for table in (feedback, predictions, drift):
            more |= _delete(store, table, table.c.at < before)
    if rows is not None:
        of = (feedback.c.id == predictions.c.id) & (feedback.c.picture == predictions.c.picture)
        more |= _delete(store, feedback, _beyond(feedback, rows))
        more |= _delete(store, drift, _beyond(drift, rows))
        unspoken = _beyond(predictions, rows) & ~exists().where(of)
        more |= _delete(store, predictions, unspoken)
    if more:
        store.give_back()
    return more


def _beyond(table: Table, rows: int) -> ColumnElement[bool]:
    # Numbers count up with gaps, so this never leaves more than `rows`; counting would be slow.
    newest = select(func.max(table.c.number)).scalar_subquery()
    return table.c.number <= newest - rows


def _delete(store: Store, table: Table, condition: ColumnElement[bool]) -> bool:
    some: Any = select(table.c.number).where(condition).order_by(table.c.number).limit(_AT_ONCE)
    if store.connection.dialect.name == "postgresql":
        # Another process may be at it as well.
        some = some.with_for_update(skip_locked=True)
    with store.begin():
        done = store.connection.execute(delete(table).where(table.c.number.in_(some)))
        return bool(done.rowcount)
