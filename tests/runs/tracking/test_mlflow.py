"""To MLflow."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("mlflow")

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.mlflow import MLflow
from bakeoff.runs.tracking.tracker import Ending, Point
from bakeoff.spec.errors import MissingExtraError
from tests.runs.tracking.made import started


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow's settings as they were."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


def live(run: Run, steps: range, ending: Ending) -> None:
    """One life of a run, whose loss is its step."""
    tracker = MLflow()
    tracker.open(run, steps[0])
    tracker.write([Point(step=n, time=100.0 + n, values={"train/loss": n}) for n in steps])
    tracker.close(ending)


def client(run: Run) -> Any:
    """MLflow's own view of the store in the run's directory."""
    made: Any = importlib.import_module("mlflow")
    return made.MlflowClient(tracking_uri=(run.path / "mlruns").as_uri())


def seen(run: Run) -> Any:
    """The run as MLflow has it."""
    number = json.loads((run.path / "mlflow.json").read_text())["run_id"]
    return client(run).get_run(number)


def test_without_a_server(tmp_path: Path) -> None:
    """A store in the run's directory, which the light client can write and read."""
    run = started(tmp_path / "run")
    assert MLflow().place(run) == str(run.path / "mlruns")
    live(run, range(1, 4), "finished")
    found = seen(run)
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.metrics == {"train/loss": 3.0}
    assert found.data.params["stages.2.optimiser.rate"] == "0.25"
    assert client(run).get_experiment(found.info.experiment_id).name == "bakeoff"
    history = client(run).get_metric_history(found.info.run_id, "train/loss")
    assert [(one.step, one.timestamp) for one in history] == [(1, 101000), (2, 102000), (3, 103000)]


def test_going_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later life goes on with the same run of MLflow's, under the experiment's name."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    run = started(tmp_path / "run")
    live(run, range(1, 3), "stopped")
    first = seen(run)
    assert first.info.status == "KILLED"
    live(run, range(3, 5), "failed")
    second = seen(run)
    assert (second.info.run_id, second.info.status) == (first.info.run_id, "FAILED")
    assert client(run).get_experiment(second.info.experiment_id).name == "mine"
    assert len(client(run).get_metric_history(second.info.run_id, "train/loss")) == 4


def test_a_store_that_does_not_know_the_run(tmp_path: Path) -> None:
    """A new run of MLflow's, and the old one is not asked for again."""
    run = started(tmp_path / "run")
    (run.path / "mlflow.json").write_text('{"run_id": "0123456789abcdef0123456789abcdef"}')
    live(run, range(1, 2), "finished")
    assert seen(run).info.run_id != "0123456789abcdef0123456789abcdef"


def test_long_settings_are_cut(tmp_path: Path) -> None:
    """No server refuses a network for its length."""
    run = started(tmp_path / "run")
    long = (run.path / "recipe.json").read_text().replace('"two"', f'"{"a" * 600}"')
    (run.path / "recipe.json").write_text(long)
    live(run, range(1, 2), "finished")
    assert seen(run).data.params["name"] == "a" * 500


class Refusing(BaseHTTPRequestHandler):
    """A server that knows nothing of MLflow."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)


def test_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that is set is asked, its address not shown, and what it refuses is an error."""
    Refusing.asked = []
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        run = started(tmp_path / "run")
        tracker = MLflow()
        assert tracker.place(run) == "MLFLOW_TRACKING_URI"
        with pytest.raises(Exception, match="404"):
            tracker.open(run, 1)
        server.shutdown()
    assert Refusing.asked
    assert not (run.path / "mlruns").exists()


def test_settings_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is gone is given up soon, and nobody is told of the use, unless asked to."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    MLflow()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that brings it is named."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"--track mlflow needs the optional part 'mlflow'"):
        MLflow()
