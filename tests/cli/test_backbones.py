"""`bakeoff backbones`."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.cli.backbones import app


def backbones(*words: str) -> int:
    """Run the verb; returns the exit code."""
    return app(words, prog_name="bakeoff backbones", standalone_mode=False) or 0


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A hub whose files are all here already."""
    found = tmp_path / "model.safetensors"
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: str(found))
    return found


def test_pull(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each name is answered with its weights' full name and their place."""
    assert backbones("pull", "resnet18", "vgg16") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"resnet18.a1_in1k  {hub}", f"vgg16.tv_in1k  {hub}"]


def test_pull_as_json(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the same as a list."""
    assert backbones("pull", "resnet18", "--json") == 0
    read = json.loads(capsys.readouterr().out)
    assert read == [{"name": "resnet18.a1_in1k", "file": str(hub)}]


def test_a_misspelt_name(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is fetched before all names are known to be right."""
    assert backbones("pull", "resnet18", "resnet05") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Did you mean 'resnet50'?" in said.err


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The safetensors file lies beside the pickled one, or where it is wanted."""
    source = tmp_path / "net-1.pth.tar"
    torch.save({"state_dict": {"x": torch.ones(2)}}, source)
    assert backbones("convert", str(source)) == 0
    assert capsys.readouterr().out == f"1 tensors written to {tmp_path}/net-1.safetensors\n"
    out = tmp_path / "new" / "x.safetensors"
    assert backbones("convert", str(source), "--out", str(out), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out), "tensors": 1}
    assert load_file(out)["x"].tolist() == [1, 1]
