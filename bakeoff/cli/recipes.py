"""`bakeoff recipes`: what there is, and what one of them says."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import CompletionItem, Debug, Json, paths, whole_number

if TYPE_CHECKING:
    from bakeoff.models.summary import Summary
    from bakeoff.spec.recipe import Recipe

__all__ = ["app", "recipes", "show"]

app = typer.Typer(help="List the recipes, or show one.")

SIZE, CLASSES = 32, 10
"""What counts are for unless told otherwise: CIFAR-10."""


def complete_recipe(incomplete: str) -> list[CompletionItem]:
    """Names of recipes, then Python files."""
    from bakeoff.recipes import RECIPES

    named = [(name, make().note) for name, make in RECIPES.items() if name.startswith(incomplete)]
    return named + paths(incomplete, (".py",))


Which = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe's name, or my.py:function for one of your own.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="PIXELS",
        help=f"Side of the pictures. Default: the recipe's, or {SIZE}.",
    ),
]
Classes = Annotated[
    int, typer.Option(parser=whole_number, metavar="K", help="Number of classes to count for.")
]


@app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the recipes."""
    if context.invoked_subcommand is not None:
        return
    from bakeoff.cli.recipe_tables import listed
    from bakeoff.cli.session import session
    from bakeoff.recipes import FAMILIES

    with session(as_json=as_json, debug=debug) as say:
        made = {
            title: [_counted(make()) for make in family.values()]
            for title, family in FAMILIES.items()
        }
        if as_json:
            say.document([_row(title, *one) for title, family in made.items() for one in family])
        else:
            listed(made, say.console)


@app.command("show")
def show(
    recipe: Which,
    size: Size = None,
    classes: Classes = CLASSES,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show one recipe: layers with shapes and parameters, operations, memory, stages, digest."""
    from bakeoff.cli.recipe_tables import document, shown
    from bakeoff.cli.session import session
    from bakeoff.recipes import adapted, get

    with session(as_json=as_json, debug=debug) as say:
        found = get(recipe)
        summary = _summary(found, size or found.preprocess.size or SIZE, classes)
        # Afterwards: a row that does not fit is said before a crop that does not.
        found = adapted(found, size=size)
        if as_json:
            say.document(document(found, summary, classes))
        else:
            shown(found, summary, classes, say.console)


def _counted(recipe: Recipe) -> tuple[Recipe, Summary]:
    from bakeoff.models.known import known
    from bakeoff.models.summary import backbone_of, summarise

    backbone = backbone_of(recipe)
    facts = None if backbone is None else known(backbone)
    size = recipe.preprocess.size or SIZE
    return recipe, summarise(recipe, size=size, classes=CLASSES, backbone=facts)


def _row(title: str, recipe: Recipe, summary: Summary) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "note": recipe.note,
        "family": title,
        "total_params": summary.keras,
        "input_size": summary.inputs,
    }


def _summary(recipe: Recipe, size: int, classes: int) -> Summary:
    from bakeoff.models.known import known
    from bakeoff.models.summary import backbone_of, summarise
    from bakeoff.spec.errors import MissingExtraError

    backbone = backbone_of(recipe)
    if backbone is None:
        return summarise(recipe, size=size, classes=classes)
    facts = known(backbone)
    # Asking timm takes seconds, so it is asked only what is not known already.
    told = facts is not None and all(stage.train in facts.ways for stage in recipe.stages)
    if not told and find_spec("torch") and find_spec("timm"):
        from bakeoff.models.measuring import measure

        facts = measure(recipe, classes=classes)
    if facts is None:
        raise MissingExtraError(f"backbone {backbone.name}", "train")
    return summarise(recipe, size=size, classes=classes, backbone=facts)
