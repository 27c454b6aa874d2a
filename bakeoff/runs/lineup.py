"""Line-ups: who takes part, in which order, and who was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bakeoff import recipes
from bakeoff.models.summary import backbone_of
from bakeoff.recipes import classical, cnn, frozen, modern, residual, speed, transfer, vgg
from bakeoff.recipes.adapt import adapted
from bakeoff.runs.estimate import Estimate
from bakeoff.runs.question import DEFAULT
from bakeoff.runs.sizing import sized
from bakeoff.spec.errors import SpecError, one_of
from bakeoff.spec.image import Preprocess
from bakeoff.spec.recipe import Recipe

__all__ = ["LINEUPS", "Contender", "LeftOut", "Lineup", "adjusted", "declared", "in_order"]

_ON_BACKBONES = tuple(name for name in frozen.RECIPES if name != "nearest-pixels")

LINEUPS: dict[str, tuple[str, ...]] = {
    "quick": ("linear", "nearest-pixels", "cnn3", "speed"),
    # As in the table that the reports are held against: scratch, transfer, classical.
    "reports": (
        *("cnn10", "vgg10", "cnn3", "cnn3-deep", "cnn3-deep-dropout", "cnn3-deep-augmented"),
        *("vgg6", "vgg6-bn", "vgg6-wide", "cnn-scheduled", "cnn3-relu", "blocks-a", "blocks-b"),
        *transfer.RECIPES,
        *classical.RECIPES,
    ),
    "scratch": (
        *cnn.RECIPES,
        *vgg.RECIPES,
        *residual.RECIPES,
        *modern.RECIPES,
        *speed.RECIPES,
    ),
    "transfer": (*_ON_BACKBONES, *transfer.RECIPES),
    "classical": (*classical.RECIPES, "nearest-pixels"),
    "speed": tuple(speed.RECIPES),
    "best": ("probe-dinov2", "resnet50", "cnn10", "vgg6-bn", "wide-resnet", "speed-wide"),
}
"""By name. A word alone names a line-up before it names a recipe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A recipe that takes part."""

    recipe: Recipe
    expected: Estimate
    remarks: tuple[str, ...] = ()
    """How it was changed to take part."""

    @property
    def name(self) -> str:
        return self.recipe.name


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A recipe that does not."""

    recipe: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineup:
    """Who takes part, in the order of running."""

    name: str
    reason: str
    contenders: tuple[Contender, ...]
    left_out: tuple[LeftOut, ...] = ()
    epochs: float | None = None
    """For each run, where the line-up was chosen together with them."""

    def __post_init__(self) -> None:
        assert self.contenders


def declared(words: str, own: Mapping[str, Recipe] | None = None) -> tuple[str, tuple[Recipe, ...]]:
    """The name of a line-up and its recipes, as they are declared; none for the default one.
    `own` are recipes that were given as values, by name.

    All words are looked up before anything is done: a misspelt one costs nobody an hour.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    if names == [DEFAULT]:
        return DEFAULT, ()
    if len(names) == 1 and names[0] in LINEUPS and not own:
        return names[0], tuple(recipes.get(name) for name in LINEUPS[names[0]])
    if not names:
        known = ", ".join((DEFAULT, *LINEUPS))
        raise SpecError("--lineup", f"must name a line-up ({known}) or recipes", words)
    found: dict[str, Recipe] = {}
    named: list[str] = []
    for name in names:
        if name in LINEUPS and name not in recipes.RECIPES and name not in (own or {}):
            found |= {one: recipes.get(one) for one in LINEUPS[name] if one not in found}
        else:
            recipe = (own or {}).get(name) or _recipe(name)
            named.append(recipe.name)
            found.setdefault(recipe.name, recipe)
    _refuse_twice(named)
    return ",".join(names), tuple(found.values())


def adjusted(
    recipe: Recipe, *, side: int, classes: int, size: int | None, weights: str | None
) -> tuple[Recipe, tuple[str, ...]]:
    """`recipe` for pictures of `side` pixels, and what was changed of it, in sentences."""
    remarks = []
    made = sized(recipe, side=side, classes=classes, size=size)
    if made.preprocess.size != recipe.preprocess.size:
        remarks.append(_brought(made.preprocess, side, asked=size is not None))
    if weights is not None and backbone_of(made) is not None:
        made = adapted(made, weights=weights)
        remarks.append(f"Its backbone has the weights {weights}, as asked.")
    return made, tuple(remarks)


def _brought(preprocess: Preprocess, side: int, *, asked: bool) -> str:
    if asked:
        why = "as asked"
    elif preprocess.size is not None and preprocess.size > side:
        why = f"as its layers do not fit {side}"
    else:
        why = f"as networks from scratch gain little by {side}"
    return f"Pictures are brought to {preprocess.size} pixels a side, {why}."


def _recipe(word: str) -> Recipe:
    if word == DEFAULT:
        rule = "is chosen as a whole, and takes nobody beside it"
        raise SpecError("--lineup default", rule, suggestion="Name recipes or another line-up.")
    try:
        return recipes.get(word)
    except SpecError as error:
        if error.rule != "must be a known one":
            raise
        known = (*LINEUPS, *recipes.RECIPES)
        raise SpecError(
            "--lineup",
            "must name a line-up, or recipes with commas between",
            word,
            f"{one_of(word, known)} `bakeoff recipes` lists the recipes.",
        ) from None


def _refuse_twice(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SpecError("--lineup", f"names {name} twice")


def in_order(lineup: Lineup) -> Lineup:
    """The same with the cheap first: what they leave of a budget goes to the rest."""
    ordered = sorted(lineup.contenders, key=lambda one: (one.expected.fills, one.expected.seconds))
    return replace(lineup, contenders=tuple(ordered))
