"""Rates and batches, tried on a dataset without a run."""

from __future__ import annotations

import pytest

from bakeoff.recipes import get
from bakeoff.runs import trying
from bakeoff.runs.trying import on_pictures, try_batches, try_rates
from bakeoff.spec.errors import SpecError
from bakeoff.spec.training import SGD
from tests.runs.digits import digits, recipe
from tests.training.jobs import DEVICE, backbone, stage


def test_a_rate() -> None:
    """For the first stage, as the recipe declares it."""
    declared = recipe(stage(batch=32, optimiser=SGD(rate=0.02)), stage())
    rate = try_rates(declared, digits(), seed=0, device=DEVICE)
    assert rate.declared == 0.02
    assert len(rate.tried) > 20


def test_a_batch() -> None:
    """Of at least twenty steps an epoch; on features, none needs to be found."""
    found = try_batches(recipe(stage(batch=4)), digits(), seed=0, device=DEVICE)
    assert [tried.size for tried in found.tried] in ([4, 8], [4])
    assert found.found in (4, 8)
    if found.found == 8:
        assert found.reason == "More would leave fewer than 20 steps an epoch of 178 pictures."
    tuned = recipe(stage(train="head"), stage(train=1), network=backbone())
    assert on_pictures(tuned) == 1


def test_memory_bounds_what_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody would say that memory ran out, what would fill it is never tried."""
    monkeypatch.setattr(trying, "free_memory", lambda place: 0)
    found = try_batches(recipe(stage(batch=4)), digits(), seed=0, device=DEVICE)
    assert (found.tried, found.found) == ((), None)


def test_what_has_neither() -> None:
    """Estimators have no rate and no batch, heads on features any batch."""
    with pytest.raises(SpecError) as caught:
        try_rates(get("forest"), digits(), seed=0, device=DEVICE)
    assert str(caught.value) == (
        "--find-rate needs a recipe that is trained in stages, and forest is fitted at once."
    )
    with pytest.raises(SpecError, match=r"^--batch auto needs a recipe that is trained"):
        try_batches(get("forest"), digits(), seed=0, device=DEVICE)
    with pytest.raises(SpecError) as caught:
        on_pictures(recipe(stage(train="head"), network=backbone()))
    assert str(caught.value) == (
        "--batch auto needs a stage that trains on pictures: of features, which a head alone is "
        "trained on, any number fits. Give a number."
    )
