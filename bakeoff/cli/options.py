"""The options and arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.champion.place import WORD

__all__ = [
    "BUILT_IN_DATA",
    "ChampionPath",
    "CompletionItem",
    "Debug",
    "Json",
    "Quiet",
    "Source",
    "complete_champion",
    "complete_data",
    "complete_path",
    "paths",
]

BUILT_IN_DATA = {
    "digits": "1,797 scanned digits of 8×8 pixels, embedded",
    "cifar10": "60,000 pictures of 32×32 pixels in 10 classes, fetched once",
    "cifar100": "60,000 pictures of 32×32 pixels in 100 classes, fetched once",
}
"""Datasets that have a name, and what they are."""

CompletionItem = tuple[str, str]
"""What could stand there, and what it is."""


def paths(incomplete: str, suffixes: tuple[str, ...] = ()) -> list[CompletionItem]:
    """Folders, and files of some kinds, that begin with what was typed."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        found = sorted(Path(folder + slash or ".").expanduser().iterdir())
    except OSError:
        return []
    return [
        (f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}", "")
        for path in found
        if (path.name.startswith(start) if start else not path.name.startswith("."))
        and (path.is_dir() or not suffixes or path.suffix in suffixes)
    ]


def complete_path(incomplete: str) -> list[CompletionItem]:
    """Any path."""
    return paths(incomplete)


def complete_champion(incomplete: str) -> list[CompletionItem]:
    """The word for the champion that comes along, then paths."""
    boxed = (WORD, "the champion that comes with Bakeoff: ten things in pictures of 32×32")
    return [boxed] * WORD.startswith(incomplete) + paths(incomplete)


def complete_data(incomplete: str) -> list[CompletionItem]:
    """Names of datasets, then paths."""
    named = [(name, what) for name, what in BUILT_IN_DATA.items() if name.startswith(incomplete)]
    return named + paths(incomplete)


def whole_number(text: str) -> int:
    """What a person typed for a whole number."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be a whole number, but is {text!r}.") from None


Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits, cifar10 or cifar100; a folder of class folders; a zip or tar of one; a .csv, "
        ".parquet or .npz file; or hf:owner/name.",
        autocompletion=complete_data,
        show_default=False,
    ),
]
ChampionPath = Annotated[
    Path,
    typer.Argument(
        metavar="CHAMPION",
        help="Folder of a champion or of its bake-off, a .bakeoff file, or a URL of one; or "
        f"{WORD}: the one that comes with Bakeoff.",
        autocompletion=complete_champion,
        show_default=False,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document to standard output, and no progress."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")]
