"""What `bakeoff doctor` looks at, one line each."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bakeoff.cli.text import size
from bakeoff.data.cache import cache_folder
from bakeoff.data.machine import Machine, look
from bakeoff.version import __version__

__all__ = ["MARKS", "Check", "checks"]

State = Literal["fine", "note", "broken"]
MARKS: dict[State, str] = {"fine": "✓", "note": "!", "broken": "✗"}

NEEDED = ("filelock", "jinja2", "numpy", "pillow", "rich", "typer")
EXTRAS = {
    "train": ("torch", "torchvision", "timm", "safetensors", "scikit-learn", "scipy"),
    "hub": ("huggingface-hub", "pyarrow"),
    "parquet": ("pyarrow",),
    "clip": ("open_clip_torch",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "openvino": ("onnx", "onnxscript", "openvino"),
    "keras": ("h5py", "keras"),
    "sign": ("cryptography",),
    "report": ("matplotlib",),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow-skinny",),
    "serve": (
        *("onnxruntime", "starlette", "uvicorn", "uvloop", "httptools", "python-multipart"),
        *("prometheus-client", "sqlalchemy", "markdown-it-py"),
    ),
    "gradio": ("gradio",),
    "ray": ("grpcio", "ray"),
    "remote": ("fsspec",),
    "postgres": ("psycopg", "psycopg-binary"),
}
"""What each optional part brings; pyproject.toml says the same, and a test compares them."""

_PIP = f"{sys.executable} -m pip install"
"""Into this environment, whichever `pip` comes first on the path."""

LITTLE_DISK = 5e9
LITTLE_MEMORY = 2e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing looked at, and how it is."""

    state: State
    name: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return asdict(self)


def checks() -> list[Check]:
    """Everything, in the order it is shown."""
    machine = look()
    found = [_fine("bakeoff", __version__), _fine("python", platform.python_version())]
    found += [_package(name) for name in NEEDED]
    found += _extras()
    found += [_processor(machine), _memory(machine)]
    found += _torch(machine)
    return [*found, _cache(cache_folder())]


def _fine(name: str, text: str) -> Check:
    return Check(state="fine", name=name, text=text)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package(name: str) -> Check:
    version = _version(name)
    if version is None:
        text = f"missing and needed: {_PIP} {name}"
        return Check(state="broken", name=name, text=text)
    return _fine(name, version)


def _extras() -> Iterator[Check]:
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        if all(found.values()):
            text = ", ".join(f"{package} {version}" for package, version in found.items())
            yield _fine(f"[{extra}]", text)
        else:
            missing = ", ".join(package for package, version in found.items() if version is None)
            text = f"not installed ({missing}): {_PIP} 'bakeoff[{extra}]'"
            yield Check(state="note", name=f"[{extra}]", text=text)


def _processor(machine: Machine) -> Check:
    cores = f"{machine.cores} of {machine.cores_in_all} cores usable"
    bf16 = (
        f"16-bit arithmetic by {', '.join(machine.bf16)}"
        if machine.bf16
        else "no 16-bit arithmetic"
    )
    return _fine("processor", f"{machine.processor}, {cores}, {bf16}")


def _memory(machine: Machine) -> Check:
    total = "unknown" if machine.memory is None else size(machine.memory)
    free = "unknown" if machine.free is None else size(machine.free)
    little = machine.free is not None and machine.free < LITTLE_MEMORY
    text = f"{total}, {free} free" + (": little for training" if little else "")
    return Check(state="note" if little else "fine", name="memory", text=text)


def _torch(machine: Machine) -> Iterator[Check]:
    if _version("torch") is None:
        return
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield Check(state="broken", name="torch", text=f"cannot be imported: {error}")
        return
    yield _device(torch, machine)
    if _version("torchvision") is not None:
        yield _torchvision()


def _device(torch: Any, machine: Machine) -> Check:
    if torch.cuda.is_available():
        cards = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
        names = ", ".join(f"{card.name} ({size(card.total_memory)})" for card in cards)
        return _fine("device", f"{names}, CUDA {torch.version.cuda}")
    if machine.nvidia_driver:
        why = "is a build without CUDA" if torch.version.cuda is None else "cannot use its driver"
        text = f"processor only: there is an NVIDIA GPU, but this torch {why}"
        return Check(state="note", name="device", text=text)
    if torch.backends.mps.is_available():
        return _fine("device", "Apple GPU (MPS)")
    return _fine("device", "processor only; no GPU found")


def _torchvision() -> Check:
    guard = importlib.import_module("bakeoff.models.torchvision_guard")
    try:
        guard.import_torchvision()
    except (ImportError, RuntimeError, OSError) as error:
        text = f"cannot be imported: {error}. Install torch and torchvision again, in one command"
        return Check(state="broken", name="torchvision", text=text)
    if guard.mixed():
        text = "built for CUDA beside a torch without it: all that Bakeoff uses works"
        return _fine("torchvision", text)
    return _fine("torchvision", "matches torch")


def _cache(folder: Path) -> Check:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        text = f"{folder} cannot be written ({error.strerror}): set BAKEOFF_DATA to another folder"
        return Check(state="broken", name="cache", text=text)
    free = shutil.disk_usage(there).free
    little = free < LITTLE_DISK
    text = f"{folder}, {size(free)} free" + (
        ": set BAKEOFF_DATA to a larger disk" if little else ""
    )
    return Check(state="note" if little else "fine", name="cache", text=text)
