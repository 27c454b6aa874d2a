"""The shipped estimators: each fulfils one contract, from digits to a state and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bakeoff.models.classifier import assemble
from bakeoff.models.estimators import fit, gather
from bakeoff.recipes import classical, frozen, get
from bakeoff.recipes.classical import on_features
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator, Pixels
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone

ALL = {**classical.RECIPES, **frozen.RECIPES}
# Not fitted to pictures: see tests/models/test_zero_shot.py.
FITTED = [name for name in ALL if name != "zero-shot-clip"]
PLAIN = Preprocess(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
TINY = Backbone(name="test_resnet", weights="random", size=64, padding="own")


@pytest.mark.parametrize("name", FITTED)
def test_an_estimator_learns_digits_and_comes_back(name: str) -> None:
    """On a tiny backbone where it wants one, it fits, beats guessing by far and keeps its state."""
    network = get(name).network
    assert isinstance(network, Estimator)
    if isinstance(network.inputs, Backbone):
        network = replace(network, inputs=TINY)
    # One candidate and two folds: the whole grid is a matter of time, not of working.
    network = replace(network, grid=(), folds=2, sample=100)
    found = load_digits()
    grey = np.round(found.images[:400] * 255 / 16).astype(np.uint8)
    pictures, labels = np.repeat(grey[..., None], 3, axis=3), found.target[:400].astype(np.int64)
    torch.set_num_threads(1)
    one = assemble(network, PLAIN, classes=10, seed=0)
    (trial,) = fit(one, gather(one, pictures[:300]), labels[:300], seed=0)
    assert len(trial.folds) == 2
    again = assemble(network, PLAIN, classes=10, seed=0)
    again.load_state_dict(one.state_dict())
    with torch.inference_mode():
        shares = again.eval().probabilities(torch.from_numpy(pictures[300:]))
        assert torch.equal(shares, one.eval().probabilities(torch.from_numpy(pictures[300:])))
    assert (shares.argmax(1).numpy() == labels[300:]).mean() > 0.4


def test_classical_models_on_features() -> None:
    """The four regressors can look at a backbone's features instead of pixels."""
    recipe = on_features(get("forest"), Backbone(name="convnext_tiny.fb_in22k"))
    assert recipe.name == "forest-on-convnext-tiny"
    assert recipe.note == "A random forest on frozen features of convnext_tiny.fb_in22k."
    assert isinstance(recipe.network, Estimator)
    assert recipe.network.inputs == Backbone(name="convnext_tiny.fb_in22k")
    with pytest.raises(SpecError, match="recipe must have an estimator, but is 'cnn3'"):
        on_features(get("cnn3"), Backbone(name="resnet18"))


def test_classical_models_look_at_few_pixels() -> None:
    """They average pictures down, which is what makes 50,000 of them a matter of minutes."""
    for make in classical.RECIPES.values():
        network = make().network
        assert isinstance(network, Estimator)
        assert isinstance(network.inputs, Pixels)
        assert (network.inputs.side or 32) <= 16
