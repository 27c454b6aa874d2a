"""The scoreboard: its columns, and what they say of each contender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bakeoff.report.standing import Role, broken, role
from bakeoff.report.units import MISSING, digits, percent, points, written

__all__ = ["COLUMNS", "Board", "Cell", "Column", "Row", "board", "place_of"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: what it is called, and how its value is found and written."""

    key: str
    title: str
    unit: str
    """`share` for what comes with an interval as a percentage, else a key of `UNITS`."""

    place: tuple[str, str]
    """Part of a contender's facts, and the name in it."""

    better: Literal["high", "low", ""] = ""
    """Which end is better; neither for what only describes."""

    extra: bool = False
    """Shown on demand."""

    hint: str = ""


COLUMNS = (
    Column(key="tta", title="with TTA", unit="share", place=("numbers", "tta"), better="high",
           hint="test-time augmentation: several views of each picture, at several times the cost"),
    Column(key="f1", title="macro F1", unit="share", place=("numbers", "macro_f1"), better="high"),
    Column(key="loss", title="loss", unit="plain", place=("numbers", "loss"), better="low",
           hint="cross-entropy of the probabilities"),
    Column(key="parameters", title="parameters", unit="count", place=("cost", "parameters"),
           better="low"),
    Column(key="bytes", title="size", unit="size", place=("cost", "bytes"), better="low",
           hint="on disk"),
    Column(key="latency", title="latency", unit="seconds", place=("cost", "latency"),
           better="low", hint="one picture, on this machine, best burst of several"),
    Column(key="training", title="training", unit="seconds", place=("cost", "training"),
           better="low", hint="mean over seeds"),
    Column(key="layers", title="layers", unit="number", place=("shape", "layers"), extra=True),
    Column(key="dense", title="dense layers", unit="number", place=("shape", "dense_layers"),
           extra=True),
    Column(key="epochs", title="epochs", unit="number", place=("shape", "epochs"), extra=True),
    Column(key="augmentation", title="augmentation", unit="plain",
           place=("shape", "augmentation"), extra=True),
    Column(key="norm", title="batch norm", unit="plain", place=("shape", "batch_norm"),
           extra=True),
    Column(key="dropout", title="dropout", unit="plain", place=("shape", "dropout"), extra=True),
    Column(key="optimiser", title="optimiser", unit="plain", place=("shape", "optimiser"),
           extra=True),
    Column(key="objective", title="trained on", unit="plain", place=("shape", "loss"), extra=True,
           hint="the loss that training made small"),
    Column(key="precision", title="macro precision", unit="share",
           place=("numbers", "macro_precision"), better="high", extra=True),
    Column(key="recall", title="macro recall", unit="share", place=("numbers", "macro_recall"),
           better="high", extra=True),
    Column(key="ece", title="ECE", unit="share", place=("numbers", "ece"), better="low",
           extra=True, hint="expected calibration error"),
    Column(key="flops", title="FLOPs", unit="count", place=("cost", "flops"), better="low",
           extra=True),
    Column(key="throughput", title="throughput", unit="rate", place=("cost", "throughput"),
           better="high", extra=True),
    Column(key="cold", title="cold start", unit="seconds", place=("cost", "cold_start"),
           better="low", extra=True),
    Column(key="comment", title="comment", unit="plain", place=("shape", "comment"), extra=True),
)  # fmt: skip
"""All but the first ones, which every board has: contender, accuracy, against the chosen one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What stands in one place: for people, and for sorting."""

    text: str
    value: float | str | None
    best: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One contender."""

    number: int
    """Its place among the contenders of the result."""

    rank: int | None
    name: str
    note: str
    tags: tuple[str, ...]
    status: str
    reason: str
    accuracy: Cell
    interval: str
    against: Cell
    outcome: str
    """Against the chosen one: better, worse, tied or can't tell; empty where not compared."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """Contenders by falling accuracy; those without one come last."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    decimals: int
    """Of percentages, as the intervals bear."""

    role: Role
    """What the one that was chosen is called."""


def board(facts: Facts) -> Board:
    """The scoreboard of a bake-off, without columns that say nothing of anyone."""
    contenders = facts["contenders"]
    decimals = decimals_of(facts)
    columns = tuple(column for column in COLUMNS if any(_has(one, column) for one in contenders))
    best = {column.key: _best(contenders, column) for column in columns}
    order = sorted(enumerate(contenders), key=lambda pair: place_of(facts, pair[1]))
    rows = []
    for rank, (number, one) in enumerate(order, 1):
        cells = tuple(_cell(one, column, decimals, best[column.key]) for column in columns)
        rows.append(_row(facts, one, number, rank, cells, decimals))
    return Board(columns=columns, rows=tuple(rows), decimals=decimals, role=role(facts))


def place_of(facts: Facts, contender: Facts) -> tuple[float, bool]:
    """What contenders are ordered by: falling accuracy, and of equals the chosen one first."""
    value = accuracy_of(contender)
    return 1.0 if value is None else -value, contender["name"] != facts["verdict"]["winner"]


def accuracy_of(contender: Facts) -> float | None:
    """Plain accuracy, None where it was not measured."""
    found = contender["numbers"].get("accuracy")
    return None if found is None else float(found["value"])


def decimals_of(facts: Facts) -> int:
    """Decimals of percentages in the whole report."""
    shares = [one["numbers"].get("accuracy") for one in facts["contenders"]]
    return digits([(one["high"] - one["low"]) / 2 for one in shares if one])


def interval_of(number: Facts, decimals: int) -> str:
    """The ends of an interval of a share, as in 93.6–94.5."""
    return f"{100 * number['low']:.{decimals}f}–{100 * number['high']:.{decimals}f}"


def _row(
    facts: Facts, one: Facts, number: int, rank: int, cells: tuple[Cell, ...], decimals: int
) -> Row:
    accuracy = one["numbers"].get("accuracy")
    value = accuracy_of(one)
    outcome, against = _against(facts, one["name"], decimals)
    return Row(
        number=number,
        rank=None if value is None else rank,
        name=one["name"],
        note=one.get("note") or "",
        tags=_tags(facts, one),
        status=one["status"],
        reason=one.get("reason") or "",
        accuracy=Cell(text=MISSING if value is None else percent(value, decimals), value=value),
        interval=interval_of(accuracy, decimals) if accuracy else "",
        against=against,
        outcome=outcome,
        cells=cells,
    )


def _tags(facts: Facts, one: Facts) -> tuple[str, ...]:
    verdict, name = facts["verdict"], one["name"]
    tags: list[str] = []
    if name == verdict["winner"]:
        tags.append(role(facts))
    if name in verdict.get("tied", ()) and name != verdict["winner"]:
        tags.append("tied")
    if name == verdict.get("cheapest") and verdict["tied"]:
        tags.append("cheapest")
    if broken(one):
        tags.append("broken")
    if one["status"] != "finished":
        tags.append(one["status"])
    return tuple(tags)


def _against(facts: Facts, name: str, decimals: int) -> tuple[str, Cell]:
    """How a contender stands to the one that was chosen, in a word and in percentage points."""
    winner = facts["verdict"]["winner"]
    if name == winner:
        return "", Cell(text=role(facts), value=0.0)
    for pair in facts["pairs"]:
        if {pair["first"], pair["second"]} == {name, winner}:
            turned = pair["first"] != name
            difference = -pair["difference"] if turned else pair["difference"]
            outcome = TURNED.get(pair["outcome"], "") if turned else pair["outcome"]
            return outcome, Cell(text=points(difference, decimals), value=difference)
    return "", Cell(text=MISSING, value=None)


TURNED: Mapping[str, str] = {
    "better": "worse",
    "worse": "better",
    "tied": "tied",
    "can't tell": "can't tell",
}
"""An outcome as seen from the other side."""


def _value(contender: Facts, column: Column) -> Any:
    part, name = column.place
    found = (contender.get(part) or {}).get(name)
    return found["value"] if isinstance(found, Mapping) else found


def _has(contender: Facts, column: Column) -> bool:
    return _value(contender, column) not in (None, "")


def _best(contenders: list[Facts], column: Column) -> float | None:
    values = [_value(one, column) for one in contenders if one["status"] == "finished"]
    found = [value for value in values if isinstance(value, int | float)]
    pick: dict[str, Callable[[list[Any]], float]] = {"high": max, "low": min}
    return pick[column.better](found) if column.better and len(found) > 1 else None


def _cell(contender: Facts, column: Column, decimals: int, best: float | None) -> Cell:
    value = _value(contender, column)
    shown = (
        percent(value, decimals)
        if column.unit == "share" and value is not None
        else written(value, "plain" if column.unit == "share" else column.unit)
    )
    is_best = best is not None and value == best and contender["status"] == "finished"
    return Cell(text=shown, value=_sortable(value), best=is_best)


def _sortable(value: Any) -> float | str | None:
    return int(value) if isinstance(value, bool) else value
