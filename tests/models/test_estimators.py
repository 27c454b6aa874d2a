"""Estimators: scikit-learn's answers, in our own tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from bakeoff.models.classifier import Classifier, assemble
from bakeoff.models.estimators import cross_validate, fit, gather
from bakeoff.models.fitted import FittedHead
from bakeoff.models.fitting import Floats, Labels, fitted, one_hot
from bakeoff.spec.errors import DataError
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    Method,
    NearestNeighbours,
    Pixels,
    RandomForest,
)
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone

PLAIN = Preprocess(size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
METHODS: tuple[Method, ...] = (
    LinearRegression(penalty=10.0),
    DecisionTree(depth=6, leaf=5),
    RandomForest(trees=10, leaf=2),
    GradientBoosting(rounds=5, leaves=8),
    NearestNeighbours(count=5),
    LinearProbe(penalty=1e-2),
)
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)


def digits(count: int = 600) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], Labels]:
    """Scanned digits as a pack holds pictures, and what they are."""
    found = load_digits()
    grey = np.round(found.images[:count] * 255 / 16).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3), found.target[:count].astype(np.int64)


def made(declared: Estimator) -> Classifier:
    """A classifier around an estimator."""
    return assemble(declared, PLAIN, classes=10, seed=0)


def prepared(declared: Estimator) -> tuple[Floats, Floats, Labels]:
    """What an estimator on pixels sees of 500 digits and of 100 others, and the labels of all."""
    pictures, labels = digits()
    flat = gather(made(declared), pictures)
    return flat[:500], flat[500:], labels


@each_method
def test_predictions_are_those_of_scikit_learn(method: Method) -> None:
    """Fitted, turned into tensors and asked again, a method answers as scikit-learn does."""
    train, held, labels = prepared(Estimator(method=method))
    declared = Estimator(method=method)
    head = fitted(declared, method, train, labels[:500], classes=10, seed=3)
    assert head.vectors is not None
    with torch.inference_mode():
        found = head.regressed(torch.from_numpy(held)).numpy()
        seen, asked = (head.vectors(torch.from_numpy(part)).numpy() for part in (train, held))
    assert np.allclose(seen, StandardScaler().fit_transform(train), atol=1e-5)
    targets = one_hot(labels[:500], 10)
    match method:
        case LinearRegression():
            expected = Ridge(alpha=10.0).fit(seen, targets).predict(asked)
        case DecisionTree():
            model = DecisionTreeRegressor(max_depth=6, min_samples_leaf=5, random_state=3)
            expected = model.fit(seen, targets).predict(asked)
        case RandomForest():
            forest = RandomForestRegressor(
                10, min_samples_leaf=2, max_features=0.05, random_state=3
            )
            expected = forest.fit(seen, targets).predict(asked)
        case GradientBoosting():
            boosting = HistGradientBoostingRegressor(
                max_iter=5,
                max_leaf_nodes=8,
                max_depth=8,
                early_stopping=False,
                random_state=3,
            )
            series = [boosting.fit(seen, target).predict(asked) for target in targets.T]
            expected = np.stack(series, axis=1)
        case NearestNeighbours():
            units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (seen, asked)]
            cosines = units[1] @ units[0].T
            near = np.argsort(-cosines, axis=1)[:, :5]
            votes = np.exp(np.take_along_axis(cosines, near, 1) / method.temperature)
            expected = np.einsum("pn,pnc->pc", votes / votes.sum(1, keepdims=True), targets[near])
        case LinearProbe():
            # Its C weighs the summed loss, our penalty the weights against the mean loss.
            probe = LogisticRegression(C=1 / (1e-2 * 500), max_iter=2000, tol=1e-6)
            expected = probe.fit(seen, labels[:500]).decision_function(asked)
    close = 2e-2 if isinstance(method, LinearProbe) else 2e-5
    assert np.abs(found - expected).max() < close * max(1.0, float(np.abs(expected).max()))
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.98


@each_method
def test_saved_and_opened_it_answers_bitwise_the_same(method: Method) -> None:
    """All that was fitted goes through safetensors, into a classifier that was never fitted."""
    declared = Estimator(method=method, components=20, folds=2)
    pictures, labels = digits(300)
    one, other = made(declared), made(declared)
    fit(one, gather(one, pictures), labels, seed=0)
    other.load_state_dict(load(save({k: v.clone() for k, v in one.state_dict().items()})))
    asked = torch.from_numpy(pictures)
    with torch.inference_mode():
        assert torch.equal(one(asked), other(asked))
        shares = other.probabilities(asked)
    assert torch.allclose(shares.sum(1), torch.ones(300), atol=1e-5)
    assert (shares.argmax(1).numpy() == labels).mean() > 0.7


@each_method
def test_it_can_be_exported(method: Method) -> None:
    """What was fitted is written down by torch like any network, the batch left open."""
    pictures, labels = digits(200)
    one = made(Estimator(method=method, folds=2)).eval()
    fit(one, gather(one, pictures), labels, seed=0)
    batch = torch.export.Dim("batch")
    asked = torch.from_numpy(pictures[:4])
    program = torch.export.export(one, (asked,), dynamic_shapes=({0: batch},))
    with torch.inference_mode():
        again = program.module()(torch.from_numpy(pictures[:7]))
        assert torch.allclose(again, one(torch.from_numpy(pictures[:7])), atol=1e-5)


def test_shares_keep_the_order_of_scores() -> None:
    """Scores below the floor are raised to it and divided by their sum: no share is zero, and the
    highest score has the highest share."""
    head = FittedHead(Estimator(method=LinearRegression(), floor=0.01), 3)
    shares = head.shares(torch.tensor([[0.5, -0.2, 1.5], [-1.0, -2.0, -3.0]])).softmax(1)
    expected = torch.tensor([[0.5, 0.01, 1.5]]) / 2.01
    assert torch.allclose(shares[:1], expected)
    assert torch.allclose(shares[1:], torch.full((1, 3), 1 / 3))


def test_pixels_are_averaged_down() -> None:
    """`side` averages windows; without it every pixel counts."""
    pictures, _ = digits(2)
    flat = gather(made(Estimator(method=LinearRegression(), inputs=Pixels(side=4))), pictures)
    assert flat.shape == (2, 48)
    assert flat[0, 0] == pytest.approx(pictures[0, :2, :2, 0].mean() / 255)
    assert gather(made(Estimator(method=LinearRegression())), pictures).shape == (2, 192)


def test_features_of_a_frozen_backbone() -> None:
    """On a backbone the estimator sees its features, the same in any batch."""
    backbone = Backbone(name="test_resnet", weights="random", size=64, padding="own")
    one = made(Estimator(method=NearestNeighbours(), inputs=backbone))
    pictures, _ = digits(5)
    told: list[int] = []
    flat = gather(one, pictures, batch=2, progress=lambda task, done, *_: told.append(done))
    assert flat.shape == (5, 96)
    assert told == [0, 2, 4, 5]
    assert np.allclose(flat, gather(one, pictures), atol=1e-5)
    assert one.notes == ("random weights: not a transfer result",)


def test_a_fold_is_measured_in_seven_ways() -> None:
    """Each fold has its errors on the one-hot targets and its figures as a classifier."""
    declared = Estimator(method=LinearRegression(), folds=3)
    flat, _, labels = prepared(declared)
    folds = cross_validate(declared, declared.method, flat, labels[:500], classes=10, seed=0)
    assert len(folds) == 3
    for fold in folds:
        assert 0.01 < fold.mse < 0.06
        assert 0.1 < fold.mae < 0.2
        assert fold.r2 == pytest.approx(1 - fold.mse / 0.09, abs=0.01)
        assert min(fold.accuracy, fold.precision, fold.recall, fold.f1) > 0.8


def test_no_fold_is_fitted_on_what_it_is_measured_on() -> None:
    """On labels without sense, the figures of all folds are those of guessing."""
    declared = Estimator(method=DecisionTree(depth=None, leaf=1), folds=3)
    flat, _, labels = prepared(declared)
    shuffled = np.random.default_rng(0).permutation(labels[:500])
    folds = cross_validate(declared, declared.method, flat, shuffled, classes=10, seed=0)
    assert max(fold.accuracy for fold in folds) < 0.25


def test_the_least_squared_error_wins() -> None:
    """A grid is tried by cross-validation on a sample; the best is fitted to everything."""
    declared = Estimator(
        method=DecisionTree(depth=1),
        grid=(DecisionTree(depth=8, leaf=3), DecisionTree(depth=2)),
        sample=200,
        folds=2,
    )
    pictures, labels = digits(400)
    one = made(declared)
    trials = fit(one, gather(one, pictures), labels, seed=0)
    assert trials[0].method == DecisionTree(depth=8, leaf=3)
    assert [trial.mean("mse") for trial in trials] == sorted(trial.mean("mse") for trial in trials)
    assert {trial.method for trial in trials} == {declared.method, *declared.grid}
    with torch.inference_mode():
        found = one(torch.from_numpy(pictures)).argmax(1).numpy()
    assert (found == labels).mean() > 0.8


@pytest.mark.parametrize("method", [RandomForest(trees=3), GradientBoosting(rounds=2, share=0.5)])
def test_a_seed_decides_everything(method: Method) -> None:
    """The same seed gives the same trees, another seed others."""
    flat, held, labels = prepared(Estimator(method=method))
    answers = [
        fitted(
            Estimator(method=method), method, flat, labels[:500], classes=10, seed=seed
        ).regressed(torch.from_numpy(held))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


def test_missing_values_are_refused() -> None:
    """A number that is none is counted, not filled in."""
    declared = Estimator(method=LinearRegression())
    one = made(declared)
    pictures, labels = digits(60)
    flat = gather(one, pictures)
    flat[3, :2] = np.nan
    flat[7, 0] = np.inf
    with pytest.raises(DataError) as caught:
        fit(one, flat, labels, seed=0)
    assert str(caught.value) == (
        "features must all be numbers; missing or infinite, but is '3 values in 2 pictures'. The "
        "backbone overflows on them: check its weights, or compute in single precision."
    )


def test_too_few_pictures_for_the_folds() -> None:
    """More folds than pictures of any class are refused."""
    declared = Estimator(method=LinearRegression(), folds=9)
    one = made(declared)
    pictures, labels = digits(30)
    with pytest.raises(DataError) as caught:
        fit(one, gather(one, pictures), labels, seed=0)
    largest = np.bincount(labels).max()
    assert str(caught.value) == (
        f"Estimator.folds must be at most {largest}, the pictures of the largest class, but is 9."
    )


def test_constant_inputs_do_no_harm() -> None:
    """A pixel that is the same in all pictures is left at zero, not divided by zero."""
    declared = Estimator(method=LinearRegression())
    flat, held, labels = prepared(declared)
    flat[:, 0] = 5.0
    head = fitted(declared, declared.method, flat, labels[:500], classes=10, seed=0)
    assert torch.isfinite(head.regressed(torch.from_numpy(held))).all()


def test_components_hold_most_of_the_variance() -> None:
    """The principal components come widest first."""
    declared = Estimator(method=LinearRegression(), components=5)
    flat, _, labels = prepared(declared)
    head = fitted(declared, declared.method, flat, labels[:500], classes=10, seed=0)
    assert head.vectors is not None
    spread = head.vectors(torch.from_numpy(flat)).var(0)
    assert spread.tolist() == sorted(spread.tolist(), reverse=True)
    full = torch.from_numpy(StandardScaler().fit_transform(flat))
    widths = torch.linalg.svdvals(full)[:5] ** 2 / 499
    assert torch.allclose(spread, widths.float(), rtol=1e-3)
