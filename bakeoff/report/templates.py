"""What pages of reports are rendered with: templates, words, and what a page may do."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from bakeoff.report import units

__all__ = ["environment", "file_of", "policy"]

NUMBERS = {
    "accuracy": "accuracy",
    "tta": "accuracy with test-time augmentation",
    "clean_accuracy": "accuracy without the leaked pictures",
    "top2": "right within the first 2",
    "top3": "right within the first 3",
    "top5": "right within the first 5",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "weighted_precision": "weighted precision",
    "weighted_recall": "weighted recall",
    "weighted_f1": "weighted F1",
    "loss": "loss (cross-entropy)",
    "ece": "calibration error (ECE)",
}
"""Numbers of one contender, in the order they are shown."""

MARKS = {"better": "▲", "worse": "▼", "tied": "=", "can't tell": "?"}
"""Outcomes as signs, so that colour is never alone."""


def file_of(name: str) -> str:
    """One of the files beside this module."""
    return resources.files("bakeoff.report").joinpath(name).read_text(encoding="utf-8")


def environment(decimals: int) -> Environment:
    """Templates of reports, whose percentages have so many decimals."""
    made = Environment(
        loader=FunctionLoader(file_of),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "thousands": "{:,}".format,
        "zip": zip,
        "written": units.written,
        "percent": lambda value: units.percent(value, decimals),
        "points": lambda value: units.points(value, decimals),
    }
    made.globals |= {"MARKS": MARKS, "NUMBERS": NUMBERS, "decimals": decimals}
    return made


def policy(style: str, script: str | None = None) -> str:
    """What the page may do: show itself, run its own script, and fetch nothing."""
    scripts = "'none'" if script is None else _hash(script)
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
