"""Weights fetched from where they are published, without a network."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from bakeoff.models.catalogue import entry
from bakeoff.models.pulling import convert, pull
from bakeoff.models.weights import find
from bakeoff.spec.errors import DataError


class Unreachable(Exception):  # noqa: N818 - as the hub's client names its own
    """What a client without a network says."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A hub with one file, and a note of what was asked of it."""
    file = tmp_path / "model.safetensors"
    save_file({"x": torch.ones(2)}, file)
    asked: dict[str, Any] = {"cached": None, "file": file, "calls": []}

    def download(repository: str, name: str, *, revision: str | None, tqdm_class: Any) -> str:
        asked["calls"].append((repository, name))
        if asked["file"] is None:
            raise Unreachable("no network\nand more")
        with tqdm_class(total=10, initial=4, unit="B", name="hub") as bar:
            bar.update(6)
        return str(asked["file"])

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: asked["cached"])
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def test_weights_come_from_the_hub_with_progress(hub: dict[str, Any]) -> None:
    """The safetensors file of the repository is fetched, and told about byte by byte."""
    told: list[tuple[str, int, int | None, str]] = []
    found = find(entry("resnet18"), "pretrained", progress=lambda *said: told.append(said))
    assert found is not None
    assert (found.path, found.published) == (hub["file"], True)
    assert hub["calls"] == [("timm/resnet18.a1_in1k", "model.safetensors")]
    task = "downloading resnet18.a1_in1k"
    assert told == [(task, 0, None, "bytes"), (task, 10, 10, "bytes")]


def test_what_is_there_is_not_asked_for(hub: dict[str, Any]) -> None:
    """Weights in the hub's cache need no network."""
    hub["cached"] = str(hub["file"])
    assert pull(entry("resnet18")) == hub["file"]
    assert hub["calls"] == []


def test_without_a_network(hub: dict[str, Any]) -> None:
    """One paragraph says what is missing, why, and three ways out."""
    hub["file"] = None
    with pytest.raises(DataError) as caught:
        find(entry("resnet18"), "pretrained")
    assert str(caught.value) == (
        "weights of resnet18.a1_in1k are not on this machine and could not be fetched from "
        "timm/resnet18.a1_in1k on the hub (Unreachable: no network). Fetch them where there is a "
        "network, with: bakeoff backbones pull resnet18.a1_in1k. Or give the path of a safetensors "
        "file, or weights='random', which is no transfer."
    )


def test_weights_that_are_published_nowhere() -> None:
    """An architecture without weights says so."""
    with pytest.raises(DataError) as caught:
        pull(entry("mobilenet_edgetpu_100"), ahead=True)
    assert str(caught.value) == (
        "weights of mobilenet_edgetpu_100 are not published anywhere that timm knows. Give "
        "weights='random', or the path of a safetensors file."
    )


def test_pickled_weights_are_converted_ahead_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Weights that are published as a pickled file alone are never opened while training; fetched
    ahead, they are checked, converted and found from then on."""
    known = entry("legacy_xception")
    with pytest.raises(DataError) as caught:
        pull(known)
    assert str(caught.value) == (
        "weights of legacy_xception.tf_in1k are published as a pickled file alone, which training "
        "never opens. Fetch them first with: bakeoff backbones pull legacy_xception.tf_in1k"
    )
    asked = {}

    def download(url: str, target: str, *, hash_prefix: str, progress: bool) -> None:
        asked[url.rpartition("/")[2]] = hash_prefix
        torch.save({"x": torch.ones(3)}, target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    path = pull(known, ahead=True)
    assert asked == {"xception-43020ad28.pth": "43020ad28"}
    assert load_file(path)["x"].tolist() == [1, 1, 1]
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    assert pull(known) == path


def test_another_file_than_the_published_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download whose digest is wrong leaves nothing behind."""

    def download(url: str, target: str, *, hash_prefix: str, progress: bool) -> None:
        raise RuntimeError('invalid hash value (expected "43020ad28", got "0")')

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(DataError, match=r"could not be fetched from https.*invalid hash value"):
        pull(entry("legacy_xception"), ahead=True)
    with pytest.raises(DataError, match="pickled file alone"):
        pull(entry("legacy_xception"))


def test_a_checkpoint_is_converted(tmp_path: Path) -> None:
    """Tensors are found inside a checkpoint, those that share memory too; the rest is left."""
    shared = torch.arange(6.0).view(2, 3)
    held = {"epoch": 3, "state_dict": {"a": shared, "b": shared.T, "c": torch.ones(1).half()}}
    source, target = tmp_path / "w.pth", tmp_path / "new" / "w.safetensors"
    torch.save(held, source)
    assert convert(source, target, says={"mean": "0,0,0"}) == 3
    found = load_file(target)
    assert torch.equal(found["b"], shared.T)
    assert found["c"].dtype == torch.float16
    assert [file.name for file in target.parent.iterdir()] == ["w.safetensors"]


class Evil:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("evil"),)


def test_a_file_that_runs_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not a tensor is refused before it is made."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "w.pth"
    torch.save({"x": Evil()}, source)
    with pytest.raises(DataError) as caught:
        convert(source, tmp_path / "w.safetensors")
    assert str(caught.value) == (
        f"file {source} cannot be converted: it holds more than tensors, or is damaged "
        "(UnpicklingError). Ask its makers for safetensors."
    )
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist."),
        (b"", "cannot be converted: it holds more than tensors, or is damaged (EOFError)."),
        (pickle.dumps(Path()), "cannot be converted: it holds more than tensors, or is damaged ("),
    ],
)
def test_files_that_cannot_be_converted(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """A missing, empty or foreign file is named with a reason."""
    source = tmp_path / "w.pth"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(DataError) as caught:
        convert(source, tmp_path / "w.safetensors")
    assert str(caught.value).startswith(f"file {source} {message}")


def test_a_checkpoint_without_tensors(tmp_path: Path) -> None:
    """There is nothing to convert in it."""
    torch.save({"epoch": 1}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="holds no tensors"):
        convert(tmp_path / "w.pth", tmp_path / "w.safetensors")
