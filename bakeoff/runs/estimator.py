"""Any recipe as a scikit-learn classifier: for cross_val_score, GridSearchCV and pipelines."""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from bakeoff import recipes
from bakeoff.models.classifier import assemble
from bakeoff.recipes.adapt import adapted
from bakeoff.runs import saving
from bakeoff.runs.arrays import Reading, flattened, read, squares
from bakeoff.runs.learning import learn, probabilities
from bakeoff.spec import codec
from bakeoff.spec.errors import ArgumentError, BakeoffWarning
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget, parse_budget
from bakeoff.training.device import choose

__all__ = ["BakeoffClassifier"]

_CHUNK = 1024
"""Pictures that are prepared at once for predicting."""

_SEEDS = 2**32

_KINDS = "biufU"
"""NumPy's letters for classes that a file can name: numbers and texts."""


class BakeoffClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A recipe that is trained by `fit`, on arrays of pictures.

    `X` is N×height×width, N×height×width×3, or rows of values: N×features. Rows are laid out as a
    picture of `shape`; without one, as the smallest grey square that holds them, filled up with
    black. uint8 is taken as it is. Other numbers are scaled so that the least value of the training
    data is black and the greatest white, and rounded to 256 levels; `value_range` gives other ends.

    Parameters
    ----------
    recipe : a shipped recipe's name, `my.py:function`, or a Recipe.
    epochs : passes over the training pictures, all stages together. None: the recipe's.
    budget : time to fit, in seconds or as a text such as "10m"; excludes `epochs`. Estimator
        recipes, such as "forest", have neither, and ignore both.
    seed : changes weights, order and draws. The same seed gives the same model.
    device : cpu, cuda, cuda:N or mps. None: the best there is.
    validation : share or number of pictures kept apart from learning, to choose the best epoch by
        where the recipe does so, and to warn by. None: none; the same pictures do both.
    size : side in pixels that pictures are brought to. None: the recipe's, or the pictures' own, or
        the next larger one that the network takes.
    weights : of the recipe's backbone: "pretrained", "random" or a safetensors file. None: the
        recipe's.
    balance : how classes of unequal size come to count the same: "weights", "sampling", or "auto",
        which takes sampling where the largest is more than ten times the smallest. None: the
        recipe's.
    shape : (height, width) or (height, width, 3) of a picture in a row of values.
    value_range : (black, white), the values that become 0 and 255.

    Attributes
    ----------
    classes_ : the classes, sorted.
    n_features_in_ : values in a picture.
    feature_names_in_ : names of the columns, where X was a data frame.
    recipe_ : the recipe as trained, with everything settled.
    classifier_ : the torch module, from uint8 pictures to scores.
    reading_ : how inputs become pictures.
    history_ : a dict per look at validation; for estimator recipes, per setting tried.
    notes_ : what happened on the way, in sentences.
    validation_accuracy_ : on the pictures kept apart; None without any.
    """

    def __init__(
        self,
        recipe: str | Recipe = "cnn3",
        *,
        epochs: float | None = None,
        budget: str | float | None = None,
        seed: int = 0,
        device: str | None = None,
        validation: float | int | None = 0.1,
        size: int | None = None,
        weights: str | None = None,
        balance: str | None = None,
        shape: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.budget = budget
        self.seed = seed
        self.device = device
        self.validation = validation
        self.size = size
        self.weights = weights
        self.balance = balance
        self.shape = shape
        self.value_range = value_range

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Train the recipe on pictures `X` of classes `y`, from the beginning."""
        budget, seed = _budget(self.epochs, self.budget), _seed(self.seed)
        given, shape = flattened(X)
        rows, targets = validate_data(self, given, y)
        check_classification_targets(targets)
        classes, labels = np.unique(targets, return_inverse=True)
        if len(classes) < 2:
            raise ArgumentError(
                "y", "must hold two classes or more", f"1 class, {classes.tolist()[0]}"
            )
        reading = read(rows, shape, shape=self.shape, value_range=self.value_range)
        learnt = learn(
            self._declared(),
            reading.pictures(rows),
            labels.astype(np.int64),
            tuple(str(name) for name in classes.tolist()),
            validation=self.validation,
            budget=budget,
            seed=seed,
            device=choose(self.device),
        )
        self.classes_ = classes
        self.reading_ = reading
        self.classifier_, self.recipe_ = learnt.classifier, learnt.recipe
        self.history_, self.notes_ = list(learnt.history), list(learnt.notes)
        self.validation_accuracy_ = learnt.accuracy
        for text in learnt.warnings:
            warnings.warn(text, BakeoffWarning, stacklevel=2)
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """One row per picture, one share per class in the order of `classes_`."""
        check_is_fitted(self)
        given, shape = flattened(X)
        rows = validate_data(self, given, reset=False)
        if shape is not None and shape != self.reading_.given:
            rule = f"must be {self.reading_.given}, as in training"
            raise ArgumentError("the shape of a picture in X", rule, shape)
        found = []
        for start in range(0, len(rows), _CHUNK):
            pictures = self.reading_.pictures(rows[start : start + _CHUNK])
            fitting = squares(pictures, self.recipe_.preprocess)
            found.append(probabilities(self.classifier_, fitting))
        return np.concatenate(found)

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """The most probable class of each picture."""
        shares = self.predict_proba(X)
        chosen: npt.NDArray[Any] = self.classes_[shares.argmax(axis=1)]
        return chosen

    def save(self, path: str | Path) -> Path:
        """Write the fitted classifier into a new folder, of which `load` makes it again."""
        check_is_fitted(self)
        facts = {
            "parameters": self._parameters(),
            "classes": _told(self.classes_),
            "reading": asdict(self.reading_),
            "features": int(self.n_features_in_),
            "names": list(getattr(self, "feature_names_in_", [])),
            "history": self.history_,
            "notes": self.notes_,
            "validation_accuracy": self.validation_accuracy_,
        }
        tensors = self.classifier_.state_dict()
        folder = Path(path)
        saving.write(folder, saving.Saved(recipe=self.recipe_, facts=facts, tensors=tensors))
        return folder

    @classmethod
    def load(cls, path: str | Path, *, device: str | None = None) -> Self:
        """The classifier that `save` wrote; `device` where it shall work on another one."""
        saved = saving.read(Path(path))
        facts = saved.facts
        parameters = dict(facts["parameters"])
        if isinstance(parameters["recipe"], dict):
            parameters["recipe"] = codec.decode(Recipe, parameters["recipe"])
        for name in ("shape", "value_range"):
            if parameters[name] is not None:
                parameters[name] = tuple(parameters[name])
        made = cls(**parameters)
        if device is not None:
            made.set_params(device=device)
        reading = facts["reading"]
        for name in ("given", "layout"):
            reading[name] = tuple(reading[name])
        made.classes_ = np.array(facts["classes"]["values"], dtype=facts["classes"]["dtype"])
        made.reading_ = Reading(**reading)
        made.n_features_in_ = facts["features"]
        if facts["names"]:
            made.feature_names_in_ = np.array(facts["names"], dtype=object)
        made.recipe_ = saved.recipe
        made.history_, made.notes_ = facts["history"], facts["notes"]
        made.validation_accuracy_ = facts["validation_accuracy"]
        classifier = assemble(
            saved.recipe.network,
            saved.recipe.preprocess,
            classes=len(made.classes_),
            seed=0,
            pretrained=False,
        )
        classifier.load_state_dict(saved.tensors)
        made.classifier_ = choose(made.device).laid_out(classifier).eval()
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _declared(self) -> Recipe:
        recipe = self.recipe if isinstance(self.recipe, Recipe) else recipes.get(self.recipe)
        size = None if self.size is None else int(self.size)
        return adapted(recipe, size=size, weights=self.weights, balance=self.balance)

    def _parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get_params(deep=False)
        if isinstance(self.recipe, Recipe):
            found["recipe"] = codec.encode(self.recipe)
        return found


def _budget(epochs: float | None, budget: str | float | None) -> Budget | None:
    if epochs is not None and budget is not None:
        raise ArgumentError("epochs and budget", "exclude each other", suggestion="Give one.")
    for field, value in (("epochs", epochs), ("budget", budget)):
        number = value is None or isinstance(value, str) or (math.isfinite(value) and value > 0)
        if not number:
            raise ArgumentError(field, "must be greater than 0", value)
    if epochs is not None:
        return Budget(epochs=float(epochs))
    if isinstance(budget, str):
        return parse_budget(budget, field="budget")
    return None if budget is None else Budget(seconds=float(budget))


def _seed(seed: int) -> int:
    if not 0 <= seed < _SEEDS or int(seed) != seed:
        raise ArgumentError("seed", f"must be a whole number from 0 to {_SEEDS - 1}", seed)
    return int(seed)


def _told(classes: npt.NDArray[Any]) -> dict[str, Any]:
    """Classes as JSON has them. What is neither a number nor a text could not be read back."""
    texts = classes.dtype == object and all(isinstance(name, str) for name in classes)
    if classes.dtype.kind not in _KINDS and not texts:
        raise ArgumentError("classes_", "must be numbers or texts to be saved", str(classes.dtype))
    return {"dtype": classes.dtype.str, "values": classes.tolist()}
