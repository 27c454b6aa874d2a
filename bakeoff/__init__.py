"""Bakeoff: labelled pictures in, an honest comparison of image classifiers and the winner out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bakeoff.version import __version__ as __version__

if TYPE_CHECKING:
    from bakeoff.data.audit import audit
    from bakeoff.data.dataset import Dataset, load
    from bakeoff.report.bakeoff import run
    from bakeoff.report.result import Result
    from bakeoff.runs.estimator import BakeoffClassifier
    from bakeoff.spec.errors import BakeoffError, BakeoffWarning, UserError
    from bakeoff.spec.recipe import Recipe
    from bakeoff.spec.split import SplitPlan

__all__ = [
    "BakeoffClassifier",
    "BakeoffError",
    "BakeoffWarning",
    "Dataset",
    "Recipe",
    "Result",
    "SplitPlan",
    "UserError",
    "audit",
    "load",
    "run",
]

_HOMES = {
    "BakeoffClassifier": "bakeoff.runs.estimator",
    "BakeoffError": "bakeoff.spec.errors",
    "BakeoffWarning": "bakeoff.spec.errors",
    "Dataset": "bakeoff.data.dataset",
    "Recipe": "bakeoff.spec.recipe",
    "Result": "bakeoff.report.result",
    "SplitPlan": "bakeoff.spec.split",
    "UserError": "bakeoff.spec.errors",
    "audit": "bakeoff.data.audit",
    "load": "bakeoff.data.dataset",
    "run": "bakeoff.report.bakeoff",
}


def __getattr__(name: str) -> Any:
    # Imported at first use: `bakeoff --help` must not pay for NumPy and Pillow.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bakeoff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
