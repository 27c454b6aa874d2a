"""Contenders without gradient descent: classical models, and looks at frozen features.

The regressors fit the one-hot targets, one column per class; the class is the column with the
highest score.
"""

from __future__ import annotations

from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import Backbone
from bakeoff.spec.rules import at_least, between, positive

__all__ = [
    "DecisionTree",
    "Estimator",
    "GradientBoosting",
    "LinearProbe",
    "LinearRegression",
    "Method",
    "NearestNeighbours",
    "Pixels",
    "RandomForest",
    "ZeroShot",
]


@declaration
class Pixels:
    """The pictures themselves, as one vector of numbers."""

    side: int | None = None
    """Side that pictures are averaged down to first, in pixels; None: as they are."""

    def check(self) -> None:
        if self.side is not None:
            between("Pixels.side", self.side, 1, 256)


@declaration
class LinearRegression:
    """One linear function per class, with a penalty on large weights (ridge)."""

    penalty: float = 100.0
    """Weight of the squared weights against the squared errors, summed over pictures."""

    def check(self) -> None:
        at_least("LinearRegression.penalty", self.penalty, 0)


@declaration
class DecisionTree:
    """One regression tree for all classes together."""

    depth: int | None = 10
    """Most questions from root to leaf; None: no limit."""

    leaf: int = 20
    """Fewest pictures in a leaf."""

    share: float = 1.0
    """Share of the features, drawn anew for each split, among which it looks for the best."""

    def check(self) -> None:
        _grown("DecisionTree", self.depth, self.leaf, self.share)


@declaration
class RandomForest:
    """Many regression trees, each grown on pictures drawn with replacement; their mean."""

    trees: int = 100
    """Number of trees."""

    depth: int | None = None
    """Most questions from root to leaf; None: no limit."""

    leaf: int = 5
    """Fewest pictures in a leaf."""

    share: float = 0.05
    """Share of the features, drawn anew for each split, among which it looks for the best."""

    def check(self) -> None:
        positive("RandomForest.trees", self.trees)
        _grown("RandomForest", self.depth, self.leaf, self.share)


@declaration
class GradientBoosting:
    """Small regression trees on histograms, each fitted to what the ones before left over; one
    series per class."""

    rounds: int = 100
    """Trees per class."""

    rate: float = 0.1
    """Share of each tree's answer that is taken."""

    leaves: int = 31
    """Most leaves of a tree."""

    depth: int | None = 8
    """Most questions from root to leaf; None: no limit."""

    leaf: int = 20
    """Fewest pictures in a leaf."""

    share: float = 1.0
    """Share of the features, drawn anew for each split, among which it looks for the best."""

    def check(self) -> None:
        positive("GradientBoosting.rounds", self.rounds)
        positive("GradientBoosting.rate", self.rate)
        at_least("GradientBoosting.leaves", self.leaves, 2)
        _grown("GradientBoosting", self.depth, self.leaf, self.share)


@declaration
class NearestNeighbours:
    """The classes of the training pictures whose features point the same way. Nothing is fitted."""

    count: int = 20
    """How many neighbours vote."""

    temperature: float = 0.07
    """A vote weighs exp(cosine / temperature): the smaller, the more the nearest one counts."""

    def check(self) -> None:
        positive("NearestNeighbours.count", self.count)
        positive("NearestNeighbours.temperature", self.temperature)


@declaration
class LinearProbe:
    """One linear layer on the features, fitted to the cross-entropy (logistic regression)."""

    penalty: float = 1e-3
    """Weight of the squared weights against the mean loss."""

    steps: int = 200
    """Most steps of the solver (L-BFGS)."""

    def check(self) -> None:
        at_least("LinearProbe.penalty", self.penalty, 0)
        positive("LinearProbe.steps", self.steps)


@declaration
class ZeroShot:
    """CLIP: the class whose description points the same way as the picture. Nothing is fitted, no
    training picture is looked at; the inputs are the picture tower of the same model."""

    model: str = "ViT-B-32-quickgelu"
    """open_clip's name of the model."""

    prompts: tuple[str, ...] = ("a photo of a {}.", "a small photo of a {}.", "a picture of a {}.")
    """Descriptions, with {} for the name of the class; the mean of their directions is taken."""

    width: int = 512
    """Length of the vectors in which pictures and words are compared."""

    def check(self) -> None:
        positive("ZeroShot.width", self.width)
        if not self.prompts:
            raise SpecError("ZeroShot.prompts", "must not be empty")
        for place, prompt in enumerate(self.prompts):
            if "{}" not in prompt:
                rule = "must hold {}, for the name of the class"
                raise SpecError(f"ZeroShot.prompts[{place}]", rule, prompt)


Method = (
    LinearRegression
    | DecisionTree
    | RandomForest
    | GradientBoosting
    | NearestNeighbours
    | LinearProbe
    | ZeroShot
)


@declaration
class Estimator:
    """A method and what it looks at."""

    method: Method
    """What is fitted; where there is a grid, the first candidate."""

    inputs: Pixels | Backbone = Pixels()
    """What it looks at: pixels, or the features of a frozen backbone."""

    standardise: bool = True
    """Whether each input is brought to mean 0 and deviation 1 over the training pictures."""

    components: int | None = None
    """Number of principal components kept of the inputs; None: the inputs as they are."""

    grid: tuple[Method, ...] = ()
    """Other settings of the method, tried by cross-validation; the least squared error wins."""

    folds: int = 5
    """Folds of the cross-validation."""

    sample: int | None = 5000
    """Training pictures that cross-validation uses; None: all. The fit uses all in any case."""

    floor: float = 1e-3
    """Regressors and neighbours give scores, not probabilities: a score below this is raised to
    it, and then all are divided by their sum."""

    def check(self) -> None:
        if isinstance(self.inputs, Backbone) and not self.inputs.pool:
            raise SpecError("Estimator.inputs", "must be a backbone with pool=True")
        if isinstance(self.method, ZeroShot):
            self._check_unfitted()
        if self.components is not None:
            positive("Estimator.components", self.components)
        for place, other in enumerate(self.grid):
            if type(other) is not type(self.method):
                rule = f"must be settings of {type(self.method).__name__}"
                raise SpecError(f"Estimator.grid[{place}]", rule, type(other).__name__)
        at_least("Estimator.folds", self.folds, 2)
        if self.sample is not None:
            at_least("Estimator.sample", self.sample, 2 * self.folds)
        if not 0 < self.floor <= 0.1:
            raise SpecError("Estimator.floor", "must be above 0 and at most 0.1", self.floor)

    def _check_unfitted(self) -> None:
        """Words have to meet the features as they are, and there is nothing to choose by."""
        if not isinstance(self.inputs, Backbone):
            raise SpecError("Estimator.inputs", "must be a backbone, as the method is ZeroShot")
        for name, needed in (("standardise", False), ("components", None), ("grid", ())):
            if getattr(self, name) != needed:
                rule = f"must be {needed}, as the method is ZeroShot"
                raise SpecError(f"Estimator.{name}", rule, getattr(self, name))


def _grown(kind: str, depth: int | None, leaf: int, share: float) -> None:
    if depth is not None:
        positive(f"{kind}.depth", depth)
    positive(f"{kind}.leaf", leaf)
    if not 0 < share <= 1:
        raise SpecError(f"{kind}.share", "must be above 0 and at most 1", share)
