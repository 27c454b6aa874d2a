"""`bakeoff journal`: what the service wrote down, and what people said, as a labelled folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import Debug, Json, Quiet, complete_path
from bakeoff.cli.text import printable
from bakeoff.spec.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.serving.journal.address import Address
    from bakeoff.serving.journal.exporting import Exported
    from bakeoff.serving.journal.reading import Summary

__all__ = ["app"]

app = typer.Typer(
    help="Look at what the service wrote down; make a labelled folder of what people said.",
    no_args_is_help=True,
)

Out = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="A new folder, which bakeoff run takes afterwards.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="PLACE",
        help="A file, or postgresql://user@host/database. By default, the journal on this machine "
        "that was written to last.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Kept = Annotated[
    Path | None,
    typer.Option(
        "--pictures",
        metavar="FOLDER",
        help="Where the service kept pictures. By default, beside the journal's file.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Last = Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest are shown.")]


@app.command()
def show(
    where: Where = None,
    last: Last = 5,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Counts, drift, and the newest answers."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, debug=debug) as say:
        place = _place(where)
        _needed()
        from bakeoff.serving.journal.reading import newest, opened, summary

        with opened(place) as store:
            found, rows = summary(store), newest(store, last)
        if as_json:
            say.document(_plain({"journal": str(place), **asdict(found), "newest": rows}))
        else:
            _show(place, found, rows, say)


@app.command()
def export(
    out: Out,
    where: Where = None,
    pictures: Kept = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Kept pictures that people labelled, as class folders with a manifest."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        place = _place(where)
        folder = _pictures(pictures, place)
        _needed()
        from bakeoff.serving.journal.exporting import export as write
        from bakeoff.serving.journal.pictures import Pictures
        from bakeoff.serving.journal.reading import opened, said

        with opened(place) as store:
            done = write(said(store), Pictures(folder, most_bytes=0), out)
        if as_json:
            say.document({"out": str(out), **asdict(done)})
        else:
            _tell(out, done, say)


def _needed() -> None:
    try:
        import sqlalchemy as _sqlalchemy  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("the journal", "serve") from error


def _place(where: str | None) -> Address:
    from bakeoff.data.cache import cache_folder
    from bakeoff.serving.journal.address import address, newest_of

    found = newest_of(cache_folder() / "services") if where is None else address(where)
    if found is None:
        raise UserError("--journal", "must name a journal to look at", where)
    return found


def _pictures(given: Path | None, place: Address) -> Path:
    from bakeoff.serving.journal.address import PICTURES

    if given is not None:
        if not given.is_dir():
            raise UserError("--pictures", "must be a folder", str(given))
        return given
    if place.path is None:
        raise UserError("--pictures", "must be given where the journal is no file")
    return place.path.parent / PICTURES


def _show(place: Address, found: Summary, rows: list[dict[str, Any]], say: Session) -> None:
    def tell(text: str) -> None:
        say.console.print(printable(text), soft_wrap=True)

    tell(f"Journal {place}")
    span = (
        f", {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC" if found.first else ""
    )
    tell(f"{found.predictions:,} pictures answered{span}")
    tell(
        f"{found.feedback:,} were spoken of: {found.right:,} right, {found.wrong:,} wrong; "
        f"{found.named:,} with the right class named"
    )
    for model, count in found.models.items():
        tell(f"  {count:,} by {model[:19]}")
    for one in found.drift:
        value = "" if one["value"] is None else f", {one['value']:.3g} of {one['n']:,}"
        tell(f"Drift of {one['figure']}: {one['verdict']}{value} ({one['at']:%Y-%m-%d %H:%M} UTC)")
    for row in rows:
        tell(_line(row))


def _line(row: dict[str, Any]) -> str:
    word = ""
    if row["correct"] is not None:
        word = "right" if row["correct"] else f"wrong: {row['said'] or 'not said what'}"
    share = f"{100 * row['probability']:.1f} %"
    unknown = ", none of these" if row["unknown"] else ""
    text = f"{row['at']:%Y-%m-%d %H:%M:%S}  {row['label']} {share}{unknown}  {word}"
    return f"{text.rstrip()}  {row['id']}"


def _tell(out: Path, done: Exported, say: Session) -> None:
    def tell(text: str) -> None:
        say.console.print(printable(text), soft_wrap=True)

    tell(f"{done.pictures:,} pictures of {len(done.classes)} classes in {out}")
    for label, count in done.classes.items():
        tell(f"  {count:,} {label}")
    for count, text in (
        (done.conflicts, "were given different classes: the one most often named was taken"),
        (done.unlabelled, "were called wrong without the right class, and left out"),
        (done.not_kept, "were not kept, and left out (bakeoff serve --keep-pictures keeps them)"),
        (done.broken, "cannot be read as pictures, and were left out"),
    ):
        if count:
            tell(f"{count:,} {text}.")
    if done.renamed:
        pairs = ", ".join(f"{label!r} is {folder}" for label, folder in done.renamed.items())
        tell(f"Classes that cannot be names of folders: {pairs}.")
        tell(f"Take {out / 'manifest.csv'} instead of the folder: it has them as they are.")


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
