"""Memory and time, asked for before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.progress import silent
from bakeoff.models.classifier import assemble, settle
from bakeoff.models.footprint import footprint
from bakeoff.runs import room
from bakeoff.runs.room import with_room
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Adam, Stage
from bakeoff.training.device import choose
from bakeoff.training.engine import train
from bakeoff.training.events import Stepped
from bakeoff.training.feeding import Job, waits_for_features
from bakeoff.training.material import Material
from tests.pictures import digit

ALL = Stage(epochs=1, batch=16, optimiser=Adam())
HEAD = replace(ALL, train="head")
TINY = Network(backbone=Backbone(name="test_resnet", weights="random", size=32))


def made(*stages: Stage, seconds: float | None = None) -> tuple[Recipe, Job]:
    """A tiny backbone, never trained, on forty digits."""
    recipe = Recipe(name="tiny", network=TINY, stages=stages)
    network, preprocess = settle(recipe.network, recipe.preprocess, side=32)
    recipe = replace(recipe, network=network, preprocess=preprocess)
    grey = np.stack([np.asarray(digit(number, side=32)) for number in range(40)])
    material = Material(
        pictures=np.repeat(grey[..., None], 3, axis=-1),
        labels=np.arange(40) % 4,
        train=np.arange(32),
        val=np.arange(32, 40),
        classes=4,
        digest="digits",
    )
    job = Job(
        classifier=assemble(network, preprocess, classes=4, seed=0, progress=silent),
        stages=stages,
        augment=recipe.augment,
        material=material,
        device=replace(choose("cpu", precision="full"), threads=1),
        seconds=seconds,
    )
    return recipe, job


def test_a_batch_that_does_not_fit_goes_through_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where memory holds a few pictures, the batch is the same and its pieces are smaller."""
    recipe, job = made(ALL)
    plenty = with_room(recipe, job)
    assert plenty.piece is not None
    assert plenty.piece > ALL.batch
    needs = footprint(recipe.network, recipe.preprocess, classes=4)  # type: ignore[arg-type]
    monkeypatch.setattr(room, "free_memory", lambda place: needs.memory(batch=5, slots=2))
    little = with_room(recipe, job)
    assert little.piece == 5
    stepped = [event for event in train(little) if isinstance(event, Stepped)]
    assert sum(event.pictures for event in stepped) == 32


def test_a_network_that_does_not_fit_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With memory for less than two pictures nothing is begun."""
    recipe, job = made(ALL)
    monkeypatch.setattr(room, "free_memory", lambda place: 1000)
    with pytest.raises(SpecError, match=r"Stage\.batch needs about .* GB of memory"):
        with_room(recipe, job)


def test_a_frozen_backbone_needs_no_room_for_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the head is trained, pieces do not matter."""
    recipe, job = made(HEAD)
    monkeypatch.setattr(room, "free_memory", lambda place: 1000)
    assert with_room(recipe, job).piece is None


def test_a_budget_too_short_for_the_backbone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If one pass over the pictures takes longer than there is, it is said before it begins."""
    monkeypatch.setattr(room, "seconds_per_picture", lambda job: 2.0)
    recipe, job = made(HEAD, seconds=60)
    with pytest.raises(SpecError) as caught:
        with_room(recipe, job)
    assert str(caught.value) == (
        "--budget is too short to run the frozen backbone once over all pictures: that takes about "
        "80 s here, and 60 s are left of it. Allow more time, take fewer pictures (--subset), or a "
        "smaller backbone."
    )
    assert with_room(recipe, replace(job, seconds=100)).seconds == 100
    recipe, job = made(ALL, seconds=60)
    with pytest.raises(SpecError, match=r"for one step and one look at validation: .* about 112 s"):
        with_room(recipe, job)


def test_features_that_are_kept_need_no_time(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A second run on the same frozen backbone fits any budget."""
    recipe, job = made(HEAD)
    assert waits_for_features(job)
    list(train(job))
    assert (cache / "features").is_dir()
    recipe, job = made(HEAD, seconds=1)
    assert not waits_for_features(job)
    monkeypatch.setattr(room, "seconds_per_picture", lambda job: 1000.0)
    assert with_room(recipe, job).seconds == 1


def test_the_pace_is_measured() -> None:
    """A picture takes some time on any machine."""
    _, job = made(HEAD)
    assert 0 < room.seconds_per_picture(job) < 10


def test_networks_from_tables_are_not_asked() -> None:
    """They are small, and say elsewhere what they take."""
    recipe, job = made(ALL)
    plain = replace(job, seconds=0.001)
    plain.classifier.backbone = None
    assert with_room(recipe, plain) is plain
