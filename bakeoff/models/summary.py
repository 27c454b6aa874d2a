"""A recipe worked out for one picture size: layers, counts, operations, memory. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from bakeoff.models.counting import Cost, Parameters, memory
from bakeoff.models.known import BackboneFacts, keras_count
from bakeoff.models.shapes import Shape
from bakeoff.models.table import Line, flat, tabulate, tabulate_head, total
from bakeoff.spec.estimator import (
    Estimator,
    LinearProbe,
    LinearRegression,
    Pixels,
    ZeroShot,
)
from bakeoff.spec.network import Backbone, Head, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.rules import at_least
from bakeoff.spec.training import SGD, Muon, RMSProp, Stage

__all__ = ["Layer", "Leg", "Summary", "backbone_of", "head_lines", "slots", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One line of the table that people read."""

    number: str

    declared: object
    """What stands there: a row, a backbone, pixels, a method; or a word, for a step in between."""

    output: Shape
    """Channels, height and width; or features."""

    parameters: int | None
    """In Keras's way. None: it depends on the training pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What one stage takes. None: it cannot be known without torch and timm."""

    trainable: int | None
    memory: int | None
    """Bytes, about, in single precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What there is to know before anything is built."""

    size: int
    """Side of the pictures, in pixels."""

    inputs: int
    """Side of what the network sees."""

    layers: tuple[Layer, ...]

    parameters: Parameters | None
    """What we hold, trainable as in the last stage. None: it depends on the training pictures."""

    keras: int | None
    """Keras's total; of a backbone that Keras has too, with Keras's own count of it."""

    flops: int | None
    """Operations for one picture, forward."""

    legs: tuple[Leg, ...]
    notes: tuple[str, ...] = ()

    @property
    def trainable(self) -> int | None:
        """Trainable parameters in the last stage."""
        if self.legs:
            return self.legs[-1].trainable
        return None if self.parameters is None else self.parameters.trained

    @property
    def memory(self) -> int | None:
        """Bytes that the largest stage takes, about."""
        each = [leg.memory for leg in self.legs if leg.memory is not None]
        return max(each) if each and len(each) == len(self.legs) else None

    @property
    def weights(self) -> int | None:
        """Bytes of the weights on disk, in single precision."""
        return None if self.parameters is None else 4 * self.parameters.keras


def summarise(
    recipe: Recipe,
    *,
    size: int,
    classes: int,
    backbone: BackboneFacts | None = None,
) -> Summary:
    """`recipe` for square pictures of `size` pixels. One with a backbone needs the facts of it.

    Raises `SpecError` that names the first row that does not fit.
    """
    network = recipe.network
    if isinstance(network, Estimator):
        return _of_estimator(network, size, classes, backbone)
    if network.rows is not None:
        return _of_table(network, recipe.stages, size, classes)
    assert backbone is not None
    return _of_backbone(network, recipe.stages, size, classes, backbone)


def backbone_of(recipe: Recipe) -> Backbone | None:
    """The backbone that a recipe stands on, if any."""
    network = recipe.network
    if isinstance(network, Network):
        return network.backbone
    return network.inputs if isinstance(network.inputs, Backbone) else None


def head_lines(network: Network, features: Shape, classes: int) -> tuple[Line, ...]:
    """The table of a network's head on these features."""
    return tabulate_head((network.head or Head()).rows, features=features, classes=classes)


def slots(stage: Stage) -> int:
    """Numbers kept per trained weight beside its gradient: the optimiser's, and copies."""
    match stage.optimiser:
        case SGD(momentum=momentum):
            own = int(momentum > 0)
        case RMSProp(momentum=momentum):
            own = 1 + (momentum > 0)
        case Muon():
            own = 1
        case _:
            own = 2
    return own + (stage.average is not None) + (stage.lookahead is not None)


def _of_table(network: Network, stages: tuple[Stage, ...], size: int, classes: int) -> Summary:
    assert network.rows is not None
    lines = tabulate(network.rows, size=size, classes=classes)
    whole = total(lines)
    legs = [
        Leg(
            trainable=whole.parameters.trained,
            memory=memory(whole, batch=stage.batch, slots=slots(stage)),
        )
        for stage in stages
    ]
    return Summary(
        size=size,
        inputs=size,
        layers=_layers(lines),
        parameters=whole.parameters,
        keras=whole.parameters.keras,
        flops=whole.flops,
        legs=tuple(legs),
    )


def _of_backbone(
    network: Network,
    stages: tuple[Stage, ...],
    size: int,
    classes: int,
    facts: BackboneFacts,
) -> Summary:
    assert network.backbone is not None
    lines = head_lines(network, facts.features, classes)
    head = total(lines)
    legs = tuple(_leg(stage, head, facts) for stage in stages)
    counted, notes = _counted_by_keras(network.backbone, facts)
    if any(leg.memory is None for leg in legs):
        notes += ("What its last blocks hold can be told where torch and timm are installed.",)
    return Summary(
        size=size,
        inputs=facts.size,
        layers=(_backbone_layer(network.backbone, facts, counted), *_layers(lines)),
        parameters=facts.parameters + head.parameters,
        keras=counted + head.parameters.keras,
        flops=facts.flops + head.flops,
        legs=legs,
        notes=notes,
    )


def _leg(stage: Stage, head: Cost, facts: BackboneFacts) -> Leg:
    way = facts.ways.get(stage.train)
    if way is None:
        return Leg(trainable=None, memory=None)
    trained = way.trained + head.parameters.trained
    held = facts.parameters.keras + head.parameters.keras
    picture = facts.passing + way.kept + 4 * head.kept
    return Leg(
        trainable=trained,
        memory=4 * (held + (1 + slots(stage)) * trained) + stage.batch * picture,
    )


def _counted_by_keras(backbone: Backbone, facts: BackboneFacts) -> tuple[int, tuple[str, ...]]:
    ours = facts.parameters.keras
    theirs = keras_count(backbone)
    if theirs is None or theirs.total == ours:
        return ours, ()
    than = "fewer" if theirs.total > ours else "more"
    note = (
        f"The total is with Keras's own count of {backbone.name}. Ours has "
        f"{abs(theirs.total - ours):,} numbers {than}: in Keras {theirs.reason}."
    )
    return theirs.total, (note,)


def _of_estimator(
    estimator: Estimator, size: int, classes: int, facts: BackboneFacts | None
) -> Summary:
    at_least("classes", classes, 2, "A classifier needs something to choose between.")
    layers, seen, held, flops = _seen(estimator, size, facts)
    method = estimator.method
    linear = isinstance(method, LinearRegression | LinearProbe)
    own = Parameters(trained=(seen + 1) * classes) if linear else None
    flops += 2 * seen * classes if linear else 0
    if isinstance(method, ZeroShot):
        own = Parameters(fixed=(seen + classes) * method.width)
        flops += 2 * own.fixed
    last = Layer(
        number=str(len(layers) + 1),
        declared=method,
        output=(classes,),
        parameters=None if own is None else own.keras,
    )
    whole = None if own is None else held + own
    counted = [layer.parameters or 0 for layer in (*layers, last)]
    notes: tuple[str, ...] = ()
    if isinstance(estimator.inputs, Backbone):
        assert facts is not None
        _, notes = _counted_by_keras(estimator.inputs, facts)
    return Summary(
        size=size,
        inputs=layers[0].output[-1] if facts is None else facts.size,
        layers=(*layers, last),
        parameters=whole,
        keras=None if own is None else sum(counted),
        flops=None if own is None else flops,
        legs=(),
        notes=notes,
    )


def _seen(
    estimator: Estimator, size: int, facts: BackboneFacts | None
) -> tuple[tuple[Layer, ...], int, Parameters, int]:
    """The layers up to the method, how many numbers it sees, what they hold and cost."""
    if isinstance(estimator.inputs, Pixels):
        side = estimator.inputs.side or size
        shape: Shape = (3, side, side)
        held, flops = Parameters(), 0
        layers = [Layer(number="1", declared=estimator.inputs, output=shape, parameters=0)]
    else:
        assert facts is not None
        shape, held, flops = facts.features, facts.parameters, facts.flops
        counted, _ = _counted_by_keras(estimator.inputs, facts)
        layers = [_backbone_layer(estimator.inputs, facts, counted)]
    count = prod(shape)
    steps = [("Standardise", count, Parameters(statistics=2 * count))] * estimator.standardise
    if estimator.components is not None:
        kept = min(estimator.components, count)
        steps.append(("Components", kept, Parameters(fixed=count * kept)))
        flops += 2 * count * kept
        count = kept
    for number, (word, width, parameters) in enumerate(steps, 2):
        layers.append(
            Layer(
                number=str(number),
                declared=word,
                output=(width,),
                parameters=parameters.keras,
            )
        )
        held += parameters
    return tuple(layers), count, held, flops


def _backbone_layer(backbone: Backbone, facts: BackboneFacts, counted: int) -> Layer:
    return Layer(number="1", declared=backbone, output=facts.features, parameters=counted)


def _layers(lines: tuple[Line, ...]) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            number=line.number,
            declared=line.row,
            output=line.output,
            parameters=line.own.parameters.keras,
        )
        for line in flat(lines)
    )
