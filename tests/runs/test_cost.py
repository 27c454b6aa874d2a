"""What a run costs: figures that are counted are right, those that are timed say on what."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from bakeoff.models.footprint import footprint
from bakeoff.runs import cost
from bakeoff.runs.cost import Cost, measured
from bakeoff.runs.run import Run
from bakeoff.runs.start import Start
from bakeoff.runs.timing import Timing
from bakeoff.spec.estimator import DecisionTree, Estimator
from bakeoff.spec.network import Attention, Classes, Conv, GlobalPool, Network
from bakeoff.training.device import Device
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
    assert found.spread.keys() == {"latency", "throughput"}
    for name, what in (("latency", "single pictures"), ("throughput", "batches of 64 pictures")):
        said = found.conditions[name].split("; ")
        assert re.fullmatch(
            rf"median of the best of \d bursts, \d+ {what} of 8×8 pixels in all, warm, by torch on "
            "cpu, float32, 1 thread",
            said[0],
        )
        assert ("bursts did not agree" in said) == (found.spread[name] == "high")
    assert (found.cold_start, found.conditions["cold_start"]) == (None, "not measured")


@pytest.mark.parametrize(
    ("threads", "words"),
    [
        (1, "float32, 1 thread, which was faster than 2"),
        (2, "float32, 2 threads, which were faster than one"),
    ],
)
def test_the_way_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, words: str
) -> None:
    """With how many threads it was fastest is said, and what makes the figure doubtful."""
    timing = Timing(
        seconds=0.5, bursts=9, calls=20, threads=threads, spread="high", busy=threads == 1
    )
    monkeypatch.setattr(cost, "timed", lambda *_, **__: timing)
    made = run(tmp_path / "one").run
    found = measured(made, device=replace(DEVICE, threads=2), cold=False)
    DEVICE.apply()
    assert (found.latency, found.throughput) == (0.5, 32.0)
    busy = "; the machine was busy with other work" if threads == 1 else ""
    assert found.conditions["latency"].endswith(f"{words}; bursts did not agree{busy}")


def test_slow_networks_are_asked_about_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of 64 would take long where one picture does."""
    monkeypatch.setattr(cost, "_LARGE", 0.0)
    found = of(run(tmp_path / "one").run)
    assert "batches of 16 pictures" in found.conditions["throughput"]


def test_a_cold_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what a new process takes to start, and this run to open and to answer."""
    asked: list[bool] = []

    def starting(device: Device, *, backbone: bool) -> Start:
        asked.append(backbone)
        return Start(seconds=100.0)

    monkeypatch.setattr(cost, "starting", starting)
    found = of(run(tmp_path / "one").run, cold=True)
    assert found.cold_start is not None
    assert 100 < found.cold_start < 160
    assert re.fullmatch(
        r"100\.00 s for a new process on cpu to import all that is needed, measured once for all "
        r"contenders, and \d+\.\d\d s to open this one and answer for one picture, measured in a "
        r"process that was running; files may lie in memory already",
        found.conditions["cold_start"],
    )
    of(run(tmp_path / "two", recipe(stage(train="head"), network=backbone())).run, cold=True)
    assert asked == [False, True]


def test_a_process_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure then, but the reason."""
    silent = Start(seconds=None, trouble="a new process did not answer: it said nothing")
    monkeypatch.setattr(cost, "starting", lambda *_, **__: silent)
    found = of(run(tmp_path / "one").run, cold=True)
    assert (found.cold_start, found.conditions["cold_start"]) == (None, silent.trouble)
