"""Learning from pictures in memory, as a guest in somebody's process."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bakeoff.runs.arrays import Pictures
from bakeoff.runs.learning import Learnt, learn, parted, probabilities
from bakeoff.spec.errors import ArgumentError, SpecError
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Classes, Flatten, MaxPool, Network, Row
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Adam, Budget
from bakeoff.training.device import choose
from tests.runs import little


def pictures(count: int = 200) -> tuple[Pictures, npt.NDArray[np.int64]]:
    """Digits as 8×8 pictures."""
    rows, labels = little.digits(count)
    grey = np.round(rows * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    return grey.repeat(3, axis=3), labels


def learnt(
    recipe: Recipe,
    *,
    count: int = 200,
    validation: float | int | None = 0.2,
    budget: Budget | None = None,
    seed: int = 0,
) -> Learnt:
    """What `recipe` learns from digits."""
    images, labels = pictures(count)
    classes = tuple("0123456789")
    device = replace(choose("cpu"), threads=1)
    return learn(
        recipe,
        images,
        labels,
        classes,
        validation=validation,
        budget=budget,
        seed=seed,
        device=device,
    )


def test_every_kind_of_recipe_learns() -> None:
    """Networks, estimators and heads on backbones come out fitted, with what happened."""
    for recipe, looks in ((little.dense(3), 3), (little.ridge(), 2), (little.backbone(), 1)):
        found = learnt(recipe)
        assert len(found.history) == looks
        assert found.recipe.preprocess.mean is not None
        shares = probabilities(found.classifier, np.zeros((3, 8, 8, 3), np.uint8))
        assert shares.shape == (3, 10)
        assert not found.classifier.training


def test_the_same_seed_learns_the_same() -> None:
    """Two trainings with one seed end in the same bits, another seed in others."""
    weights = [
        learnt(little.convolutions(), seed=seed).classifier.state_dict() for seed in (1, 1, 2)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_company_changes_nothing() -> None:
    """A picture's probabilities are the same bits alone, in a crowd, and at any place in it."""
    images, _ = pictures(150)
    for recipe in (little.dense(1), little.convolutions(), little.ridge()):
        found = learnt(recipe)
        size = found.recipe.preprocess.size or 0
        sized = images if size == 8 else images.repeat(2, 1).repeat(2, 2)[:, :size, :size]
        together = probabilities(found.classifier, sized)
        turned = probabilities(found.classifier, sized[::-1])[::-1]
        alone = np.concatenate([probabilities(found.classifier, one[None]) for one in sized[::7]])
        np.testing.assert_array_equal(together, turned)
        np.testing.assert_array_equal(together[::7], alone)
        np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-14)


def test_the_process_is_left_as_it_was() -> None:
    """Generators, threads and torch's settings are what they were before, also after an error."""
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    wanted = random.random(), np.random.rand(), torch.rand(()).item()
    torch.use_deterministic_algorithms(False)
    for recipe in (little.convolutions(), pools()):
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)
        try:
            learnt(recipe)
        except SpecError:
            assert recipe.name == "pools"
        assert (random.random(), np.random.rand(), torch.rand(()).item()) == wanted
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 1


def pools() -> Recipe:
    """A network that no small picture fits."""
    rows: tuple[Row, ...] = (*(MaxPool() for _ in range(8)), Flatten(), Classes())
    return Recipe(name="pools", network=Network(rows=rows), stages=little.dense().stages)


def test_pictures_are_enlarged_as_little_as_need_be() -> None:
    """A network that takes no picture so small gets the next larger ones, and that is noted."""
    found = learnt(little.convolutions())
    assert found.recipe.preprocess.size == 12
    assert "Pictures are brought to 12 pixels a side." in found.notes
    plain = learnt(little.dense(1))
    assert plain.recipe.preprocess.size == 8
    assert plain.notes == ()


def test_a_size_that_is_declared_stays() -> None:
    """The recipe's own size is used, and a network that does not fit it says so."""
    recipe = replace(little.convolutions(), preprocess=Preprocess(size=16))
    assert learnt(recipe).recipe.preprocess.size == 16
    with pytest.raises(SpecError, match="row 3, MaxPool"):
        learnt(replace(pools(), preprocess=Preprocess(size=4)))


def test_epochs_are_those_of_the_budget() -> None:
    """A budget in epochs is what the stages add up to; a look at validation follows each."""
    found = learnt(little.dense(20), budget=Budget(epochs=2))
    assert [look["epoch"] for look in found.history] == [1.0, 2.0]
    assert found.recipe.stages[0].epochs == 2


def test_seconds_end_training() -> None:
    """A budget in seconds ends what would take minutes."""
    found = learnt(little.dense(100_000), budget=Budget(seconds=1.0))
    assert 0 < len(found.history) < 100_000


def test_learning_nothing_is_said() -> None:
    """A loss that never moved is a warning, unless too few pictures are kept apart to tell."""
    still = replace(little.dense().stages[0], epochs=3, optimiser=Adam(rate=1e-9))
    hopeless = replace(little.dense(), stages=(still,))
    said = learnt(hopeless, validation=100).warnings
    assert "The training loss never moved" in " ".join(said)
    assert learnt(hopeless, validation=99).warnings == ()
    assert learnt(hopeless, validation=None).warnings == ()


def test_random_weights_are_said() -> None:
    """A backbone that was never trained comes with a warning, always."""
    assert "random weights" in learnt(little.backbone(), validation=None).warnings[0]


def test_nothing_kept_apart() -> None:
    """Without validation every picture learns, and there is no accuracy to tell."""
    found = learnt(little.dense(1), validation=None, count=32)
    assert found.accuracy is None
    assert found.history[0]["step"] == 2
    learning, choosing = parted(np.array([0, 1]), None, 0)
    assert learning.tolist() == choosing.tolist() == [0, 1]


def test_accuracy_is_that_of_what_is_kept_apart() -> None:
    """The accuracy told is the share of right answers on the pictures that did not learn."""
    found = learnt(little.dense(3))
    images, labels = pictures()
    _, choosing = parted(labels, 0.2, 0)
    answers = probabilities(found.classifier, images[choosing]).argmax(axis=1)
    assert found.accuracy == float((answers == labels[choosing]).mean())


@pytest.mark.parametrize(("validation", "kept"), [(0.1, 10), (0.5, 50), (7, 7), (0.001, 1)])
def test_shares_and_numbers(validation: float, kept: int) -> None:
    """A share of the pictures is kept apart, or so many; at least one."""
    labels = np.arange(100) % 4
    learning, choosing = parted(labels, validation, 0)
    assert len(choosing) == kept
    assert np.sort(np.concatenate([learning, choosing])).tolist() == list(range(100))


def test_classes_are_kept_apart_in_proportion() -> None:
    """Each class gives its share, by a seeded draw, and none its last picture."""
    labels = np.repeat([0, 1, 2], [60, 39, 1])
    _, choosing = parted(labels, 0.2, 0)
    assert np.bincount(labels[choosing], minlength=3).tolist() == [12, 8, 0]
    assert choosing.tolist() != parted(labels, 0.2, 1)[1].tolist()
    assert choosing.tolist() == parted(labels, 0.2, 0)[1].tolist()


def test_the_last_pictures_are_not_taken() -> None:
    """Where classes would be left without a picture, the error says how many can be spared."""
    with pytest.raises(ArgumentError, match="at most 1 of these 3 can be kept apart, but is 2"):
        parted(np.array([0, 1, 1]), 2, 0)
    with pytest.raises(ArgumentError, match="validation=None to keep none apart"):
        parted(np.array([0, 1]), 0.1, 0)


@pytest.mark.parametrize("validation", [0, 1.5, -0.1, True])
def test_validation_is_a_share_or_a_number(validation: float) -> None:
    """Anything else is refused."""
    with pytest.raises(ArgumentError, match="must be a share between 0 and 1, a number of pict"):
        parted(np.array([0, 0, 1, 1]), validation, 0)
