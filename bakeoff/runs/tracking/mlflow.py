"""To an MLflow server, or into a store of MLflow's in the run's directory."""

from __future__ import annotations

import importlib
import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.runs.tracking.facts import parameters
from bakeoff.runs.tracking.tracker import Ending, Point
from bakeoff.spec.errors import MissingExtraError

__all__ = ["MLflow"]

_SETTINGS = {
    # By default a server that is gone is waited for over many minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Standard output belongs to the result, and what users do to themselves.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Of MLflow's, where the user has not set them."""

_STATUS: dict[Ending, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}

_LONGEST = 500
"""Characters of a parameter's value that every server takes."""

_PARAMETERS, _METRICS = 100, 1000
"""As many as a request may carry."""


class MLflow:
    """One run of MLflow's per run, whose id is kept in the run's directory to go on with."""

    name = "mlflow"

    def __init__(self) -> None:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        try:
            self._mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            raise MissingExtraError("--track mlflow", "mlflow") from error
        for chatty in ("mlflow", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        self._client: Any = None
        self._id = ""

    def place(self, run: Run) -> str:
        # A server's address may hold a password.
        return "MLFLOW_TRACKING_URI" if _server() else str(run.path / "mlruns")

    def open(self, run: Run, step: int) -> None:
        address = _server()
        if address is None:
            # The light client has no other store of its own; MLflow wants to be asked twice.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            address = (run.path / "mlruns").resolve().as_uri()
        self._client = self._mlflow.MlflowClient(tracking_uri=address)
        kept = run.path / "mlflow.json"
        known = json.loads(kept.read_text())["run_id"] if kept.exists() else None
        if known is not None and self._has(known):
            self._id = known
            self._client.update_run(known, status="RUNNING")
            return
        self._id = self._begun(run)
        kept.write_text(json.dumps({"run_id": self._id}) + "\n")

    def write(self, points: Sequence[Point]) -> None:
        metric = self._mlflow.entities.Metric
        found = [
            metric(name, value, round(1000 * point.time), point.step)
            for point in points
            for name, value in point.values.items()
        ]
        for start in range(0, len(found), _METRICS):
            self._client.log_batch(self._id, metrics=found[start : start + _METRICS])

    def close(self, ending: Ending) -> None:
        self._client.set_terminated(self._id, _STATUS[ending])

    def _has(self, known: str) -> bool:
        try:
            self._client.get_run(known)
        except self._mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def _begun(self, run: Run) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "bakeoff"
        found = self._client.get_experiment_by_name(name)
        number = self._client.create_experiment(name) if found is None else found.experiment_id
        begun: str = self._client.create_run(number, run_name=run.path.name).info.run_id
        made = self._mlflow.entities.Param
        held = [made(key, value[:_LONGEST]) for key, value in parameters(run).items()]
        for start in range(0, len(held), _PARAMETERS):
            self._client.log_batch(begun, params=held[start : start + _PARAMETERS])
        return begun


def _server() -> str | None:
    return os.environ.get("MLFLOW_TRACKING_URI") or None
