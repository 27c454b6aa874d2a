"""`--devices N`: the same command in several processes, which train one network together; or what
torchrun started, on one machine or many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import whole_number
from bakeoff.spec.errors import SpecError, TeamError

__all__ = ["Devices", "SyncNorms", "goes_on", "in_team", "spread"]

Devices = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="N",
        help="Train in N processes on this machine: a GPU each, or a share of the processors.",
    ),
]

SyncNorms = Annotated[
    bool,
    typer.Option(
        "--sync-batch-norm",
        help="With several processes: batch norms see the pictures of all, and not each its own.",
    ),
]


def spread(
    context: typer.Context,
    count: int | None,
    *,
    device: str | None,
    folder: Path,
    alone: Mapping[str, bool],
) -> None:
    """Run what was typed in `count` processes and leave with their exit code; return where this
    process is the one to train.

    `folder` is the directory for all; `alone` says which options were given that need a single
    process.
    """
    from bakeoff.runs.launch import launch, launched
    from bakeoff.training.clock import process_age

    if count is None or launched() is not None:
        return
    _check(count, alone)
    if count == 1:
        return
    if device == "cpu":
        _check_processors(count)
    else:
        _check_room(count, device)
    verb, *rest = context.obj
    raise typer.Exit(
        launch(
            # Where it was typed too, what was typed counts, as it comes later.
            [verb, "--out", str(folder), *rest],
            count,
            age=process_age() or 0.0,
            suggestion=f"If there is a checkpoint in {folder}, go on with the same command and "
            f"--out {folder} --resume.",
        )
    )


def _check(count: int, alone: Mapping[str, bool]) -> None:
    if count < 1:
        raise SpecError("--devices", "must be 1 or more", count)
    if "RANK" in os.environ:
        suggestion = "Leave out --devices: torchrun says how many processes there are."
        raise SpecError("--devices", "excludes torchrun, which started this", count, suggestion)
    for option, given in alone.items():
        if given and count > 1:
            rule = f"excludes {option}, which tries in a single process"
            raise SpecError("--devices", rule, count, "Try first, then train.")


def _check_processors(count: int) -> None:
    from bakeoff.data import machine

    # Two can be tried anywhere; a process that has to wait for a processor helps nobody.
    most = max(2, machine.look().cores)
    if count > most:
        rule = f"must be at most {most}, as there are no more processors to share out"
        raise SpecError("--devices", rule, count)


def _check_room(count: int, device: str | None) -> None:
    from torch import cuda

    from bakeoff.training.device import choose

    kind = choose(device).place.type
    if kind == "cpu":
        _check_processors(count)
        return
    if kind == "cuda" and device not in (None, "cuda"):
        suggestion = "Write --device cuda; CUDA_VISIBLE_DEVICES says which."
        raise SpecError("--device", "must name no single GPU beside --devices", device, suggestion)
    usable = {"cuda": cuda.device_count(), "mps": 1}[kind]
    if count > usable:
        rule = f"must be at most {usable}, the GPUs that are usable here"
        raise SpecError("--devices", rule, count, "Or train on the processors: --device cpu.")


def goes_on(folder: Path, resume: bool) -> bool:
    """Whether there is a run to go on with. torchrun gives the same command at every start, so
    there `--resume` begins a run that has not begun."""
    from bakeoff.runs.launch import launched
    from bakeoff.runs.run import Run

    if "RANK" not in os.environ or launched() is not None:
        return resume
    restarts = os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")
    if restarts != "0" and not resume:
        raise SpecError(
            "--resume",
            f"must be given under torchrun that starts again (--max-restarts {restarts})",
            suggestion="Add --out DIR --resume, which begins what has not begun.",
        )
    return resume and Run(path=folder).has_begun


@contextmanager
def in_team() -> Iterator[float]:
    """The work of a process that may be one of several. Yields the seconds that whoever started it
    had worked before; what that one will tell, this one does not."""
    from bakeoff.runs.launch import LOST, launched

    starter = launched()
    if starter is None:
        yield 0.0
        return
    starter.hold_on()
    try:
        yield starter.age
    except TeamError:
        raise typer.Exit(LOST) from None
