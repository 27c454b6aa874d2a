"""What a bake-off found, as its folder holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from bakeoff.evaluation.predictions import Predictions
from bakeoff.report import recorded
from bakeoff.report.board import Board, Row, board
from bakeoff.report.remarks import Remark, remarks
from bakeoff.spec.errors import DataError, SpecError, one_of

__all__ = ["SCHEMA", "Findings"]

SCHEMA = 1
"""Version of result.json that this Bakeoff reads."""

Columns = Literal["main", "all"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Findings:
    """A bake-off that is over: verdict, numbers, predictions."""

    path: Path
    """The folder of the bake-off."""

    facts: Mapping[str, Any]
    """All that is in its result.json."""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The result in the folder of a bake-off that is over."""
        folder = Path(path)
        return cls(path=folder, facts=_checked(folder, _read(folder)))

    @property
    def verdict(self) -> str:
        """Who won, by how much, and how sure that is: one paragraph."""
        text: str = self.facts["verdict"]["paragraph"]
        return text

    @property
    def winner(self) -> str | None:
        """The contender that was chosen, if any was."""
        name: str | None = self.facts["verdict"]["winner"]
        return name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be known before any number is believed, each thing once."""
        return tuple(one.text for one in self.remarks)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """The warnings with how grave they are."""
        return remarks(self.facts)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["data"]["classes"])

    @property
    def part(self) -> str:
        """The part that all numbers are of: "test", or "val" where test stayed sealed."""
        name: str = self.facts["part"]
        return name

    @property
    def names(self) -> tuple[str, ...]:
        """Contenders by falling accuracy; those without one come last."""
        return tuple(row.name for row in self.board.rows)

    @property
    def scoreboard(self) -> list[dict[str, Any]]:
        """A row for each contender, the most accurate first."""
        return self.table()

    def table(self, columns: Columns | Sequence[str] = "main") -> list[dict[str, Any]]:
        """The scoreboard with the main columns, with all, or with those that are named.

        Values are plain numbers and words: `pandas.DataFrame(result.table("all"))` is a table.
        """
        found = self.board
        first = ("accuracy", "low", "high", "against")
        known = (*first, *(column.key for column in found.columns))
        if columns == "all":
            chosen: Sequence[str] = known
        elif columns == "main":
            extra = {column.key for column in found.columns if column.extra}
            chosen = [key for key in known if key not in extra]
        else:
            chosen = [columns] if isinstance(columns, str) else columns
        for key in chosen:
            if key not in known:
                raise SpecError(
                    "columns", "must be those of the scoreboard", key, one_of(key, known)
                )
        rows = (self._values(found, row) for row in found.rows)
        return [
            {"contender": row["contender"], **{key: row[key] for key in chosen}} for row in rows
        ]

    def contender(self, name: str) -> Mapping[str, Any]:
        """All that is known of one contender, as it stands in result.json."""
        by_name: dict[str, Mapping[str, Any]] = {one["name"]: one for one in self._contenders}
        if name not in by_name:
            raise SpecError("name", "must be a contender's", name, one_of(name, by_name))
        return by_name[name]

    def predictions(
        self, name: str, seed: int | None = None, part: str | None = None
    ) -> Predictions:
        """What a contender said of each picture of a part: by default of the one measured, with
        the seed that won or else the first that finished."""
        runs = {run["seed"]: run for run in self.finished_runs(name)}
        if seed is None:
            won = self.facts["verdict"].get("seed")
            seed = won if name == self.winner and won in runs else next(iter(runs))
        if seed not in runs:
            known = ", ".join(map(str, runs))
            raise SpecError("seed", f"must be one that {name} finished with", seed, known)
        return recorded.predictions(self.path / runs[seed]["path"], part or self.part, self.classes)

    @property
    def _contenders(self) -> Sequence[Mapping[str, Any]]:
        contenders: Sequence[Mapping[str, Any]] = self.facts["contenders"]
        return contenders

    @property
    def board(self) -> Board:
        """The scoreboard in words and numbers."""
        return board(self.facts)

    def _values(self, found: Board, row: Row) -> dict[str, Any]:
        numbers = self._contenders[row.number]["numbers"].get("accuracy") or {}
        cells = zip(found.columns, row.cells, strict=True)
        return {
            "contender": row.name,
            "accuracy": row.accuracy.value,
            "low": numbers.get("low"),
            "high": numbers.get("high"),
            "against": row.outcome or None,
            **{column.key: cell.value for column, cell in cells},
        }

    def finished_runs(self, name: str) -> list[Mapping[str, Any]]:
        """Runs of a contender that have numbers; an error where there are none."""
        one = self.contender(name)
        runs = [run for run in one["runs"] if run["status"] == "finished"]
        if not runs:
            raise SpecError(
                "name",
                f"must be a contender that finished; {name} {one['status']}: {one['reason']}",
                suggestion=f"These did: {', '.join(row['name'] for row in self.measured())}.",
            )
        return runs

    def measured(self) -> list[Mapping[str, Any]]:
        """Contenders that have numbers, the most accurate first."""
        rows = (self._contenders[row.number] for row in self.board.rows)
        return [row for row in rows if row["numbers"].get("accuracy")]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, winner={self.winner!r})"


def _read(folder: Path) -> Any:
    file = folder / "result.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise _not_over(folder) from None
    except (ValueError, OSError):
        raise DataError(str(file), "cannot be read: it is damaged, or not JSON") from None


def _not_over(folder: Path) -> DataError:
    if not folder.exists():
        return DataError(str(folder), "is not there", suggestion="Give the folder of a bake-off.")
    if (folder / "bakeoff.json").exists():
        return DataError(
            str(folder),
            "holds a bake-off that is not over",
            suggestion="Go on with it: the same `bakeoff run` with the same --out.",
        )
    return DataError(
        str(folder),
        "is not the folder of a bake-off: result.json is missing",
        suggestion="Give the --out of `bakeoff run`.",
    )


def _checked(folder: Path, facts: Any) -> Mapping[str, Any]:
    file = folder / "result.json"
    if isinstance(facts, dict) and facts.get("schema") == SCHEMA and "kind" not in facts:
        raise DataError(
            str(folder),
            "is the directory of a single run, not of a bake-off",
            suggestion="Give the --out of `bakeoff run`, the folder above runs/.",
        )
    if not isinstance(facts, dict) or facts.get("kind") != "bakeoff":
        raise DataError(str(file), "is not the result of a bake-off")
    if facts.get("schema") != SCHEMA:
        raise DataError(
            f"{file}: schema",
            f"must be {SCHEMA}, the version this Bakeoff reads",
            facts.get("schema"),
            "Use the Bakeoff that wrote it.",
        )
    return facts
