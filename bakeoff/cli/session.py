"""What surrounds every verb: where its output goes, and what becomes of its errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import typer
from rich.console import Console

from bakeoff.cli.failure import report
from bakeoff.cli.progress import watching
from bakeoff.data.progress import Progress

__all__ = ["Session", "session"]


class _Output(Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the process here, as a failure; see `failure.report`.
        raise BrokenPipeError


@dataclass(frozen=True, kw_only=True)
class Session:
    """One verb at work. Results go to standard output, all else to standard error."""

    as_json: bool
    quiet: bool
    console: Console
    """Standard output, for people."""

    is_silenced: bool = False
    """Whether another process speaks for this one."""

    def working(self) -> AbstractContextManager[Progress]:
        """Somebody to tell how far the work is, as this session wants it."""
        return watching(sys.stderr, quiet=self.quiet or self.as_json)

    def silenced(self) -> Session:
        """The same session, of a process that another speaks for."""
        return replace(self, quiet=True, is_silenced=True)

    def document(self, value: Any) -> None:
        """The whole result, for a program."""
        print(json.dumps(value, indent=2, allow_nan=False))

    def remark(self, text: str) -> None:
        """Something for people to know that a program, which asked for JSON, does not want."""
        if not self.as_json:
            self.aside(text)

    def aside(self, text: str) -> None:
        """Something to know that is not part of the result."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def parting(self, text: str) -> None:
        """The way to go on from where this ends. As with errors, nobody is quiet about it."""
        if not self.is_silenced:
            print(text, file=sys.stderr)


@contextmanager
def session(
    *, as_json: bool = False, quiet: bool = False, debug: bool = False
) -> Iterator[Session]:
    """Run a verb's work; an error is reported and becomes the exit code."""
    try:
        console = _Output(highlight=False, markup=False)
        yield Session(as_json=as_json, quiet=quiet, console=console)
        sys.stdout.flush()
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        raise typer.Exit(report(error, as_json=as_json, debug=debug)) from None
