"""`bakeoff report`: the pages of a bake-off again, or two bake-offs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli.options import Debug, Json, Quiet, complete_path
from bakeoff.spec.errors import UserError

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.data.dataset import Dataset
    from bakeoff.report.result import Result
    from bakeoff.report.side_by_side import SideBySide

__all__ = ["report"]

First = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="The folder of a bake-off.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Second = Annotated[
    Path | None,
    typer.Argument(
        metavar="OTHER",
        help="Another one, to be laid beside it.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where two bake-offs side by side are written to, as a page.",
        autocompletion=complete_path,
        show_default=False,
    ),
]


def report(
    first: First,
    second: Second = None,
    html: Html = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write report.html and report.md of a bake-off again, or lay two side by side."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        if second is None and html is not None:
            raise UserError(
                "--html",
                "is for two bake-offs side by side; the page of one is DIR/report.html",
                suggestion="Leave it out, or give OTHER.",
            )

        from bakeoff.report.result import Result

        if second is None:
            _again(Result.open(first), say)
        else:
            _beside(Result.open(first), Result.open(second), html, say)


def _again(found: Result, say: Session) -> None:
    from bakeoff.report.markdown import write_markdown
    from bakeoff.report.overlays import overlays
    from bakeoff.report.page import write_report

    dataset = _pictures(found, say)
    heat = overlays(found, dataset)
    if heat.reason:
        say.aside(f"The page goes without heat maps: {heat.reason}")
    try:
        page = write_report(found, dataset, heat)
        text = write_markdown(found.facts, found.path)
    except OSError as error:
        raise UserError(str(found.path), f"cannot be written to: {error.strerror}") from error
    if say.as_json:
        say.document({"html": str(page), "markdown": str(text), "pictures": dataset is not None})
    else:
        from bakeoff.cli.scoreboard import show_numbers

        show_numbers(found, say.console)
    say.aside(f"Written: {page} and {text.name}")


def _pictures(found: Result, say: Session) -> Dataset | None:
    """The dataset, if it is where it was; else the page goes without."""
    from bakeoff.report.again import dataset_of

    try:
        with say.working() as progress:
            return dataset_of(found, progress)
    except UserError as error:
        say.aside(f"The page goes without pictures: {error}")
        return None


def _beside(first: Result, second: Result, html: Path | None, say: Session) -> None:
    from bakeoff.report.side_by_side import side_by_side, side_by_side_page

    found = side_by_side(first, second)
    if html is not None:
        try:
            html.write_text(side_by_side_page(found), encoding="utf-8")
        except OSError as error:
            raise UserError(f"--html {html}", f"cannot be written: {error.strerror}") from error
    if say.as_json:
        say.document(found.to_json())
    else:
        _show(found, (first, second), say)
    if html is not None:
        say.aside(f"Page written to {html}")


def _show(found: SideBySide, both: tuple[Result, Result], say: Session) -> None:
    from bakeoff.cli.scoreboard import show_numbers
    from bakeoff.cli.text import printable

    def tell(text: str) -> None:
        say.console.print(printable(text), soft_wrap=True)

    if found.same:
        paths = " and ".join(dict.fromkeys(str(one.path) for one in both))
        tell(f"Both are one and the same bake-off: {paths}\n")
        show_numbers(both[0], say.console)
        return
    for number, one in zip(("First", "Second"), both, strict=True):
        tell(f"{number}: {one.path}")
        show_numbers(one, say.console)
        tell("")
    for reason in found.reasons:
        tell(f"Not comparable: {reason}.")
    if not found.reasons:
        for match in found.matches:
            changed = "" if match.same_recipe else " Its recipe has changed."
            tell(f"{match.words}{changed}")
        if not found.matches:
            tell("No contender is in both.")
    for number, names in (("first", found.only_first), ("second", found.only_second)):
        if names:
            tell(f"Only in the {number}: {', '.join(names)}.")
