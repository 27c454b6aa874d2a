"""A recipe in words, for people to read."""

from __future__ import annotations

import dataclasses

from bakeoff.spec.estimator import Estimator, ZeroShot
from bakeoff.spec.image import Augment
from bakeoff.spec.network import Backbone, Network
from bakeoff.spec.recipe import Recipe

__all__ = ["augmentation", "fields_in_words", "preprocessing", "stages", "validation"]

_SAID_ELSEWHERE = ("body", "epochs", "shortcut", "train")
_ALWAYS_SAID = ("batch", "optimiser", "rate", "schedule")
_UNNAMED = ("activation", "function", "name")


def preprocessing(recipe: Recipe) -> str:
    """How a picture becomes input, and what a run has still to settle."""
    declared = recipe.preprocess
    parts = [fields_in_words(declared)]
    if declared.size is None:
        parts.append("size as the pictures are")
    if declared.mean is None:
        network = recipe.network
        backbone = network.inputs if isinstance(network, Estimator) else network.backbone
        own = isinstance(backbone, Backbone)
        parts.append(f"mean and std {'as the backbone has' if own else 'of the training pictures'}")
    return ", ".join(part for part in parts if part)


def augmentation(augment: Augment) -> str:
    """The random changes to training pictures."""
    return fields_in_words(augment) or "none"


def stages(recipe: Recipe) -> tuple[str, ...]:
    """What each stage trains and how, but for how long."""
    network = recipe.network
    if isinstance(network, Network) and network.backbone is None:
        return tuple(fields_in_words(stage) for stage in recipe.stages)
    return tuple(f"{_trained(stage.train)}, {fields_in_words(stage)}" for stage in recipe.stages)


def validation(estimator: Estimator) -> tuple[str, ...]:
    """What cross-validation does before the fit: the settings it tries, one line each."""
    if isinstance(estimator.method, ZeroShot):
        return ("none: no training picture is looked at",)
    pictures = "all" if estimator.sample is None else f"{estimator.sample:,}"
    how = f"{estimator.folds} folds of {pictures} training pictures"
    if not estimator.grid:
        return (how,)
    settings = (estimator.method, *estimator.grid)
    names = [field.name for field in dataclasses.fields(estimator.method)]
    varied = [name for name in names if len({getattr(one, name) for one in settings}) > 1]
    lines = (", ".join(_named(name, getattr(one, name)) for name in varied) for one in settings)
    return (f"{how}; the least squared error wins:", *lines)


def fields_in_words(declared: object) -> str:
    """What a declaration says beyond its defaults, and the few things everybody asks for."""
    assert dataclasses.is_dataclass(declared)
    said = []
    for field in dataclasses.fields(declared):
        value = getattr(declared, field.name)
        wanted = field.name in _ALWAYS_SAID or value != field.default
        if wanted and field.name not in _SAID_ELSEWHERE:
            said.append(_named(field.name, value))
    return ", ".join(said)


def _trained(train: str | int) -> str:
    if train == "all":
        return "trains everything"
    if train == "head":
        return "trains the head"
    return f"trains the head and the last {'block' if train == 1 else f'{train} blocks'}"


def _named(name: str, value: object) -> str:
    word = name.replace("_", " ")
    if isinstance(value, bool):
        return word if value else f"no {word}"
    return _value(value) if name in _UNNAMED else f"{word} {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, Augment):
        return f"({augmentation(value)})"
    if dataclasses.is_dataclass(value):
        inner = fields_in_words(value)
        return f"{type(value).__name__}({inner})" if inner else type(value).__name__
    if isinstance(value, tuple):
        return "(" + ", ".join(_value(item) for item in value) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
