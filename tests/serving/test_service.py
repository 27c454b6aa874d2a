"""A service as a person starts it: processes, signals, champions that come and go."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion.opening import open as opened
from bakeoff.serving.control import asked
from bakeoff.spec.errors import UserError
from tests.champion import made
from tests.serving.running import ROOT, Running, running

pytest.importorskip("onnxruntime")


@pytest.fixture(params=[("--lanes", "2"), ("--lanes", "1", "--workers", "2")], ids=["one", "two"])
def service(graph: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A service of a small champion: with two lanes in one process, or two processes that compute
    by themselves what is quick."""
    with running(graph, tmp_path, "--engine", "onnx", *request.param) as found:
        yield found


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A champion with a graph."""
    return made.with_graph(tmp_path / "champion")


def _picture(seed: int = 0) -> bytes:
    return made.encoded(made.picture(seed % 3, seed))


def _another(folder: Path) -> Path:
    """A champion that answers alike and has another digest."""
    return made.resealed(
        made.with_graph(folder / "other"), lambda one: (one / "README.md").write_text("another")
    )


def _deploy(service: Running, path: Path, *, mode: str = "swap", share: float = 1) -> Any:
    message = {"do": "deploy", "champion": str(path), "mode": mode, "share": share}
    return asked(service.port, message)


class Traffic:
    """Requests from several threads on connections that stay open, until the block ends."""

    def __init__(self, service: Running, threads: int = 3) -> None:
        self._service = service
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(threads)
        ]
        self.statuses: list[int] = []
        self.digests: set[str] = set()
        self.failures: list[str] = []
        self.refused = 0

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, answers: int = 10) -> None:
        """Wait for so many answers more."""
        wanted, until = len(self.statuses) + answers, time.monotonic() + 60
        while len(self.statuses) < wanted:
            assert time.monotonic() < until, (self.statuses, self.failures)
            time.sleep(0.02)

    def _ask(self, number: int) -> None:
        content = _picture(number)
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=60)
        while not self._stop.is_set():
            try:
                connection.connect()
            except ConnectionRefusedError:
                # Nobody listens any more: nothing was asked.
                self.refused += 1
                return
            try:
                while not self._stop.is_set():
                    headers = {"content-type": "image/png"}
                    connection.request("POST", "/predict", content, headers)
                    response = connection.getresponse()
                    body = response.read()
                    self.statuses.append(response.status)
                    if response.status == 200:
                        self.digests.add(json.loads(body)["model"]["digest"])
                    if response.getheader("connection") == "close":
                        break
            except (ConnectionError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            connection.close()


def test_an_answer(service: Running, graph: Path) -> None:
    """A picture's answer is the champion's own."""
    content = _picture()
    said = opened(graph).predict(content)
    answer = service.predict(content, "?top=2")
    assert answer.status == 200, answer.body
    told = answer.json()
    first = told["predictions"][0]
    assert first["label"] == said.label
    assert first["probability"] == pytest.approx(said.probability, abs=1e-5)
    assert len(first["top"]) == 2
    assert told["model"]["digest"] == opened(graph).digest


def test_its_end(service: Running) -> None:
    """A service that is asked to end answers what it was asked before, and leaves no process."""
    workers = service.workers()
    with Traffic(service) as traffic:
        traffic.goes_on()
        assert service.end() == 0
    assert traffic.failures == []
    assert set(traffic.statuses) == {200}
    assert traffic.refused == 3
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_not_ready_before_the_end(service: Running) -> None:
    """A service that is about to end says so while it still answers."""
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("ending")
    until, seen = time.monotonic() + 20, 0
    while seen != 503 and time.monotonic() < until:
        seen = service.ask("GET", "/readyz").status
    assert seen == 503
    answer = service.predict(_picture())
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert service.process.wait(60) == 0


def test_a_worker_that_is_killed(service: Running) -> None:
    """A worker that is killed under traffic is replaced: those it was answering lose their
    connection, nobody else does, and the service answers again on the same port."""
    before = service.workers()
    with Traffic(service, threads=3) as traffic:
        traffic.goes_on()
        os.kill(before[0], signal.SIGKILL)
        service.wait_for("worker ready")
        traffic.goes_on()
    after = service.workers()
    assert len(after) == len(before)
    assert before[0] not in after
    assert len(traffic.failures) <= 3
    assert traffic.refused == 0
    assert set(traffic.statuses) == {200}


def test_a_supervisor_that_is_killed(service: Running) -> None:
    """Workers do not outlive a supervisor that is killed."""
    workers = service.workers()
    service.process.kill()
    service.process.wait()
    until = time.monotonic() + 60
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            while time.monotonic() < until:
                os.kill(worker, 0)
                time.sleep(0.05)


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_swaps_under_traffic(service: Running, graph: Path, tmp_path: Path, count: int) -> None:
    """Champions are swapped under traffic, and no request fails."""
    other = _another(tmp_path)
    digests = {opened(graph).digest, opened(other).digest}
    assert len(digests) == 2
    with Traffic(service) as traffic:
        for number in range(count):
            path = other if number % 2 == 0 else graph
            assert _deploy(service, path)["source"] == str(path)
    assert traffic.failures == []
    assert set(traffic.statuses) == {200}
    assert traffic.digests == digests


def test_a_canary_under_traffic(service: Running, graph: Path, tmp_path: Path) -> None:
    """A canary answers about its share of the requests, until it is rolled back; the journal and
    the counts know which answers were its own."""
    other = _another(tmp_path)
    _deploy(service, other, mode="canary", share=0.5)
    found = [service.predict(_picture()).json()["model"]["digest"] for _ in range(60)]
    assert 10 < found.count(opened(other).digest) < 50
    counted = service.ask("GET", "/metrics").body.decode()
    assert 'role="canary"' in counted
    asked(service.port, {"do": "rollback"})
    found = [service.predict(_picture()).json()["model"]["digest"] for _ in range(10)]
    assert set(found) == {opened(graph).digest}


def test_a_shadow_under_traffic(service: Running, graph: Path, tmp_path: Path) -> None:
    """A shadow is asked about the same pictures and never heard; where it agrees is counted."""
    _deploy(service, _another(tmp_path), mode="shadow", share=1.0)
    found = {service.predict(_picture()).json()["model"]["digest"] for _ in range(10)}
    assert found == {opened(graph).digest}
    until, counted = time.monotonic() + 20, ""
    while 'bakeoff_shadow_answers_total{answer="same"}' not in counted:
        assert time.monotonic() < until, counted
        counted = service.ask("GET", "/metrics").body.decode()
    assert 'answer="other"' not in counted


def test_a_bad_champion_never_replaces_a_good_one(
    service: Running, graph: Path, tmp_path: Path
) -> None:
    """A champion that does not answer as it was measured is refused, and nothing changes."""
    bad = Path(shutil.copytree(graph, tmp_path / "bad"))
    weights = bad / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        _deploy(service, bad)
    assert service.predict(_picture()).json()["model"]["digest"] == opened(graph).digest


def test_what_was_deployed_is_what_starts_again(
    service: Running, graph: Path, tmp_path: Path
) -> None:
    """A worker that starts again serves what was deployed, though its folder is gone."""
    other = _another(tmp_path)
    digest = opened(other).digest
    _deploy(service, other)
    shutil.rmtree(other)
    os.kill(service.workers()[0], signal.SIGKILL)
    service.wait_for("worker ready")
    assert service.predict(_picture()).json()["model"]["digest"] == digest
    told = asked(service.port, {"do": "rollback"})
    assert told["current"]["digest"] == opened(graph).digest


def test_hanging_up_the_telephone(service: Running, graph: Path) -> None:
    """SIGHUP reads the champion again from where it came from."""
    made.resealed(graph, lambda folder: (folder / "README.md").write_text("changed"))
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("deployed")
    assert service.predict(_picture()).json()["model"]["digest"] == opened(graph).digest


def test_several_workers(graph: Path, tmp_path: Path) -> None:
    """Several workers share a port and those who come to it, count together, and a champion goes
    into all of them."""
    other = _another(tmp_path)
    with running(graph, tmp_path, "--engine", "onnx", "--lanes", "1", "--workers", "2") as service:
        assert len(service.workers()) == 2
        _deploy(service, other)
        found = {service.predict(_picture()).json()["model"]["digest"] for _ in range(10)}
        assert found == {opened(other).digest}
        counted = service.ask("GET", "/metrics").body.decode()
        before = _ticks(service)
        after, until = before, time.monotonic() + 60
        with Traffic(service, threads=6) as traffic:
            while not _all_more(before, after) and time.monotonic() < until:
                time.sleep(0.1)
                after = _ticks(service)
    assert 'bakeoff_requests_total{route="predict",status="200"} 10.0' in counted
    assert set(traffic.statuses) == {200}
    assert _all_more(before, after)


def _all_more(before: list[int], after: list[int]) -> bool:
    return all(b > a for a, b in zip(before, after, strict=True))


def _ticks(service: Running) -> list[int]:
    """Clock ticks of processor that each worker has had."""
    return [
        sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        for pid in service.workers()
    ]


def test_a_port_that_is_taken(service: Running, graph: Path) -> None:
    """A port that is taken is told in one paragraph, with exit code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "bakeoff", "serve", str(graph), "--port", str(service.port)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "--port cannot be listened on at 127.0.0.1 (Address already in use)" in done.stderr
