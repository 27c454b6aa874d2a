"""From the question and the data to the line-up: the default one is chosen, any other is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bakeoff import recipes
from bakeoff.data.dataset import Dataset
from bakeoff.models.catalogue import entry
from bakeoff.models.pulling import at_hand
from bakeoff.models.summary import backbone_of
from bakeoff.models.table import tabulate
from bakeoff.runs.estimate import Estimate, Pace, estimate, pace, short_side
from bakeoff.runs.lineup import LINEUPS, Contender, LeftOut, Lineup, adjusted, declared, in_order
from bakeoff.runs.question import DEFAULT, Question
from bakeoff.spec.errors import SpecError
from bakeoff.spec.network import Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Budget
from bakeoff.training.device import Device

__all__ = ["EPOCHS", "lineup_for"]

EPOCHS = 10.0
"""Of each run, where nothing is said of the line-up, of epochs and of time."""

PATIENCE = 30 * 60.0
"""Seconds that a line-up which was not asked for may take where no time was."""

MOST = 5
"""Contenders of the default line-up."""

_FEWEST_STEPS = 50
_FEWEST_EPOCHS = 5.0
"""Below these a network is not worth its row."""

_SMALLEST_SHARE = 3.0
"""Seconds below which no run of a budget is worth its start."""

_FIXED = 6.0, 5.0
"""Seconds of a bake-off beside its runs once they can begin, and of each contender's measuring: a
guess beforehand."""

_ROOM = 1.25
"""What was spent before may take that much longer the next time."""

_ON_CPU = (
    *("linear", "cnn3", "probe-dinov2", "speed", "cnn3-deep", "nearest-pixels"),
    *("forest", "probe-resnet50", "resnet18"),
)
_ON_GPU = (
    *("linear", "speed", "probe-dinov2", "cnn10", "resnet18", "wide-resnet", "cnn3"),
    *("resnet50", "nearest-pixels", "forest"),
)
"""By how much each adds to what is known of the data: a floor, a network, transfer, speed, …"""


def lineup_for(
    question: Question,
    dataset: Dataset,
    device: Device,
    own: Mapping[str, Recipe] | None = None,
    *,
    spent: float = 0.0,
) -> Lineup:
    """Who takes part; `own` are recipes given as values, and `spent` seconds of the budget are
    gone. `SpecError` where the budget holds nobody,
    or not those asked for by name."""
    name, asked = declared(question.lineup, own)
    here = pace(device)
    if name == DEFAULT:
        lineup = _chosen(question, dataset, here, spent)
    else:
        contenders = tuple(_contender(recipe, question, dataset, here) for recipe in asked)
        for one in contenders:
            _refuse_unfitting(one.recipe, dataset)
        reason = f"As asked: {name}."
        lineup = Lineup(name=name, reason=reason, contenders=contenders, epochs=question.epochs)
    if question.seconds is not None:
        lineup = _within(lineup, question, question.seconds, spent)
    return in_order(lineup)


def _contender(
    recipe: Recipe, question: Question, dataset: Dataset, here: Pace, epochs: float | None = None
) -> Contender:
    epochs = epochs or question.epochs
    made, remarks = adjusted(
        recipe,
        side=short_side(dataset),
        classes=len(dataset.classes),
        size=question.size,
        weights=question.weights,
    )
    budget = None if epochs is None else Budget(epochs=epochs)
    try:
        expected = estimate(made, dataset, here, budget)
    except SpecError:
        # It does not fit, which its row will say; until then it costs a moment.
        expected = Estimate(seconds=0.0, least=0.0, fills=False, steps=0)
    return Contender(recipe=made, expected=expected, remarks=remarks)


def _refuse_unfitting(recipe: Recipe, dataset: Dataset) -> None:
    """An error where the pictures do not fit a table of layers: told before anything is written."""
    if not isinstance(recipe.network, Network) or recipe.network.rows is None:
        return
    side = recipe.preprocess.size or short_side(dataset)
    try:
        tabulate(recipe.network.rows, size=side, classes=len(dataset.classes))
    except SpecError as error:
        rule, way = (
            text.replace("pass size=", "give --size ") for text in (error.rule, error.suggestion)
        )
        raise SpecError(f"recipe {recipe.name}: {error.field}", rule, error.value, way) from None


def _chosen(question: Question, dataset: Dataset, here: Pace, spent: float) -> Lineup:
    """The default line-up."""
    epochs = question.epochs
    if epochs is None and question.seconds is None:
        epochs = EPOCHS
    taken: list[Contender] = []
    left: list[LeftOut] = []
    for recipe in map(recipes.get, _ON_GPU if here.is_gpu else _ON_CPU):
        one = _contender(recipe, question, dataset, here, epochs or _FEWEST_EPOCHS)
        cost = question.seeds * one.expected.seconds
        before = sum(question.seeds * other.expected.seconds for other in taken)
        allowed = PATIENCE
        if question.seconds is not None:
            allowed = _for_runs(question.seconds, spent, len(taken) + 1)
        why = next(_objections(one, question, len(taken), before + cost, allowed), None)
        if why is None:
            taken.append(one)
        else:
            left.append(LeftOut(recipe=one.name, reason=why))
    if not taken:
        assert question.seconds is not None or epochs is not None
        linear = _contender(recipes.get("linear"), question, dataset, here)
        if question.seconds is not None:
            raise _too_small(question.seconds, spent, question, [linear])
        taken = [linear]
    return Lineup(
        name=DEFAULT,
        reason=_reason(question, dataset, epochs, here),
        contenders=tuple(taken),
        left_out=tuple(left),
        epochs=epochs,
    )


def _objections(
    one: Contender, question: Question, taken: int, total: float, allowed: float
) -> Iterator[str]:
    missing = _missing(one.recipe)
    steps = one.expected.steps
    if question.seconds is not None and one.expected.fills:
        # With time to fill there are as many epochs as its share holds.
        share = allowed / (MOST * question.seeds)
        steps = round(steps * max(1.0, share / one.expected.seconds))
    if missing is not None:
        yield missing
    elif 0 < steps < _FEWEST_STEPS:
        yield f"so few pictures make only {steps} steps of {one.recipe.stages[-1].batch:,}"
    elif taken >= MOST:
        yield f"{MOST} contenders are enough for a first look"
    elif total > allowed:
        each = one.expected.seconds
        seeds = "" if question.seeds == 1 else f" for each of {question.seeds} seeds"
        yield f"it would take about {_about(each)}{seeds}, and the rest is cheaper"


def _missing(recipe: Recipe) -> str | None:
    backbone = backbone_of(recipe)
    if backbone is None or backbone.weights == "random":
        return None
    if backbone.weights != "pretrained":
        return None if Path(backbone.weights).expanduser().is_file() else "no such weights"
    found = entry(backbone.name)
    if at_hand(found):
        return None
    return (
        f"its weights are not on this machine; to fetch them: bakeoff backbones pull {found.name}"
    )


def _reason(question: Question, dataset: Dataset, epochs: float | None, here: Pace) -> str:
    count = f"{len(dataset.split.train):,} training pictures of {short_side(dataset)} pixels"
    if question.seconds is not None:
        how = f"a budget of {_about(question.seconds)}"
    else:
        how = f"{epochs:g} epochs each"
        if question.epochs is None:
            how += ", as neither --budget nor --epochs was given"
    return f"Chosen for {count} in {len(dataset.classes)} classes, {_place(here)}, and {how}."


def _place(here: Pace) -> str:
    if here.is_gpu:
        return "a GPU"
    return "one core" if here.cores == 1 else f"{here.cores} cores"


def _for_runs(seconds: float, spent: float, contenders: int) -> float:
    fixed, each = _FIXED
    return max(0.0, seconds - spent - fixed - each * contenders)


def _within(lineup: Lineup, question: Question, seconds: float, spent: float) -> Lineup:
    """Without those that even the least work of would not fit their share of the time."""
    kept, left = list(lineup.contenders), []
    while kept:
        share = _for_runs(seconds, spent, len(kept)) / (len(kept) * question.seeds)
        worst = max(kept, key=lambda one: one.expected.least)
        if share >= max(_SMALLEST_SHARE, worst.expected.least):
            break
        kept.remove(worst)
        why = (
            f"of {_about(seconds)} its share would be about {share:.1f} s a run, and it needs "
            f"{max(_SMALLEST_SHARE, worst.expected.least):.0f} s"
        )
        left.append(LeftOut(recipe=worst.name, reason=why))
    # Who was asked for by name is not left out behind anybody's back.
    if left and lineup.name not in (DEFAULT, *LINEUPS):
        raise _too_small(seconds, spent, question, lineup.contenders)
    if not kept:
        cheapest = min(lineup.contenders, key=lambda one: one.expected.least)
        raise _too_small(seconds, spent, question, [cheapest])
    return replace(lineup, contenders=tuple(kept), left_out=(*lineup.left_out, *left))


def _too_small(
    seconds: float,
    spent: float,
    question: Question,
    contenders: tuple[Contender, ...] | list[Contender],
) -> SpecError:
    fixed, each = _FIXED
    longest = max(_SMALLEST_SHARE, *(one.expected.least for one in contenders))
    count = len(contenders)
    need = _ROOM * spent + fixed + count * (each + question.seeds * longest)
    who = "1 contender" if count == 1 else f"{count} contenders"
    seeds = "1 seed" if question.seeds == 1 else f"{question.seeds} seeds"
    return SpecError(
        "--budget",
        f"is too small for {who} with {seeds}: the smallest sensible one is about "
        f"{_about(_rounded_up(need))} here",
        _about(seconds),
        "Allow more time, fewer contenders (--lineup) or fewer seeds (--seeds).",
    )


def _rounded_up(seconds: float) -> float:
    """To what `_about` can say, so that what is told is enough."""
    unit = 1 if seconds < 99 else 60 if seconds < 5940 else 360
    return float(unit * math.ceil(seconds / unit))


def _about(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
