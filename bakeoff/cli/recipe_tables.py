"""Recipes as people read them, in tables, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.cli.text import size as bytes_in_words
from bakeoff.models.shapes import Shape
from bakeoff.models.summary import Layer, Leg, Summary
from bakeoff.recipes import describe
from bakeoff.spec import codec
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.recipe import Recipe

__all__ = ["document", "listed", "shown"]

_UNKNOWN = "–"


def listed(families: Mapping[str, Sequence[tuple[Recipe, Summary]]], console: Console) -> None:
    """All recipes, family by family."""
    for title, family in families.items():
        table = _table("recipe", "what it is", ">parameters", ">input")
        table.columns[0].min_width = 15
        for recipe, summary in family:
            table.add_row(recipe.name, recipe.note, _count(summary.keras), str(summary.inputs))
        _section(title, table, console)
    console.print(
        "\nParameters as Keras counts them, for 10 classes; input: side of the pictures that the "
        "network sees, in pixels. Networks from scratch take other sizes too: "
        "bakeoff recipes show NAME --size N",
    )


def shown(recipe: Recipe, summary: Summary, classes: int, console: Console) -> None:
    """One recipe in full."""
    console.print(f"{recipe.name}: {recipe.note}" if recipe.note else recipe.name, style="bold")
    resized = summary.inputs != summary.size
    side = f", brought to {_by(summary.inputs)} inside the model" if resized else ""
    console.print(f"For pictures of {_by(summary.size)}{side}; {classes} classes.\n")
    console.print(_layer_table(summary.layers))
    console.print()
    console.print(_totals(recipe, summary))
    if recipe.stages:
        _section("Stages", _stage_table(recipe, summary.legs), console)
    facts = Table.grid(padding=(0, 2))
    if isinstance(recipe.network, Estimator):
        facts.add_row("Validation", "\n".join(describe.validation(recipe.network)))
    facts.add_row("Preprocessing", describe.preprocessing(recipe))
    facts.add_row("Augmentation", describe.augmentation(recipe.augment))
    facts.add_row("Digest", codec.digest(recipe)[:16])
    console.print()
    console.print(facts)
    for note in summary.notes:
        console.print(f"\n{note}")


def document(recipe: Recipe, summary: Summary, classes: int) -> dict[str, Any]:
    """The same for a program; what cannot be known is null."""
    parameters = summary.parameters
    return {
        "name": recipe.name,
        "note": recipe.note,
        "digest": codec.digest(recipe),
        "size": summary.size,
        "input_size": summary.inputs,
        "classes": classes,
        "total_params": summary.keras,
        "trainable_params": summary.trainable,
        "pytorch_params": None if parameters is None else parameters.pytorch,
        "flops": summary.flops,
        "memory_bytes": summary.memory,
        "weights_bytes": summary.weights,
        "layers": [_layer_document(layer) for layer in summary.layers],
        "stages": _stage_documents(recipe, summary.legs),
        "notes": list(summary.notes),
        "recipe": json.loads(codec.dumps(recipe)),
    }


def _layer_table(layers: Sequence[Layer]) -> Table:
    table = _table("#", "layer", "", ">output", ">parameters")
    for layer in layers:
        kind, fields = _words(layer.declared)
        table.add_row(layer.number, kind, fields, _shape(layer.output), _count(layer.parameters))
    return table


def _layer_document(layer: Layer) -> dict[str, Any]:
    kind, fields = _words(layer.declared)
    return {
        "number": layer.number,
        "layer": kind,
        "fields": fields,
        "output": list(_last_channels(layer.output)),
        "params": layer.parameters,
    }


def _stage_documents(recipe: Recipe, legs: Sequence[Leg]) -> list[dict[str, Any]]:
    return [
        {
            "epochs": stage.epochs,
            "train": stage.train,
            "settings": settings,
            "trainable_params": leg.trainable,
            "memory_bytes": leg.memory,
        }
        for stage, leg, settings in zip(recipe.stages, legs, describe.stages(recipe), strict=True)
    ]


def _totals(recipe: Recipe, summary: Summary) -> Table:
    table = Table.grid(padding=(0, 2))
    trained = summary.trainable
    last = " in the last stage" if len({leg.trainable for leg in summary.legs}) > 1 else ""
    trainable = "" if trained is None else f", {trained:,} trainable{last}"
    keras = f"{_count(summary.keras)} as Keras counts{trainable}"
    unknown = "depend on the training pictures"
    table.add_row("Parameters", unknown if summary.keras is None else keras)
    if summary.parameters is not None:
        table.add_row("", f"{summary.parameters.pytorch:,} as PyTorch counts")
    if summary.flops is not None:
        how = "for one picture, forward; a multiply-add is two"
        table.add_row("FLOPs", f"{_large(summary.flops)} {how}")
    if summary.memory is not None:
        one = f"to train a batch of {recipe.stages[0].batch}"
        where = one if len(recipe.stages) == 1 else "in the stage that takes most"
        said = f"about {bytes_in_words(summary.memory)} {where}, single precision"
        table.add_row("Memory", said)
    if summary.weights is not None:
        table.add_row("On disk", f"{bytes_in_words(summary.weights)} of weights, single precision")
    return table


def _stage_table(recipe: Recipe, legs: Sequence[Leg]) -> Table:
    table = _table("#", ">epochs", ">trainable", ">memory", "settings")
    told = zip(recipe.stages, legs, describe.stages(recipe), strict=True)
    for number, (stage, leg, settings) in enumerate(told, 1):
        memory = _UNKNOWN if leg.memory is None else bytes_in_words(leg.memory)
        epochs, trainable = f"{stage.epochs:g}", _count(leg.trainable)
        table.add_row(str(number), epochs, trainable, memory, settings)
    return table


def _section(title: str, table: Table, console: Console) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    console.print(table)


def _table(*headers: str) -> Table:
    """A table without lines; columns whose header begins with > are of numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for header in headers:
        name = header.removeprefix(">")
        table.add_column(name, justify="right" if name != header else "left")
    return table


def _words(declared: object) -> tuple[str, str]:
    if isinstance(declared, str):
        return declared, ""
    return type(declared).__name__, describe.fields_in_words(declared)


def _shape(shape: Shape) -> str:
    return "×".join(str(side) for side in _last_channels(shape))


def _last_channels(shape: Shape) -> Shape:
    # As people say it: 32×32×3.
    return (*shape[1:], shape[0])


def _by(side: int) -> str:
    return f"{side}×{side}"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _large(number: int) -> str:
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if number >= unit:
            return f"{number / unit:.2f} {name}"
    return f"{number:,}"
