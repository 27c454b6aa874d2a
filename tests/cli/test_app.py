"""The command line as a whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import bakeoff
from bakeoff.cli import main
from bakeoff.cli.app import app

VERBS = {
    "bakeoff": ["--version", "--install-completion", "--show-completion", "--help"],
    "bakeoff run": [
        *("DATA", "--lineup", "--seeds", "--budget", "--epochs", "--out", "--resume"),
        *("--prefer", "--max-latency", "--max-size", "--margin", "--no-test", "--no-stopping"),
        *("--no-champion", "--tta", "--split", "--val", "--subset", "--split-seed"),
        *("--classes", "--labels", "--max-broken"),
        *("--size", "--weights", "--device", "--on", "--via"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff data": [
        "DATA",
        *("--split", "--val", "--folds", "--fold", "--subset", "--seed", "--classes"),
        *("--labels", "--max-broken", "--html", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff backbones": ["--help"],
    "bakeoff backbones pull": ["NAME...", "--json", "--quiet", "-q", "--debug", "--help"],
    "bakeoff backbones convert": [
        *("FILE", "--out", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff champion": ["--help"],
    "bakeoff champion make": [
        *(
            "DIR",
            "--recipe",
            "--seed",
            "--out",
            "--half",
            "--goldens",
            "--zip",
            "--data",
            "--license",
        ),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff champion sign": [
        *("CHAMPION", "--key", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff champion verify": [
        *("CHAMPION", "--key", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff champion sbom": ["CHAMPION", "--json", "--debug", "--help"],
    "bakeoff champion keys": ["OUT", "--json", "--quiet", "-q", "--debug", "--help"],
    "bakeoff doctor": ["--json", "--debug", "--help"],
    "bakeoff journal": ["--help"],
    "bakeoff journal show": ["--journal", "--last", "--json", "--debug", "--help"],
    "bakeoff journal export": [
        *("OUT", "--journal", "--pictures", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff export": [
        *("CHAMPION", "--to", "--out", "--int8", "--data", "--force", "--examples"),
        *("--split", "--val", "--subset", "--split-seed", "--classes"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff explain": [
        *("CHAMPION", "PICTURE", "--class", "--out", "--method", "--neighbours"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff recipes": ["--json", "--debug", "--help"],
    "bakeoff predict": [
        *("CHAMPION", "PATHS...", "--csv", "--top", "--batch", "--engine", "--device"),
        *("--threads", "--key", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff report": [
        *("DIR", "OTHER", "--html", "--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff stress": [
        *("CHAMPION", "DATA", "--part", "--pictures", "--only", "--seed", "--out", "--split"),
        *("--val", "--subset", "--split-seed", "--classes", "--labels", "--max-broken"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff train": [
        *("DATA", "RECIPE", "--split", "--val", "--subset", "--split-seed", "--classes"),
        *("--labels", "--max-broken", "--shards", "--size", "--weights", "--balance", "--batch"),
        *("--find-rate", "--seed"),
        *("--epochs", "--budget", "--tta", "--out", "--resume", "--device", "--devices"),
        *("--sync-batch-norm", "--track", "--int8"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff serve": [
        *("CHAMPION", "--host", "--port", "--ui", "--name", "--log", "--engine", "--device"),
        *(
            "--workers",
            "--lanes",
            "--batch",
            "--queue",
            "--deadline",
            "--body",
            "--megapixels",
            "--drain",
        ),
        *("--keys", "--new-key", "--rate", "--cors"),
        *("--journal", "--keep-days", "--keep-pictures"),
        *("--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff deploy": [
        *("CHAMPION", "--port", "--canary", "--shadow", "--rollback"),
        *("--json", "--quiet", "-q", "--debug", "--help"),
    ],
    "bakeoff recipes show": ["RECIPE", "--size", "--classes", "--json", "--debug", "--help"],
}
"""Everything that can be typed. A change here is a change of what users may rely on."""

HEAVY = ("torch", "torchvision", "sklearn", "scipy", "numpy", "PIL", "timm", "pyarrow")


def run(*words: str, **environment: str) -> Any:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bakeoff", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def typed(command: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    """Each verb and what it takes, through all levels."""
    takes = [word for one in command.params for word in _words(one)]
    yield path, [*takes, "--help"]
    for name, inner in getattr(command, "commands", {}).items():
        yield from typed(inner, f"{path} {name}")


def _words(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [parameter.metavar]
    return [*parameter.opts, *parameter.secondary_opts]


def test_the_options_are_these() -> None:
    """Verbs and options change only together with this list."""
    assert dict(typed(typer.main.get_command(app), "bakeoff")) == VERBS


@pytest.mark.parametrize(
    "words",
    [["--help"], ["data", "--help"], ["recipes"], ["recipes", "show", "resnet50"], ["--version"]],
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """Help, versions and lists answer without loading torch, NumPy or anything of that weight."""
    program = (
        "import sys; from bakeoff.cli import main\n"
        f"code = main({words})\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bakeoff {bakeoff.__version__}\n"


def test_nothing_typed_is_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a verb the help is printed, which is no error."""
    assert main([]) == 0
    assert "Look at a dataset before training" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dta"], "Error: No such command 'dta'. Did you mean 'data'? See: bakeoff --help\n"),
        (["data"], "Error: Missing argument 'DATA'. See: bakeoff data --help\n"),
        (
            ["data", "digits", "--sed", "3"],
            "Error: No such option: --sed (Possible options: --seed, --subset) "
            "See: bakeoff data --help\n",
        ),
        (
            ["data", "digits", "--seed", "x"],
            "Error: Invalid value for '--seed': must be a whole number, but is 'x'. "
            "See: bakeoff data --help\n",
        ),
        (
            ["data", "digits", "--split", "80/30"],
            "Error: --split must be two or three percentages that add up to 100, but is '80/30'. "
            "Write 80/20 (train/test), 80/10/10 (train/validation/test) or official.\n",
        ),
        (
            ["recipes", "show", "my.yaml:x"],
            "Error: recipe must name a Python file and a function in it, but is 'my.yaml:x'. "
            "Write it like my.py:my_recipe.\n",
        ),
    ],
)
def test_the_users_mistakes(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """A mistake in what was typed is one paragraph on standard error; exit code 2."""
    assert main(words) == 2
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize("words", [["data", "--json"], ["data", "digits", "--fold", "3", "--json"]])
def test_mistakes_as_json(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """With --json a mistake is one document on standard output, wherever it is found."""
    assert main(words) == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2


def test_our_mistakes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is called a bug; exit code 1; --debug shows where."""

    def fail() -> None:
        raise RuntimeError("oh")

    monkeypatch.setattr("bakeoff.cli.checks.checks", fail)
    assert main(["doctor"]) == 1
    first = capsys.readouterr().err
    assert first.startswith("Error: this is a bug in Bakeoff, not a mistake of yours (RuntimeErr")
    assert main(["doctor", "--debug"]) == 1
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):")


def test_ctrl_c(tmp_path: Path) -> None:
    """Ctrl-C while a verb works ends it with one line and exit code 130."""
    waiting = tmp_path / "waiting"
    mine = tmp_path / "mine.py"
    mine.write_text(
        "import pathlib, time\n"
        f"def slow():\n    pathlib.Path({str(waiting)!r}).touch()\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "bakeoff", "recipes", "show", f"{mine}:slow"]
    running = subprocess.Popen(command, stdout=-1, stderr=-1, text=True)
    while not waiting.exists() and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "Interrupted.\n")


def test_a_reader_that_leaves() -> None:
    """When nobody reads the rest, as with `| head`, Bakeoff ends quietly."""
    command = f"{sys.executable} -m bakeoff recipes | true"
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode() -> None:
    """A terminal that cannot show a sign gets its number, not an error."""
    done = run("doctor", "--json", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    shown = run("doctor", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u2713" in shown.stdout


@pytest.mark.parametrize("width", ["30", "80", "200"])
@pytest.mark.parametrize("words", [["recipes"], ["recipes", "show", "cnn10"]])
def test_tables_fit_the_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    width: str,
) -> None:
    """No line of a table is wider than the terminal, wide or narrow."""
    monkeypatch.setenv("COLUMNS", width)
    assert main(words) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= int(width)


@pytest.mark.parametrize(
    ("typed_so_far", "offered"),
    [
        ("bakeoff data cif", "cifar10\ncifar100"),
        ("bakeoff recipes show vgg6-", "vgg6-bn\nvgg6-wide"),
        ("bakeoff do", "doctor"),
    ],
)
def test_completion(typed_so_far: str, offered: str) -> None:
    """The shell completes verbs, datasets and recipes."""
    environment = {
        "_BAKEOFF_COMPLETE": "complete_bash",
        "COMP_WORDS": typed_so_far,
        "COMP_CWORD": str(len(typed_so_far.split()) - 1),
    }
    program = "from bakeoff.cli import main; main()"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == offered, done.stderr
