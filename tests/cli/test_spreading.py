"""`bakeoff train` in several processes: `--devices N`, and under torchrun."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer

from bakeoff.cli import main
from bakeoff.cli.spreading import goes_on, in_team
from bakeoff.data import machine
from bakeoff.runs.launch import LOST, Launched
from bakeoff.runs.run import Run
from bakeoff.spec.errors import TeamError

TINY = '''
"""A recipe of one's own."""
from bakeoff.spec.network import Classes, Conv, Dropout, GlobalPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage


def tiny():
    """A moment's work."""
    rows = (Conv(width=8, activation="relu"), Dropout(rate=0.1), GlobalPool(), Classes())
    return Recipe(name="tiny", network=Network(rows=rows), stages=(Stage(epochs=150, batch=64),))
'''


def command(folder: Path, out: Path) -> list[str]:
    """What is typed."""
    file = folder / "mine.py"
    file.write_text(TINY)
    words = ["train", "digits", f"{file}:tiny", "--subset", "300", "--out", str(out)]
    return [*words, "--device", "cpu", "--devices", "2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--devices", "0"], "--devices must be 1 or more, but is 0."),
        (["--devices", "two"], "Invalid value for '--devices': must be a whole number, but is"),
        (
            ["--devices", "2", "--find-rate"],
            "--devices excludes --find-rate, which tries in a single process, but is 2. Try first, "
            "then train.",
        ),
        (["--devices", "2", "--batch", "auto"], "--devices excludes --batch auto, which tries"),
        (
            ["--devices", "3", "--device", "cuda"],
            "--devices must be at most 2, the GPUs that are usable here, but is 3. Or train on the "
            "processors: --device cpu.",
        ),
        (
            ["--devices", "5000", "--device", "cpu"],
            "--devices must be at most 4, as there are no more processors to share out, but is "
            "5000.",
        ),
        (["--devices", "3"], "--devices must be at most 2, the GPUs that are usable here"),
        (
            ["--devices", "2", "--device", "cuda:1"],
            "--device must name no single GPU beside --devices, but is 'cuda:1'. Write --device "
            "cuda; CUDA_VISIBLE_DEVICES says which.",
        ),
        (["--devices", "2", "--device", "tpu"], "--device must be cpu, cuda, cuda:N or mps"),
        (["--devices", "2", "--track", "tensorbord"], "--track must be a tracker that is known"),
    ],
)
def test_the_users_mistakes(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    message: str,
) -> None:
    """Said before any process is started."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Fast")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place: (9, 0))
    monkeypatch.setattr("bakeoff.runs.launch.launch", None)
    here = replace(machine.look(), cores=4)
    monkeypatch.setattr(machine, "look", lambda *root: here)
    typed = ["train", "digits", "cnn3", "--out", str(tmp_path / "run"), *words]
    assert main(typed) == 2
    assert f"Error: {message}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_under_torchrun(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has been started by torchrun starts no others."""
    monkeypatch.setenv("RANK", "0")
    assert main(command(tmp_path, tmp_path / "run")) == 2
    assert capsys.readouterr().err == (
        "Error: --devices excludes torchrun, which started this, but is 2. Leave out --devices: "
        "torchrun says how many processes there are.\n"
    )


def test_torchrun_that_starts_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without --resume each start would be refused for what the one before left."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    assert main(command(tmp_path, tmp_path / "run")[:-2]) == 2
    assert capsys.readouterr().err == (
        "Error: --resume must be given under torchrun that starts again (--max-restarts 3). Add "
        "--out DIR --resume, which begins what has not begun.\n"
    )


def test_what_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under torchrun --resume begins a run that has not begun; typed by hand it is taken at its
    word, also where --devices starts the processes."""
    assert goes_on(tmp_path, True)
    monkeypatch.setenv("RANK", "1")
    assert not goes_on(tmp_path, True)
    (tmp_path / "environment.json").touch()
    assert goes_on(tmp_path, True)
    assert not goes_on(tmp_path, False)
    monkeypatch.setenv("BAKEOFF_LAUNCHED", "7 1.250")
    assert goes_on(tmp_path / "none", True)


def test_a_process_of_a_team_holds_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves when whoever started it is gone, goes on from that one's age, and leaves it to that
    one to tell of a team that broke."""
    held: list[Launched] = []
    monkeypatch.setattr(Launched, "hold_on", lambda starter: held.append(starter))
    monkeypatch.setenv("BAKEOFF_LAUNCHED", "7 1.250")
    with pytest.raises(typer.Exit) as caught, in_team() as age:
        assert age == 1.25
        assert held == [Launched(line=7, age=1.25)]
        raise TeamError("the team", "fell apart")
    assert caught.value.exit_code == LOST


@pytest.mark.parametrize("typed", [True, False])
def test_the_same_command_with_one_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: bool
) -> None:
    """All processes get what was typed, and the same directory also where none was."""
    found = []

    def launch(words: list[str], count: int, **rest: object) -> int:
        found.append((words, count))
        return 130

    monkeypatch.setattr("bakeoff.runs.launch.launch", launch)
    words = command(tmp_path, tmp_path / "run")
    if not typed:
        del words[words.index("--out") : words.index("--out") + 2]
    assert main(words) == 130
    ((passed, count),) = found
    assert count == 2
    verb, out, folder, *rest = passed
    assert (verb, out, rest) == ("train", "--out", words[1:])
    assert folder == str(tmp_path / "run") if typed else folder.startswith("runs/")


def surroundings() -> dict[str, str]:
    """What another process needs to find this package, and its like on this machine alone."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, sys.path)])
    line = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    return {**os.environ, **line, "PYTHONPATH": path}


def running(words: list[str]) -> subprocess.Popen[str]:
    """The command in a process of its own, with lines on each step."""
    return subprocess.Popen(
        [sys.executable, "-m", "bakeoff", *words],
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def members(starter: int) -> dict[str, int]:
    """The processes that this one started, by rank."""
    children = Path(f"/proc/{starter}/task/{starter}/children").read_text().split()
    found = {}
    for number in children:
        told = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        rank = next(line[5:].decode() for line in told if line.startswith(b"RANK="))
        found[rank] = int(number)
    return found


def under_way(out: Path, process: subprocess.Popen[str], lines: int) -> None:
    """Wait until so much is on record."""
    while len(Run(path=out).events()) < lines and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_broken_team_goes_on(tmp_path: Path) -> None:
    """Two processes train as one; stopped by a signal, broken by a lost process and gone on with
    they end equal to an unbroken run; each thing is said once, and no process is left."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    first = running(command(tmp_path, whole))
    said, asides = first.communicate(timeout=240)
    assert first.returncode == 0, asides
    assert said.count("Validation: accuracy") == 1
    assert asides.count("shared by 2 processes") == 1

    words = command(tmp_path, broken)
    second = running(words)
    under_way(broken, second, 4)
    second.send_signal(signal.SIGINT)
    said, asides = second.communicate(timeout=240)
    assert (second.returncode, said) == (130, "")
    assert asides.endswith(
        f"Stopped, with a checkpoint in {broken}. Go on with the same command and --out {broken} "
        "--resume.\n"
    )
    assert asides.count("Stopped") == 1

    third = running([*words, "--resume"])
    under_way(broken, third, len(Run(path=broken).events()) + 5)
    team = members(third.pid)
    os.kill(team["1"], signal.SIGKILL)
    said, asides = third.communicate(timeout=240)
    assert (third.returncode, said) == (2, "")
    assert asides.splitlines()[-1] == (
        "Error: process 2 of 2 was ended by SIGKILL, as the system does when memory runs out. If "
        f"there is a checkpoint in {broken}, go on with the same command and --out {broken} "
        "--resume."
    )
    assert asides.count("Error") == 1
    assert not [number for number in team.values() if Path(f"/proc/{number}").exists()]

    fourth = running([*words, "--resume", "--json"])
    said, asides = fourth.communicate(timeout=240)
    assert (fourth.returncode, json.loads(said)["run"]) == (0, str(broken)), asides
    weights = [(out / "weights.safetensors").read_bytes() for out in (whole, broken)]
    assert weights[0] == weights[1]
    results = [Run(path=out).result() for out in (whole, broken)]
    assert results[0]["confusion"] == results[1]["confusion"]
    assert results[1]["exact"]
    assert Run(path=broken).environment()["device"]["processes"] == 2


DYING = """
import os, signal, sys
from dataclasses import replace
from bakeoff.cli import main
from bakeoff.runs import execute
from bakeoff.training import device, engine
from bakeoff.training.leg import Leg

def step(self, factor, step=Leg.step):
    mark = os.path.join(os.path.dirname(__file__), "died")
    if self.done == 10 and os.environ["RANK"] == "1" and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, factor)

def choose(name=None, choose=device.choose, **rest):
    return replace(choose(name, precision="full", **rest), threads=1)

device.choose = choose
execute.SAVE_EVERY, engine._BETWEEN, Leg.step = 0.0, 0.0, step
sys.exit(main(sys.argv[1:]))
"""

ONE = [["--nproc-per-node", "2"]]
TWO = [["--nnodes", "2", "--nproc-per-node", "1", "--local-addr", "127.0.0.1"]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("machines", [ONE, TWO], ids=["one-machine", "two-machines"])
@pytest.mark.usefixtures("one_thread")
def test_torchrun_starts_again(tmp_path: Path, machines: list[list[str]]) -> None:
    """A process that is killed costs a restart, which goes on from the last checkpoint; the curve
    is that of one process that was never broken."""
    file, script, out = tmp_path / "mine.py", tmp_path / "dying.py", tmp_path / "run"
    file.write_text(TINY.replace("Dropout(rate=0.1), ", "").replace("150", "6"))
    script.write_text(DYING)
    words = ["train", "digits", f"{file}:tiny", "--subset", "300", "--device", "cpu", "--out"]
    assert main([*words, str(tmp_path / "alone"), "--quiet"]) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    start = [sys.executable, "-m", "torch.distributed.run", "--max-restarts", "3"]
    many = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    start += many if len(machines) > 1 else ["--master-port", port]
    agents = [
        subprocess.Popen(
            [*start, *given, str(script), *words, str(out), "--resume"],
            env=surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for given in machines
    ]
    said = [agent.communicate(timeout=300)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0] * len(agents), said
    assert "".join(said).count("Validation: accuracy") == 1
    assert (tmp_path / "died").exists()
    events = Run(path=out).events()
    resumed = [event["step"] for event in events if event["event"] == "resumed"]
    assert resumed
    assert 0 < resumed[0] <= 10
    curves = [curve(folder) for folder in (tmp_path / "alone", out)]
    assert curves[0].keys() == curves[1].keys()
    assert list(curves[0].values()) == pytest.approx(list(curves[1].values()), abs=1e-4)


def curve(out: Path) -> dict[int, float]:
    """The training loss by step, as it was seen last."""
    looks = [event for event in Run(path=out).events() if event["event"] == "evaluated"]
    return {look["step"]: look["train_loss"] for look in looks}
