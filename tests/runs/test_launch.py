"""Several processes on this machine: started, watched, ended together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bakeoff.runs import launch as module
from bakeoff.runs.launch import LOST, Launched, launch, launched
from bakeoff.spec.errors import TeamError

BEGIN = """
import json, os, pathlib, signal, sys, time
rank, folder = int(os.environ["RANK"]), pathlib.Path(sys.argv[1])
def here(name="", text=""):
    made = folder / f".{name}{rank}"
    made.write_text(text)
    made.rename(folder / f"{name}{rank}")
def together():
    here("began")
    while not all((folder / f"began{one}").exists() for one in (0, 1)):
        time.sleep(0.01)
"""


def program(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Each process runs this instead of Bakeoff."""
    monkeypatch.setattr(module, "_PROGRAM", ("-c", BEGIN + text))


def started(folder: Path, processes: int = 2) -> int:
    """Launch them with a folder to write into."""
    return launch([str(folder)], processes, age=1.5, suggestion="Go on.")


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each process gets the words and finds what torchrun would have told it."""
    program(monkeypatch, "here('env', json.dumps({**os.environ, 'session': os.getsid(0)}))")
    assert started(tmp_path, 3) == 0
    found = [json.loads((tmp_path / f"env{rank}").read_text()) for rank in range(3)]
    for rank, one in enumerate(found):
        assert (one["RANK"], one["LOCAL_RANK"]) == (str(rank), str(rank))
        assert (one["WORLD_SIZE"], one["LOCAL_WORLD_SIZE"]) == ("3", "3")
        assert one["MASTER_ADDR"] == "127.0.0.1"
        whose = launched(one)
        assert whose is not None
        assert whose.age == 1.5
    assert len({one["MASTER_PORT"] for one in found}) == 1
    # A Ctrl-C in the terminal is for the starter alone.
    assert len({os.getsid(0), *(one["session"] for one in found)}) == 4
    assert launched({}) is None


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_the_leaders_answer(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    code: int,
) -> None:
    """The leader's exit code and words count, the others' do not: all is said once."""
    program(
        monkeypatch,
        f"print('out', rank); print('err', rank, file=sys.stderr); sys.exit({code} and {code}+rank)"
        if code < 130
        else f"print('out', rank); print('err', rank, file=sys.stderr); sys.exit({code})",
    )
    assert started(tmp_path) == code
    assert capfd.readouterr() == ("out 0\n", "err 0\n")


KILLED = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("leader", "other", "message"),
    [
        (
            f"sys.exit({LOST})",
            KILLED,
            "process 2 of 2 was ended by SIGKILL, as the system does when memory runs out. Go on.",
        ),
        ("time.sleep(60)", KILLED, "process 2 of 2 was ended by SIGKILL, as"),
        (KILLED, f"time.sleep(0.2); sys.exit({LOST})", "process 1 of 2 was ended by SIGKILL, as"),
        (
            f"time.sleep(0.2); sys.exit({LOST})",
            "sys.exit('Careful.\\nError: photos/ must exist.')",
            "process 2 of 2 ended with exit code 1: photos/ must exist. Go on.",
        ),
        (
            f"sys.exit({LOST})",
            "time.sleep(0.2); os.kill(os.getpid(), signal.SIGSEGV)",
            "process 2 of 2 was ended by SIGSEGV. Go on.",
        ),
        ("time.sleep(60)", "sys.exit(2)", "process 2 of 2 ended with exit code 2: it said noth"),
    ],
    ids=["killed", "killed-hanging", "leader-killed", "said", "later", "silent"],
)
def test_a_team_that_breaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leader: str, other: str, message: str
) -> None:
    """The one that was lost is named with what it said, and those that hang are ended."""
    # Those that hang are ended soon; the others end by themselves, however busy the machine is.
    monkeypatch.setattr(module, "_AT_ONCE", 0.5 if "60" in leader else 60)
    program(monkeypatch, f"together()\nif rank: {other}\nelse: {leader}\n")
    with pytest.raises(TeamError, match=re.escape(message)):
        started(tmp_path)


PATIENT = """
def stop(number, frame):
    # Another of them would be the end.
    signal.signal(number, signal.SIG_DFL)
    if rank == 0:
        time.sleep(0.5)
        here("saved")
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
here()
time.sleep(60)
"""


STARTER = """
import signal, sys
from bakeoff.runs import launch
launch._PROGRAM, launch._AT_ONCE = ("-c", sys.argv[2]), 0.1
before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
code = launch.launch([sys.argv[1]], 2, age=0.0, suggestion="Go on.")
kept = before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
sys.exit(code if kept else 99)
"""


def stopped(folder: Path, text: str, *asked: tuple[list[str], int]) -> int:
    """How a starter of its own process ends that gets each signal once these files are there."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), BEGIN + text])
    for names, number in asked:
        while not all((folder / name).exists() for name in names) and starter.poll() is None:
            time.sleep(0.01)
        starter.send_signal(number)
    return starter.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping(tmp_path: Path, number: int) -> None:
    """Each is asked once, and the leader has time for its checkpoint when others have left."""
    assert stopped(tmp_path, PATIENT, (["0", "1"], number)) == 130
    assert (tmp_path / "saved0").exists()


def test_stopping_twice(tmp_path: Path) -> None:
    """The second signal is passed on too, for who does not want to wait."""
    text = (
        "signal.signal(signal.SIGINT, lambda *_: (here('one'), signal.signal(2, signal.SIG_DFL)))\n"
        "here()\nwhile True: time.sleep(1)"
    )
    twice = ((["0", "1"], signal.SIGINT), (["one0", "one1"], signal.SIGINT))
    assert stopped(tmp_path, text, *twice) == -signal.SIGINT


def test_stopping_before_anything_listens(tmp_path: Path) -> None:
    """Processes that die of the signal were interrupted, not lost."""
    once = (["0", "1"], signal.SIGTERM)
    assert stopped(tmp_path, "here()\ntime.sleep(60)", once) == -signal.SIGINT


ORPHAN = """
import sys
from bakeoff.runs import launch
launch._PROGRAM = ("-c", sys.argv[2])
launch.launch([sys.argv[1]], 2, age=0.0, suggestion="")
"""
FOLLOWS = """
from bakeoff.runs.launch import launched
launched().hold_on(patience={patience})
signal.signal(signal.SIGTERM, {handler})
here()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("handler", "patience"),
    [("lambda *_: (here('left'), sys.exit())", 60), ("lambda *_: time.sleep(60)", 0.2)],
    ids=["listens", "hangs"],
)
def test_nobody_is_left_behind(tmp_path: Path, handler: str, patience: float) -> None:
    """When the one that started them is killed they leave in good order; those that hang, too."""
    inner = BEGIN + FOLLOWS.format(handler=handler, patience=patience)
    inner = inner.replace("here()", "here('pid', str(os.getpid()))")
    starter = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path), inner])
    names = [tmp_path / "pid0", tmp_path / "pid1"]
    while not all(name.exists() for name in names) and starter.poll() is None:
        time.sleep(0.01)
    starter.kill()
    starter.wait()
    for name in names:
        while alive(int(name.read_text())):
            time.sleep(0.01)
    assert (tmp_path / "left0").exists() == (patience == 60)


def alive(number: int) -> bool:
    """Whether there is a process of this number that still runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{number}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_working_directory_full_of_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What lies where the user works does not stand in for a library."""
    (tmp_path / "typer.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    root = Path(module.__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), *filter(None, sys.path)]))
    assert launch(["--version"], 2, age=0.0, suggestion="") == 0


def test_outside_the_main_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where signals cannot be heard the rest works."""
    program(monkeypatch, "")
    found: list[int] = []
    worker = threading.Thread(target=lambda: found.append(started(tmp_path)))
    worker.start()
    worker.join()
    assert found == [0]


def test_what_a_process_knows() -> None:
    """Its line to the one that started it, and how long that one had lived."""
    assert launched({"BAKEOFF_LAUNCHED": "7 1.250"}) == Launched(line=7, age=1.25)
