"""Every shipped recipe, whole: its own network at its own size, on real pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from bakeoff.data.progress import silent
from bakeoff.models.classifier import Classifier, assemble, initialise, settle
from bakeoff.models.estimators import fit, gather
from bakeoff.recipes import RECIPES, adapted, get
from bakeoff.runs.prepare import with_sizes
from bakeoff.spec import codec
from bakeoff.spec.estimator import Estimator, NearestNeighbours, Pixels
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage
from bakeoff.training.device import choose
from bakeoff.training.leg import Leg
from bakeoff.training.loss import cross_entropy
from bakeoff.training.material import Material
from bakeoff.training.team import Team
from tests.pictures import digit

CLASSES = 4
pytestmark = pytest.mark.slow
every = pytest.mark.parametrize("name", sorted(set(RECIPES) - {"zero-shot-clip"}))


def pictures(count: int = 32) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Scanned digits of the first classes, enlarged to 32 pixels."""
    grey = np.stack([np.asarray(digit(number, side=32)) for number in range(200)])
    labels = np.array([number_of(place) for place in range(200)])
    chosen = np.flatnonzero(labels < CLASSES)[:count]
    return np.repeat(grey[chosen][..., None], 3, axis=-1), labels[chosen]


def number_of(place: int) -> int:
    """What a digit of the collection shows."""
    from sklearn.datasets import load_digits

    return int(load_digits().target[place])


def whole(name: str) -> tuple[Recipe, Classifier]:
    """A recipe with everything settled, and its network; backbones with random weights."""
    recipe = get(name)
    backbone = (
        recipe.network.inputs if isinstance(recipe.network, Estimator) else recipe.network.backbone
    )
    if backbone is not None and not isinstance(backbone, Pixels):
        recipe = adapted(recipe, weights="random")
    preprocess = replace(recipe.preprocess, mean=(0.3,) * 3, std=(0.3,) * 3)
    network, preprocess = settle(recipe.network, preprocess, side=32)
    recipe = with_sizes(replace(recipe, network=network, preprocess=preprocess), CLASSES)
    classifier = assemble(network, preprocess, classes=CLASSES, seed=0, progress=silent)
    initialise(classifier, torch.from_numpy(pictures()[0]))
    return recipe, classifier


def learn(forward: torch.nn.Module, inputs: Tensor, labels: Tensor, *, steps: int) -> float:
    """Accuracy after plain training on the same few pictures, dropout off."""
    forward.train()
    for module in forward.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trained = [parameter for parameter in forward.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        scores = forward(inputs)
        torch.autograd.backward(torch.nn.functional.cross_entropy(scores, labels))
        optimiser.step()
        if bool((scores.argmax(1) == labels).all()):
            return 1.0
    return float((forward(inputs).argmax(1) == labels).float().mean())


def by_heart(
    estimator: Estimator,
    recipe: Recipe,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
) -> Classifier:
    """An estimator fitted to a few pictures, each ten times: leaves and penalties want many."""
    few = replace(estimator, folds=2, sample=None, components=None, grid=())
    if isinstance(few.method, NearestNeighbours):
        # Features of random weights hardly differ: brought to one scale, its own copy is nearest.
        few = replace(few, method=replace(few.method, count=1), standardise=True)
    classifier = assemble(few, recipe.preprocess, classes=CLASSES, seed=0)
    numbers = np.tile(gather(classifier, images), (10, 1))
    fit(classifier, numbers, np.tile(labels, 10), seed=0)
    return classifier


@every
def test_a_recipe_learns_a_few_pictures_by_heart(name: str) -> None:
    """From its network, or its head on what the backbone sees, 32 pictures can be learnt."""
    recipe, classifier = whole(name)
    images, labels = pictures()
    if isinstance(recipe.network, Estimator):
        classifier = by_heart(recipe.network, recipe, images, labels)
        with torch.inference_mode():
            found = classifier(torch.from_numpy(images)).argmax(1).numpy()
        assert (found == labels).mean() > 0.9
        return
    tensors, targets = torch.from_numpy(images), torch.from_numpy(labels)
    if classifier.backbone is None:
        assert learn(classifier, tensors, targets, steps=60) > 0.9
        return
    classifier.eval()
    with torch.inference_mode():
        features = torch.cat([classifier.features(piece) for piece in torch.split(tensors, 8)])
    features = (features - features.mean(0)) / (features.std(0) + 1e-6)
    assert learn(classifier.head, features.clone(), targets, steps=60) > 0.9


@every
def test_a_recipe_takes_a_step_as_it_declares(name: str) -> None:
    """Each stage moves what it says it trains, by its own optimiser, and nothing else."""
    recipe, classifier = whole(name)
    images, labels = pictures(4)
    for stage in recipe.stages:
        before = {key: value.clone() for key, value in classifier.state_dict().items()}
        step(classifier, stage, images, labels)
        after = classifier.state_dict()
        trained = {key for key, value in classifier.named_parameters() if value.requires_grad}
        moved = {key for key in after if not torch.equal(before[key], after[key])}
        parameters = {key for key, _ in classifier.named_parameters()}
        assert moved & parameters
        assert moved & parameters <= trained
        if stage.train == "head":
            assert not {key for key in moved if key.startswith("backbone.")}


def step(
    classifier: Classifier,
    stage: Stage,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
) -> None:
    """One step of a stage on a few pictures, without its augmentation."""
    places = np.arange(len(labels))
    material = Material(
        pictures=images, labels=labels, train=places, val=places, classes=CLASSES, digest="few"
    )
    device = choose("cpu", precision="full")
    source = material.plain("train", batch=len(labels), device=device.place)
    leg = Leg(classifier, stage, source, device=device, team=Team(), on_features=False)
    loss, count = leg.step(1.0)
    leg.close()
    assert count == len(labels)
    assert torch.isfinite(loss)


@every
def test_a_recipe_is_exported(name: str) -> None:
    """Its network, resizing and normalisation included, is one graph with the same answers."""
    _, classifier = whole(name)
    images, labels = pictures(2)
    if isinstance(get(name).network, Estimator):
        many, classes = pictures()
        recipe, classifier = whole(name)
        assert isinstance(recipe.network, Estimator)
        classifier = by_heart(recipe.network, recipe, many, classes)
    classifier.eval()
    tensors = torch.from_numpy(images)
    with torch.inference_mode():
        expected = classifier(tensors)
    exported = torch.export.export(classifier, (tensors,), strict=False).module()
    with torch.inference_mode():
        assert torch.allclose(exported(tensors), expected, atol=1e-4)
    assert torch.isfinite(cross_entropy(expected, torch.from_numpy(labels)))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_comes_back_from_its_json(name: str) -> None:
    """What is written into a run's directory is the recipe."""
    recipe = get(name)
    assert codec.loads(Recipe, codec.dumps(recipe)) == recipe
