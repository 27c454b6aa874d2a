"""Opening: what can be opened, by which engine, and what is said of the rest."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bakeoff
from bakeoff.champion import archive, place
from bakeoff.spec.errors import ArgumentError, DataError, MissingExtraError, SpecError, UserError
from tests.champion import made


def refused(path: Any, **how: Any) -> str:
    """What is said, in one paragraph."""
    with pytest.raises(UserError) as caught:
        bakeoff.open(path, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As if some packages were not installed."""
    find = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name in packages else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)


def test_a_folder_an_archive_and_a_bakeoff(champion: Path, tmp_path: Path) -> None:
    """A champion is found as a folder, as one file of any name, and in its bake-off."""
    digest = bakeoff.open(champion).digest
    packed = archive.pack(champion, tmp_path / "mine.bakeoff")
    renamed = archive.pack(champion, tmp_path / "mine.zip")
    for path in (str(champion), packed, renamed, tmp_path):
        assert bakeoff.open(path).digest == digest


def test_what_an_open_champion_holds(champion: Path) -> None:
    """All that is in the folder is at hand."""
    found = bakeoff.open(champion, engine="torch", device="cpu")
    assert found.record == made.record_of()
    assert found.recipe == made.RECIPE
    assert found.classes == made.CLASSES
    assert found.card == "# patterns\n"
    assert found.reference["confidence"].shape == (20,)
    assert found.path == champion
    assert repr(found) == (
        f"<Champion patterns, 3 classes, {found.digest[:12]}, torch cpu float32>"
    )
    assert isinstance(found, bakeoff.Champion)


def test_what_is_not_there(tmp_path: Path, champion: Path) -> None:
    """Each thing that is not a champion is called what it is."""
    make = "Make one from a bake-off with: bakeoff champion DIR"
    assert refused(tmp_path / "no") == f"the champion {tmp_path / 'no'} is not there. {make}"
    (tmp_path / "empty").mkdir()
    expected = f"{tmp_path / 'empty'} is not the folder of a champion. {make}"
    assert refused(tmp_path / "empty") == expected
    (tmp_path / "note.txt").write_text("hello")
    expected = f"{tmp_path / 'note.txt'} is neither the folder of a champion nor a .bakeoff file."
    assert refused(tmp_path / "note.txt").startswith(expected)
    (tmp_path / "empty" / "bakeoff.json").write_text("{}")
    assert refused(tmp_path / "empty") == (
        f"{tmp_path / 'empty'} is a bake-off without a champion. "
        f"Make it with: bakeoff champion {tmp_path / 'empty'}"
    )
    (champion / "manifest.json").unlink()
    expected = (
        f"{champion} is half of a champion: manifest.json, which is written last, is missing."
    )
    assert refused(champion).startswith(expected)


def test_without_a_path(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path the champion is opened that comes with Bakeoff, if one does."""
    monkeypatch.setattr(place, "BOXED", champion)
    assert bakeoff.open().path == bakeoff.open("boxed").path == champion
    monkeypatch.setattr(place, "BOXED", tmp_path / "no")
    expected = "a champion must be given: none comes with this Bakeoff."
    assert refused(None).startswith(expected)


def test_arguments(champion: Path) -> None:
    """Arguments are checked before anything is read."""
    assert "Did you mean 'onnx'?" in refused(champion, engine="onx")
    assert "threads must be at least 1, but is 0." in refused(champion, threads=0)
    for one in ("warp", "gpu", "cuda:x", 3):
        assert refused(champion, device=one) == (
            f"device must be one of those there are, but is {one!r}. Known: cpu; cuda, a GPU of "
            "NVIDIA's or AMD's, or cuda:1 for the second; mps, one of Apple's; xpu, one of Intel's."
        )
    with pytest.raises(ArgumentError, match=r"device cannot be used here \(.*\), but is 'cuda:99'"):
        bakeoff.open(champion, engine="torch", device="cuda:99")


@pytest.mark.parametrize(
    ("path", "how", "message"),
    [
        (3, {}, "path must be the path of a champion, as text or a Path, but is 3."),
        (b"x", {}, "path must be the path of a champion, as text or a Path, but is b'x'."),
        ("x", {"threads": "a"}, "threads must be a whole number, but is 'a'."),
        ("x", {"threads": True}, "threads must be a whole number, but is True."),
        ("x", {"engine": None}, "engine must be one of those there are."),
        ("x", {"key": 3}, "key must be the path of a public key, or its bytes, but is 'int'."),
    ],
)
def test_arguments_of_another_kind(path: Any, how: dict[str, Any], message: str) -> None:
    """What no engine or path can be is refused in words, as a wrong value is in Python."""
    with pytest.raises(ArgumentError) as caught:
        bakeoff.open(path, **how)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_engine_without_its_graph(champion: Path, engine: str) -> None:
    """A graph that is not there is not computed."""
    assert refused(champion, engine=engine) == (
        f"{champion} holds no model.onnx, which the engine {engine!r} computes. Take "
        "engine='torch', or make the champion again where the optional part 'onnx' is installed."
    )


def test_which_engine_is_chosen(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime where there is a graph for it, else torch, else whatever there is."""
    assert bakeoff.open(graph).engine.name == "onnxruntime cpu float32"
    hide(monkeypatch, "onnxruntime")
    assert bakeoff.open(graph).engine.name.startswith("torch ")
    hide(monkeypatch, "onnxruntime", "torch", "openvino")
    with pytest.raises(MissingExtraError, match=r"opening .* needs the optional part 'onnx'"):
        bakeoff.open(graph)


def test_without_graph_and_torch(champion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which optional part would open it is said."""
    hide(monkeypatch, "torch")
    with pytest.raises(MissingExtraError, match=r"opening .* needs the optional part 'train'"):
        bakeoff.open(champion)
    with pytest.raises(MissingExtraError, match=r"'torch' needs the optional part 'train'"):
        bakeoff.open(champion, engine="torch")


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_engines_on_the_processor_alone(graph: Path, engine: str) -> None:
    """A device that an engine does not know is refused."""
    pytest.importorskip("openvino" if engine == "openvino" else "onnxruntime")
    assert "device must be 'cpu'" in refused(graph, engine=engine, device="mps")


def test_a_newer_champion(champion: Path) -> None:
    """A champion of a newer schema is refused by name."""

    def newer(folder: Path) -> None:
        path = folder / "champion.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))

    assert refused(made.resealed(champion, newer)) == (
        f"champion.json of {champion}: schema is 2, and this Bakeoff reads up to 1. "
        "Use the Bakeoff that wrote it."
    )


def test_an_older_champion(champion: Path) -> None:
    """A champion from before champions were calibrated says why it cannot be opened."""

    def older(folder: Path) -> None:
        told = {"schema": 0, "kind": "champion", "recipe": "patterns", "labels": ["a", "b"]}
        (folder / "champion.json").write_text(json.dumps(told))

    said = refused(made.resealed(champion, older))
    assert "schema is 0, which says too little for what schema 1 promises" in said


def test_parts_that_do_not_fit(champion: Path) -> None:
    """A recipe, weights or statistics that cannot be read are named, whoever sealed them."""
    for name, content, kind in (
        ("reference.npz", b"PK\x03\x04junk", DataError),
        ("weights.safetensors", b"junk", DataError),
        ("recipe.json", b"{}", SpecError),
        ("recipe.json", b"\xff", DataError),
    ):

        def spoil(folder: Path, name: str = name, content: bytes = content) -> None:
            (folder / name).write_bytes(content)

        made.resealed(champion, spoil)
        with pytest.raises(kind) as caught:
            bakeoff.open(champion, engine="torch")
        assert name.split(".")[0] in str(caught.value).lower()
        if name != "weights.safetensors":
            assert str(caught.value).startswith(f"{name} of {champion}")
            assert "Make the champion again, or get it again" in str(caught.value)


def test_a_pickled_array_is_not_opened(champion: Path) -> None:
    """Reading runs no code: an array of objects is refused."""
    import numpy as np

    def pickle(folder: Path) -> None:
        np.savez(folder / "reference.npz", confidence=np.array([{}], object))

    expected = (
        f"reference.npz of {champion} is not what was written: it holds no plain arrays. Make"
    )
    assert expected in refused(made.resealed(champion, pickle), engine="torch")


def test_torch_is_never_imported(graph: Path, tmp_path: Path) -> None:
    """With a graph and ONNX Runtime at hand a picture is answered without torch, scipy or
    scikit-learn."""
    shown = tmp_path / "one.png"
    shown.write_bytes(made.encoded(made.picture(0, 3)))
    program = (
        "import sys; from bakeoff.cli import main\n"
        f"code = main(['predict', {str(graph)!r}, {str(shown)!r}])\n"
        "print([name for name in ('torch', 'scipy', 'sklearn', 'timm', 'onnx') "
        "if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout.splitlines()[0].split() == ["picture", "label", "probability"]
