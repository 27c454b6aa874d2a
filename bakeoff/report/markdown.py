"""The report of a bake-off as Markdown, for a pull request or a wiki."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.report.board import Board, Row, board, decimals_of
from bakeoff.report.remarks import remarks
from bakeoff.report.standing import lineup, overrun, seeds
from bakeoff.report.units import MISSING, percent, points, written
from bakeoff.version import __version__

__all__ = ["markdown", "scoreboard_table", "table", "write_markdown"]

Facts = Mapping[str, Any]

CLASSES = 60
"""Classes in the winner's table; of more, those that fare worst."""

_SPECIAL = re.compile(r"[\\`*\[\]<>|#~$]|\b_|_\b|(?<=\W)_(?=\W)")
"""Letters that may be markup; an underscore within a word is none."""


def write_markdown(facts: Facts, folder: Path) -> Path:
    """Write report.md into the folder of a bake-off."""
    file = folder / "report.md"
    file.write_text(markdown(facts), encoding="utf-8")
    return file


def markdown(facts: Facts) -> str:
    """The verdict first, then what it rests on, and how to repeat it."""
    found = board(facts)
    parts = [
        [f"# Bake-off: {escaped(facts['data']['name'])}", ""],
        [f"**{escaped(facts['verdict']['paragraph'])}**", ""],
        _bullets(f"⚠ {one.text}" for one in remarks(facts)),
        _scoreboard(facts, found),
        _left_out(facts),
        _pairs(facts),
        _winner(facts),
        _costs(facts, found),
        _data(facts),
        _again(facts),
    ]
    return "\n".join(line for part in parts for line in part)


def scoreboard_table(facts: Facts, *, plain: bool = False) -> list[str]:
    """The scoreboard's main columns as lines of a table; a `plain` one is for a terminal."""
    found = board(facts)
    columns = [(at, one) for at, one in enumerate(found.columns) if not one.extra]
    clean = any("clean_accuracy" in one["numbers"] for one in facts["contenders"])
    titles = ["", "contender", "accuracy", "interval", *["without leaks"] * clean]
    titles += [one.title for _, one in columns]
    rows = [
        [
            MISSING if row.rank is None else str(row.rank),
            row.name + (f" ({', '.join(row.tags)})" if row.tags else ""),
            row.accuracy.text,
            row.interval or MISSING,
            *[_clean(facts, found, row)] * clean,
            *(row.cells[at].text for at, _ in columns),
        ]
        for row in found.rows
    ]
    return table(titles, rows, align="rl", write=one_line if plain else escaped)


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    align: str = "l",
    write: Callable[[str], str] | None = None,
) -> list[str]:
    """Lines of a table, its columns as wide as they need to be. `align` has an l or r for each of
    the first columns; the others are to the right."""
    cells = [[(write or escaped)(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(3, *(_width(row[at]) for row in cells)) for at in range(len(titles))]
    left = [(align[at] if at < len(align) else "r") == "l" for at in range(len(titles))]
    rule = [
        ":" + "-" * (width - 1) if at_left else "-" * (width - 1) + ":"
        for width, at_left in zip(widths, left, strict=True)
    ]
    lines = [
        [
            _padded(cell, width, at_left)
            for cell, width, at_left in zip(row, widths, left, strict=True)
        ]
        for row in cells
    ]
    return [f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:])]


def escaped(text: str) -> str:
    """`text` as it is: nothing in it is markup, and it is one line."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", one_line(text))


def one_line(text: str) -> str:
    """`text` without line breaks."""
    return " ".join(text.split())


def _scoreboard(facts: Facts, found: Board) -> list[str]:
    measured = [one["numbers"]["accuracy"] for one in facts["contenders"] if one["numbers"]]
    lines = ["## Scoreboard", ""]
    if measured:
        first = measured[0]
        lines += [
            f"{_part(facts).capitalize()}: {first['n']:,} pictures, {seeds(facts)}; "
            f"intervals of {percent(first['level'], 0)}.",
            "",
        ]
    opened = facts.get("opened")
    if opened:
        times = "once" if opened["times"] == 1 else f"{opened['times']} times"
        lines += [f"This test set has been opened {times}.", ""]
    lines += [*scoreboard_table(facts), ""]
    reasons = [f"{row.name} {row.status}: {row.reason}" for row in found.rows if row.reason]
    return lines + _bullets(reasons)


def _clean(facts: Facts, found: Board, row: Row) -> str:
    """Accuracy without the pictures that were learnt from."""
    number = facts["contenders"][row.number]["numbers"].get("clean_accuracy")
    return MISSING if number is None else percent(number["value"], found.decimals)


def _left_out(facts: Facts) -> list[str]:
    lines = [f"Line-up: {escaped(lineup(facts))}", ""]
    out = (f"{one['recipe']} was left out: {one['reason']}" for one in facts["lineup"]["left_out"])
    return lines + _bullets(out)


def _pairs(facts: Facts) -> list[str]:
    if not facts["pairs"]:
        return []
    decimals = decimals_of(facts)
    rows = [
        [
            pair["first"],
            pair["second"],
            points(pair["difference"], decimals),
            f"{points(pair['low'], decimals)} to {points(pair['high'], decimals)}",
            _small(pair["adjusted"]),
            pair["outcome"],
            _need(pair["need"]),
        ]
        for pair in facts["pairs"]
    ]
    titles = ["first", "second", "difference", "interval", "p", "first is", "would tell"]
    return [
        "## Pairs",
        "",
        "Differences in percentage points, first minus second, over the same pictures; p is "
        "corrected for the number of pairs.",
        "",
        *table(titles, rows, align="llrrrll"),
        "",
    ]


def _winner(facts: Facts) -> list[str]:
    name = facts["verdict"]["winner"]
    if name is None:
        return []
    one = next(one for one in facts["contenders"] if one["name"] == name)
    classes, heading = one["classes"], f"## Classes of {escaped(name)}"
    if len(classes) > CLASSES:
        heading += f": the {CLASSES} worst of {len(classes)}"
        classes = sorted(classes, key=lambda each: (not each["support"], each["f1"]))[:CLASSES]
    rows = [
        [
            each["name"],
            *(
                f"{each[kind]:.4f}" if each["support"] else MISSING
                for kind in ("precision", "recall", "f1")
            ),
            f"{each['support']:,}" if each["support"] else "no pictures",
        ]
        for each in classes
    ]
    rows += [[f"{mean} mean", *_means(one["numbers"], mean), ""] for mean in ("macro", "weighted")]
    titles = ["class", "precision", "recall", "F1", "support"]
    return [heading, "", *table(titles, rows), ""]


def _means(numbers: Facts, mean: str) -> list[str]:
    found = (numbers.get(f"{mean}_{kind}") for kind in ("precision", "recall", "f1"))
    return [MISSING if one is None else f"{one['value']:.4f}" for one in found]


def _costs(facts: Facts, found: Board) -> list[str]:
    wanted = ("parameters", "flops", "bytes", "latency", "throughput", "training", "cold")
    columns = [(at, one) for at, one in enumerate(found.columns) if one.key in wanted]
    if not columns:
        return []
    rows = [[row.name, *(row.cells[at].text for at, _ in columns)] for row in found.rows]
    spent = facts["seconds"]
    each = ", ".join(
        f"{name} {written(spent[name], 'seconds')}" for name in spent if name != "total"
    )
    took, late = f"took {written(spent['total'], 'seconds')}", overrun(facts)
    return [
        "## What it cost",
        "",
        *table(["contender", *(one.title for _, one in columns)], rows),
        "",
        f"The whole bake-off {late or took}: {each}.",
        "",
    ]


def _data(facts: Facts) -> list[str]:
    data = facts["data"]
    rows = [
        [part, f"{sum(counts):,}", f"{min(counts):,}", f"{max(counts):,}"]
        for part, counts in data["counts"].items()
    ]
    titles = ["part", "pictures", "smallest class", "largest class"]
    findings = (f"{one['severity']}: {one['text']}" for one in data["findings"])
    return ["## Data", "", *table(titles, rows), "", *_bullets(findings)]


def _again(facts: Facts) -> list[str]:
    environment, data = facts["environment"], facts["data"]
    libraries = ", ".join(f"{name} {found}" for name, found in environment["libraries"].items())
    return [
        "## How to repeat it",
        "",
        "```",
        facts["asked"]["command"],
        "```",
        "",
        *_bullets(
            [
                f"Data: {data['name']}, digest {data['digest']}",
                f"Code: {environment['code']}",
                f"Device: {environment['device']}, {environment['threads']} threads; "
                f"{environment['platform']}",
                f"Libraries: {libraries}",
            ]
        ),
        f"Began {facts['began']}; written by Bakeoff {__version__}.",
        "",
    ]


def _part(facts: Facts) -> str:
    return "validation" if facts["part"] == "val" else "test"


def _bullets(texts: Iterable[str]) -> list[str]:
    lines = [f"- {escaped(text)}" for text in texts]
    return [*lines, ""] if lines else []


def _small(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _need(need: Facts | None) -> str:
    if need is None:
        return ""
    wanted = [f"{need[kind]:,} {kind}" for kind in ("pictures", "seeds") if need.get(kind)]
    if not wanted and need.get("far"):
        return "over a hundred times the pictures"
    return " or ".join(wanted)


def _width(text: str) -> int:
    """Columns of a terminal; letters of East Asia take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _padded(text: str, width: int, left: bool) -> str:
    blanks = " " * (width - _width(text))
    return text + blanks if left else blanks + text
