"""The dataset of a bake-off that is over, found again where it was."""

from __future__ import annotations

import json

from bakeoff.data.dataset import Dataset, load
from bakeoff.data.progress import Progress, silent
from bakeoff.report.findings import Findings
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan

__all__ = ["dataset_of"]


def dataset_of(found: Findings, progress: Progress = silent) -> Dataset:
    """The pictures that were measured, split as they were; an error if they are not the same."""
    source, wanted = found.facts["asked"]["data"], found.facts["data"]["digest"]
    labels = found.facts["asked"].get("labels")
    # What was too broken was refused before the bake-off.
    dataset = load(source, plan=_plan(found), labels=labels, max_broken=1.0, progress=progress)
    if dataset.digest != wanted:
        raise DataError(
            source,
            f"is not what was measured: its digest must be {wanted[:12]}",
            dataset.digest[:12],
            "Pictures, labels, class names or the split have changed since.",
        )
    return dataset


def _plan(found: Findings) -> SplitPlan | None:
    told = json.loads((found.path / "bakeoff.json").read_text(encoding="utf-8"))["data"]
    return codec.decode(SplitPlan, told["plan"]) if "plan" in told else None
