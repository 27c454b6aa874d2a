"""The journal's tables, as today's code reads and writes them. How a database gets there from an
older version is said in `schema`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["Moment", "drift", "feedback", "metadata", "predictions", "schema"]

_FORM = "%Y-%m-%dT%H:%M:%S.%f+00:00"


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite has no such type: there it is text that sorts by time."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        kind = DateTime(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).strftime(_FORM)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Shares(TypeDecorator[list[list[Any]]]):
    """Classes with their probabilities: JSON, which PostgreSQL can look into."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            # The text goes as it is: the server parses it.
            return dialect.type_descriptor(JSONB())
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) else value


metadata = MetaData()

_Number = BigInteger().with_variant(Integer, "sqlite")
"""Of a row, counting up: SQLite does so for its own INTEGER only."""

schema = Table("journal_schema", metadata, Column("version", Integer, nullable=False))

predictions = Table(
    "predictions",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("picture", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("model", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("probability", Double, nullable=False),
    Column("top", Shares, nullable=False),
    Column("unknown", Boolean),
    Column("strangeness", Double),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("key", Text),
    Column("decode_ms", Double, nullable=False),
    Column("queue_ms", Double, nullable=False),
    Column("infer_ms", Double, nullable=False),
    # What makes writing a batch a second time harmless, when it is not known whether the first
    # one arrived.
    UniqueConstraint("id", "picture", "role", name="predictions_once"),
    Index("predictions_at", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("picture", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("correct", Boolean, nullable=False),
    Column("label", Text),
    Column("key", Text),
    UniqueConstraint("id", "picture", name="feedback_once"),
    Index("feedback_at", "at"),
)

drift = Table(
    "drift",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("model", Text, nullable=False),
    Column("figure", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("value", Double),
    Column("verdict", Text, nullable=False),
    Index("drift_at", "at"),
)
