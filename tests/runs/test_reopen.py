"""A sealed run opened again gives the predictions that it was measured by, to the bit."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bakeoff.models import weights, zero_shot
from bakeoff.models.backbones import create
from bakeoff.models.classifier import assemble
from bakeoff.models.fitted import FittedHead
from bakeoff.recipes import RECIPES
from bakeoff.runs import reopen
from bakeoff.runs.reopen import opened, predict
from bakeoff.runs.run import Run
from bakeoff.spec.errors import UserError
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    NearestNeighbours,
    Pixels,
    ZeroShot,
)
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Backbone
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Constant
from bakeoff.training.device import Device
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import DEVICE, backbone, stage

BF16 = replace(DEVICE, dtype=torch.bfloat16)
FROZEN = Backbone(name="test_resnet", weights="random", size=32, padding="own")


def fitted(method: Any, **fields: Any) -> Recipe:
    """An estimator that is fitted in a moment."""
    return recipe(network=Estimator(method=method, folds=2, **fields), stages=())


CONTENDERS: dict[str, Callable[[], Recipe]] = {
    "averaged": lambda: recipe(stage(batch=32, average=0.8)),
    "best epoch": lambda: recipe(stage(batch=32, epochs=3, schedule=Constant())),
    "head": lambda: recipe(stage(train="head", batch=32), network=backbone()),
    "tuned": lambda: recipe(
        stage(train="head", batch=32), stage(batch=32, epochs=1), network=backbone()
    ),
    "last blocks": lambda: recipe(stage(train=1, batch=32), network=backbone()),
    "linear": lambda: fitted(LinearRegression(), components=10),
    "tree": lambda: fitted(DecisionTree(leaf=2)),
    "boosting": lambda: fitted(GradientBoosting(rounds=3), inputs=Pixels(side=4)),
    "nearest": lambda: fitted(NearestNeighbours(), inputs=FROZEN),
    "probe": lambda: fitted(LinearProbe(), inputs=FROZEN),
}


def sealed(out: Path, declared: Recipe | None = None, **how: Any) -> Run:
    """A run on the digits that is over."""
    return run(out, declared, **how).run


def forget(made: Run, part: str = "val") -> dict[str, Any]:
    """Take away what the run stored of a part; what that was."""
    before = made.predictions(part)
    (made.path / "predictions" / f"{part}.npz").unlink()
    return before


def refused(call: Callable[[], object]) -> str:
    """What a user is told, in one paragraph."""
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "device"),
    [(name, DEVICE) for name in CONTENDERS] + [("averaged", BF16), ("head", BF16)],
    ids=lambda given: given if isinstance(given, str) else str(given.dtype),
)
def test_the_saved_model_is_the_measured_one(tmp_path: Path, name: str, device: Device) -> None:
    """What the reopened classifier says of validation is what the run stored, bit by bit."""
    made = sealed(tmp_path / "one", CONTENDERS[name](), device=device)
    before = forget(made)
    found = predict(made, digits(), "val", device=device)
    after = made.predictions("val")
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert np.array_equal(found.probabilities, before["probabilities"])
    assert found.classes == digits().classes


def test_words_come_back_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zero-shot classifier is opened from its tensors: neither its words nor their tower."""

    def fit(head: FittedHead, classes: Any, **_: Any) -> None:
        seen = torch.zeros(96)
        head.take(
            {"mean": seen, "factor": seen + 1, "directions": torch.empty(0)},
            {"projection": torch.randn(96, 4), "texts": torch.randn(len(classes), 4)},
        )

    words = Estimator(method=ZeroShot(width=4), inputs=FROZEN, standardise=False)
    with monkeypatch.context() as patch:
        patch.setattr(zero_shot, "ready", lambda *_, **__: None)
        patch.setattr(zero_shot, "fit", fit)
        made = sealed(tmp_path / "one", recipe(network=words, stages=()))
    before = forget(made)
    found = predict(made, digits(), "val", device=DEVICE)
    assert np.array_equal(found.probabilities, before["probabilities"])


@pytest.mark.parametrize("name", ["averaged", "head", "probe"])
def test_another_part(tmp_path: Path, name: str) -> None:
    """A part that training never saw gets a table of its own, in its order."""
    made = sealed(tmp_path / "one", CONTENDERS[name]())
    told: list[tuple[str, int, int | None]] = []

    def progress(task: str, done: int, total: int | None, unit: str = "pictures") -> None:
        told.append((task, done, total))

    found = predict(made, digits(), "test", device=DEVICE, progress=progress)
    kept = made.predictions("test")
    assert found.indices.tolist() == kept["indices"].tolist() == digits().split.test.tolist()
    assert found.labels.tolist() == digits().labels[digits().split.test].tolist()
    assert found.probabilities.dtype == kept["probabilities"].dtype == np.float32
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)
    assert told
    if name == "averaged":
        classifier = opened(made, device=DEVICE)
        one = torch.from_numpy(digits().picture(int(found.indices[0])))[None]
        alone = classifier.probabilities(one).numpy()
        np.testing.assert_allclose(alone, found.probabilities[:1], rtol=1e-4, atol=1e-6)
        assert told[-1] == ("predicting", len(found), len(found))


@pytest.mark.parametrize("name", ["averaged", "head", "probe"])
def test_views_are_a_table_of_their_own(tmp_path: Path, name: str) -> None:
    """In several views the run's own test-time augmentation comes out again, beside the plain
    predictions."""
    declared = CONTENDERS[name]()
    if declared.stages:
        declared = replace(declared, augment=Augment(flip="random"))
    made = sealed(tmp_path / "one", declared, tta=True)
    before = forget(made, "val-tta")
    found = predict(made, digits(), "val", views=True, device=DEVICE)
    assert np.array_equal(made.predictions("val-tta")["probabilities"], before["probabilities"])
    plain = made.predictions("val")["probabilities"]
    assert np.array_equal(found.probabilities, plain) == (not declared.stages)


def test_what_is_stored_stays(tmp_path: Path) -> None:
    """Predictions that are there are not written again, though computed again."""
    made = sealed(tmp_path / "one")
    file = made.path / "predictions" / "val.npz"
    before = file.stat().st_mtime_ns
    predict(made, digits(), "val", device=DEVICE)
    assert file.stat().st_mtime_ns == before


def test_other_weights_are_noticed(tmp_path: Path) -> None:
    """Weights that give other predictions than the stored ones are refused."""
    made = sealed(tmp_path / "one")
    change(made, lambda held: {name: tensor + 0.1 for name, tensor in held.items()})
    text = refused(lambda: predict(made, digits(), "val", device=DEVICE))
    assert text.startswith(
        f"the weights of {made.path} do not give the predictions that are stored in val.npz: "
        "probabilities are 0."
    )
    assert text.endswith(
        "apart in the mean. The directory was changed after the run ended, or something computes "
        "otherwise than it did then. Train it again, and predict on the same machine."
    )


def change(made: Run, how: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Write other weights into a run."""
    path = made.path / "weights.safetensors"
    held = load_file(path)
    floating = {name: tensor for name, tensor in held.items() if tensor.is_floating_point()}
    save_file({**held, **how(floating)}, path)


def test_a_run_that_is_not_over(tmp_path: Path) -> None:
    """There is nothing to open before the result is written."""
    made = sealed(tmp_path / "one")
    (made.path / "result.json").unlink()
    assert refused(lambda: opened(made, device=DEVICE)) == (
        f"{made.path} is not sealed: its training is not over. Go on with it first, by the same "
        f"command with --out {made.path} --resume."
    )


def test_tensors_are_those_of_the_recipe(tmp_path: Path) -> None:
    """Missing, foreign and wrongly shaped ones are named, of networks and of estimators."""
    made = sealed(tmp_path / "one")
    path = made.path / "weights.safetensors"
    held = load_file(path)
    bias = held.pop("head.classes9.bias")
    held["head.classes9.weight"] = held["head.classes9.weight"][:3]
    save_file({**held, "other": bias}, path)
    assert refused(lambda: opened(made, device=DEVICE)) == (
        f"the weights of {made.path} must be those of its recipe, and are not (missing: "
        "head.classes9.bias; foreign: other; of another shape: head.classes9.weight (3×8 instead "
        "of 10×8)). The directory was changed after the run ended, or another version of timm "
        "builds the network otherwise. Train it again."
    )
    made = sealed(tmp_path / "two", CONTENDERS["tree"]())
    path = made.path / "weights.safetensors"
    held = load_file(path)
    del held["head.scores.depth"]
    save_file({**held, "head.scores.more": bias}, path)
    text = refused(lambda: opened(made, device=DEVICE))
    assert "(missing: head.scores.depth; foreign: head.scores.more)" in text


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is cut off, or gone, is an error of one paragraph."""
    made = sealed(tmp_path / "one")
    path = made.path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert refused(lambda: opened(made)).startswith(f"weights {path} cannot be read (")
    path.unlink()
    assert refused(lambda: opened(made)).endswith(
        "The directory was changed after the run ended. Train it again."
    )


def test_classes_are_the_runs(tmp_path: Path) -> None:
    """Who goes by other classes, or by another order, would read the scores wrongly."""
    made = sealed(tmp_path / "one")
    names = digits().classes
    assert opened(made, classes=names, device=DEVICE).training is False
    assert refused(lambda: opened(made, classes=names[::-1], device=DEVICE)) == (
        f"the classes of {made.path} must be those it was trained on, 0, 1, 2 and 7 more, but is "
        "'9, 8, 7 and 7 more'."
    )


def test_data_and_part_are_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions of other data, of no part or of an empty one are not made."""
    made = sealed(tmp_path / "one")
    text = refused(lambda: predict(made, digits(seed=3), "val", device=DEVICE))
    assert text.startswith(f"the data of {made.path} must be the data it began with")
    assert refused(lambda: predict(made, digits(), "tset", device=DEVICE)) == (
        "the part must be one of the dataset's, but is 'tset'. Did you mean 'test'? (Known: test, "
        "train, val.)"
    )
    empty = replace(digits(), split=replace(digits().split, test=np.arange(0)))
    monkeypatch.setattr(reopen, "refuse_other_data", lambda *_: None)
    assert refused(lambda: predict(made, empty, "test", device=DEVICE)) == (
        "part 'test' of digits holds no pictures. Give it a share in the split."
    )


def test_published_weights_are_not_wanted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a backbone started from, a file that is gone or a download, is not looked for."""
    file = tmp_path / "some.safetensors"
    torch.manual_seed(1)
    save_file({k: v.contiguous() for k, v in create(FROZEN).model.state_dict().items()}, file)
    started = replace(FROZEN, weights=str(file))
    network = replace(backbone(), backbone=started)
    grey = (0.5, 0.5, 0.5)
    declared = recipe(stage(train="head", batch=32), network=network)
    declared = replace(declared, preprocess=replace(declared.preprocess, mean=grey, std=grey))
    made = sealed(tmp_path / "one", declared)
    file.unlink()
    opened(made, device=DEVICE)
    told = json.loads((made.path / "recipe.json").read_text().replace(str(file), "pretrained"))
    (made.path / "recipe.json").write_text(json.dumps(told))

    def find(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were looked for")

    monkeypatch.setattr(weights, "find", find)
    classifier = opened(made, device=DEVICE)
    assert classifier.backbone is not None
    assert classifier.backbone.declared.weights == "pretrained"
    assert not classifier.random_weights


@pytest.mark.parametrize("name", ["cnn3", "speed", "vit-mini", "convnext-mini"])
def test_shipped_networks_open_again(tmp_path: Path, name: str) -> None:
    """All kinds of layers: the state that is read gives the same answer."""
    shipped = RECIPES[name]()
    preprocess = replace(shipped.preprocess, size=32, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    classifier = assemble(shipped.network, preprocess, classes=3, seed=1)
    made = Run(path=tmp_path / "one")
    made.start(replace(shipped, preprocess=preprocess), {"data": {"classes": ["a", "b", "c"]}})
    made.keep_weights(classifier.state_dict())
    made.seal({})
    again = opened(made, device=DEVICE)
    some = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(again(some), classifier.eval()(some))
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_memory_is_looked_through_only_for_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor's memory comes back by itself: predicting does not pay for the search."""
    made = run(tmp_path / "one").run
    searches: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: searches.append(None))
    predict(made, digits(), "val", device=DEVICE)
    assert not searches
    reopen._let_go(replace(DEVICE, place=torch.device("meta")))
    assert searches == [None]
