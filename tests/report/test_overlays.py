"""Heat maps beside the winner's mistakes, and reports that have to go without."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.report import overlays as module
from bakeoff.report.findings import Findings
from bakeoff.report.overlays import Overlays, overlays
from bakeoff.report.page import page
from bakeoff.spec.network import Classes, Conv, GlobalPool, Network
from bakeoff.spec.recipe import Recipe
from tests.report.bakeoffs import made
from tests.runs.digits import digits, recipe, run

ROWS = (Conv(width=8, activation="relu"), GlobalPool(), Classes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake-off whose winner's runs have weights."""
    path = tmp_path_factory.mktemp("overlays") / "one"
    made(path, 2, 1, dataset=digits())
    facts = json.loads((path / "result.json").read_text())
    trained(path, facts["verdict"]["winner"], recipe(network=Network(rows=ROWS)))
    return path


def trained(path: Path, winner: str, declared: Recipe) -> None:
    """Put a real run in the place of the winner's; what was predicted stays."""
    place = path / "runs" / f"{winner}-0"
    kept = place.with_name("kept")
    place.rename(kept)
    run(place, declared)
    shutil.rmtree(place / "predictions")
    shutil.copytree(kept / "predictions", place / "predictions")


def test_the_surest_mistakes_have_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there may be, each of a mistake that the page shows, which says how they came."""
    monkeypatch.setattr(module, "COUNT", 5)
    found = Findings.open(folder)
    heat = overlays(found, digits())
    assert (len(heat.by_place), heat.method, heat.seed, heat.reason) == (5, "Grad-CAM", 0, "")
    shown = page(found, digits(), heat)
    assert shown.count('<figure class="pair">') == 5
    assert all(one.source in shown for one in heat.by_place.values())
    assert "Beside the first 5: the picture as seed 0 saw it" in shown
    assert sum(len(one.source) for one in heat.by_place.values()) < 5 * 6000


def test_a_large_network_has_fewer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they may cost together is bounded; one there is always."""
    monkeypatch.setattr(module, "WORK", 1)
    assert len(overlays(Findings.open(folder), digits()).by_place) == 1


def test_an_empty_map_is_said(folder: Path) -> None:
    """Where no part spoke for the class, the page says so."""
    found = Findings.open(folder)
    heat = overlays(found, digits())
    place, one = next(iter(heat.by_place.items()))
    flat = replace(heat, by_place={place: replace(one, flat=True)})
    assert "no part of it spoke for that" not in page(found, digits(), heat)
    assert page(found, digits(), flat).count("no part of it spoke for that") == 1


def test_without_weights_or_pictures(folder: Path, tmp_path: Path) -> None:
    """A report is made without heat maps where the weights are gone, and says why."""
    assert overlays(Findings.open(folder), None) == Overlays()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    found = Findings.open(copy)
    weights = copy / "runs" / f"{found.winner}-0" / "weights.safetensors"
    weights.unlink()
    heat = overlays(found, digits())
    assert heat.by_place == {}
    assert heat.reason.startswith(f"weights {weights} cannot be read (")
    shown = page(found, digits(), heat)
    assert "There are no heat maps: weights" in shown
    assert 'class="pair"' not in shown
    shutil.rmtree(weights.parent)
    assert overlays(found, digits()).reason
