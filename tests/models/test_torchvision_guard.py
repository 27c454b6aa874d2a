"""torchvision beside a torch it was not built for; each case in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAKE = """
import torch
torch.ops.load_library  # as the real one: meta kernels are registered for operators that may lack
@torch.library.register_fake("torchvision::nms")
def _(dets, scores, iou_threshold): ...
@torch.library.register_fake("torchvision::qnms")
def _(dets, scores, iou_threshold): ...
"""
TRY = """
from bakeoff.models.torchvision_guard import import_torchvision, mixed
assert import_torchvision() is import_torchvision()
print(mixed())
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `program` where a module in `folder` stands before an installed one."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_missing_operators_are_defined(tmp_path: Path) -> None:
    """A torchvision whose compiled part did not load can be imported all the same."""
    (tmp_path / "torchvision.py").write_text(FAKE)
    bare = run("import torchvision", tmp_path)
    assert "operator torchvision::nms does not exist" in bare.stderr
    guarded = run(TRY, tmp_path)
    assert (guarded.stdout, guarded.returncode) == ("True\n", 0), guarded.stderr


def test_a_whole_torchvision_is_left_alone(tmp_path: Path) -> None:
    """Nothing is defined where nothing is missing."""
    (tmp_path / "torchvision.py").touch()
    assert run(TRY, tmp_path).stdout == "False\n"


@pytest.mark.parametrize("error", ["RuntimeError('other')", "ImportError('torchvision::nms')"])
def test_other_errors_pass(tmp_path: Path, error: str) -> None:
    """An error that is not this one is not hidden."""
    (tmp_path / "torchvision.py").write_text(f"raise {error}")
    assert error.replace("('", ": ").rstrip("')") in run(TRY, tmp_path).stderr


def test_the_installed_torchvision_works(tmp_path: Path) -> None:
    """Models and transforms of the torchvision that is installed work through the guard."""
    program = TRY + (
        "import torch\n"
        "from torchvision import models, transforms\n"
        "with torch.inference_mode():\n"
        "    print(models.resnet18().eval()(torch.zeros(1, 3, 32, 32)).shape[1])\n"
    )
    done = run(program, tmp_path)
    assert done.stdout.endswith("1000\n"), done.stderr
