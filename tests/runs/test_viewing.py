"""Test-time augmentation in runs: a column of its own, paid for by the budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.evaluation.metrics import measure
from bakeoff.models.views import views_of
from bakeoff.runs import viewing
from bakeoff.runs.viewing import leaving_time, looked, recorded, refuse_late, viewed
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.recipe import Recipe
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import backbone, job, stage

SIX = views_of("six", size=32, mirror=True)
MIRRORED = Augment(flip="random")


def mirrored(size: int = 8) -> Recipe:
    """A recipe whose pictures may be mirrored."""
    return recipe(augment=MIRRORED, preprocess=Preprocess(size=size))


def test_a_column_of_its_own(tmp_path: Path) -> None:
    """The plain numbers are those of a run that never looked in several views; the others stand
    beside them, and come from predictions that are kept."""
    plain = run(tmp_path / "plain", mirrored(16)).run
    made = run(tmp_path / "tta", mirrored(32), tta=True).run
    assert "tta" not in plain.result()
    assert not (plain.path / "predictions" / "val-tta.npz").exists()
    again = run(tmp_path / "again", mirrored(32)).run
    result, kept = made.result(), made.predictions("val-tta")
    assert result["accuracy"] == again.result()["accuracy"]
    metrics = measure(kept["probabilities"], kept["labels"], digits().classes)
    assert result["tta"] == {
        "accuracy": metrics.accuracy,
        "loss": metrics.loss,
        "views": 6,
        "mirrored": True,
        "moved": 1,
    }
    assert kept["indices"].tolist() == digits().split.val.tolist()
    assert not np.array_equal(kept["probabilities"], made.predictions("val")["probabilities"])
    assert result["seconds"].keys() == {"prepare", "train", "tta"}
    assert ", tta " in result["clock"]


def test_no_other_view(tmp_path: Path) -> None:
    """Digits of 8 pixels that must not be mirrored have one view: both columns are the same."""
    made = run(tmp_path / "one", tta=True).run
    result = made.result()
    assert result["tta"] == {
        "accuracy": result["accuracy"],
        "loss": result["loss"],
        "views": 1,
        "mirrored": False,
        "moved": 0,
    }
    plain, others = (made.predictions(name)["probabilities"] for name in ("val", "val-tta"))
    assert np.array_equal(plain, others)


def test_stopping_while_it_looks(tmp_path: Path) -> None:
    """The training is not lost: the run goes on from its end, to the same result."""
    whole = run(tmp_path / "whole", mirrored(), tta=True).run
    telling: list[str] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        telling.append(task)

    outcome = run(
        tmp_path / "one",
        mirrored(),
        tta=True,
        progress=progress,
        stop=lambda: "looking in several views" in telling,
    )
    assert not outcome.finished
    assert not outcome.run.is_sealed
    run(tmp_path / "one", mirrored(), tta=True, resume=True)
    assert outcome.run.result()["tta"] == whole.result()["tta"]


def test_too_late(tmp_path: Path) -> None:
    """A run that is over is not measured again; one that was measured so is remembered."""
    made = run(tmp_path / "one", mirrored()).run
    with pytest.raises(SpecError) as caught:
        run(tmp_path / "one", mirrored(), tta=True, resume=True)
    assert str(caught.value) == (
        f"--tta must be asked for before a run ends, and the one in {made.path} is over. Leave "
        "--tta out, or begin another run with it."
    )
    run(tmp_path / "two", mirrored(), tta=True)
    refuse_late(run(tmp_path / "two", mirrored(), tta=True, resume=True).run)


def test_time_is_left_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As looks at validation where the last stage has such; measured where it sees features."""
    free = job()
    assert leaving_time(free, SIX) is free
    bound = job(seconds=60.0)
    assert leaving_time(bound, SIX[:1]) is bound
    assert leaving_time(bound, SIX).looks_after == 6
    assert leaving_time(bound, SIX).seconds == 60
    monkeypatch.setattr(viewing, "seconds_per_picture", lambda job, sample: 0.25)
    head = job(stage(train="head"), network=backbone(), seconds=60.0)
    left = leaving_time(head, SIX)
    assert (left.looks_after, left.seconds) == (0, 60 - 6 * 21 * 0.25)
    with pytest.raises(SpecError) as caught:
        leaving_time(replace(head, seconds=20.0), SIX)
    assert str(caught.value) == (
        "--budget is too short to look at validation in 6 views: that takes about 32 s here, and "
        "20 s are left of it. Allow more time, or leave --tta out."
    )


def test_views_of_frozen_networks_and_of_tables() -> None:
    """Whatever the last stage looked at, views are of pictures; rows are in the part's order."""
    for made in (job(), job(stage(train="head"), network=backbone())):
        shares = looked(made, SIX)
        assert shares.shape == (21, 3)
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
        alone = replace(made, material=replace(made.material, val=made.material.val[4:5]))
        np.testing.assert_allclose(looked(alone, SIX)[0], shares[4], rtol=1e-4, atol=1e-6)
        assert viewed(made, SIX[:1], shares).probabilities is shares


def test_what_the_result_says(tmp_path: Path) -> None:
    """How far views were moved and whether they were mirrored is part of it."""
    made = run(tmp_path / "one").run
    shares = made.predictions("val")["probabilities"]
    far = views_of("six", size=224, mirror=False)
    told = recorded(made, viewed(job(), far[:1], shares), digits())
    assert (told["views"], told["mirrored"], told["moved"]) == (1, False, 0)
    assert max(view.moved for view in far) == 7
