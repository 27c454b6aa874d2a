"""What doctor finds."""

from __future__ import annotations

import tomllib
import types
from pathlib import Path

import pytest

from bakeoff.cli import checks
from bakeoff.data.machine import Machine

ROOT = Path(__file__).parents[2]
PLAIN = Machine(
    processor="P",
    cores=2,
    cores_in_all=4,
    bf16=(),
    memory=8_000_000_000,
    free=1_000_000_000,
    nvidia_driver=False,
)


def by_name(found: list[checks.Check]) -> dict[str, checks.Check]:
    """Checks by what they look at."""
    return {check.name: check for check in found}


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that has no torch."""
    real = checks._version

    def version(package: str) -> str | None:
        return None if package in ("torch", "torchvision") else real(package)

    monkeypatch.setattr(checks, "_version", version)


def test_the_lists_are_those_of_the_project() -> None:
    """What doctor looks for is what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def bare(wanted: list[str]) -> set[str]:
        return {line.split(">")[0] for line in wanted}

    assert set(checks.NEEDED) == bare(project["dependencies"])
    optional = project["optional-dependencies"]
    for extra, packages in checks.EXTRAS.items():
        assert set(packages) == bare(optional[extra]), extra
    assert set(checks.EXTRAS) == set(optional) - {"dev", "local"}


def test_without_torch(without_torch: None) -> None:
    """Without the training part doctor is content, and names the command that brings it."""
    found = by_name(checks.checks())
    assert found["[train]"].state == "note"
    assert found["[train]"].text.startswith("not installed (torch, torchvision): ")
    assert found["[train]"].text.endswith("-m pip install 'bakeoff[train]'")
    assert "device" not in found
    assert all(check.state != "broken" for check in found.values())


def test_a_needed_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package that everything needs is broken, with the command that brings it."""
    monkeypatch.setattr(checks, "_version", lambda package: None)
    found = by_name(checks.checks())
    assert found["pillow"].state == "broken"
    assert found["pillow"].text.endswith("-m pip install pillow")


def test_little_memory() -> None:
    """Little free memory is worth a note."""
    assert checks._memory(PLAIN).text == "8.0 GB, 1.0 GB free: little for training"
    assert checks._memory(PLAIN).state == "note"


def test_cores() -> None:
    """Cores that may not be used are not counted as usable."""
    assert checks._processor(PLAIN).text == "P, 2 of 4 cores usable, no 16-bit arithmetic"


def fake_torch(*, cuda: str | None, gpus: int = 0, mps: bool = False) -> types.SimpleNamespace:
    """As much of torch as doctor asks."""
    card = types.SimpleNamespace(name="H1", total_memory=80_000_000_000)
    return types.SimpleNamespace(
        version=types.SimpleNamespace(cuda=cuda),
        cuda=types.SimpleNamespace(
            is_available=lambda: gpus > 0,
            device_count=lambda: gpus,
            get_device_properties=lambda _: card,
        ),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps)),
    )


@pytest.mark.parametrize(
    ("torch", "driver", "state", "text"),
    [
        (fake_torch(cuda="13.0", gpus=2), True, "fine", "H1 (80.0 GB), H1 (80.0 GB), CUDA 13.0"),
        (fake_torch(cuda=None), False, "fine", "processor only; no GPU found"),
        (fake_torch(cuda=None, mps=True), False, "fine", "Apple GPU (MPS)"),
        (
            fake_torch(cuda=None),
            True,
            "note",
            "processor only: there is an NVIDIA GPU, but this torch is a build without CUDA",
        ),
        (
            fake_torch(cuda="13.0"),
            True,
            "note",
            "processor only: there is an NVIDIA GPU, but this torch cannot use its driver",
        ),
    ],
)
def test_device(torch: object, driver: bool, state: str, text: str) -> None:
    """The device is named, and an idle GPU is worth a note."""
    machine = Machine(
        processor="P",
        cores=1,
        cores_in_all=1,
        bf16=(),
        memory=None,
        free=None,
        nvidia_driver=driver,
    )
    found = checks._device(torch, machine)
    assert (found.state, found.text) == (state, text)


def test_torch_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that is installed but cannot be imported is broken."""

    def fail(name: str) -> None:
        raise OSError("libcudart.so not found")

    monkeypatch.setattr("importlib.import_module", fail)
    monkeypatch.setattr(checks, "_version", lambda package: "1")
    (found,) = checks._torch(PLAIN)
    assert (found.state, found.text) == ("broken", "cannot be imported: libcudart.so not found")


@pytest.mark.parametrize(
    ("mixed", "text"),
    [
        (False, "matches torch"),
        (True, "built for CUDA beside a torch without it: all that Bakeoff uses works"),
    ],
)
def test_torchvision(monkeypatch: pytest.MonkeyPatch, mixed: bool, text: str) -> None:
    """Doctor says whether torchvision had to be helped."""
    guard = types.SimpleNamespace(import_torchvision=lambda: None, mixed=lambda: mixed)
    monkeypatch.setattr("importlib.import_module", lambda name: guard)
    assert checks._torchvision().text == text


def test_torchvision_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torchvision beyond help is broken, with the way out."""

    def fail() -> None:
        raise RuntimeError("undefined symbol")

    guard = types.SimpleNamespace(import_torchvision=fail)
    monkeypatch.setattr("importlib.import_module", lambda name: guard)
    found = checks._torchvision()
    assert found.state == "broken"
    assert found.text == (
        "cannot be imported: undefined symbol. Install torch and torchvision again, in one command"
    )


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """A cache below a file cannot be made, and doctor says how to move it."""
    (tmp_path / "file").touch()
    found = checks._cache(tmp_path / "file" / "cache")
    assert found.state == "broken"
    assert found.text.endswith(
        "cannot be written (Not a directory): set BAKEOFF_DATA to another folder"
    )


def test_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little space beside the cache is worth a note."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=1e9))
    found = checks._cache(tmp_path / "not" / "yet")
    assert found.state == "note"
    assert found.text.endswith("1.0 GB free: set BAKEOFF_DATA to a larger disk")
    assert not (tmp_path / "not").exists()
