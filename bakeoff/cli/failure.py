"""What a person, or a program, is told when something goes wrong: the one place that decides."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from typing import Any

import typer

from bakeoff.cli.text import printable
from bakeoff.spec.errors import UserError

__all__ = ["DONE", "INTERRUPTED", "OURS", "USER", "report"]

DONE, OURS, USER, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. 130 is what shells use for a Ctrl-C."""


def report(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Say what happened, and answer with the exit code.

    People read standard error. With `--json` a program reads the same on standard output, as
    `{"error": …}`: whatever happens, that holds exactly one document.
    """
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    if _is_help(error):
        return DONE
    code, kind, text = _in_words(error)
    if as_json:
        print(json.dumps({"error": {"kind": kind, "exit_code": code, **_parts(error, text)}}))
    if debug:
        traceback.print_exception(error)
    print(printable(text), file=sys.stderr)
    return code


def _is_help(error: BaseException) -> bool:
    # A verb of verbs alone prints its help, and what is raised then has no words.
    return isinstance(error, typer.TyperException) and not error.format_message().strip()


def _reader_left() -> int:
    # As in `bakeoff … | head`: nobody wants the rest, which is no failure. Python would complain
    # again when it flushes at exit, so what is left goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _in_words(error: BaseException) -> tuple[int, str, str]:
    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted", "Interrupted."
    if isinstance(error, UserError):
        return USER, name, f"Error: {error}"
    if isinstance(error, typer.TyperException) and hasattr(error, "ctx"):
        return USER, "UsageError", f"Error: {_usage(error)}"
    if isinstance(error, MemoryError):
        rule = "The memory of this machine was not enough. Try fewer pictures with --subset."
        return OURS, name, f"Error: {rule}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return USER, name, "Error: the disk is full, so not all could be written. Free some space."
    said = f"{name}: {error}" if str(error) else name
    return (
        OURS,
        name,
        f"Error: this is a bug in Bakeoff, not a mistake of yours ({said}). "
        "The same command with --debug shows where; please report it with that output.",
    )


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = "bakeoff" if context is None else context.command_path
    text = error.format_message().strip()
    text = text if text.endswith((".", "?", "!", ")")) else text + "."
    return f"{text} See: {path} --help"


def _parts(error: BaseException, text: str) -> dict[str, Any]:
    message = text.removeprefix("Error: ")
    if not isinstance(error, UserError):
        return {"message": message}
    value = error.value
    plain = value if isinstance(value, bool | int | float | str | None) else repr(value)
    return {
        "message": message,
        "field": error.field,
        "rule": error.rule,
        "value": plain,
        "suggestion": error.suggestion,
    }
