"""Several processes on this machine that train one network: started, watched and ended together.

Each runs the same command and finds its place in the team where torchrun would have put it. What
torchrun does not do: let the leader finish its checkpoint when another has left already, leave no
process behind when it is killed itself, and answer with the leader's exit code.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from bakeoff.spec.errors import TeamError
from bakeoff.version import ROOT

__all__ = ["LOST", "Launched", "launch", "launched"]

LOST = 3
"""Exit code of a process that lost another: whoever started them knows more, and says it."""

_PROGRAM = ("-m", "bakeoff")

_NAME = "BAKEOFF_LAUNCHED"

_SPOKEN = (0, 1, 2, 130)
"""Exit codes that come with all there is to say."""

_OFTEN = 0.05
"""Seconds between two looks at the processes."""

_AT_ONCE, _IN_ORDER = 10.0, 120.0
"""Seconds that the others have once one has failed, or has left because it was asked to: the
leader may still be writing a large checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launched:
    """What a process knows of the one that started it."""

    line: int
    """Number of an open file that ends when that one does."""

    age: float
    """Seconds that one had lived before."""

    def hold_on(self, *, patience: float = _IN_ORDER) -> None:
        """From now on, leave in good order when the one that started this is gone."""

        def wait() -> None:
            os.read(self.line, 1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(patience)
            # The main thread may be waiting for others for ever.
            os._exit(LOST)

        threading.Thread(target=wait, name="launch", daemon=True).start()


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """Who started this process, if it was `launch`."""
    told = environment.get(_NAME)
    if told is None:
        return None
    line, age = told.split()
    return Launched(line=int(line), age=float(age))


@dataclass(eq=False)
class _Member:
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    """What it wrote to standard error; the leader's goes where ours does."""

    killed: bool = False

    def end(self) -> None:
        """At once, with all that it started."""
        if self.process.poll() is None:
            self.killed = True
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def launch(words: Sequence[str], processes: int, *, age: float, suggestion: str) -> int:
    """Run `bakeoff` with these words as a team of so many processes; the leader's exit code.

    SIGINT and SIGTERM are passed on. `age` is for how long this process has worked towards it;
    `suggestion` what to do where the team breaks, which is an error.
    """
    with ExitStack() as held:
        asked = held.enter_context(_noting_signals())
        line, other_end = os.pipe()
        held.callback(os.close, other_end)
        held.callback(os.close, line)
        place = _places(processes, f"{line} {age:.3f}")
        team = [
            held.enter_context(_started(words, rank, {**place, "RANK": str(rank)}, line))
            for rank in range(processes)
        ]
        first = _watched(team, asked)
        return _answer(team, first, bool(asked), suggestion)


def _places(processes: int, told: str) -> dict[str, str]:
    """The environment that all share, with what torchrun would set."""
    shared = {**os.environ, _NAME: told}
    if sys.platform == "linux":
        # They are all here; gloo would look for the machine's name in the network.
        shared.setdefault("GLOO_SOCKET_IFNAME", "lo")
    root = ROOT.parent
    if Path.cwd() != root:
        # What lies in the working directory must not stand in for a library.
        shared["PYTHONSAFEPATH"] = "1"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = str(processes)
    return {
        **shared,
        "WORLD_SIZE": world,
        "LOCAL_WORLD_SIZE": world,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


@contextmanager
def _started(
    words: Sequence[str], rank: int, environment: dict[str, str], line: int
) -> Iterator[_Member]:
    with tempfile.TemporaryFile() as said:
        alone = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, *_PROGRAM, *words],
            env={**environment, "LOCAL_RANK": str(rank)},
            pass_fds=[line],
            stdin=None if rank == 0 else alone,
            stdout=None if rank == 0 else alone,
            stderr=None if rank == 0 else said,
            # Ctrl-C in a terminal reaches all of its processes: these are told by us, once.
            start_new_session=True,
        )
        member = _Member(process, said)
        try:
            yield member
        finally:
            member.end()


def _watched(team: list[_Member], asked: list[int]) -> int | None:
    """Until all have ended; the rank of the first that did not end well."""
    first, until, passed_on = None, float("inf"), 0
    while any(member.process.poll() is None for member in team):
        for number in asked[passed_on:]:
            for member in team:
                member.process.send_signal(number)
        passed_on = len(asked)
        if first is None:
            first = next((n for n, one in enumerate(team) if one.process.poll()), None)
            if first is not None:
                orderly = team[first].process.returncode == 130
                until = time.monotonic() + (_IN_ORDER if orderly else _AT_ONCE)
        if time.monotonic() > until:
            for member in team:
                member.end()
        time.sleep(_OFTEN)
    if first is None:
        first = next((n for n, one in enumerate(team) if one.process.returncode), None)
    return first


def _answer(team: list[_Member], first: int | None, asked: bool, suggestion: str) -> int:
    leader = team[0]
    if not leader.killed and leader.process.returncode in _SPOKEN:
        return leader.process.returncode
    if asked:
        raise KeyboardInterrupt
    assert first is not None
    # One that lost the others is not the one that was lost.
    causes = [n for n, one in enumerate(team) if one.process.returncode != LOST and not one.killed]
    cause = next((n for n in (first, *causes) if n in causes and team[n].process.returncode), first)
    field = f"process {cause + 1} of {len(team)}"
    raise TeamError(field, _how(team[cause]), suggestion=suggestion)


def _how(member: _Member) -> str:
    code = member.process.returncode
    if code < 0:
        name = signal.Signals(-code).name
        why = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"was ended by {name}{why}"
    member.said.seek(0)
    said = member.said.read().decode(errors="replace").strip()
    last = said.rpartition("Error: ")[2] or "it said nothing"
    return f"ended with exit code {code}: {last}"


@contextmanager
def _noting_signals() -> Iterator[list[int]]:
    """In this block SIGINT and SIGTERM are put on the list that is yielded, and do nothing else."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
