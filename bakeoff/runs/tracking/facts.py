"""What a run is and what came of it, as flat names and values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bakeoff.runs.run import Run
from bakeoff.spec import codec

__all__ = ["outcome", "parameters"]

_MEASURED = ("accuracy", "loss", "precision", "recall", "f1", "ece", "parameters", "steps")


def parameters(run: Run) -> dict[str, str]:
    """What was trained, on what: each setting by its path, a network's layers as one."""
    environment = run.environment()
    found = {
        "seed": environment["seed"],
        "data": environment["data"]["name"],
        "data.digest": environment["data"]["digest"],
        "code": environment["code"],
        "device": environment["device"]["place"],
        "dtype": environment["device"]["dtype"],
        "processes": environment["device"]["processes"],
        **dict(_settings("", codec.encode(run.recipe()))),
    }
    return {name: _text(value) for name, value in found.items()}


def outcome(run: Run) -> dict[str, float]:
    """The numbers of a sealed run."""
    result = run.result()
    found = {f"final/{name}": result[name] for name in _MEASURED if name in result}
    found |= {f"final/seconds/{name}": spent for name, spent in result["seconds"].items()}
    if "tta" in result:
        found |= {f"final/tta/{name}": result["tta"][name] for name in ("accuracy", "loss")}
    return {name: float(value) for name, value in found.items()}


def _settings(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _settings(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list) and path.endswith("stages"):
        for number, inner in enumerate(value, start=1):
            yield from _settings(f"{path}.{number}", inner)
    else:
        yield path, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
