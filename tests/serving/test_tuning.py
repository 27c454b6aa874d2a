"""How a champion is computed here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.champion.champion import Champion
from bakeoff.data.machine import look
from bakeoff.serving import tuning
from bakeoff.serving.tuning import Plan, is_quick, planned
from tests.champion import made

pytest.importorskip("onnxruntime")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A champion with a graph."""
    return made.with_graph(tmp_path / "champion")


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> dict[int, float]:
    """Pictures a second with so many at once, on a machine of four processors."""
    here = replace(look(), cores=4, free=64_000_000_000)
    found = {4: 2000.0, 1: 600.0}
    monkeypatch.setattr(tuning, "look", lambda: here)
    monkeypatch.setattr(tuning, "_rate", lambda champion, lanes: found[lanes])
    monkeypatch.setattr(tuning, "_took", lambda champion: 4 / found[4])
    monkeypatch.setattr("os.getloadavg", lambda: (1.0, 1.0, 1.0))
    return found


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is remembered yet."""
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_quick_has_a_process_for_each_processor(
    graph: Path, rates: dict[int, float]
) -> None:
    """A champion that takes 2 ms for a picture is computed in as many processes as there are
    processors, one picture at a time in each."""
    _, plan = planned(graph, engine="onnx")
    assert plan == Plan(engine="onnx", lanes=1, threads=1, workers=4, is_quick=True, rate=2000.0)
    told = "onnx in 4 processes, one picture at a time in each: 2000 pictures/s"
    assert plan.reason == told


def test_what_is_slow_has_one_process(graph: Path, rates: dict[int, float]) -> None:
    """A champion that takes 40 ms for a picture is held once, and computed in threads."""
    rates.update({4: 100.0, 1: 30.0})
    _, plan = planned(graph, engine="onnx")
    assert (plan.workers, plan.lanes, plan.threads) == (1, 4, 1)


def test_all_processors_for_one_picture(graph: Path, rates: dict[int, float]) -> None:
    """Where one picture on all processors answers clearly more, it is one at a time."""
    rates.update({4: 100.0, 1: 130.0})
    _, plan = planned(graph, engine="onnx")
    assert (plan.workers, plan.lanes, plan.threads) == (1, 1, 4)
    assert plan.reason == "onnx, one picture at a time with 4 threads: 130 pictures/s"


def test_processes_that_are_asked_for(graph: Path, rates: dict[int, float]) -> None:
    """As many processes as are asked for share the processors, and no two have the same one."""
    _, plan = planned(graph, engine="onnx", workers=2)
    assert (plan.workers, plan.lanes, plan.threads) == (2, 2, 1)
    _, plan = planned(graph, engine="onnx", workers=1)
    assert (plan.workers, plan.lanes, plan.threads) == (1, 4, 1)
    _, plan = planned(graph, engine="onnx", workers=2, lanes=1)
    assert (plan.workers, plan.lanes, plan.threads) == (2, 1, 2)


def test_little_memory(
    graph: Path, rates: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no more processes than there is memory for."""
    here = replace(look(), cores=4, free=1_500_000_000)
    monkeypatch.setattr(tuning, "look", lambda: here)
    _, plan = planned(graph, engine="onnx")
    assert (plan.workers, plan.lanes, plan.threads) == (2, 2, 1)


def test_what_was_measured_is_remembered(graph: Path, rates: dict[int, float]) -> None:
    """The second start does not measure."""
    first = planned(graph, engine="onnx")[1]
    rates.clear()
    assert planned(graph, engine="onnx")[1] == first


def test_what_was_measured_on_a_busy_machine_is_not_remembered(
    graph: Path, rates: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others have the processors, the next start measures again."""
    monkeypatch.setattr("os.getloadavg", lambda: (4.0, 4.0, 4.0))
    first = planned(graph, engine="onnx")[1]
    rates[4] = 1000.0
    assert planned(graph, engine="onnx")[1] != first


def test_who_computes(graph: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """The event loop computes what is quick, if it is one picture at a time; never what is
    slow."""
    champion, plan = planned(graph, engine="onnx", lanes=1)
    assert is_quick(champion, plan)
    assert not is_quick(champion, replace(plan, lanes=2))

    def slow(champion: Champion) -> float:
        return 0.05

    monkeypatch.setattr(tuning, "_took", slow)
    assert not is_quick(champion, plan)


def test_it_is_measured(graph: Path, own_cache: Path) -> None:
    """Without being told, a plan says how many pictures a second were computed when it was made."""
    _, plan = planned(graph, engine="onnx")
    assert plan.rate is not None
    assert plan.rate > 0
