"""The command line: `bakeoff VERB`. Each verb is a module of its own and imports what it needs
when it runs, so that help and completion answer at once."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bakeoff.cli import (
    backbones,
    champion,
    data,
    deploy,
    doctor,
    explain,
    export,
    failure,
    journal,
    predict,
    recipes,
    report,
    run,
    serve,
    stress,
    train,
)
from bakeoff.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="bakeoff",
    help="Labelled pictures in, an honest comparison of image classifiers and the winner out.",
    epilog="Exit codes: 0 done, 2 something for you to mend, 1 our mistake, 130 interrupted.",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("run")(run.run)
app.command("data")(data.data)
app.command("train")(train.train)
app.command("serve")(serve.serve)
app.command("deploy")(deploy.deploy)
app.command("report")(report.report)
app.add_typer(champion.app, name="champion")
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("stress")(stress.stress)
app.command("export")(export.export)
app.add_typer(journal.app, name="journal")
app.add_typer(recipes.app, name="recipes")
app.add_typer(backbones.app, name="backbones")
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bakeoff {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def bakeoff(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Labelled pictures in, an honest comparison of image classifiers and the winner out."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if words is None else words)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        # What was typed goes along, for verbs that run it again in other processes.
        code = app(arguments, prog_name="bakeoff", standalone_mode=False, obj=arguments)
    except (Exception, KeyboardInterrupt) as error:
        return failure.report(error, as_json="--json" in arguments, debug="--debug" in arguments)
    return code if isinstance(code, int) else failure.DONE
