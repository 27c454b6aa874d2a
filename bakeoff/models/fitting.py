"""scikit-learn fits, and its answers become tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from torch import Tensor
from torch.nn import functional

from bakeoff.models.fitted import FittedHead, Vectors
from bakeoff.spec.estimator import (
    DecisionTree,
    Estimator,
    GradientBoosting,
    LinearProbe,
    LinearRegression,
    Method,
    NearestNeighbours,
    RandomForest,
    ZeroShot,
)

__all__ = ["Floats", "Labels", "fitted", "one_hot"]

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Tensors = dict[str, Tensor]


def fitted(
    declared: Estimator, method: Method, flat: Floats, labels: Labels, *, classes: int, seed: int
) -> FittedHead:
    """`method` fitted to all of `flat`, pictures × numbers, as `declared` wants them prepared."""
    prepared = _prepared(declared, flat)
    with torch.inference_mode():
        vectors = Vectors(**prepared)(torch.from_numpy(flat)).numpy()
    head = FittedHead(declared, classes)
    head.take(prepared, _scores(method, vectors, labels, classes, seed))
    return head


def one_hot(labels: Labels, classes: int) -> Floats:
    """One column per class, 1 where it is the picture's."""
    return np.eye(classes, dtype=np.float32)[labels]


def _prepared(declared: Estimator, flat: Floats) -> Tensors:
    width = flat.shape[1]
    mean, factor = np.zeros(width), np.ones(width)
    if declared.standardise or declared.components is not None:
        scaler = StandardScaler(with_std=declared.standardise).fit(flat)
        mean = scaler.mean_
        if declared.standardise:
            factor = 1 / scaler.scale_
    tensors = {"mean": _floats(mean), "factor": _floats(factor), "directions": torch.empty(0)}
    if declared.components is not None:
        whole = Vectors(**tensors)(torch.from_numpy(flat))
        tensors["directions"] = _directions(whole, declared.components)
    return tensors


def _directions(vectors: Tensor, components: int) -> Tensor:
    """The principal components, the widest first."""
    directions: Tensor = torch.linalg.eigh((vectors.T @ vectors).double())[1]
    return directions.flip(1)[:, :components].float().contiguous()


def _scores(method: Method, vectors: Floats, labels: Labels, classes: int, seed: int) -> Tensors:
    targets = one_hot(labels, classes)
    match method:
        case LinearRegression():
            ridge = Ridge(alpha=method.penalty).fit(vectors, targets)
            return {"weight": _floats(ridge.coef_), "bias": _floats(ridge.intercept_)}
        case DecisionTree():
            tree = DecisionTreeRegressor(**_growth(method), random_state=seed)
            return _nodes([tree.fit(vectors, targets).tree_])
        case RandomForest():
            forest = RandomForestRegressor(
                method.trees, **_growth(method), random_state=seed, n_jobs=torch.get_num_threads()
            )
            return _nodes([tree.tree_ for tree in forest.fit(vectors, targets).estimators_])
        case GradientBoosting():
            return _boosted(method, vectors, targets, seed)
        case NearestNeighbours():
            return {
                "bank": functional.normalize(torch.from_numpy(vectors)),
                "labels": torch.from_numpy(labels),
                "classes": torch.tensor(classes),
                "count": torch.tensor(method.count),
                "temperature": torch.tensor(method.temperature),
            }
        case LinearProbe():
            return _probe(method, torch.from_numpy(vectors), torch.from_numpy(labels), classes)
        case ZeroShot():
            raise AssertionError("it is described in words, not fitted to pictures")


def _growth(method: DecisionTree | RandomForest | GradientBoosting) -> dict[str, Any]:
    return {
        "max_depth": method.depth,
        "min_samples_leaf": method.leaf,
        "max_features": method.share,
    }


def _boosted(method: GradientBoosting, vectors: Floats, targets: Floats, seed: int) -> Tensors:
    tables, base = [], []
    for target in targets.T:
        series = HistGradientBoostingRegressor(
            **_growth(method),
            max_iter=method.rounds,
            learning_rate=method.rate,
            max_leaf_nodes=method.leaves,
            early_stopping=False,
            random_state=seed,
        ).fit(vectors, target)
        # Not part of scikit-learn's promises; a test compares our answers with its own.
        tables += [trees[0].nodes for trees in series._predictors]
        base.append(np.asarray(series._baseline_prediction).item())
    columns = [
        {
            "feature": np.where(table["is_leaf"], 0, table["feature_idx"]).astype(np.int64),
            "threshold": np.where(table["is_leaf"], np.inf, table["num_threshold"]),
            "left": table["left"].astype(np.int64),
            "right": table["right"].astype(np.int64),
            "leaf": table["is_leaf"].astype(bool),
            "values": table["value"][:, None],
            "depth": np.asarray(table["depth"].max()),
        }
        for table in tables
    ]
    return {**_joined(columns), "base": _floats(np.array(base))}


def _nodes(trees: Sequence[Any]) -> Tensors:
    return _joined(
        [
            {
                "feature": np.maximum(tree.feature, 0),
                "threshold": np.where(tree.children_left < 0, np.inf, tree.threshold),
                "left": tree.children_left,
                "right": tree.children_right,
                "leaf": tree.children_left < 0,
                "values": tree.value[:, :, 0],
                "depth": np.asarray(tree.max_depth),
            }
            for tree in trees
        ]
    )


def _joined(trees: Sequence[dict[str, npt.NDArray[Any]]]) -> Tensors:
    """All nodes in one table; children are counted from its start, leaves lead to themselves."""
    sizes = [len(tree["feature"]) for tree in trees]
    starts = np.cumsum([0, *sizes[:-1]])
    places = np.arange(sum(sizes))
    leaf = np.concatenate([tree["leaf"] for tree in trees])
    joined = {
        name: np.concatenate([tree[name] for tree in trees]) for name in ("feature", "values")
    }
    tensors = {"roots": torch.from_numpy(starts), "values": _floats(joined["values"])}
    tensors["feature"] = torch.from_numpy(joined["feature"].astype(np.int64))
    for side in ("left", "right"):
        moved = np.concatenate(
            [tree[side].astype(np.int64) + start for tree, start in zip(trees, starts, strict=True)]
        )
        tensors[side] = torch.from_numpy(np.where(leaf, places, moved))
    tensors["threshold"] = _floats_below(np.concatenate([tree["threshold"] for tree in trees]))
    tensors["depth"] = torch.tensor(max(int(tree["depth"]) for tree in trees))
    return tensors


def _floats(values: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _floats_below(thresholds: npt.NDArray[np.float64]) -> Tensor:
    """The largest single-precision numbers that are not above: `x <= t` then says the same of
    every single-precision x."""
    rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return torch.from_numpy(np.where(rounded > thresholds, lower, rounded))


def _probe(method: LinearProbe, vectors: Tensor, labels: Tensor, classes: int) -> Tensors:
    weight = torch.zeros(classes, vectors.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=method.steps, line_search_fn="strong_wolfe", tolerance_grad=1e-6
    )

    def loss() -> Tensor:
        solver.zero_grad()
        scores = functional.linear(vectors, weight, bias)
        value = functional.cross_entropy(scores, labels) + method.penalty / 2 * weight.pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    return {"weight": weight.detach(), "bias": bias.detach()}
