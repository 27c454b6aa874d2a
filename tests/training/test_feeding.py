"""What a stage is fed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bakeoff.data.batches import Batches
from bakeoff.spec.image import Augment
from bakeoff.training import feeding
from bakeoff.training.feeding import VIEWS, fed
from bakeoff.training.material import FeatureBatches
from bakeoff.training.team import Team
from tests.training.jobs import DEVICE, backbone, job, material, stage

FLIP = Augment(flip="random")


def test_pictures_for_networks() -> None:
    """A stage that trains more than a head sees pictures, changed as it says or as the recipe
    does."""
    made = job(stage(), stage(augment=Augment(crop=1)), augment=FLIP)
    for number, change in ((0, FLIP), (1, Augment(crop=1))):
        food = fed(made, number)
        assert not food.on_features
        assert isinstance(food.train, Batches)
        assert isinstance(food.val, Batches)
        assert food.train.augment == change
        assert food.val.augment == Augment()
        assert not food.val.shuffle
        assert len(food.val) == 21


def test_features_for_heads() -> None:
    """A head sees what the backbone makes of each picture, the classes with them: one view of
    pictures that are left as they are, several of those that are changed."""
    for change, views in ((Augment(), 1), (FLIP, VIEWS)):
        made = job(stage(train="head"), network=backbone(), augment=change)
        food = fed(made, 0)
        assert food.on_features
        assert isinstance(food.train, FeatureBatches)
        assert isinstance(food.val, FeatureBatches)
        assert (len(food.train.views), len(food.val.views)) == (views, 1)
        assert food.reasons == ("Features by torch fp32.",)
        batch = next(food.val.epoch(0))
        with torch.inference_mode():
            wanted = made.classifier.features(torch.from_numpy(material().pictures[material().val]))
        torch.testing.assert_close(batch.images, wanted, rtol=1e-2, atol=1e-2)
        assert batch.targets.tolist() == material().labels[material().val].tolist()


def test_a_network_without_backbone_has_no_features() -> None:
    """What has no frozen part is trained on pictures."""
    assert not fed(job(), 0).on_features


def test_half_precision_is_proved_first() -> None:
    """Where the device multiplies bf16, features are computed so if they agree with fp32."""
    quick = replace(DEVICE, dtype=torch.bfloat16)
    food = fed(job(stage(train="head"), network=backbone(), device=quick), 0)
    assert food.reasons[0].startswith("Features by torch bfloat16: at most ")


def test_other_stages_other_draws() -> None:
    """Seeds of stages differ, also between runs whose seeds follow each other."""
    seeds = {
        fed(job(stage(), stage(), seed=seed), number).train.seed  # type: ignore[attr-defined]
        for seed in (0, 1, 2)
        for number in (0, 1)
    }
    assert len(seeds) == 6


def test_a_team_shares_each_step() -> None:
    """Pictures and features alike are divided among the processes."""
    team = Team(rank=1, world=2)
    for network, train in ((None, "all"), (backbone(), "head")):
        made = job(stage(train=train), network=network, team=team)
        batch = next(fed(made, 0).train.epoch(0))
        assert (len(batch.images), batch.total) == (8, 16)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extracting features takes long, so somebody is told how far it is."""
    told: list[tuple[str, int]] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        told.append((task, done))

    monkeypatch.setattr(feeding, "_EXTRACTION_BATCH", 24)
    fed(job(stage(train="head"), network=backbone(), progress=progress), 0)
    assert told[:3] == [("extracting features", done) for done in (0, 24, 48)]
    assert np.all([task == "extracting features" for task, _ in told])
