"""What `bakeoff train` finds by trying: a batch that fits, and a learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.spec.errors import SpecError

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.data.dataset import Dataset
    from bakeoff.spec.recipe import Recipe
    from bakeoff.spec.training import Stage
    from bakeoff.training.capacity import Capacity
    from bakeoff.training.device import Device
    from bakeoff.training.finder import Rate, Tried

__all__ = ["BatchText", "FindRate", "auto_batch", "parse_batch", "say_batch", "show_rate"]

BatchText = Annotated[
    str | None,
    typer.Option(
        "--batch",
        metavar="N|auto",
        help="Pictures in a step, the rates changed to suit; auto: as many as fit and are faster.",
    ),
]
FindRate = Annotated[
    bool,
    typer.Option("--find-rate", help="Train nothing: try rising learning rates, and suggest one."),
]

_ROWS = 13
_LARGEST = 65536


def parse_batch(text: str | None) -> int | None:
    """The number; None where it has to be found, or none was given."""
    if text is None or text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST:
        raise SpecError("--batch", f"must be a number from 1 to {_LARGEST}, or auto", text)
    return int(text)


def auto_batch(
    recipe: Recipe,
    dataset: Dataset,
    say: Session,
    *,
    seed: int,
    device: Device,
    before: Path | None,
) -> Recipe:
    """`recipe` with the batch that fits. `before` is the run to go on with: its batch stays."""
    from bakeoff.recipes import adapted
    from bakeoff.runs.run import Run
    from bakeoff.runs.trying import on_pictures, try_batches

    if before is not None:
        stages = Run(path=before).recipe().stages
        return adapted(recipe, batch=stages[on_pictures(recipe)].batch)
    with say.working() as progress:
        found = try_batches(recipe, dataset, seed=seed, device=device, progress=progress)
    for line in _batches(found):
        say.aside(line)
    if found.found is None:
        raise SpecError(
            "--batch auto",
            f"finds none: {found.reason[0].lower()}{found.reason[1:]}".rstrip("."),
            suggestion="Take smaller pictures (--size) or a smaller network.",
        )
    return adapted(recipe, batch=found.found)


def say_batch(before: Sequence[Stage], after: Sequence[Stage], say: Session) -> None:
    """What another batch did to each stage."""
    from bakeoff.recipes.batching import rule

    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        if old.batch != new.batch:
            say.aside(
                f"Stage {number}: batch {old.batch} becomes {new.batch}, rate "
                f"{old.optimiser.rate:g} becomes {new.optimiser.rate:.3g} "
                f"({rule(old.optimiser)})."
            )


def show_rate(recipe: Recipe, dataset: Dataset, say: Session, *, seed: int, device: Device) -> None:
    """Try rates for the first stage, and print what was found."""
    from bakeoff.runs.stop import stopping
    from bakeoff.runs.trying import try_rates

    with stopping() as stop, say.working() as progress:
        found = try_rates(recipe, dataset, seed=seed, device=device, progress=progress, stop=stop)
        if stop():
            raise KeyboardInterrupt
    if say.as_json:
        say.document(_rate_document(found))
        return
    say.console.print(f"{'rate':>10}  {'loss':>8}")
    for tried in _some(found.tried):
        rate = found.declared * tried.factor
        say.console.print(f"{rate:>10.3g}  {tried.smooth:>8.4f}")
    say.console.print(_verdict(found, len(recipe.stages)), soft_wrap=True)


def _verdict(found: Rate, stages: int) -> str:
    field = "Recipe.stages[0].optimiser.rate"
    others = ", tried for the first stage alone" if stages > 1 else ""
    if found.suggested is None:
        return (
            f"{field} is {found.declared:g}{others}. At no rate did the loss clearly fall in "
            f"{len(found.tried)} steps: no suggestion."
        )
    return (
        f"{field} is {found.declared:g}{others}. Suggested: {found.suggested:.2g}, where the loss "
        "falls most steeply; other rates of the same optimiser by the same factor, "
        f"{found.factor:.2g}."
    )


def _rate_document(found: Rate) -> dict[str, Any]:
    return {
        "field": "Recipe.stages[0].optimiser.rate",
        "declared": found.declared,
        "suggested": found.suggested,
        "exploded": found.exploded,
        "tried": [
            {"rate": found.declared * tried.factor, **asdict(tried)} for tried in found.tried
        ],
    }


def _some(tried: Sequence[Tried]) -> list[Tried]:
    """A table's worth of them, evenly spread."""
    if len(tried) <= _ROWS:
        return list(tried)
    last = len(tried) - 1
    return [tried[round(row * last / (_ROWS - 1))] for row in range(_ROWS)]


def _batches(found: Capacity) -> list[str]:
    lines = []
    for tried in found.tried:
        told = "does not fit" if tried.speed is None else f"{tried.speed:,.0f} pictures/s"
        held = "" if tried.memory is None else f", {tried.memory / 1e9:.2f} GB"
        lines.append(f"Batch {tried.size}: {told}{held}.")
    if found.found is not None:
        lines.append(f"Batch {found.found} it is. {found.reason}")
    return lines
