"""Bakeoff: labelled pictures in, an honest comparison of image classifiers and the winner out."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from bakeoff.version import __version__ as __version__

# Both runtimes report their use to their makers from their import on, and leave an identifier
# behind. What is done with Bakeoff is nobody's business. OpenVINO knows no switch, but goes without
# the module that reports where there is none.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))

if TYPE_CHECKING:
    from bakeoff.champion.champion import Champion
    from bakeoff.champion.exporting.export import export
    from bakeoff.champion.opening import open as open  # noqa: A004
    from bakeoff.data.audit import audit
    from bakeoff.data.dataset import Dataset, load
    from bakeoff.report.bakeoff import run
    from bakeoff.report.result import Result
    from bakeoff.runs.estimator import BakeoffClassifier
    from bakeoff.serving.client import connect
    from bakeoff.spec.errors import BakeoffError, BakeoffWarning, UserError
    from bakeoff.spec.recipe import Recipe
    from bakeoff.spec.split import SplitPlan

__all__ = [
    "BakeoffClassifier",
    "BakeoffError",
    "BakeoffWarning",
    "Champion",
    "Dataset",
    "Recipe",
    "Result",
    "SplitPlan",
    "UserError",
    "audit",
    "connect",
    "export",
    "load",
    "open",
    "run",
]

_HOMES = {
    "BakeoffClassifier": "bakeoff.runs.estimator",
    "BakeoffError": "bakeoff.spec.errors",
    "BakeoffWarning": "bakeoff.spec.errors",
    "Champion": "bakeoff.champion.champion",
    "Dataset": "bakeoff.data.dataset",
    "Recipe": "bakeoff.spec.recipe",
    "Result": "bakeoff.report.result",
    "SplitPlan": "bakeoff.spec.split",
    "UserError": "bakeoff.spec.errors",
    "audit": "bakeoff.data.audit",
    "connect": "bakeoff.serving.client",
    "export": "bakeoff.champion.exporting.export",
    "load": "bakeoff.data.dataset",
    "open": "bakeoff.champion.opening",
    "run": "bakeoff.report.bakeoff",
}


def __getattr__(name: str) -> Any:
    # Imported at first use: `bakeoff --help` must not pay for NumPy and Pillow.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bakeoff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
