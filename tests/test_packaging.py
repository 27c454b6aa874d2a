"""Installing: the scripts, the pins, and what is taken for which machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bakeoff

ROOT = Path(__file__).parents[1]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, TOOLS = SETTINGS["project"], SETTINGS["tool"]
CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache"}
SH = shutil.which("sh") or "/bin/sh"


@pytest.fixture
def set_up() -> ModuleType:
    """scripts/set_up.py as a module."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "scripts" / "set_up.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the set-up reads, in a folder with a blank in its name."""
    root = tmp_path / "check out"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, root)
    return root


def pins() -> dict[str, str]:
    """The constraints file by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def fake_python(folder: Path, name: str, program: str) -> None:
    """A command that stands in for a Python."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{SH}\n{program}\n")
    path.chmod(0o755)


def script(root: Path, name: str, *words: str, **environment: str) -> Any:
    """Run one of the scripts and collect what it says."""
    return subprocess.run(
        [str(root / "scripts" / name), *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_is_said_once() -> None:
    """The package and pyproject.toml name the same version."""
    assert PROJECT["version"] == bakeoff.__version__


def test_what_is_no_module_comes_along() -> None:
    """Whatever lies in the package beside modules, the champion in the box among it, is named as
    its data, and so is in the wheel and in the sdist."""
    package = ROOT / "bakeoff"
    named = TOOLS["setuptools"]["package-data"]["bakeoff"]
    along = {path for pattern in named for path in package.glob(pattern) if path.is_file()}
    found = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    found = {path for path in found if not CACHES.intersection(path.parts)}
    assert {path.relative_to(package) for path in found - along} == set()
    assert package / "champion" / "boxed" / "weights.safetensors" in along
    assert package / "champion" / "boxed" / "goldens" / "goldens.json" in along


def test_every_dependency_is_pinned() -> None:
    """Whatever pyproject.toml asks for has its tested version in constraints.txt; but Gradio, which
    holds back Pillow and so cannot be installed together with what was tested."""
    wanted = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=]", line)[0].replace("_", "-") for line in wanted}
    assert names - {"bakeoff", "gradio"} <= set(pins())


def test_pins_hold_versions_and_nothing_else() -> None:
    """Pins name no place and no local build, so that they fit every machine."""
    for name, version in pins().items():
        assert re.fullmatch(r"[a-z0-9.-]+", name), name
        assert re.fullmatch(r"\d+(\.\d+)*(b\d+|\.post\d+)?", version), (name, version)


def test_the_tested_torch_is_in_the_range() -> None:
    """torch and torchvision are capped at the pair that was tested."""
    assert (pins()["torch"], pins()["torchvision"]) == ("2.13.0", "0.28.0")
    train = PROJECT["optional-dependencies"]["train"]
    assert {"torch>=2.6,<2.14", "torchvision>=0.21,<0.29"} <= set(train)


def test_serving_needs_no_torch() -> None:
    """What is always installed brings no torch."""
    names = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    assert names.isdisjoint({"torch", "torchvision", "timm", "scikit-learn", "scipy"})


@pytest.mark.parametrize("name", ["bakeoff", "test", "environment.sh"])
def test_scripts_are_plain_sh(name: str) -> None:
    """The scripts parse as POSIX shell, and those that are called can be."""
    path = ROOT / "scripts" / name
    done = subprocess.run([SH, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(path, os.X_OK) is (name != "environment.sh")


def test_no_python_is_new_enough(checkout: Path, tmp_path: Path) -> None:
    """Without a Python from 3.11 on, the script says what it found and how to name one."""
    old = 'case "$*" in *version_info*) exit 1;; *-V*) echo Python 3.9.2;; esac'
    bare = 'case "$*" in *ensurepip*) exit 1;; esac'
    fake_python(tmp_path / "bin", "python3.12", bare)
    fake_python(tmp_path / "bin", "python3", old)
    fake_python(tmp_path / "bin", "python3.11", "exit 127")
    for tool in ("dirname", "readlink"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    done = script(checkout, "bakeoff", "--help", PATH=str(tmp_path / "bin"), BAKEOFF_PYTHON="")
    assert done.returncode == 2
    assert done.stderr == (
        "Bakeoff needs Python 3.11 or newer with its venv module, and none was found. "
        "python3.12 cannot make environments (on Debian and Ubuntu: install python3-venv). "
        "python3 is Python 3.9.2. Install one, or name it: BAKEOFF_PYTHON=/path/to/python3.\n"
    )


def test_an_environment_of_the_users_is_left_alone(checkout: Path) -> None:
    """A .venv that the script did not make is neither used nor removed."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    done = script(checkout, "bakeoff", "--help", BAKEOFF_PYTHON=sys.executable)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"{checkout}/.venv was not made by this script, so it is left alone. Move it away, then "
        "call the script again."
    )
    assert (checkout / ".venv" / "precious").exists()


def ready_environment(root: Path, set_up: ModuleType, extra: str) -> Path:
    """An environment that looks as after a set-up, whose commands print their arguments."""
    commands = root / ".venv" / "bin"
    commands.mkdir(parents=True)
    fake_python(commands, "python", f'exec "{sys.executable}" "$@"')
    fake_python(commands, "bakeoff", 'echo "$PWD" "$@"')
    wanted = set_up.fingerprint(root, set_up.version_of_this())
    set_up.stamp(root, extra).write_text(wanted)
    return commands


def test_a_ready_environment_is_used_at_once(
    checkout: Path, set_up: ModuleType, tmp_path: Path
) -> None:
    """With nothing to do the script says nothing of its own, passes the words on, and stays in
    the folder it is called from, even through a link."""
    ready_environment(checkout, set_up, "local")
    (tmp_path / "bakeoff").symlink_to(Path("check out", "scripts", "bakeoff"))
    words = [str(tmp_path / "bakeoff"), "data", "a b"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{tmp_path} data a b\n", "")


def test_a_change_of_the_pins_is_noticed(checkout: Path, set_up: ModuleType) -> None:
    """The environment is ready only for the files it was made from, in the place it was made."""
    commands = ready_environment(checkout, set_up, "local")
    check = [str(commands / "python"), str(checkout / "scripts/set_up.py"), "--check"]
    assert subprocess.run([*check, "local"], check=False).returncode == 0
    assert subprocess.run([*check, "dev"], check=False).returncode == 1
    with (checkout / "constraints.txt").open("a") as pinned:
        pinned.write("more==1\n")
    assert subprocess.run([*check, "local"], check=False).returncode == 1


def test_a_stamp_of_another_place_is_not_ours(checkout: Path, set_up: ModuleType) -> None:
    """An environment that was copied with its checkout is made anew."""
    here = set_up.fingerprint(checkout, "3.11.7")
    assert here != set_up.fingerprint(checkout, "3.12.0")
    moved = checkout.rename(checkout.with_name("moved"))
    assert here != set_up.fingerprint(moved, "3.11.7")


def test_cuda_is_seen_in_a_plan(set_up: ModuleType) -> None:
    """Packages that only serve NVIDIA GPUs are told from all others."""
    names = ["torch", "nvidia-cublas", "cuda-bindings", "numpy", "NVIDIA-NCCL-cu13"]
    report = {"install": [{"metadata": {"name": name}} for name in names]}
    assert set_up.cuda_packages(report) == ["NVIDIA-NCCL-cu13", "cuda-bindings", "nvidia-cublas"]
    assert set_up.cuda_packages({"install": []}) == []


def test_cuda_is_refused_with_the_ways_out(set_up: ModuleType) -> None:
    """Gigabytes of CUDA are not taken by accident, and the message says what to do."""
    set_up.refuse_cuda([])
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.refuse_cuda(["cuda-bindings", "nvidia-cublas"])
    assert caught.value.code == 2
    assert str(caught.value) == (
        "No NVIDIA GPU was found here, but pip would take PyTorch's CUDA build: 2 packages "
        "(cuda-bindings, nvidia-cublas, …), some 3 GB to fetch and 5 GB on disk. None of it was "
        "fetched. For PyTorch's CPU build, choose CPU on PyTorch's 'Get Started' page and hand "
        "pip the address it shows, PIP_EXTRA_INDEX_URL=address, or a folder that holds the wheel, "
        "PIP_FIND_LINKS=folder, before the same command. To take the CUDA build all the same, put "
        "BAKEOFF_CUDA=1 before it."
    )


def test_a_step_that_fails_shows_its_end(set_up: ModuleType) -> None:
    """When a tool fails, the end of what it said comes before the sentence."""
    done = set_up.run(sys.executable, "-c", "print('why'); raise SystemExit(3)")
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.finished(done, "install what Bakeoff needs")
    assert str(caught.value) == (
        "why\nCould not install what Bakeoff needs (the lines above are the tool's own)."
    )


def test_settings_that_install_elsewhere_are_dropped(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own settings for pip hold, but for those that aim outside the environment."""
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    program = "import os; print(os.environ.get('PIP_TARGET'), os.environ['PIP_FIND_LINKS'])"
    assert set_up.run(sys.executable, "-c", program).stdout == "None /wheels\n"


def test_a_second_set_up_waits(checkout: Path, set_up: ModuleType) -> None:
    """A set-up waits for one that runs, even for what a killed one has left running."""
    place = checkout / ".venv.lock"
    with set_up.lock(place):
        left = subprocess.Popen(["sleep", "60"], close_fds=False)
    program = "import sys, set_up, pathlib\nwith set_up.lock(pathlib.Path(sys.argv[1])): pass"
    second = subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        env={**os.environ, "PYTHONPATH": str(checkout / "scripts")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert second.stderr is not None
    assert second.stderr.readline() == "Waiting for another set-up of this checkout …\n"
    assert second.poll() is None
    left.kill()
    left.wait()
    second.communicate(timeout=30)
    assert second.returncode == 0


def test_an_interrupted_set_up_leaves_no_stamp(
    checkout: Path, set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stamps go before anything is installed, so that a broken-off set-up is begun again."""
    python = ready_environment(checkout, set_up, "local") / "python"
    made_for = f"{checkout}\n{set_up.version_of_this()}\n"
    (checkout / ".venv" / "made-by-bakeoff").write_text(made_for)
    monkeypatch.setattr(set_up, "works", lambda _: True)
    set_up.make_environment(checkout, python)
    assert not set_up.stamp(checkout, "local").exists()
    assert python.exists()
