"""The directory that records one run: append-only while it runs, then sealed by its result.

recipe.json        what was trained, with everything settled
environment.json   on what: data, code, versions, device, threads
events.jsonl       what happened, a line each
checkpoints/       where to go on from, while it runs
predictions/       probabilities per picture
weights.safetensors
result.json        the seal: there when all the rest is whole

Other tools' views of it (tensorboard/, mlruns/, mlflow.json) may lie beside these.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor

from bakeoff.data.cache import sync_one, writing
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.recipe import Recipe

__all__ = ["Run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run's directory."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def has_begun(self) -> bool:
        """Whether there is a run to go on with."""
        return (self.path / "environment.json").exists()

    @property
    def is_sealed(self) -> bool:
        """Whether the run is over and its result written."""
        return (self.path / "result.json").exists()

    def refuse_taken(self) -> None:
        """An error unless the directory is new or empty."""
        with _writing("the run", self.path):
            if self.path.exists() and any(self.path.iterdir()):
                raise DataError(
                    str(self.path),
                    "holds something already, and a run never writes over another",
                    suggestion="Give another --out, or go on with --resume.",
                )

    def start(self, recipe: Recipe, environment: Mapping[str, Any]) -> None:
        """Write down what is about to happen. The directory must be new or empty."""
        self.refuse_taken()
        with _writing("the run", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._write("recipe.json", codec.dumps(recipe).encode())
            self._write("environment.json", _json(environment))

    def recipe(self) -> Recipe:
        """What is trained, as settled when the run began."""
        return codec.loads(Recipe, self._read("recipe.json").decode())

    def environment(self) -> dict[str, Any]:
        """On what the run began."""
        found: dict[str, Any] = json.loads(self._read("environment.json"))
        return found

    def result(self) -> dict[str, Any]:
        """The result of a sealed run."""
        found: dict[str, Any] = json.loads(self._read("result.json"))
        return found

    def record(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Append one line to the events."""
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **facts}) + "\n"
        with _writing("the events", self.path), (self.path / "events.jsonl").open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                # A line that a crash cut off must not swallow this one.
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode())

    def events(self) -> list[dict[str, Any]]:
        """What happened so far. Lines that were cut off by a crash are passed over."""
        try:
            lines = (self.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found

    def epochs(self) -> float:
        """Passes over the training pictures so far, all stages together."""
        far: dict[int, float] = {}
        for event in self.events():
            if event["event"] in ("steps", "evaluated"):
                far[event["stage"]] = max(far.get(event["stage"], 0.0), event["epoch"])
        return sum(far.values())

    def predict(self, part: str, facts: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write per-picture predictions of one part."""
        folder = self.path / "predictions"
        with _writing("the predictions", folder):
            folder.mkdir(exist_ok=True)
            with _making(folder / f"{part}.npz") as made:
                np.savez(made, allow_pickle=False, **facts)

    def predictions(self, part: str) -> dict[str, npt.NDArray[Any]]:
        """What `predict` wrote."""
        with np.load(self.path / "predictions" / f"{part}.npz", allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}

    def keep_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the weights that the run ends with."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with _writing("the weights", self.path):
            self._write("weights.safetensors", bytes_from_tensors(plain))

    def seal(self, result: Mapping[str, Any]) -> None:
        """Write the result, last: what comes before is whole once it is there."""
        with _writing("the result", self.path):
            self._write("result.json", _json(result))

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise DataError(
                str(self.path),
                f"is not the directory of a run: {name} is missing",
                suggestion="Give the --out of a run that began, or leave out --resume.",
            ) from None

    def _write(self, name: str, content: bytes) -> None:
        with _making(self.path / name) as made:
            made.write_bytes(content)


def _writing(what: str, path: Path) -> AbstractContextManager[None]:
    suggestion = "Free some space there, or give another --out."
    return writing(what, path, suggestion=suggestion)


def _json(facts: Mapping[str, Any]) -> bytes:
    return (json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


@contextmanager
def _making(path: Path) -> Iterator[Path]:
    """A place beside `path` to write at; it becomes `path` when the block ends well."""
    made = path.with_name(f".{path.stem}.making{path.suffix}")
    try:
        yield made
        sync_one(made)
        made.rename(path)
    finally:
        with suppress(OSError):
            made.unlink(missing_ok=True)
