"""`bakeoff run`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bakeoff.cli import main
from bakeoff.cli.run import complete_lineup
from bakeoff.runs.bakeoff import Baked
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
from bakeoff.spec.errors import CacheError
from bakeoff.training import device
from tests.champion.crowned import light
from tests.runs.baking import cheap

MINE = '''
"""Recipes of one's own."""
from bakeoff.spec.estimator import Estimator, NearestNeighbours, Pixels
from bakeoff.spec.network import BatchNorm, Classes, Conv, GlobalPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage


def near():
    """Nothing to train."""
    return Recipe(
        name="near", network=Estimator(method=NearestNeighbours(), inputs=Pixels(side=8))
    )


def tiny():
    """A moment's work."""
    rows = (Conv(width=8), BatchNorm(activation="relu"), GlobalPool(), Classes())
    return Recipe(name="tiny", network=Network(rows=rows), stages=(Stage(epochs=1, batch=64),))
'''

SMALL = ["--subset", "200"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In single precision on one thread, costs not measured, and torch's settings kept."""
    choose = device.choose

    def chosen(name: str | None = None, **rest: Any) -> device.Device:
        made = choose(name, **{**rest, "precision": "full"})
        return replace(made, threads=1, keeps_memory=False)

    monkeypatch.setattr(device, "choose", chosen)
    cheap(monkeypatch)
    light(monkeypatch)
    threads = torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(exact)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """Both recipes, as a line-up."""
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return f"{file}:near,{file}:tiny"


def test_run(capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path) -> None:
    """Progress on standard error; verdict, scoreboard and where the report lies on standard
    output."""
    out = tmp_path / "out"
    words = ["run", "digits", "--lineup", mine, "--seeds", "2", "--out", str(out), *SMALL]
    assert main(words) == 0
    said, told = capsys.readouterr()
    assert "near wins: " in said
    assert "This test set has been opened once.\n" in said
    assert said.splitlines()[-2:] == [
        f"Report: {out / 'report.html'}",
        f"Champion: {out / 'champion'}",
    ]
    assert (out / "champion" / "manifest.json").exists()
    assert (out / "report.html").exists()
    assert (out / "report.md").exists()
    assert "near, tiny; 2 seeds each." in told.splitlines()
    assert re.search(r"^\[4/4\] tiny, seed 1: 0\.\d{4} on validation, ", told, re.MULTILINE)
    assert "\x1b" not in told


def test_json(capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path) -> None:
    """With --json one document on standard output and nothing else; options are in it as asked."""
    words = ["run", "digits", "--lineup", mine, "--seeds", "1", "--epochs", "2", "--no-test"]
    words += [
        "--out",
        str(tmp_path / "out"),
        "--json",
        "--no-champion",
        *SMALL,
        "--prefer",
        "latency",
        "--tta",
    ]
    words += ["--max-latency", "90ms", "--max-size", "1GB", "--margin", "1%", "--no-stopping"]
    assert main(words) == 0
    said, told = capsys.readouterr()
    found = json.loads(said)
    assert found["bakeoff"] == str(tmp_path / "out")
    assert found["champion"] is None
    assert not (tmp_path / "out" / "champion").exists()
    asked = found["asked"]
    assert (asked["prefer"], asked["epochs"], asked["test"]) == ("latency", 2.0, False)
    assert (asked["max_latency"], asked["max_size"]) == (0.09, 1_000_000_000)
    assert (asked["margin"], asked["tta"], asked["stopping"]) == (0.01, True, False)
    assert asked["command"].startswith("bakeoff run digits --lineup ")
    assert found["part"] == "val"
    assert "near, tiny" not in told


def test_a_directory_of_its_own(
    capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out it gets a new one, named by time and data; --quiet leaves the progress out."""
    monkeypatch.chdir(tmp_path)
    lineup = mine.partition(",")[0]
    assert main(["run", "digits", "--lineup", lineup, "--seeds", "1", *SMALL, "--quiet"]) == 0
    (out,) = (tmp_path / "bakeoffs").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}-digits", out.name)
    assert capsys.readouterr().err == ""


def test_going_on(capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path) -> None:
    """With --resume what is not given is what it was, the split included; finished runs stay."""
    out = str(tmp_path / "out")
    words = ["run", "digits", "--out", out, "--lineup", mine, "--seeds", "1", "--no-test", *SMALL]
    assert main(words) == 0
    result = tmp_path / "out" / "runs" / "tiny-0" / "result.json"
    before = result.stat().st_mtime_ns
    capsys.readouterr()
    assert main(["run", "digits", "--out", out, "--resume", "--prefer", "size"]) == 0
    assert "[2/2] tiny, seed 0: " in capsys.readouterr().err
    assert result.stat().st_mtime_ns == before
    assert json.loads((tmp_path / "out" / "result.json").read_text())["asked"]["prefer"] == "size"
    assert main(["run", "digits", "--out", out, "--resume", "--seeds", "2"]) == 2
    assert "--seeds of " in capsys.readouterr().err


def test_nobody_wins(capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path) -> None:
    """Where nobody keeps to the limits the exit code says that something is to be mended."""
    words = ["run", "digits", "--lineup", mine.partition(",")[0], "--seeds", "1", *SMALL]
    words += ["--no-test", "--out", str(tmp_path / "out"), "--max-size", "1KB"]
    assert main(words) == 2
    assert "Report: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume"], "--resume needs --out, the directory of the bake-off to go on with."),
        (["--epochs", "3", "--budget", "10m"], "--epochs and --budget exclude each other."),
        (["--lineup", "cnn33"], "Did you mean 'cnn3'?"),
        (["--seeds", "0"], "--seeds must be 1 or more, but is 0."),
        (["--prefer", "beauty"], "--prefer must be accuracy, latency or size, but is 'beauty'."),
        (["--max-size", "10"], "--max-size must be an amount with its unit, but is '10'."),
        (["--budget", "soon"], "--budget must be a length of time, but is 'soon'."),
        (["--margin", "x"], "--margin must be a share between 0% and 100%, but is 'x'."),
        (["--on", "spark"], "--on must be ray or ray://HOST:PORT, but is 'spark'."),
        (["--via", "s3://bucket/a"], "--via needs --on: it is where runs are kept while nodes of"),
        (["--on", "ray", "--via", "/runs"], "--via must be a URL such as s3://BUCKET/FOLDER, but"),
        (["--out", "s3://bucket/a"], "--out must be a folder of this machine, but is 's3://bucket"),
        (["--budget", "3s"], "--budget is too small for 1 contender with 3 seeds: "),
    ],
)
def test_the_users_mistakes(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    """A mistake is told before anything is trained, and leaves no directory behind."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", "digits", *words, *SMALL]) == 2
    said, told = capsys.readouterr()
    assert said == ""
    assert message in told
    assert not (tmp_path / "bakeoffs").exists()


def test_runs_elsewhere(
    mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--on and --via reach where runs are made; what is kept of the command has no secret in it,
    and what is said of going on has --on."""
    asked: list[Any] = []

    def elsewhere(*where: Any) -> Any:
        asked.append(where)
        return nullcontext()

    monkeypatch.setattr("bakeoff.runs.cluster.elsewhere.elsewhere", elsewhere)
    out = tmp_path / "out"
    via = "s3://me:secret@bucket/a"
    words = ["run", "digits", "--lineup", mine.partition(",")[0], "--seeds", "1", "--no-test"]
    words += [*SMALL, "--out", str(out), "--on", "ray", f"--via={via}"]
    assert main(words) == 0
    assert asked == [("ray", via, out)]
    assert Folder(path=out).record().question.command.endswith("--on ray --via=s3://bucket/a")
    for file in out.glob("*.*"):
        assert b"secret" not in file.read_bytes()
    capsys.readouterr()

    def stopped(*about: Any, **how: Any) -> Any:
        return Baked(folder=Folder(path=out), finished=False)

    monkeypatch.setattr("bakeoff.runs.bakeoff.bake", stopped)
    assert main(words) == 130
    assert capsys.readouterr().err.endswith(f"run digits --out {out} --resume --on ray\n")


def test_interrupted(mine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signal leaves a checkpoint, exit code 130 and the line that says how to go on; which it
    does."""
    out = tmp_path / "out"
    words = ["run", "digits", "--out", str(out), "--lineup", mine.rpartition(",")[2]]
    words += ["--seeds", "1", "--epochs", "40", "--no-test", *SMALL]
    command = [sys.executable, "-m", "bakeoff", *words]
    running = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env={**os.environ})
    run = Run(path=out / "runs" / "tiny-0")
    while running.poll() is None and not any(e["event"] == "evaluated" for e in run.events()):
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    said, told = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, "")
    assert told.splitlines()[-1] == (
        f"Stopped; what is done is kept. Go on with: bakeoff run digits --out {out} --resume"
    )
    assert Folder(path=out).journal.past().deaths == {}
    assert main(["run", "digits", "--out", str(out), "--resume", "--quiet"]) == 0
    assert run.is_sealed
    assert any(event["event"] == "resumed" for event in run.events())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sp", ["speed", "speed", "speed-wide"]),
        ("linear,cnn10", ["linear,cnn10"]),
        ("qu", ["quick"]),
    ],
)
def test_completion(typed: str, offered: list[str]) -> None:
    """The shell offers line-ups, and recipes after each comma."""
    assert [word for word, _ in complete_lineup(typed)] == offered


def test_under_torchrun(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bake-off is no work for torchrun, which is told before anything is made."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert main(["run", "digits", "--out", str(tmp_path / "out")]) == 2
    assert "must be started once by itself, and torchrun started it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_room_for_a_champion(
    capsys: pytest.CaptureFixture[str], mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the champion cannot be written, what was found is shown all the same; a script that
    counts on a champion is told by the exit code."""

    def crowned(*about: object, **more: object) -> None:
        raise CacheError("the champion", "ran out of disk space")

    monkeypatch.setattr("bakeoff.report.crowned.crowned", crowned)
    words = ["run", "digits", "--lineup", mine, "--seeds", "2", "--out", str(tmp_path / "out")]
    assert main([*words, *SMALL]) == 2
    said, told = capsys.readouterr()
    assert "near wins: " in said
    assert "There is no champion: the champion ran out of disk space." in told
