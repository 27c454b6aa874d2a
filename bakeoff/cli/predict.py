"""`bakeoff predict`: what a champion says of pictures."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from bakeoff.cli.failure import USER
from bakeoff.cli.options import ChampionPath, Debug, Json, Quiet, complete_path, whole_number
from bakeoff.cli.text import printable
from bakeoff.spec.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from bakeoff.champion.champion import Champion
    from bakeoff.champion.files import Answer
    from bakeoff.champion.prediction import Prediction
    from bakeoff.cli.session import Session

__all__ = ["predict"]

ENGINES = ("auto", "onnx", "openvino", "torch")

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATHS...",
        help="Pictures, and folders: all pictures in them and below.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print lines with commas, the first of names.")]
Engine = Annotated[str, typer.Option(metavar="NAME", help=f"What computes: {', '.join(ENGINES)}.")]
Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, or cuda.", show_default=False)
]
Threads = Annotated[
    int | None,
    typer.Option(
        parser=whole_number, metavar="N", help="Of the engine. Default: all.", show_default=False
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="K",
        help="How many classes to name, the likeliest first. Default: 1; with --json all.",
        show_default=False,
    ),
]
Batch = Annotated[
    int, typer.Option(parser=whole_number, metavar="N", help="Pictures that are computed at once.")
]
Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Public key that must have signed the champion.",
        autocompletion=complete_path,
        show_default=False,
    ),
]


def predict(
    champion: ChampionPath,
    paths: Paths,
    as_csv: Csv = False,
    top: Top = None,
    batch: Batch = 64,
    engine: Engine = "auto",
    device: Device = None,
    threads: Threads = None,
    key: Key = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what is on pictures: label, probability, and whether it is none of the classes.

    Pictures that cannot be read are named on standard error, the others are answered, and the
    exit code is 2.
    """
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        _check(as_csv, as_json, top, batch)

        from bakeoff.champion import opening
        from bakeoff.champion.files import answers, pictures_in

        files = pictures_in(paths)
        with _by_option():
            model = opening.open(
                champion,
                engine=engine,  # type: ignore[arg-type]
                device=device,
                threads=threads,
                key=key,
            )
        # Taken before a bar is drawn, which takes the place of both streams on a terminal.
        out = sys.stdout
        # Lines that are read as they come would be printed into the bar.
        watched = say.silenced() if as_csv and out.isatty() else say
        with watched.working() as progress:
            found = _heard(answers(model, files, batch=batch, progress=progress))
            if as_csv:
                broken = _print_lines(found, out, min(top or 1, len(model.classes)))
            else:
                told = list(found)
                broken = [one for one in told if one.broken is not None]
        if as_json:
            say.document(_document(model, told, top))
        elif not as_csv:
            _show(say, model, told, top or 1)
    if broken:
        raise typer.Exit(USER)


def _check(as_csv: bool, as_json: bool, top: int | None, batch: int) -> None:
    if as_csv and as_json:
        raise ArgumentError("--csv", "cannot be given together with --json")
    for name, value in (("--top", top), ("--batch", batch)):
        if value is not None and value < 1:
            raise ArgumentError(name, "must be at least 1", value)


@contextmanager
def _by_option() -> Iterator[None]:
    """Errors name what was typed by its option, rather than by the argument in Python."""
    try:
        yield
    except (ArgumentError, DataError) as error:
        field = f"--{error.field}" if error.field in _ARGUMENTS else error.field
        suggestion = _IN_PYTHON.sub(r"--\1 \2", error.suggestion)
        raise type(error)(field, error.rule, error.value, suggestion) from error


_ARGUMENTS = ("engine", "device", "threads", "key")
_IN_PYTHON = re.compile(r"\b(engine|device)='(\w+)'")


def _heard(found: Iterable[Answer]) -> Iterator[Answer]:
    """The same, each broken one named on standard error as it comes."""
    for one in found:
        if one.broken is not None:
            print(printable(f"Broken: {one.broken}"), file=sys.stderr)
        yield one


def _print_lines(found: Iterable[Answer], out: TextIO, top: int) -> list[Answer]:
    broken = []
    lines = csv.writer(out, lineterminator="\n")
    more = [name for at in range(2, top + 1) for name in (f"label_{at}", f"probability_{at}")]
    lines.writerow(["path", "label", "probability", "unknown", "strangeness", *more])
    for one in found:
        if one.prediction is None:
            broken.append(one)
            continue
        said = one.prediction
        strange = "" if said.strangeness is None else f"{said.strangeness:.6g}"
        unknown = {True: "yes", False: "no", None: ""}[said.unknown]
        row = [str(one.path), said.label, f"{said.probability:.6f}", unknown, strange]
        for label, share in _likeliest(said, top)[1:]:
            row += [label, f"{share:.6f}"]
        lines.writerow(row)
    return broken


def _document(champion: Champion, told: Sequence[Answer], top: int | None) -> dict[str, Any]:
    return {
        "champion": {
            "name": champion.name,
            "digest": champion.digest,
            "path": str(champion.path),
            "engine": champion.engine.name,
            "classes": list(champion.classes),
        },
        "pictures": [
            {
                "path": str(one.path),
                "label": one.prediction.label,
                "probability": one.prediction.probability,
                "probabilities": dict(_likeliest(one.prediction, top)),
                "unknown": one.prediction.unknown,
                "strangeness": one.prediction.strangeness,
            }
            for one in told
            if one.prediction is not None
        ],
        "broken": [
            {"path": str(one.path), "error": str(one.broken)}
            for one in told
            if one.broken is not None
        ],
    }


def _show(say: Session, champion: Champion, told: Sequence[Answer], top: int) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("picture", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    measured = champion.record.unknown is not None
    if measured:
        table.add_column("none of these")
    if top > 1:
        table.add_column("then", overflow="fold")
    for one in told:
        if one.prediction is None:
            continue
        said = one.prediction
        row = [printable(str(one.path)), printable(said.label), f"{said.probability:.3f}"]
        row += [("yes" if said.unknown else "")] if measured else []
        rest = _likeliest(said, top)[1:]
        row += [printable(", ".join(f"{n} {p:.3f}" for n, p in rest))] if top > 1 else []
        table.add_row(*row)
    if table.row_count:
        say.console.print(table)


def _likeliest(said: Prediction, top: int | None) -> list[tuple[str, float]]:
    return list(said.probabilities.items())[:top]
