"""The report of a bake-off as one HTML file: the verdict first, then what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report import drawings, units
from bakeoff.report.board import TURNED, decimals_of
from bakeoff.report.confusion import Confusion, confusion
from bakeoff.report.findings import Findings
from bakeoff.report.gallery import Gallery, gallery
from bakeoff.report.recorded import History, history, predictions
from bakeoff.report.remarks import Remark, remarks_of
from bakeoff.report.standing import lineup, overrun, seeds, standing
from bakeoff.report.templates import environment, file_of, policy
from bakeoff.report.trade import COSTS, trade
from bakeoff.version import __version__

if TYPE_CHECKING:
    # Made with torch, of which a page knows nothing.
    from bakeoff.report.overlays import Overlays

__all__ = ["page", "write_report"]

Facts = Mapping[str, Any]

CLASSES = 60
"""Classes listed of one contender, and of the data: the hardest, and the first."""


def write_report(
    found: Findings, dataset: Dataset | None = None, overlays: Overlays | None = None
) -> Path:
    """Write `report.html` into the folder of a bake-off, and say where it is."""
    path = found.path / "report.html"
    made = path.with_name(".report.making.html")
    try:
        made.write_text(page(found, dataset, overlays), encoding="utf-8")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return path


def page(found: Findings, dataset: Dataset | None = None, overlays: Overlays | None = None) -> str:
    """The page, complete in itself. Its pictures need the dataset that was measured, and heat maps
    the winner's weights: see `overlays`."""
    facts = found.facts
    assert dataset is None or dataset.digest == facts["data"]["digest"], dataset
    tables = _tables(found)
    matrices = {name: confusion(found.contender(name)["confusion"]) for name in tables}
    shown = gallery(dataset, tables, matrices, found.winner) if dataset and tables else None
    style, script = file_of("bakeoff.css"), file_of("bakeoff.js")
    curves = {
        one["name"]: [history(found.path / run["path"]) for run in one["runs"]]
        for one in facts["contenders"]
    }
    decimals = decimals_of(facts)
    template = environment(decimals).get_template("bakeoff.html")
    return template.render(
        facts=facts,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        data=_json(_data(facts, shown)),
        board=found.board,
        dots=drawings.dots(facts),
        pairs=_pairs(facts, decimals),
        trades=[made for key in COSTS if (made := trade(facts, key))],
        panels=drawings.panels(facts, curves),
        details=[
            _detail(one, number, curves[one["name"]], matrices.get(one["name"]), found.remarks)
            for number, one in enumerate(facts["contenders"])
        ],
        gallery=shown,
        overlays=overlays if shown else None,
        rows=_balance(facts),
        remarks=found.remarks,
        standing=standing(facts),
        seeds=seeds(facts),
        overrun=overrun(facts),
        lineup=lineup(facts),
        version=__version__,
    )


def _tables(found: Findings) -> dict[str, list[Predictions]]:
    """What finished contenders said of each picture, a table for each seed."""
    return {
        one["name"]: [
            predictions(found.path / run["path"], found.part, found.classes)
            for run in found.finished_runs(one["name"])
        ]
        for one in found.measured()
    }


def _json(value: Any) -> Markup:
    """JSON that cannot end the script it stands in, whatever names hold."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _data(facts: Facts, shown: Gallery | None) -> dict[str, Any]:
    cells = shown.cells if shown else {"pictures": [], "behind": {}}
    return {"classes": facts["data"]["classes"], **cells}


def _pairs(facts: Facts, decimals: int) -> list[dict[str, Any]]:
    """Rows of the matrix of pairs, the best contender first: how the row is to the column."""
    names = [one["name"] for one in drawings.measured(facts)]
    known = {}
    for pair in facts["pairs"]:
        known[pair["first"], pair["second"]] = (pair["outcome"], pair["difference"], pair)
        turned = TURNED[pair["outcome"]]
        known[pair["second"], pair["first"]] = (turned, -pair["difference"], pair)
    rows = []
    for row in names:
        cells: list[dict[str, str] | None] = []
        for column in names:
            found = known.get((row, column))
            if found is None:
                cells.append(None)
                continue
            outcome, difference, pair = found
            text = units.points(difference, decimals)
            cells.append({"outcome": outcome, "text": text, "words": pair["words"]})
        rows.append({"name": row, "cells": cells})
    return rows if known else []


def _detail(
    one: Facts,
    number: int,
    curves: Sequence[History],
    matrix: Confusion | None,
    above: Sequence[Remark],
) -> dict[str, Any]:
    """What is told of one contender on its own."""
    classes = list(enumerate(one["classes"]))
    if len(classes) > CLASSES:
        hardest = sorted(classes, key=lambda pair: (not pair[1]["support"], pair[1]["f1"], pair[0]))
        classes = hardest[:CLASSES]
    return {
        "number": number,
        "facts": one,
        "classes": [each for _, each in classes],
        "confusion": matrix,
        "losses": drawings.losses(curves),
        "reliability": drawings.reliability(one.get("reliability")),
        "anchor": f"contender-{number}",
        # What stands in full at the top is only named here.
        "remarks": [(each, each in above) for each in remarks_of(one)],
    }


def _balance(facts: Facts) -> list[dict[str, Any]]:
    """Classes with their pictures in each part, and shares of the largest for bars."""
    counts = facts["data"]["counts"]
    columns = list(zip(*counts.values(), strict=True))
    largest = max([sum(column) for column in columns] or [1]) or 1
    rows = []
    for name, column in zip(facts["data"]["classes"], columns, strict=True):
        bars, left = [], 0.0
        for part, count in zip(counts, column, strict=True):
            width = 100 * count / largest
            bars.append((part, round(left, 2), round(width, 2)))
            left += width
        rows.append({"name": name, "counts": column, "bars": bars})
    return rows[:CLASSES]
