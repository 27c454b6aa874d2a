"""What declarations refuse, and what they say."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable

import pytest

from bakeoff.spec.errors import (
    BakeoffError,
    DataError,
    MissingExtraError,
    SpecError,
    UserError,
    nearest,
    one_of,
)
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import Backbone, Classes, Conv, Dropout, Flatten, Head, Network, Residual
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.split import SplitPlan
from bakeoff.spec.training import (
    SGD,
    AdamW,
    Budget,
    Constant,
    Muon,
    Plateau,
    Stage,
    Steps,
)

ROWS = Network(rows=(Flatten(), Classes()))
BACKBONE = Network(backbone=Backbone(name="resnet50"))
ONE = (Stage(epochs=1),)


def recipe(
    *,
    name: str = "mine",
    network: Network = ROWS,
    stages: tuple[Stage, ...] = ONE,
    preprocess: Preprocess | None = None,
    augment: Augment | None = None,
) -> Recipe:
    """A recipe that is right but for what a test changes."""
    return Recipe(
        name=name,
        network=network,
        stages=stages,
        preprocess=preprocess or Preprocess(size=32),
        augment=augment or Augment(),
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Preprocess(size=2),
            "Preprocess.size must be between 4 and 4096, but is 2. Common sizes: 32, 224.",
        ),
        (
            lambda: Preprocess(keep=0),
            "Preprocess.keep must be above 0 and at most 1, but is 0.0.",
        ),
        (
            lambda: Preprocess(keep=0.9, fit="pad"),
            "Preprocess.keep must be 1 when fit is 'pad', but is 0.9. "
            "Only fit='crop' cuts anything away.",
        ),
        (
            lambda: Preprocess(mean=(0.5, 0.5, 0.5)),
            "Preprocess.mean and .std must be given together or not at all.",
        ),
        (
            lambda: Preprocess(mean=(125, 125, 125), std=(1, 1, 1)),
            "Preprocess.mean must be between 0 and 1, but is 125.0. "
            "Divide by 255 if it is on the scale 0 to 255.",
        ),
        (
            lambda: Preprocess(mean=(0, 0, 0), std=(1, 1, 0)),
            "Preprocess.std must be above 0 and at most 1, but is 0.0. "
            "Divide by 255 if it is on the scale 0 to 255.",
        ),
        (lambda: Augment(crop=-1), "Augment.crop must be 0 or more, but is -1."),
        (
            lambda: Augment(rotation=200),
            "Augment.rotation must be between 0 and 180, but is 200.0.",
        ),
        (lambda: Conv(width=0), "Conv.width must be greater than 0, but is 0."),
        (
            lambda: Conv(width=10, groups=4),
            "Conv.width must be a multiple of groups (4), but is 10.",
        ),
        (
            lambda: Dropout(rate=1),
            "Dropout.rate must be at least 0 and below 1, but is 1.0. "
            "It is the share that is dropped, not the share that is kept.",
        ),
        (lambda: Residual(body=()), "Residual.body must have at least one row."),
        (
            lambda: Residual(body=(Classes(),)),
            "Residual.body cannot hold Classes(), the last row of a network.",
        ),
        (lambda: Backbone(name=" "), "Backbone.name must not be empty. Try 'resnet50'."),
        (lambda: Network(), "Network must have either rows or a backbone, but is 'neither'."),
        (
            lambda: Network(rows=(Classes(),), backbone=Backbone(name="vgg16")),
            "Network must have either rows or a backbone, but is 'both'.",
        ),
        (
            lambda: Network(rows=(Classes(),), head=Head()),
            "Network.head needs a backbone. Put the head's rows at the end of Network.rows.",
        ),
        (
            lambda: Network(rows=(Conv(width=8),)),
            "Network.rows must end in Classes(), but is 'Conv'. Add Classes() as the last row.",
        ),
        (
            lambda: Network(rows=(Classes(), Classes())),
            "Network.rows must hold Classes() once, at the end.",
        ),
        (lambda: SGD(rate=0), "SGD.rate must be greater than 0, but is 0.0."),
        (
            lambda: SGD(momentum=0),
            "SGD.nesterov needs momentum above 0. Set nesterov=False.",
        ),
        (lambda: AdamW(betas=(0.9, 1.0)), "AdamW.betas must be between 0 and 0.99999, but is 1.0."),
        (lambda: Muon(iterations=0), "Muon.iterations must be between 1 and 20, but is 0."),
        (
            lambda: Constant(warmup=500),
            "Constant.warmup must be between 0 and 1, but is 500.0. "
            "It is a share of the stage, not a number of steps.",
        ),
        (
            lambda: Steps(at=(0.75, 0.5)),
            "Steps.at must be rising places, at least one, but is (0.75, 0.5).",
        ),
        (lambda: Plateau(patience=0), "Plateau.patience must be 1 or more, but is 0."),
        (
            lambda: Stage(epochs=1, train=0),
            "Stage.train must be 1 or more, but is 0. Write train='head' for no block at all.",
        ),
        (lambda: Stage(epochs=0), "Stage.epochs must be greater than 0, but is 0.0."),
        (lambda: Budget(), "Budget must have either epochs or seconds, but is 'neither'."),
        (lambda: Budget(seconds=-1), "Budget.seconds must be greater than 0, but is -1.0."),
        (
            lambda: recipe(name="My Net"),
            "Recipe.name must be lower-case letters and digits, joined by dashes or dots, "
            "but is 'My Net'. Try 'my-net'.",
        ),
        (lambda: recipe(stages=()), "Recipe.stages must have at least one stage."),
        (
            lambda: recipe(stages=(Stage(epochs=1, train="head"),)),
            "Recipe.stages[0].train must be 'all' for a network without a backbone, but is 'head'. "
            "Freezing needs Network(backbone=…).",
        ),
        (
            lambda: recipe(stages=(Stage(epochs=1, layer_decay=0.9),)),
            "Recipe.stages[0].layer_decay must be 1 for a network without a backbone, but is 0.9.",
        ),
        (
            lambda: recipe(augment=Augment(crop=32)),
            "Recipe.augment.crop must be smaller than the pictures (32 pixels), but is 32. "
            "Enlarge them (--size 128), or change the recipe.",
        ),
        (
            lambda: recipe(stages=(Stage(epochs=1, augment=Augment(cutout=40)),)),
            "Recipe.stages[0].augment.cutout must be smaller than the pictures (32 pixels), "
            "but is 40. Enlarge them (--size 160), or change the recipe.",
        ),
        (
            lambda: recipe(
                network=Network(
                    backbone=Backbone(name="vgg16"), head=Head(rows=(Flatten(), Classes()))
                )
            ),
            "Recipe.network.head cannot hold Flatten() on a pooled backbone: its features are one "
            "vector already. Set Backbone(pool=False) to give the head the feature map.",
        ),
        (
            lambda: SplitPlan(shares=(0.5, 0.6)),
            "SplitPlan.shares must add up to 1, but is (0.5, 0.6).",
        ),
        (lambda: SplitPlan(folds=1), "SplitPlan.folds must be 2 or more, but is 1."),
        (lambda: SplitPlan(fold=1), "SplitPlan.fold needs folds, but is 1."),
        (
            lambda: SplitPlan(folds=5, fold=5),
            "SplitPlan.fold must be between 0 and 4, but is 5.",
        ),
        (
            lambda: SplitPlan(folds=5, val=0.1),
            "SplitPlan.folds cannot be combined with a validation share, but is 5. "
            "Each fold is the validation part in its turn.",
        ),
        (
            lambda: SplitPlan(shares=(0.8, 0.1, 0.1), val=0.1),
            "SplitPlan.val must not be given when shares name a validation part, but is 0.1.",
        ),
        (
            lambda: SplitPlan(val=1.5),
            "SplitPlan.val as a share must be above 0 and below 1, but is 1.5. "
            "Write 0.1 for a tenth, 5000 for a number of pictures.",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_words(make: Callable[[], object], message: str) -> None:
    """A rule that is broken is told with its field, its value and the way out."""
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message


def test_a_backbone_may_be_frozen_by_depth() -> None:
    """Freezing is a matter of stages once there is a backbone."""
    stages = (Stage(epochs=1, train="head"), Stage(epochs=1, train=2, layer_decay=0.8))
    assert recipe(network=BACKBONE, stages=stages).stages == stages


def test_errors_are_one_tree() -> None:
    """Whoever catches BakeoffError catches all that is raised on purpose."""
    assert issubclass(UserError, BakeoffError)
    assert issubclass(MissingExtraError, UserError)


@pytest.mark.parametrize(
    "error",
    [
        DataError("photos/", "must exist", 3, "Look."),
        MissingExtraError("reading Parquet", "parquet"),
    ],
)
def test_errors_survive_a_trip_to_another_process(error: UserError) -> None:
    """An error raised in a worker says the same to the user."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_missing_part_says_how_to_get_it() -> None:
    """The message for an optional part holds the command that installs it."""
    assert str(MissingExtraError("reading Parquet", "parquet")) == (
        "reading Parquet needs the optional part 'parquet', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[parquet]'"
    )


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("resnt50", ["resnet50", "vgg16"], "resnet50"),
        ("CIFAR10", ["cifar10", "cifar100"], "cifar10"),
        ("zzz", ["resnet50"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name_is_found(word: str, known: list[str], found: str | None) -> None:
    """A misspelt word finds the one that was meant, and nonsense finds none."""
    assert nearest(word, known) == found


def test_a_long_list_of_names_is_cut() -> None:
    """A suggestion stays readable when there are many names."""
    told = one_of("zzz", [f"name{i:02d}" for i in range(30)])
    assert told.startswith("Known: name00, name01,")
    assert told.endswith("name11, ….")
