"""A bake-off's dataset, found again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.dataset import load
from bakeoff.report.again import dataset_of
from bakeoff.report.findings import Findings
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan
from tests.pictures import folder_of_digits
from tests.report.bakeoffs import made

PLAN = SplitPlan(shares=(0.5, 0.2, 0.3), seed=3)


@pytest.fixture
def found(tmp_path: Path) -> Findings:
    """A bake-off over a folder, with a split of its own."""
    source = folder_of_digits(tmp_path / "digits")
    folder = made(tmp_path / "one", 2, 1, dataset=load(source, plan=PLAN))
    asked = json.loads((folder / "bakeoff.json").read_text())
    asked["data"] = {"plan": codec.encode(PLAN)}
    (folder / "bakeoff.json").write_text(json.dumps(asked))
    facts = json.loads((folder / "result.json").read_text())
    facts["asked"]["data"] = str(source)
    (folder / "result.json").write_text(json.dumps(facts))
    return Findings.open(folder)


def test_the_same_pictures_in_the_same_parts(found: Findings) -> None:
    """The data is split as it was then."""
    again = dataset_of(found)
    assert again.digest == found.facts["data"]["digest"]
    tables = found.predictions("resnet50")
    assert np.array_equal(np.sort(tables.indices), again.split.test)


def test_pictures_that_changed_are_refused(found: Findings) -> None:
    """Other pictures than were measured are not shown for them."""
    source = Path(found.facts["asked"]["data"])
    first = sorted(source.rglob("*.png"))
    shutil.copy(first[0], first[0].with_name("more.png"))
    with pytest.raises(DataError) as caught:
        dataset_of(found)
    wanted = found.facts["data"]["digest"][:12]
    start = f"{source} is not what was measured: its digest must be {wanted}, but is "
    assert str(caught.value).startswith(start)
    assert "have changed since" in str(caught.value)
