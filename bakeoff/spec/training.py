"""How a network is trained: optimiser, schedule, stage, budget."""

from __future__ import annotations

from typing import Literal

from bakeoff.spec.amounts import parse_duration
from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment
from bakeoff.spec.rules import at_least, between, positive

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Budget",
    "Constant",
    "Cosine",
    "Linear",
    "Muon",
    "OneCycle",
    "Optimiser",
    "Plateau",
    "RMSProp",
    "Schedule",
    "Stage",
    "Steps",
    "parse_budget",
]


def _common(kind: str, rate: float, weight_decay: float) -> None:
    positive(f"{kind}.rate", rate)
    at_least(f"{kind}.weight_decay", weight_decay, 0)


def _adaptive(kind: str, betas: tuple[float, float], epsilon: float) -> None:
    for beta in betas:
        between(f"{kind}.betas", beta, 0, 0.99999)
    positive(f"{kind}.epsilon", epsilon)


def _warmup(kind: str, share: float) -> None:
    between(f"{kind}.warmup", share, 0, 1, "It is a share of the stage, not a number of steps.")


@declaration
class SGD:
    """Stochastic gradient descent."""

    rate: float = 0.1
    """Learning rate at the schedule's peak."""

    momentum: float = 0.9
    """Share of the last step kept in the next."""

    nesterov: bool = True
    """Whether the gradient is taken ahead of the step."""

    weight_decay: float = 5e-4
    """Pull of the weights towards zero, per step, times the rate."""

    def check(self) -> None:
        _common("SGD", self.rate, self.weight_decay)
        between("SGD.momentum", self.momentum, 0, 0.9999)
        if self.nesterov and self.momentum == 0:
            raise SpecError(
                "SGD.nesterov", "needs momentum above 0", suggestion="Set nesterov=False."
            )


@declaration
class Adam:
    """Adam; weight decay goes through the gradient."""

    rate: float = 1e-3
    """Learning rate at the schedule's peak."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Memory of the mean and of the square of the gradient."""

    epsilon: float = 1e-8
    """Added to the root of the second."""

    weight_decay: float = 0.0
    """Pull of the weights towards zero."""

    def check(self) -> None:
        _common("Adam", self.rate, self.weight_decay)
        _adaptive("Adam", self.betas, self.epsilon)


@declaration
class AdamW:
    """Adam with weight decay apart from the gradient."""

    rate: float = 1e-3
    """Learning rate at the schedule's peak."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Memory of the mean and of the square of the gradient."""

    epsilon: float = 1e-8
    """Added to the root of the second."""

    weight_decay: float = 0.05
    """Pull of the weights towards zero, per step, times the rate."""

    def check(self) -> None:
        _common("AdamW", self.rate, self.weight_decay)
        _adaptive("AdamW", self.betas, self.epsilon)


@declaration
class RMSProp:
    """RMSProp."""

    rate: float = 1e-3
    """Learning rate at the schedule's peak."""

    decay: float = 0.9
    """Memory of the square of the gradient."""

    momentum: float = 0.0
    """Share of the last step kept in the next."""

    epsilon: float = 1e-7
    """Added to the root of that square."""

    weight_decay: float = 0.0
    """Pull of the weights towards zero."""

    def check(self) -> None:
        _common("RMSProp", self.rate, self.weight_decay)
        between("RMSProp.decay", self.decay, 0, 0.9999)
        between("RMSProp.momentum", self.momentum, 0, 0.9999)
        positive("RMSProp.epsilon", self.epsilon)


@declaration
class Muon:
    """Muon on filters and matrices: the step is made orthogonal. SGD on all else."""

    rate: float = 0.2
    """Learning rate of the filters and matrices at the schedule's peak."""

    momentum: float = 0.6
    """Share of the last step kept in the next, for the filters and matrices."""

    iterations: int = 3
    """Newton–Schulz steps towards an orthogonal step."""

    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315)
    """Of the polynomial in each of them: of the first, third and fifth power."""

    renormalise: bool = False
    """Whether a layer's filters are scaled to a norm of one each, on average, before every step.
    Only for networks that normalise after each of them: elsewhere it changes what they compute."""

    other: SGD = SGD(rate=0.05, momentum=0.85, weight_decay=0.0)
    """What trains biases and normalisation."""

    head_rate: float = 0.5
    """Learning rate of the last layer, trained as `other`."""

    def check(self) -> None:
        _common("Muon", self.rate, 0)
        positive("Muon.head_rate", self.head_rate)
        between("Muon.momentum", self.momentum, 0, 0.9999)
        between("Muon.iterations", self.iterations, 1, 20)


Optimiser = SGD | Adam | AdamW | RMSProp | Muon


@declaration
class Constant:
    """The peak rate throughout, after the warm-up."""

    warmup: float = 0.0
    """Share of the stage in which the rate rises from 0."""

    def check(self) -> None:
        _warmup("Constant", self.warmup)


@declaration
class Linear:
    """A straight line from the peak to `end`."""

    warmup: float = 0.0
    """Share of the stage in which the rate rises from 0."""

    end: float = 0.0
    """Share of the peak at the end."""

    def check(self) -> None:
        _warmup("Linear", self.warmup)
        between("Linear.end", self.end, 0, 1)


@declaration
class Cosine:
    """Half a cosine from the peak to `end`."""

    warmup: float = 0.0
    """Share of the stage in which the rate rises from 0."""

    end: float = 0.0
    """Share of the peak at the end."""

    def check(self) -> None:
        _warmup("Cosine", self.warmup)
        between("Cosine.end", self.end, 0, 1)


@declaration
class OneCycle:
    """From `start` up to the peak and down to zero, both as half cosines."""

    warmup: float = 0.3
    """Share of the stage in which the rate rises."""

    start: float = 0.04
    """Share of the peak at the beginning."""

    def check(self) -> None:
        _warmup("OneCycle", self.warmup)
        between("OneCycle.start", self.start, 0, 1)


@declaration
class Steps:
    """The peak, multiplied by `factor` at each of the given places."""

    at: tuple[float, ...] = (0.5, 0.75)
    """Shares of the stage at which the rate drops, rising."""

    factor: float = 0.1
    """What the rate is multiplied by."""

    warmup: float = 0.0
    """Share of the stage in which the rate rises from 0."""

    def check(self) -> None:
        _warmup("Steps", self.warmup)
        between("Steps.factor", self.factor, 0, 1)
        if not self.at or list(self.at) != sorted(set(self.at)):
            raise SpecError("Steps.at", "must be rising places, at least one", self.at)
        for place in self.at:
            between("Steps.at", place, 0, 1)


@declaration
class Plateau:
    """The peak, multiplied by `factor` whenever validation has not improved for a while."""

    factor: float = 0.5
    """What the rate is multiplied by."""

    patience: int = 3
    """Epochs without improvement before it is."""

    warmup: float = 0.0
    """Share of the stage in which the rate rises from 0."""

    def check(self) -> None:
        _warmup("Plateau", self.warmup)
        between("Plateau.factor", self.factor, 0, 1)
        at_least("Plateau.patience", self.patience, 1)


Schedule = Constant | Linear | Cosine | OneCycle | Steps | Plateau


@declaration
class Stage:
    """One leg of training."""

    epochs: float
    """Passes over the training split; a share of one is allowed."""

    train: Literal["all", "head"] | int = "all"
    """What is trainable: everything, the head only, or the head and the last N backbone blocks."""

    batch: int = 128
    """Pictures in a step."""

    optimiser: Optimiser = SGD()
    """How weights move."""

    schedule: Schedule = Cosine()
    """How the rate moves."""

    size: float | int | None = None
    """Side that pictures are shrunk to in this stage, after their random changes, in pixels; below
    1 as a share of the full side, which is kept where the network cannot take less. What is learnt
    is always judged at full size. None: full size."""

    augment: Augment | None = None
    """Random changes in this stage; None: the recipe's."""

    balance: Literal["none", "auto", "weights", "sampling"] = "none"
    """How classes of unequal size come to count the same: by `weights` in the loss, or `sampling`
    that shows each equally often. `auto`: weights, or sampling where the largest class has more
    than ten times the pictures of the smallest."""

    label_smoothing: float = 0.0
    """Share of the target spread over all classes."""

    layer_decay: float = 1.0
    """Factor on the rate from each backbone block to the one below it."""

    clip: float | None = None
    """Largest norm of the gradient; None: not clipped."""

    average: float | None = None
    """Memory of the moving average of the weights (EMA), such as 0.999; None: no average."""

    lookahead: int | None = None
    """Steps between pulls towards a slow copy of the weights; None: no slow copy."""

    patience: int | None = None
    """Epochs without improvement on validation after which the stage ends; None: never."""

    def check(self) -> None:
        positive("Stage.epochs", self.epochs)
        between("Stage.batch", self.batch, 1, 65536)
        between("Stage.label_smoothing", self.label_smoothing, 0, 0.9)
        between("Stage.layer_decay", self.layer_decay, 0.01, 1)
        if isinstance(self.train, int):
            at_least("Stage.train", self.train, 1, "Write train='head' for no block at all.")
        if self.clip is not None:
            positive("Stage.clip", self.clip)
        if self.average is not None:
            between("Stage.average", self.average, 0, 0.99999)
        for name in ("lookahead", "patience"):
            value = getattr(self, name)
            if value is not None:
                at_least(f"Stage.{name}", value, 1)
        if isinstance(self.size, float):
            between("Stage.size", self.size, 0.05, 0.99, "As a share; pixels are a whole number.")
        elif self.size is not None:
            at_least("Stage.size", self.size, 1)


@declaration
class Budget:
    """How much training may cost: passes over the data, or time on the clock, not both."""

    epochs: float | None = None
    """Passes over the training split, shared among stages in proportion."""

    seconds: float | None = None
    """Seconds for training, evaluation and writing together."""

    def check(self) -> None:
        if (self.epochs is None) == (self.seconds is None):
            found = "neither" if self.epochs is None else "both"
            raise SpecError("Budget", "must have either epochs or seconds", found)
        for name in ("epochs", "seconds"):
            value = getattr(self, name)
            if value is not None:
                positive(f"Budget.{name}", value)


def parse_budget(text: str, *, field: str = "--budget") -> Budget:
    """A budget in time, from a text such as `30m`."""
    return Budget(seconds=parse_duration(text, field=field))
