"""What a run costs: figures that are counted are right, those that are timed say on what."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from bakeoff.models.footprint import footprint
from bakeoff.runs import cost
from bakeoff.runs.cost import Cost, measured
from bakeoff.runs.run import Run
from bakeoff.spec.errors import DataError
from bakeoff.spec.estimator import DecisionTree, Estimator
from bakeoff.spec.network import Attention, Classes, Conv, GlobalPool, Network
from tests.runs.digits import digits, recipe, run
from tests.training.jobs import DEVICE, backbone, stage

FIGURES = {"parameters", "flops", "bytes", "latency", "throughput", "cold_start"}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_SECONDS", 0.01)


def of(made: Run, *, cold: bool = False) -> Cost:
    """The figures of a run, its names checked."""
    return measured(made, classes=digits().classes, device=DEVICE, cold=cold)


ATTENDING = Network(rows=(Conv(width=8), Attention(heads=2), GlobalPool(), Classes()))


@pytest.mark.parametrize("kind", ["table", "attention", "backbone"])
def test_what_is_counted(tmp_path: Path, kind: str) -> None:
    """Parameters, operations and bytes are those of the network and of its file."""
    declared = recipe() if kind == "table" else recipe(network=ATTENDING)
    if kind == "backbone":
        declared = recipe(stage(train="head", batch=32), network=backbone())
    made = run(tmp_path / "one", declared).run
    settled = made.recipe()
    assert isinstance(settled.network, Network)
    wanted = footprint(settled.network, settled.preprocess, classes=10)
    found = of(made)
    assert found.parameters == wanted.parameters.pytorch == made.result()["parameters"]
    assert found.flops == wanted.flops
    assert found.bytes == (made.path / "weights.safetensors").stat().st_size


def test_an_estimator_holds_numbers_too(tmp_path: Path) -> None:
    """The nodes of a tree count, though no optimiser moved them; its questions are no products."""
    tree = recipe(network=Estimator(method=DecisionTree(leaf=2), folds=2), stages=())
    made = run(tmp_path / "one", tree).run
    held = load_file(made.path / "weights.safetensors")
    found = of(made)
    assert found.parameters == sum(tensor.numel() for tensor in held.values()) > 100
    assert found.flops == 0


def test_what_is_timed(tmp_path: Path) -> None:
    """Each figure says on what it was measured, with how many threads, and how often."""
    found = of(run(tmp_path / "one").run)
    assert found.latency > 0
    assert found.throughput > 0
    assert found.conditions.keys() == FIGURES
    latency, throughput = found.conditions["latency"], found.conditions["throughput"]
    assert latency.startswith("median of ")
    assert latency.endswith(
        "single pictures of 8×8 pixels, warm, by torch on cpu, float32, 1 thread"
    )
    assert throughput.endswith(
        "batches of 64 pictures of 8×8 pixels, warm, by torch on cpu, float32, 1 thread"
    )
    assert (found.cold_start, found.conditions["cold_start"]) == (None, "not measured")


def test_slow_networks_are_asked_about_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of 64 would take long where one picture does."""
    monkeypatch.setattr(cost, "_LARGE", 0.0)
    found = of(run(tmp_path / "one").run)
    assert "batches of 16 pictures" in found.conditions["throughput"]


def test_a_cold_start(tmp_path: Path) -> None:
    """A new process imports, opens the run and answers, whatever it was started beside."""
    found = of(run(tmp_path / "one").run, cold=True)
    assert found.cold_start is not None, found.conditions["cold_start"]
    assert found.cold_start > 0
    assert found.conditions["cold_start"] == (
        "one new process on cpu: import, open, answer for one picture; files may lie in memory "
        "already"
    )


def test_a_process_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure then, but the reason: it took too long, or ended without an answer."""
    made = run(tmp_path / "one").run
    with monkeypatch.context() as patch:
        patch.setattr(cost, "_PATIENCE", 0.01)
        found = of(made, cold=True)
    assert found.cold_start is None
    assert found.conditions["cold_start"] == "a new process did not answer within 0 s"
    silent = shutil.which("false")
    assert silent is not None
    monkeypatch.setattr(sys, "executable", silent)
    found = of(made, cold=True)
    assert found.conditions["cold_start"] == "a new process did not answer: it said nothing"


def test_the_answer_of_the_new_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says when it answered, once it has; an error where the run cannot be opened."""
    made = run(tmp_path / "one").run
    cost.first_answer(str(made.path), "cpu", "full")
    assert capsys.readouterr().out.startswith("answered at ")
    (made.path / "weights.safetensors").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        cost.first_answer(str(made.path), "cpu", "full")
    assert capsys.readouterr().out == ""
