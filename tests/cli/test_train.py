"""`bakeoff train`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bakeoff.cli import main
from bakeoff.runs.run import Run
from tests.cli.own import own

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ["--subset", "300"]


def test_train(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """A recipe of one's own is trained; progress on standard error, the result on standard
    output, all of it in the directory."""
    out = tmp_path / "run"
    assert main(["train", "digits", tiny, "--out", str(out), *SMALL, "--seed", "3"]) == 0
    said, told = capsys.readouterr()
    result = Run(path=out).result()
    assert result["seed"] == 3
    lines = said.splitlines()
    assert lines[-3] == (
        f"Validation: accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}, macro F1 "
        f"{result['f1']:.4f} on {result['pictures']} pictures, one seed. The test part is sealed."
    )
    assert re.fullmatch(r"[\d.]+ s: prepare [\d.]+ s, train [\d.]+ s\.", lines[-2])
    assert lines[-1] == f"Run: {out} (exact)"
    epochs = [line for line in told.splitlines() if line.startswith("epoch")]
    assert re.fullmatch(
        r"epoch 1: loss [\d.]+, validation loss [\d.]+, validation accuracy [\d.]+, "
        r"[\d,]+ pictures/s, [\d.]+ [MG]B",
        epochs[0],
    )
    assert "On the CPU" in told
    assert "\x1b" not in told
    assert "Validation accuracy over epochs" in (out / "curves.svg").read_text(encoding="utf-8")


def test_shards(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """Pictures are read in shards from a folder, written there by the first who asks; where a URL
    wants what is not installed, that is said before anything is trained."""
    pytest.importorskip("fsspec")
    words = ["train", "digits", tiny, *SMALL, "--quiet", "--shards"]
    for place in ("one", "two"):
        assert main([*words, str(tmp_path / "shards"), "--out", str(tmp_path / place)]) == 0
    results = [Run(path=tmp_path / place).result() for place in ("one", "two")]
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert len(list((tmp_path / "shards").glob("*/shards.json"))) == 1
    assert main([*words, "what://is/this", "--out", str(tmp_path / "three")]) == 2
    assert "what://is/this cannot be reached" in capsys.readouterr().err
    assert not (tmp_path / "three").exists()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_tracked(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tiny: str,
    tmp_path: Path,
    name: str,
) -> None:
    """Shown in another tool too, a run is the same bit by bit; the tool's files lie in its
    directory."""
    pytest.importorskip(name)
    for setting in [setting for setting in os.environ if setting.startswith("MLFLOW_")]:
        monkeypatch.delenv(setting)
    plain, shown = tmp_path / "plain", tmp_path / "shown"
    assert main(["train", "digits", tiny, "--out", str(plain), *SMALL, "--quiet"]) == 0
    words = ["train", "digits", tiny, "--out", str(shown), *SMALL, "--track", name]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert f"Tracked in {shown / ('mlruns' if name == 'mlflow' else name)}" in told
    assert "Tracking with" not in told
    files = {path.name for path in shown.iterdir()} - {path.name for path in plain.iterdir()}
    assert files == ({"mlruns", "mlflow.json"} if name == "mlflow" else {"tensorboard"})
    weights = [(out / "weights.safetensors").read_bytes() for out in (plain, shown)]
    assert weights[0] == weights[1]


def test_a_tracker_that_is_not_installed(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tiny: str,
    tmp_path: Path,
) -> None:
    """Said before anything is done, with the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    words = ["train", "digits", tiny, "--out", str(tmp_path / "run"), *SMALL]
    assert main([*words, "--track", "tensorboard"]) == 2
    assert capsys.readouterr().err == (
        "Error: --track tensorboard needs the optional part 'tensorboard', which is not installed. "
        f"Install it with: {sys.executable} -m pip install 'bakeoff[tensorboard]'\n"
    )
    assert not (tmp_path / "run").exists()


def test_json(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """With --json one document on standard output and no progress."""
    out = tmp_path / "run"
    words = ["train", "digits", tiny, "--out", str(out), "--json", *SMALL, "--epochs", "1"]
    assert main(words) == 0
    said, told = capsys.readouterr()
    read = json.loads(said)
    assert read == {"run": str(out), **Run(path=out).result()}
    assert "epoch" not in told
    assert Run(path=out).recipe().stages[0].epochs == 1


def test_warnings_come_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A broken training is called so before any number."""
    words = ["train", "digits", own(tmp_path, 0.2), "--out", str(tmp_path / "run"), *SMALL, "-q"]
    assert main(words) == 0
    said, told = capsys.readouterr()
    assert said.startswith("! BROKEN: accuracy ")
    assert told == ""


@pytest.mark.parametrize(
    ("flip", "size", "words"),
    [
        ("random", "32", "(6 views: mirrored and moved by 1 pixel)"),
        ("none", "64", "(3 views: moved by 2 pixels)"),
        ("random", "8", "(2 views: mirrored)"),
    ],
)
def test_test_time_augmentation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, flip: str, size: str, words: str
) -> None:
    """Apart from the plain accuracy, with the views that the recipe allows."""
    recipe, out = own(tmp_path, 0.5), tmp_path / "run"
    file = Path(recipe.rpartition(":")[0])
    made = file.read_text().replace(
        "import Recipe", "import Recipe\nfrom bakeoff.spec.image import *"
    )
    file.write_text(made.replace('name="tiny",', f'name="tiny", augment=Augment(flip="{flip}"),'))
    typed = ["train", "digits", recipe, "--out", str(out), *SMALL, "--size", size, "-q"]
    assert main([*typed, "--tta"]) == 0
    tta = Run(path=out).result()["tta"]
    said = capsys.readouterr().out.splitlines()
    assert said[-3] == (
        f"With test-time augmentation {words}: accuracy {tta['accuracy']:.4f}, loss "
        f"{tta['loss']:.4f}."
    )
    assert said[-4].startswith("Validation: accuracy ")


def test_nothing_to_average(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """Small pictures that may not be mirrored have one view, which is said."""
    words = ["train", "digits", tiny, "--out", str(tmp_path / "run"), *SMALL, "-q", "--tta"]
    assert main(words) == 0
    assert (
        "Test-time augmentation: there is one view only, the picture itself, as the recipe does "
        "not mirror and pictures this small are not moved.\n"
    ) in capsys.readouterr().out


def test_an_estimator(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An estimator's errors in cross-validation are shown."""
    out = tmp_path / "run"
    assert main(["train", "digits", "linear", "--out", str(out), *SMALL, "--quiet"]) == 0
    mean = Run(path=out).result()["trials"][0]["mean"]
    assert (
        f"Cross-validation on the training part, 5 folds: MSE {mean['mse']:.4f}, MAE "
        f"{mean['mae']:.4f}, R² {mean['r2']:.4f}, accuracy {mean['accuracy']:.4f}.\n"
    ) in capsys.readouterr().out


def test_a_directory_of_its_own(
    capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out a run gets a new directory, named by time and recipe."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", tiny, *SMALL, "--quiet"]) == 0
    (out,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}-mine", out.name)
    assert capsys.readouterr().out.endswith(f"Run: runs/{out.name} (exact)\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--epochs", "3", "--budget", "10m"],
            "--epochs and --budget exclude each other. Give one.",
        ),
        (["--epochs", "0"], "--epochs must be a number greater than 0, but is 0.0."),
        (["--epochs", "inf"], "--epochs must be a number greater than 0, but is inf."),
        (["--epochs", "nan"], "--epochs must be a number greater than 0, but is nan."),
        (
            ["--budget", "soon"],
            "--budget must be a length of time, but is 'soon'. Write it like 90s, 10m or 1h30m.",
        ),
        (["--resume"], "--resume needs --out, the directory of the run to go on with."),
        (
            ["--weights", "my.safetensors"],
            "--weights needs a recipe with a backbone, and tiny has none, but is "
            "'my.safetensors'. `bakeoff recipes` lists those that have.",
        ),
        (
            ["--size", "3"],
            "Preprocess.size must be between 4 and 4096, but is 3. Common sizes: 32, 224.",
        ),
        (["--device", "tpu"], "--device must be cpu, cuda, cuda:N or mps, and usable here, but is"),
        (["--seed", "-1"], "--seed must be between 0 and 4294967295, but is -1."),
        (["--size", "big"], "Invalid value for '--size': must be a whole number, but is 'big'."),
    ],
)
def test_the_users_mistakes(
    capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path, words: list[str], message: str
) -> None:
    """One paragraph, and no directory."""
    out = [] if "--resume" in words else ["--out", str(tmp_path / "run")]
    assert main(["train", "digits", tiny, *SMALL, *out, *words]) == 2
    err = capsys.readouterr().err
    assert f"Error: {message}" in err
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file of weights that does not exist is named before anything is trained."""
    words = ["train", "digits", "resnet18", "--weights", str(tmp_path / "no.safetensors"), *SMALL]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "must be 'pretrained', 'random' or a safetensors file that exists" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_a_network_that_does_not_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The row is named with a size that fits, and no directory is left behind."""
    assert main(["train", "digits", "cnn3", "--out", str(tmp_path / "run"), *SMALL]) == 2
    assert "size" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_taken_directory(capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path) -> None:
    """A second run into the same directory is refused; --resume shows the first."""
    words = ["train", "digits", tiny, "--out", str(tmp_path / "run"), *SMALL, "--quiet"]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert main(words) == 2
    assert "a run never writes over another" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().out == first


def test_stopped_as_json(
    capsys: pytest.CaptureFixture[str], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a run that is stopped is one document on standard output."""
    out = tmp_path / "run"

    @contextmanager
    def stopping() -> Iterator[Callable[[], bool]]:
        yield (out / "events.jsonl").exists

    monkeypatch.setattr("bakeoff.runs.stop.stopping", stopping)
    assert main(["train", "digits", tiny, "--out", str(out), *SMALL, "--json"]) == 130
    assert json.loads(capsys.readouterr().out) == {"run": str(out), "finished": False}
    monkeypatch.undo()
    assert not Run(path=out).is_sealed


PROGRAM = """
import sys, torch
from dataclasses import replace
from bakeoff.training import device, engine
choose = device.choose
device.choose = lambda *r, **n: replace(choose(*r, precision="full", **n), threads=1)
engine._BETWEEN = 0.0
from bakeoff.cli import main
sys.exit(main(sys.argv[1:]))
"""


def started(words: list[str], **more: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, number: int
) -> None:
    """A checkpoint, a line that says how to go on, said also with --quiet, exit code 130; and going
    on ends as if nothing had happened."""
    recipe, out = own(tmp_path, 120), tmp_path / "run"
    words = ["train", "digits", recipe, "--out", str(out), *SMALL]
    running = started([*words, "--quiet"])
    while len(Run(path=out).events()) < 6 and running.poll() is None:
        time.sleep(0.005)
    running.send_signal(number)
    said, told = running.communicate(timeout=300)
    assert running.returncode == 130, told
    assert said == ""
    assert told == (
        f"Stopped, with a checkpoint in {out}. Go on with the same command and --out {out} "
        "--resume.\n"
    )
    assert main([*words, "--resume", "--quiet"]) == 0
    assert main([*words[:4], str(tmp_path / "whole"), *SMALL, "--quiet"]) == 0
    capsys.readouterr()
    ends = [Run(path=path) for path in (out, tmp_path / "whole")]
    one, whole = ((end.path / "weights.safetensors").read_bytes() for end in ends)
    assert one == whole
    assert ends[0].result()["loss"] == ends[1].result()["loss"]
    assert ends[0].result()["exact"]


def test_two_processes(tmp_path: Path, tiny: str) -> None:
    """Under torchrun's variables two processes train one network; one of them speaks and writes;
    the result is the same from run to run."""
    ends = []
    for number in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        out = tmp_path / f"run{number}"
        words = ["train", "digits", tiny, "--out", str(out), *SMALL]
        shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": port}
        team = [
            started(words, RANK=rank, LOCAL_RANK=rank, MASTER_ADDR="127.0.0.1", **shared)
            for rank in ("0", "1")
        ]
        said = [process.communicate(timeout=120) for process in team]
        assert [process.returncode for process in team] == [0, 0], said
        assert said[0][0].splitlines()[-1] == f"Run: {out} (exact)"
        assert said[1] == ("", "")
        run = Run(path=out)
        assert run.environment()["device"]["processes"] == 2
        weights = (out / "weights.safetensors").read_bytes()
        ends.append((weights, run.result()["loss"], run.result()["confusion"]))
    assert ends[0] == ends[1]
