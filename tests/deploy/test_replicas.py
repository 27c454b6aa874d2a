"""Two replicas behind a real nginx, with one journal: replaced, and killed, under traffic."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.champion import made
from tests.deploy.replicas import PATIENCE, Traffic, balancer, holds, kill, nginx, ports, stop
from tests.serving.journal.entries import until
from tests.serving.journal.postgres import Cluster, tools
from tests.serving.running import Running, running

pytest.importorskip("onnxruntime")
psycopg = pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def journal() -> Iterator[str]:
    """A new database in a PostgreSQL server of our own."""
    programs = tools()
    if programs is None:
        if os.environ.get("BAKEOFF_REQUIRE_POSTGRES"):
            pytest.fail("PostgreSQL's server is not installed, and BAKEOFF_REQUIRE_POSTGRES is set")
        pytest.skip("PostgreSQL's server is not installed: replicas are not tested here")
    with Cluster(programs) as server:
        yield server.database("shared")


@pytest.fixture
def _balancer() -> None:
    if nginx() is None:
        if os.environ.get("BAKEOFF_REQUIRE_BALANCER"):
            pytest.fail("nginx is not installed, and BAKEOFF_REQUIRE_BALANCER is set")
        pytest.skip("nginx is not installed: replicas are not tested here")


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    """A small one with a graph."""
    return made.with_graph(tmp_path / "champion")


class Replicas:
    """Starts them, each on a port that it has again when it is replaced."""

    def __init__(self, champion: Path, folder: Path, journal: str) -> None:
        self._champion = champion
        self._folder = folder
        self._journal = journal

    def at(self, port: int) -> AbstractContextManager[Running]:
        """One on this port, until the block ends."""
        # Nobody is turned away because the machine is busy with something else.
        words = ("--engine", "onnx", "--lanes", "2", "--workers", "1", "--deadline", "60s")
        where = ("--port", str(port), "--journal", self._journal)
        return running(self._champion, self._folder, *words, *where)


@pytest.fixture
def replicas(champion: Path, tmp_path: Path, journal: str) -> Replicas:
    """Of the small champion, with one journal."""
    return Replicas(champion, tmp_path, journal)


def _written(journal: str) -> list[str]:
    """Ids of all predictions in the journal."""
    with psycopg.connect(journal) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM predictions")]


def _replaced(
    replicas: Replicas, old: Running, traffic: Traffic
) -> AbstractContextManager[Running]:
    """Another in its place; the one that is left answers meanwhile."""
    assert old.end() == 0
    traffic.more(40)
    return replicas.at(old.port)


@pytest.mark.slow
@pytest.mark.usefixtures("_balancer")
def test_both_replaced_under_traffic(replicas: Replicas, tmp_path: Path, journal: str) -> None:
    """Both replicas are replaced, one after the other, under traffic: no request fails, both old
    and both new ones answered, and the one journal has every answer."""
    first, second = ports(2)
    with (
        replicas.at(first) as one,
        replicas.at(second) as other,
        balancer(tmp_path, first, second) as port,
        Traffic(port) as traffic,
    ):
        traffic.more(20, first)
        traffic.more(20, second)
        with _replaced(replicas, one, traffic):
            traffic.more(20, first)
            with _replaced(replicas, other, traffic):
                traffic.more(20, second)
                traffic.end()
    assert traffic.failures() == []
    # Ended in good order, they have written down all that they answered.
    assert set(traffic.ids()) <= set(_written(journal))


@pytest.mark.slow
@pytest.mark.usefixtures("_balancer")
@pytest.mark.skipif(sys.platform != "linux", reason="only there is it seen what a socket holds")
def test_one_killed_under_traffic(replicas: Replicas, tmp_path: Path, journal: str) -> None:
    """A replica is killed with all its processes: what it held is answered by the other, and at
    least 99.9 % of all that was asked; the journal has what both had written down."""
    first, second = ports(2)
    with (
        replicas.at(first) as one,
        replicas.at(second),
        balancer(tmp_path, first, second) as port,
        Traffic(port) as traffic,
    ):
        traffic.more(100, first)
        traffic.more(100, second)
        before = set(traffic.ids())
        until(lambda: before <= set(_written(journal)), PATIENCE)
        workers = stop(one)
        # It has been sent requests that it will never read.
        until(lambda: holds(first), PATIENCE)
        kill(one, workers)
        traffic.more(800)
        with replicas.at(first):
            traffic.more(20, first)
            traffic.end()
    assert any(one.status == 200 and one.again for one in traffic.asked)
    assert len(traffic.asked) >= 1000
    assert len(traffic.failures()) <= 0.001 * len(traffic.asked), traffic.failures()
    assert set(traffic.ids(second)) <= set(_written(journal))


def test_feedback_on_the_others_answer(replicas: Replicas) -> None:
    """What people say of an answer is taken by any replica."""
    first, second = ports(2)
    with replicas.at(first) as one, replicas.at(second) as other:
        said = one.predict(made.encoded(made.picture(0, 0))).json()
        word = json.dumps({"id": said["id"], "picture": 0, "correct": True}).encode()
        kind = {"content-type": "application/json"}
        # It is unknown for as long as the first has not written it down.
        until(lambda: other.ask("POST", "/feedback", word, kind).status == 200, PATIENCE)
