"""Recipes that learn scikit-learn's digits in a second."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from bakeoff.spec.estimator import Estimator, LinearRegression
from bakeoff.spec.network import Backbone, Classes, Conv, Dense, Dropout, Flatten, MaxPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Adam, Constant, Cosine, Stage

__all__ = ["backbone", "convolutions", "dense", "digits", "ridge"]


@cache
def digits(count: int = 300) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The first digits as rows of 64 numbers from 0 to 16, and what they show."""
    x, y = load_digits(return_X_y=True)
    return x[:count], y[:count]


def dense(epochs: float = 20) -> Recipe:
    """One hidden layer: learns rows of values as well as pictures."""
    return Recipe(
        name="dense",
        network=Network(rows=(Flatten(), Dense(width=32, activation="relu"), Classes())),
        stages=(Stage(epochs=epochs, batch=16, optimiser=Adam(rate=0.01), schedule=Cosine()),),
    )


def convolutions() -> Recipe:
    """A convolution, a pool, dropout; keeps its best epoch. Takes nothing below 12 pixels."""
    rows = (
        Conv(width=8, kernel=5, padding="valid", activation="relu"),
        MaxPool(),
        Conv(width=8, kernel=4, padding="valid", activation="relu"),
        Dropout(rate=0.1),
        Flatten(),
        Classes(),
    )
    stage = Stage(epochs=3, batch=16, optimiser=Adam(rate=0.005), schedule=Constant())
    return Recipe(name="convolutions", network=Network(rows=rows), stages=(stage,))


def ridge() -> Recipe:
    """A linear regression, without stages."""
    method, grid = LinearRegression(penalty=10.0), (LinearRegression(penalty=1000.0),)
    return Recipe(name="ridge", network=Estimator(method=method, grid=grid, folds=2))


def backbone() -> Recipe:
    """A head on a small backbone that was never trained."""
    return Recipe(
        name="backbone",
        network=Network(backbone=Backbone(name="test_resnet", weights="random", size=32)),
        stages=(Stage(epochs=1, train="head", batch=32, optimiser=Adam(rate=0.01)),),
    )
