"""What Prometheus is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bakeoff.serving.drift import Figure
from bakeoff.serving.journal.writer import State
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.scraping import exposition, forget, prepare

ROOT = Path(__file__).parents[2]


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, by the labels' names."""
    families = text_string_to_metric_families(text.decode())
    return {
        (one.name, *(one.labels[key] for key in sorted(one.labels))): one.value
        for family in families
        for one in family.samples
    }


def busy(metrics: Metrics) -> None:
    """Something of everything."""
    metrics.model(
        name='a "quoted"\n', digest="sha256:abc", version="1", classes=("cat", "dög"), mix=()
    )
    metrics.in_flight.inc()
    metrics.queued.set(2)
    metrics.queued_bytes.set(2000)
    metrics.answered("cat", 0.75, unknown=False, decode=0.001, queue=0.0001, infer=0.003)
    metrics.answered("dög", 0.5, unknown=True, role="shadow")
    metrics.answered("nobody's", 0.5)
    metrics.batch.observe(1)
    metrics.request("/predict", 200, 0.004)
    metrics.request("/a/path/of/a/client", 404, 0.001)
    metrics.rejected("full")
    metrics.drifted([Figure(name="classes", value=0.3, n=500, verdict="strong", words="")])
    metrics.journal(_state(written=10, dropped=3))
    metrics.process()


def _state(*, written: int, dropped: int) -> State:
    return State(
        text="degraded: away",
        waiting=5,
        waiting_bytes=500,
        written=written,
        dropped=dropped,
        pictures_lost=1,
    )


def test_what_is_told() -> None:
    """Every series has what was counted; clients cannot make series of their own."""
    metrics = Metrics(routes=("/predict",))
    busy(metrics)
    found = samples(exposition(metrics.registry))
    expected = {
        ("bakeoff_requests_total", "/predict", "200"): 1,
        ("bakeoff_requests_total", "other", "404"): 1,
        ("bakeoff_rejections_total", "full"): 1,
        ("bakeoff_in_flight_pictures",): 1,
        ("bakeoff_queued_pictures",): 2,
        ("bakeoff_queued_bytes",): 2000,
        ("bakeoff_predictions_total", "cat", "live"): 1,
        ("bakeoff_predictions_total", "dög", "shadow"): 1,
        ("bakeoff_predictions_total", "other", "live"): 1,
        ("bakeoff_confidence_ratio_bucket", "0.5"): 2,
        ("bakeoff_none_of_these_total",): 1,
        ("bakeoff_decode_seconds_count",): 1,
        ("bakeoff_queue_seconds_count",): 1,
        ("bakeoff_infer_seconds_sum",): 0.003,
        ("bakeoff_request_seconds_count",): 2,
        ("bakeoff_batch_pictures_count",): 1,
        ("bakeoff_drift_score", "classes"): 0.3,
        ("bakeoff_drift_verdict", "classes"): 2,
        ("bakeoff_journal_up",): 0,
        ("bakeoff_journal_waiting_entries",): 5,
        ("bakeoff_journal_dropped_entries_total",): 3,
        ("bakeoff_model_info", "sha256:abc", 'a "quoted"\n', "1"): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert found["bakeoff_worker_memory_bytes",] > 1e6
    assert found["process_resident_memory_bytes",] > 1e6


def test_no_journal_is_not_one_that_is_down() -> None:
    """Where none is kept nothing is told of it."""
    metrics = Metrics(routes=())
    metrics.process()
    assert b"journal" not in exposition(metrics.registry)


def test_counts_of_the_journal_only_rise() -> None:
    """The journal tells totals; what is counted is by how much they rose."""
    metrics = Metrics(routes=())
    for written, dropped in ((10, 3), (10, 3), (15, 4)):
        metrics.journal(_state(written=written, dropped=dropped))
    found = samples(exposition(metrics.registry))
    assert found["bakeoff_journal_written_entries_total",] == 15
    assert found["bakeoff_journal_dropped_entries_total",] == 4


def test_very_many_classes() -> None:
    """Of a thousand classes the hundred most frequent have series, the others one together."""
    metrics = Metrics(routes=())
    names = [f"class {n}" for n in range(1000)]
    metrics.model(name="m", digest="d", version="1", classes=names, mix=list(range(1000)))
    for name in names:
        metrics.answered(name, 0.5)
    found = samples(exposition(metrics.registry))
    series = {key[1]: value for key, value in found.items() if key[0].endswith("predictions_total")}
    assert len(series) == 101
    assert (series["class 999"], series["other"]) == (1, 900)


def test_a_swap_of_champions() -> None:
    """Only the one that answers has a 1."""
    metrics = Metrics(routes=())
    for digest in ("old", "new"):
        metrics.model(name="m", digest=digest, version="1", classes=("a",), mix=(1,))
    found = samples(exposition(metrics.registry))
    assert found["bakeoff_model_info", "old", "m", "1"] == 0
    assert found["bakeoff_model_info", "new", "m", "1"] == 1


WORKER = """
import sys
from bakeoff.serving.metrics import Metrics
from tests.serving.test_metrics import busy

metrics = Metrics(routes=("/predict",))
busy(metrics)
print("ready", flush=True)
sys.stdin.read()
"""


def worker(folder: Path) -> subprocess.Popen[str]:
    """A process that counts, and stays until it is let go."""
    running = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env={**os.environ, **prepare_once(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def prepare_once(folder: Path) -> dict[str, str]:
    """What a worker needs, of a folder that others use already."""
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)} if folder.exists() else prepare(folder)


def test_several_workers(tmp_path: Path, promtool: str | None) -> None:
    """Counts are those of all workers, living and dead; states those of the living; dead workers'
    files do not pile up; a service that starts again begins at nothing."""
    folder = tmp_path / "metrics"
    first, second = worker(folder), worker(folder)
    text = exposition(folder)
    both = samples(text)
    assert both["bakeoff_requests_total", "/predict", "200"] == 2
    assert both["bakeoff_in_flight_pictures",] == 2
    assert both["bakeoff_decode_seconds_count",] == 2
    if promtool is not None:
        check(promtool, text)
    for one in (first, second):
        one.kill()
        one.communicate()
        forget(folder, one.pid)
        forget(folder, one.pid)
    dead = samples(exposition(folder))
    assert dead["bakeoff_requests_total", "/predict", "200"] == 2
    assert dead["bakeoff_decode_seconds_bucket", "0.001"] == 2
    assert ("bakeoff_in_flight_pictures",) not in dead
    assert sorted(path.name for path in folder.glob("*.db")) == [
        "counter_dead.db",
        "histogram_dead.db",
    ]
    third = worker(folder)
    third.communicate("")
    assert samples(exposition(folder))["bakeoff_requests_total", "/predict", "200"] == 3
    prepare(folder)
    assert exposition(folder) == b""


def test_a_worker_that_died_at_once(tmp_path: Path) -> None:
    """A file that was never written to is forgotten like any other."""
    folder = tmp_path / "metrics"
    prepare(folder)
    (folder / "counter_77.db").touch()
    (folder / "gauge_livesum_77.db").touch()
    forget(folder, 77)
    assert [path.name for path in folder.glob("*_77.db")] == []


@pytest.fixture
def promtool() -> str | None:
    """Prometheus's own checker, where there is one."""
    return shutil.which("promtool")


def check(promtool: str, text: bytes) -> None:
    """Hold a text against Prometheus's format and its rules for names."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_prometheus_takes_it(promtool: str | None) -> None:
    """Format and names keep Prometheus's own rules."""
    if promtool is None:
        if os.environ.get("BAKEOFF_REQUIRE_PROMTOOL"):
            pytest.fail("promtool is not installed, and BAKEOFF_REQUIRE_PROMTOOL is set")
        pytest.skip("promtool is not installed: the metrics' text is not checked here")
    metrics = Metrics(routes=("/predict",))
    busy(metrics)
    check(promtool, exposition(metrics.registry))
