"""What a journal holds, for people who look and for the export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exc, func, select

from bakeoff.serving.journal.address import Address
from bakeoff.serving.journal.store import Store
from bakeoff.serving.journal.tables import drift, feedback, predictions
from bakeoff.spec.errors import UserError

__all__ = ["JournalError", "Said", "Summary", "newest", "opened", "said", "summary"]


class JournalError(UserError):
    """The journal cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A journal in numbers."""

    predictions: int
    feedback: int
    right: int
    wrong: int
    named: int
    """Feedback that names the right class."""

    first: datetime | None
    last: datetime | None
    models: dict[str, int]
    """Pictures by the champion that answered."""

    drift: list[dict[str, Any]]
    """The newest verdict of each figure of the newest champion that was watched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What somebody said of a picture."""

    sha256: str
    label: str | None
    """The right class; None where it was only said that the answer is wrong."""

    at: datetime
    predicted: str
    probability: float


@contextmanager
def opened(where: Address) -> Iterator[Store]:
    """The journal at its newest version, to be read."""
    if where.path is not None and not where.path.exists():
        raise JournalError(
            f"journal {where}",
            "is not there",
            suggestion="The service writes one as soon as it runs; name it with --journal.",
        )
    try:
        # An older journal is brought up to date first.
        Store(where).close()
        store = Store(where, reading=True)
    except (exc.DBAPIError, OSError) as error:
        raise _cannot(where, error) from None
    try:
        with store.begin():
            yield store
    except exc.DBAPIError as error:
        raise _cannot(where, error) from None
    finally:
        store.close()


def summary(store: Store) -> Summary:
    """Counts, span and state."""
    run = store.connection.execute
    named = func.count(feedback.c.label)
    right, all_said, with_label = run(
        select(func.count().filter(feedback.c.correct), func.count(), named).select_from(feedback)
    ).one()
    at = predictions.c.at
    first, last = run(select(func.min(at), func.max(at))).one()
    by_model = select(predictions.c.model, func.count()).group_by(predictions.c.model)
    return Summary(
        predictions=store.count(predictions),
        feedback=all_said,
        right=right,
        wrong=all_said - right,
        named=with_label,
        first=first,
        last=last,
        models={str(row[0]): int(row[1]) for row in run(by_model.order_by(func.count().desc()))},
        drift=_drift(store),
    )


def newest(store: Store, count: int) -> list[dict[str, Any]]:
    """The last predictions with what was said of them, the newest first."""
    rows = predictions.c
    joined = predictions.outerjoin(
        feedback, (feedback.c.id == rows.id) & (feedback.c.picture == rows.picture)
    )
    query = (
        select(predictions, feedback.c.correct, feedback.c.label.label("said"))
        .select_from(joined)
        .order_by(rows.number.desc())
        .limit(count)
    )
    return [dict(row) for row in store.connection.execute(query).mappings()]


def said(store: Store) -> Iterator[Said]:
    """All that people said, the oldest first. A shadow's answers were seen by nobody."""
    rows = predictions.c
    query = (
        select(
            rows.sha256,
            rows.label.label("predicted"),
            rows.probability,
            feedback.c.correct,
            feedback.c.label,
            feedback.c.at,
        )
        .join(feedback, (feedback.c.id == rows.id) & (feedback.c.picture == rows.picture))
        .where(rows.role != "shadow")
        .order_by(feedback.c.at, feedback.c.number)
        .execution_options(yield_per=1000)
    )
    for row in store.connection.execute(query):
        label = row.label if row.label is not None else (row.predicted if row.correct else None)
        yield Said(
            sha256=row.sha256,
            label=label,
            at=row.at,
            predicted=row.predicted,
            probability=row.probability,
        )


def _drift(store: Store) -> list[dict[str, Any]]:
    last = select(drift.c.model).order_by(drift.c.number.desc()).limit(1).scalar_subquery()
    newest_of = select(func.max(drift.c.number)).where(drift.c.model == last)
    query = select(drift).where(drift.c.number.in_(newest_of.group_by(drift.c.figure)))
    rows = store.connection.execute(query.order_by(drift.c.figure)).mappings()
    return [{key: value for key, value in row.items() if key != "number"} for row in rows]


def _cannot(where: Address, error: Exception) -> JournalError:
    text = where.clean(str(getattr(error, "orig", None) or error)).rstrip(".")
    rule = f"cannot be read: {text}"
    return JournalError(f"journal {where}", rule, suggestion="Check that the database is there.")
