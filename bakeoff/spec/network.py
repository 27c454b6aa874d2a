"""A network as a table: a tuple of layer rows, or a backbone with a head of rows.

Rows say what a layer is, never what comes in: shapes are worked out when the table is built, so
one table serves any picture size that fits and any number of classes.
"""

from __future__ import annotations

from typing import Literal

from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.rules import at_least, between, positive

__all__ = [
    "Activation",
    "Attention",
    "AvgPool",
    "Backbone",
    "BatchNorm",
    "Classes",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Head",
    "LayerNorm",
    "MaxPool",
    "Network",
    "Nonlinearity",
    "Positions",
    "Residual",
    "Row",
    "Scale",
    "Whiten",
]

Nonlinearity = Literal["none", "relu", "gelu", "silu", "celu", "elu", "tanh"]


@declaration
class Conv:
    """Two-dimensional convolution."""

    width: int
    """Number of filters."""

    kernel: int = 3
    """Side of the square kernel, in pixels."""

    stride: int = 1
    """Step between two places of the kernel, in pixels."""

    padding: Literal["same", "valid"] = "same"
    """`valid` uses no pixel from outside. `same` gives size / stride pixels a side, rounded up:
    kernel - 1 zeros are added in all, half on each side, the odd one on the right and below,
    whatever the stride."""

    groups: int = 1
    """Number of groups of channels that do not see each other."""

    bias: bool = True
    """Whether each filter adds a constant."""

    start: Literal["random", "dirac"] = "random"
    """First weights: `random`, as wide as the nonlinearity asks (He); `dirac` lets as many filters
    as there are channels coming in pass those channels through, the rest are random."""

    activation: Nonlinearity = "none"
    """Nonlinearity applied to the result."""

    def check(self) -> None:
        for name in ("width", "kernel", "stride", "groups"):
            positive(f"Conv.{name}", getattr(self, name))
        if self.width % self.groups:
            rule = f"must be a multiple of groups ({self.groups})"
            raise SpecError("Conv.width", rule, self.width)
        if self.start == "dirac" and self.groups != 1:
            raise SpecError("Conv.start", "must be 'random' where there are groups", self.start)


@declaration
class Whiten:
    """First row only: a convolution whose filters come from the training pictures and stay fixed.

    It turns each small patch into its principal components, all of variance one, each with both
    signs: 2 × channels × kernel² maps. Only the bias is trained, and it need not be for long.
    """

    kernel: int = 2
    """Side of the patch, in pixels."""

    epsilon: float = 5e-4
    """Added to the variance of a component before its root."""

    activation: Nonlinearity = "none"
    """Nonlinearity applied to the result."""

    learns: float = 1.0
    """Share of training, from its beginning, in which the bias moves. Once it rests nothing is
    computed for it any more."""

    def check(self) -> None:
        between("Whiten.kernel", self.kernel, 1, 8)
        positive("Whiten.epsilon", self.epsilon)
        between("Whiten.learns", self.learns, 0, 1)


@declaration
class BatchNorm:
    """Batch normalisation over channels (or features)."""

    momentum: float = 0.1
    """Share of the newest batch in the running statistics."""

    epsilon: float = 1e-5
    """Added to the variance before its root."""

    scale: bool = True
    """Whether the scale is trained; False fixes it at 1."""

    activation: Nonlinearity = "none"
    """Nonlinearity applied to the result."""

    def check(self) -> None:
        between("BatchNorm.momentum", self.momentum, 0, 1)
        positive("BatchNorm.epsilon", self.epsilon)


@declaration
class LayerNorm:
    """Layer normalisation over channels (or features)."""

    epsilon: float = 1e-6
    """Added to the variance before its root."""

    def check(self) -> None:
        positive("LayerNorm.epsilon", self.epsilon)


@declaration
class Scale:
    """A trained factor per channel (or feature)."""

    start: float = 1e-6
    """Its first value; small makes a residual block start as nearly nothing."""

    def check(self) -> None:
        positive("Scale.start", self.start)


@declaration
class Positions:
    """Adds a trained vector to each place of the map, so that places can be told apart."""


@declaration
class Attention:
    """Self-attention: each place of the map gathers from all places."""

    heads: int
    """Number of heads; the channels are divided among them."""

    def check(self) -> None:
        positive("Attention.heads", self.heads)


@declaration
class Activation:
    """A nonlinearity in a row of its own."""

    function: Literal["relu", "gelu", "silu", "celu", "elu", "tanh"] = "relu"
    """Which one."""


@declaration
class MaxPool:
    """Largest value of each window; what does not fill a window is dropped."""

    size: int = 2
    """Side of the window and step between windows, in pixels."""

    def check(self) -> None:
        at_least("MaxPool.size", self.size, 2)


@declaration
class AvgPool:
    """Mean of each window; what does not fill a window is dropped."""

    size: int = 2
    """Side of the window and step between windows, in pixels."""

    def check(self) -> None:
        at_least("AvgPool.size", self.size, 2)


@declaration
class GlobalPool:
    """One value per channel from the whole map."""

    mode: Literal["mean", "max"] = "mean"
    """Which value."""


@declaration
class Flatten:
    """Channels, rows and columns as one vector."""


@declaration
class Dense:
    """Fully connected layer."""

    width: int
    """Number of outputs."""

    bias: bool = True
    """Whether each output adds a constant."""

    activation: Nonlinearity = "none"
    """Nonlinearity applied to the result."""

    def check(self) -> None:
        positive("Dense.width", self.width)


@declaration
class Dropout:
    """Zeroes a random share of the values while training."""

    rate: float
    """Share of values zeroed, 0 to below 1."""

    def check(self) -> None:
        if not 0 <= self.rate < 1:
            raise SpecError(
                "Dropout.rate",
                "must be at least 0 and below 1",
                self.rate,
                "It is the share that is dropped, not the share that is kept.",
            )


@declaration
class Classes:
    """The last row: one score per class, whatever their number."""

    bias: bool = True
    """Whether each score adds a constant."""

    scale: float = 1.0
    """Factor on the scores."""

    def check(self) -> None:
        positive("Classes.scale", self.scale)


@declaration
class Residual:
    """Adds what comes in to what `body` makes of it."""

    body: tuple[Row, ...]
    """The rows whose result is added to their input."""

    shortcut: tuple[Row, ...] = ()
    """Rows that the input goes through on its way round the body. Empty: it is added as it is, or,
    where the body changes the shape, through a 1×1 convolution without bias."""

    drop: float = 0.0
    """Share of pictures for which the body is left out while training (stochastic depth)."""

    activation: Nonlinearity = "none"
    """Nonlinearity applied to the sum."""

    def check(self) -> None:
        if not self.body:
            raise SpecError("Residual.body", "must have at least one row")
        if not 0 <= self.drop < 1:
            raise SpecError("Residual.drop", "must be at least 0 and below 1", self.drop)
        for name, rows in (("body", self.body), ("shortcut", self.shortcut)):
            for row in rows:
                if isinstance(row, Classes | Whiten):
                    place = "last" if isinstance(row, Classes) else "first"
                    kind = type(row).__name__
                    rule = f"cannot hold {kind}(), the {place} row of a network"
                    raise SpecError(f"Residual.{name}", rule)


Row = (
    Conv
    | Whiten
    | BatchNorm
    | LayerNorm
    | Scale
    | Positions
    | Attention
    | Activation
    | MaxPool
    | AvgPool
    | GlobalPool
    | Flatten
    | Dense
    | Dropout
    | Classes
    | Residual
)


@declaration
class Backbone:
    """A network made elsewhere, by its timm name, without its own classifier."""

    name: str
    """timm's name, such as `resnet50` or `convnext_tiny.fb_in22k`."""

    weights: str = "pretrained"
    """`pretrained`, `random`, or the path of a safetensors file."""

    size: int | None = None
    """Side of its input, in pixels; pictures are resized inside the model. None: the size its
    weights were trained at."""

    stem: Literal["own", "small"] = "own"
    """`small` replaces the first strided layers by ones that suit pictures of 32 pixels."""

    padding: Literal["own", "same"] | None = None
    """`same` pads its convolutions as TensorFlow does, which weights from there need; `own` as timm
    does. None: as the weights' file says, `own` where it says nothing."""

    pool: bool = True
    """Whether its feature map is averaged to one vector, in the backbone's own way (a class token,
    a last norm), before the head."""

    def check(self) -> None:
        if not self.name.strip():
            raise SpecError("Backbone.name", "must not be empty", suggestion="Try 'resnet50'.")
        if not self.weights.strip():
            raise SpecError("Backbone.weights", "must not be empty", suggestion="Try 'pretrained'.")
        if self.size is not None:
            between("Backbone.size", self.size, 16, 1024)


@declaration
class Head:
    """Rows put on a backbone."""

    rows: tuple[Row, ...] = (Classes(),)
    """From the backbone's features to the scores."""

    def check(self) -> None:
        _ends_in_classes("Head.rows", self.rows)
        _whitens_first("Head.rows", (None, *self.rows))


@declaration
class Network:
    """Either rows from picture to scores, or a backbone and its head."""

    rows: tuple[Row, ...] | None = None
    """The whole network as a table."""

    backbone: Backbone | None = None
    """The pretrained part."""

    head: Head | None = None
    """What follows the backbone; None with a backbone means one linear layer."""

    def check(self) -> None:
        if (self.rows is None) == (self.backbone is None):
            found = "neither" if self.rows is None else "both"
            raise SpecError("Network", "must have either rows or a backbone", found)
        if self.head is not None and self.backbone is None:
            raise SpecError(
                "Network.head",
                "needs a backbone",
                suggestion="Put the head's rows at the end of Network.rows.",
            )
        if self.rows is not None:
            _ends_in_classes("Network.rows", self.rows)
            _whitens_first("Network.rows", self.rows)


def _ends_in_classes(field: str, rows: tuple[Row, ...]) -> None:
    last = rows[-1] if rows else None
    if not isinstance(last, Classes):
        found = "empty" if last is None else type(last).__name__
        raise SpecError(field, "must end in Classes()", found, "Add Classes() as the last row.")
    if any(isinstance(row, Classes) for row in rows[:-1]):
        raise SpecError(field, "must hold Classes() once, at the end")


def _whitens_first(field: str, rows: tuple[Row | None, ...]) -> None:
    if any(isinstance(row, Whiten) for row in rows[1:]):
        raise SpecError(field, "can hold Whiten() only as the first row of a network from scratch")
