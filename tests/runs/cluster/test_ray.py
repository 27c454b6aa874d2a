"""Runs on the nodes of a real Ray cluster: three of them, on this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bakeoff.runs.board import Happening, RunEnded, Told
from bakeoff.runs.cluster import tasks
from bakeoff.runs.cluster.cluster import joined
from bakeoff.runs.cluster.errand import Brought, Errand
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.folder import Folder
from bakeoff.runs.run import Run
from bakeoff.runs.watchman import Watchman
from bakeoff.training.events import Evaluated, Event, Noted
from tests.runs.baking import baked, cheap, near, tiny
from tests.runs.cluster.test_tasks import found
from tests.runs.digits import equal

ray = pytest.importorskip("ray")
utilities = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.slow

LONG = 240.0
"""Seconds after which something is stuck."""

NAMES = ("near-0", "a-0", "b-0")
LOOKS = 3
STORE = {"object_store_memory": 80 * 2**20}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are not measured."""
    cheap(monkeypatch)


@pytest.fixture
def _no_network() -> None:
    """Nodes of one machine talk by its own address."""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head that makes no runs, and three nodes that make one each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        made = utilities.Cluster()
        made.add_node(num_cpus=0, include_dashboard=False, **STORE)
        for _ in range(3):
            # A cache of its own: nothing is shared but what a test says.
            own = {"BAKEOFF_DATA": str(tmp_path_factory.mktemp("node"))}
            made.add_node(num_cpus=1, env_vars=own, **STORE)
        made.wait_for_nodes(timeout=LONG)
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()


def held(gate: Path) -> Callable[..., Brought]:
    """Runs that keep a checkpoint of every look, and after some looks wait for a file, beside which
    they say where they are. It arrives there as a value, being no part of any module."""
    looks = LOOKS

    def carried_out(errand: Errand, dataset: Any, *sent: Any) -> Brought:
        from bakeoff.runs import execute
        from bakeoff.runs.cluster import afar
        from bakeoff.runs.cluster import errand as there

        node = ray.get_runtime_context().get_node_id()
        (gate.parent / errand.name).write_text(f"{node} {os.getpid()}")
        heard, seen = Watchman.heard, list[Event]()

        def waiting(self: Watchman, event: Event) -> None:
            heard(self, event)
            if isinstance(event, Evaluated):
                seen.append(event)
            if len(seen) > looks:
                until = time.monotonic() + 300.0
                while not (gate.exists() or self._asked()) and time.monotonic() < until:
                    time.sleep(0.05)

        Watchman.heard = waiting  # type: ignore[method-assign]
        execute.SAVE_EVERY = there._OFTEN = 0.0
        try:
            if sent:
                return afar.carried_out_afar(errand, dataset, *sent)
            return there.carried_out(errand, dataset)
        finally:
            Watchman.heard = heard  # type: ignore[method-assign]

    return carried_out


def kill(three: Any, place: Path, dead: threading.Event, due: Callable[[], bool]) -> None:
    """Have the node of a network be gone, hard."""
    until = time.monotonic() + LONG
    while not due():
        assert time.monotonic() < until
        time.sleep(0.1)
    name, process = (place / "a-0").read_text().split()
    (node,) = [one for one in three.worker_nodes if one.node_id == name]
    three.remove_node(node, allow_graceful=False)
    with suppress(ProcessLookupError):
        os.kill(int(process), signal.SIGKILL)
    dead.set()


def events(out: Path, name: str, kind: str) -> list[dict[str, Any]]:
    """What a run recorded of one kind."""
    run = Run(path=out / "runs" / name)
    return [one for one in run.events() if one["event"] == kind]


def halfway(out: Path) -> bool:
    """Whether both networks have checkpoints of what they learned, and wait."""
    return all(len(events(out, name, "evaluated")) > LOOKS for name in NAMES[1:])


def line() -> tuple[Any, ...]:
    """Three contenders, two of which learn for a while."""
    return near(), tiny("a"), tiny("b")


def gone_on(out: Path) -> dict[str, int]:
    """The step from which each network went on, if it did; none began twice."""
    for name in NAMES:
        assert len(events(out, name, "began")) == 1
    told = {name: events(out, name, "resumed") for name in NAMES[1:]}
    assert all(one["exact"] for some in told.values() for one in some)
    return {name: some[0]["step"] for name, some in told.items() if some}


def same(out: Path, home: Path) -> bool:
    """Whether every weight and number is what it is at home."""
    return found(out) == found(home) and all(
        equal(out / "runs" / name, home / "runs" / name) for name in NAMES[1:]
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bake-off at home."""
    out = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_DATA", str(out / "cache"))
        cheap(patch)
        baked(out / "out", *line(), epochs=8.0)
    return out / "out"


def test_a_driver_that_dies(
    three: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tasks end with it; begun again it goes on from their checkpoints, to the same verdict."""
    gate, out = tmp_path / "gate", tmp_path / "out"
    monkeypatch.setattr(tasks, "carried_out", held(gate))

    def listen(happening: Happening) -> None:
        if halfway(out):
            raise _Killed

    with pytest.raises(_Killed), joined("ray") as where:
        baked(out, *line(), epochs=8.0, listen=listen, elsewhere=where)
    for name in NAMES[1:]:
        # Until its process is gone.
        FileLock(out / "runs" / f".{name}.lock").acquire(timeout=LONG).lock.release()
    gate.touch()
    with joined("ray") as where:
        assert baked(out, *line(), epochs=8.0, elsewhere=where).finished
    assert set(gone_on(out)) == {"a-0", "b-0"}
    assert min(gone_on(out).values()) > 0
    assert same(out, home)


class _Killed(BaseException):
    """Stands for SIGKILL."""


def test_stopping(three: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs leave a checkpoint at once, and go on from there when they are asked again."""
    out = tmp_path / "out"
    monkeypatch.setattr(tasks, "carried_out", held(tmp_path / "gate"))
    with joined("ray") as where:
        how: dict[str, Any] = {"epochs": 8.0, "elsewhere": where}
        assert not baked(out, *line(), stop=lambda: halfway(out), **how).finished
        assert not any(Run(path=out / "runs" / name).is_sealed for name in NAMES[1:])
        (tmp_path / "gate").touch()
        assert baked(out, *line(), **how).finished
    assert min(gone_on(out)["a-0"], gone_on(out)["b-0"]) > 0
    assert same(out, home)


def test_a_node_that_is_lost(
    three: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run goes on elsewhere from its last checkpoint, the others never notice, and the verdict
    is the one of home."""
    gate, out = tmp_path / "gate", tmp_path / "out"
    monkeypatch.setattr(tasks, "carried_out", held(gate))
    dead = threading.Event()
    lost: list[str] = []
    ends: list[str] = []

    def listen(happening: Happening) -> None:
        if isinstance(happening, RunEnded):
            ends.append(happening.status)
        said = happening.event if isinstance(happening, Told) else None
        if isinstance(said, Noted) and "was lost" in said.text:
            assert isinstance(happening, Told)
            lost.append(f"{happening.contender}-{happening.seed}")
            assert dead.wait(LONG)
            gate.touch()

    killer = threading.Thread(target=kill, args=(three, tmp_path, dead, lambda: halfway(out)))
    killer.start()
    with joined("ray") as where:
        assert baked(out, *line(), epochs=8.0, listen=listen, elsewhere=where).finished
    killer.join()
    assert lost == ["a-0"]
    assert ends == ["finished"] * 3
    assert set(gone_on(out)) == {"a-0"}
    assert gone_on(out)["a-0"] > 0
    assert Folder(path=out).journal.past().deaths == {}
    assert same(out, home)


def test_nodes_that_share_no_path(
    three: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept behind a URL, a run of a node that is lost goes on elsewhere as well, and all come home
    to the same verdict; nothing is left behind the URL."""
    gate, out, kept = tmp_path / "gate", tmp_path / "out", tmp_path / "kept"
    if len(three.worker_nodes) < 3:
        three.add_node(num_cpus=1, env_vars={"BAKEOFF_DATA": str(tmp_path / "node")}, **STORE)
    three.wait_for_nodes(timeout=LONG)
    monkeypatch.setattr(tasks, "carried_out_afar", held(gate))
    dead = threading.Event()
    lost: list[str] = []

    def listen(happening: Happening) -> None:
        said = happening.event if isinstance(happening, Told) else None
        if isinstance(said, Noted) and "was lost" in said.text:
            assert isinstance(happening, Told)
            lost.append(f"{happening.contender}-{happening.seed}")
            assert dead.wait(LONG)
            gate.touch()

    def due() -> bool:
        learned = [*kept.glob("*/a-0/*/run/checkpoints/step-*[1-9]*/manifest.json")]
        return halfway(out) and bool(learned)

    killer = threading.Thread(target=kill, args=(three, tmp_path, dead, due))
    killer.start()
    with joined("ray", Via(kept.as_uri())) as where:
        assert baked(out, *line(), epochs=8.0, listen=listen, elsewhere=where).finished
    killer.join()
    assert lost == ["a-0"]
    assert set(gone_on(out)) == {"a-0"}
    assert gone_on(out)["a-0"] > 0
    assert same(out, home)
    assert [one for one in kept.rglob("*") if one.is_file()] == []
