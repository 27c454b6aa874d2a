"""The directory of a bake-off: what was asked, the runs, what happened, the result.

bakeoff.json     what was asked, of which data, and who takes part
events.jsonl     what happened, a line each
runs/            a run directory for each contender and seed
result.json      the numbers and the verdict
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bakeoff.data.cache import writing
from bakeoff.data.dataset import Dataset
from bakeoff.runs.estimate import Estimate
from bakeoff.runs.journal import Journal
from bakeoff.runs.lineup import Contender, LeftOut, Lineup
from bakeoff.runs.question import Question
from bakeoff.runs.run import Run
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.recipe import Recipe

__all__ = ["LOCK", "SCHEMA", "Folder", "Record", "refuse_other_data"]

LOCK = ".lock"
"""Held by the process that writes the directory."""

SCHEMA = 1
"""Of bakeoff.json and result.json."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What bakeoff.json says."""

    token: str
    began: str
    question: Question
    data: dict[str, Any]
    lineup: Lineup


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """One bake-off's directory."""

    path: Path

    @property
    def journal(self) -> Journal:
        return Journal(self.path / "events.jsonl")

    def run(self, contender: str, seed: int) -> Run:
        """Where one run is recorded."""
        return Run(path=self.path / "runs" / f"{contender}-{seed}")

    def has_begun(self) -> bool:
        """Whether a bake-off is recorded here. An error where something else is."""
        if (self.path / "bakeoff.json").exists():
            return True
        if self.path.is_dir():
            strange = any(one.name != LOCK for one in self.path.iterdir())
        else:
            strange = self.path.exists()
        if strange:
            raise DataError(
                str(self.path),
                "holds something that is no bake-off",
                suggestion="Give another --out.",
            )
        return False

    def begin(self, question: Question, dataset: Dataset, lineup: Lineup) -> Record:
        """Write down what is about to happen."""
        record = Record(
            token=uuid.uuid4().hex,
            began=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            question=question,
            data={
                "name": dataset.name,
                "digest": dataset.digest,
                "plan": codec.encode(dataset.plan),
            },
            lineup=lineup,
        )
        self.keep(record)
        return record

    def keep(self, record: Record) -> None:
        """Have the record on disk."""
        self.write("bakeoff.json", _told(record))

    def record(self) -> Record:
        """What was written down when it began."""
        told = self._read("bakeoff.json")
        if told.get("schema") != SCHEMA or told.get("kind") != "bakeoff":
            raise DataError(
                f"{self.path / 'bakeoff.json'}: schema",
                f"must be {SCHEMA}, the version this Bakeoff reads",
                told.get("schema"),
                "Use the Bakeoff that wrote it, or give another --out.",
            )
        return Record(
            token=told["token"],
            began=told["began"],
            question=Question.from_json(told["asked"]),
            data=told["data"],
            lineup=_lineup(told["lineup"]),
        )

    def result(self) -> dict[str, Any] | None:
        """The result, if there is one."""
        return self._read("result.json") if (self.path / "result.json").exists() else None

    def write(self, name: str, told: dict[str, Any]) -> None:
        """A file of JSON, whole or not at all."""
        suggestion = "Free some space there, or give another --out."
        with writing("the bake-off", self.path, suggestion=suggestion):
            self.path.mkdir(parents=True, exist_ok=True)
            made = self.path / f".{name}.making"
            with made.open("w", encoding="utf-8") as file:
                json.dump(told, file, indent=2, ensure_ascii=False, allow_nan=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.path / name)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                str(self.path),
                f"is not the directory of a bake-off: {name} is missing",
                suggestion="Give the --out of a bake-off that began, or leave out --resume.",
            ) from None
        except json.JSONDecodeError as error:
            raise DataError(str(path), f"is not what was written ({error})") from None
        return found


def refuse_other_data(record: Record, dataset: Dataset, where: Path) -> None:
    """An error unless the bake-off began with these pictures, labels and split."""
    before, now = record.data["digest"], dataset.digest
    if before != now:
        plan = codec.encode(dataset.plan)
        differing = [name for name in plan if plan[name] != record.data["plan"][name]]
        names = f"; the split differs in {', '.join(differing)}" if differing else ""
        raise DataError(
            f"the data of {where}",
            f"must be the data it began with: its digest was {before[:12]} and is {now[:12]}"
            f"{names}",
            suggestion="Give the same data and split options, or another --out.",
        )


def _told(record: Record) -> dict[str, Any]:
    lineup = record.lineup
    return {
        "schema": SCHEMA,
        "kind": "bakeoff",
        "token": record.token,
        "began": record.began,
        "asked": record.question.to_json(),
        "data": record.data,
        "lineup": {
            "name": lineup.name,
            "reason": lineup.reason,
            "epochs": lineup.epochs,
            "left_out": [asdict(one) for one in lineup.left_out],
            "contenders": [
                {
                    "name": one.name,
                    "digest": codec.digest(one.recipe),
                    "remarks": list(one.remarks),
                    "expected": asdict(one.expected),
                    "recipe": codec.encode(one.recipe),
                }
                for one in lineup.contenders
            ],
        },
    }


def _lineup(told: dict[str, Any]) -> Lineup:
    return Lineup(
        name=told["name"],
        reason=told["reason"],
        epochs=told["epochs"],
        left_out=tuple(LeftOut(**one) for one in told["left_out"]),
        contenders=tuple(
            Contender(
                recipe=codec.decode(Recipe, one["recipe"]),
                expected=Estimate(**one["expected"]),
                remarks=tuple(one["remarks"]),
            )
            for one in told["contenders"]
        ),
    )
