"""Engines: three runtimes, one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bakeoff.champion import engine as engines
from bakeoff.champion.engine import Engine, Outputs
from bakeoff.champion.onnx_engine import OnnxEngine
from bakeoff.champion.opening import engine_for
from bakeoff.champion.openvino_engine import OpenvinoEngine
from bakeoff.champion.torch_engine import TorchEngine, rebuilt
from bakeoff.spec.errors import ArgumentError, DataError
from tests.champion import made

NAMES = ("onnx", "openvino", "torch")


@pytest.fixture(params=NAMES)
def engine(request: Any, graph: Path) -> Engine:
    """Each of them, on one thread."""
    if request.param != "torch":
        pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[request.param])
    threads = None if request.param == "torch" else 1
    return engine_for(
        graph,
        made.record_of(),
        made.RECIPE,
        engine=request.param,
        device="cpu",
        threads=threads,
    )


def pictures(count: int = 10) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Any pixels."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 16, 16, 3), np.uint8)


def test_engines_agree(engine: Engine) -> None:
    """Probabilities, scores and features are those of the classifier, to single precision."""
    shown = pictures()
    with torch.no_grad():
        scores = made.classifier()(torch.from_numpy(shown))
    shares = torch.softmax(scores / made.TEMPERATURE, 1).numpy()
    outputs = engine(shown)
    np.testing.assert_allclose(outputs.scores, scores.numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs.probabilities, shares, atol=1e-5)
    assert outputs.features is not None
    last = dict(made.classifier().head.named_children())["classes6"]
    assert isinstance(last, torch.nn.Linear)
    again = outputs.features @ last.weight.numpy().T + last.bias.numpy()
    np.testing.assert_allclose(again, outputs.scores, atol=1e-4)
    for one in (outputs.scores, outputs.probabilities, outputs.features):
        assert one.dtype == np.float32
    assert engine.tolerance == 2e-3
    assert engine.name.endswith(" cpu float32")


def test_one_and_none(engine: Engine) -> None:
    """One picture is a batch of one; no picture is a batch of none, as wide as any."""
    shown = pictures()
    np.testing.assert_allclose(engine(shown[:1]).scores, engine(shown).scores[:1], atol=1e-5)
    assert engine(shown[:0]).scores.shape == (0, 3)


def test_pieces(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pictures than fit into memory at once are computed piece by piece."""
    shown = pictures()
    whole = engine(shown)
    monkeypatch.setattr(engines, "_MOST", 3)
    parts = engine(shown)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-5)
    assert parts.features is not None
    assert parts.features.shape == (10, 8)


def test_at_once(engine: Engine) -> None:
    """Threads do not take each other's answers."""
    shown = [pictures()[at : at + 1] for at in range(10)] * 5
    alone = [engine(one).scores.tolist() for one in shown]
    with ThreadPoolExecutor(4) as pool:
        found: list[Outputs] = list(pool.map(engine, shown))
    assert [one.scores.tolist() for one in found] == alone


def test_pictures_of_any_layout(engine: Engine) -> None:
    """Read-only and strided pixels are taken as they are."""
    shown = pictures()
    frozen = shown.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(engine(frozen).scores, engine(shown).scores)
    backwards = engine(shown[::-1]).scores
    np.testing.assert_allclose(backwards[::-1], engine(shown).scores, atol=1e-5)


@pytest.mark.parametrize("made_by", [OnnxEngine, OpenvinoEngine])
def test_a_graph_that_is_none(tmp_path: Path, made_by: Any) -> None:
    """A file that is no graph is refused in words."""
    pytest.importorskip("openvino" if made_by is OpenvinoEngine else "onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match=r"model\.onnx cannot be opened by O") as caught:
        made_by(path)
    assert "\n" not in str(caught.value)


def test_half_precision_on_disk(champion: Path) -> None:
    """Weights that are kept in half precision are computed with in single precision."""
    from safetensors.torch import load_file, save_file

    path = champion / "weights.safetensors"
    save_file({name: one.half() for name, one in load_file(path).items()}, path)
    classifier = rebuilt(made.RECIPE, path, 3)
    assert {one.dtype for one in classifier.state_dict().values() if one.is_floating_point()} == {
        torch.float32
    }
    whole = TorchEngine(made.classifier(), temperature=1, device="cpu")(pictures())
    half = TorchEngine(classifier, temperature=1, device="cpu")(pictures())
    assert 0 < np.abs(whole.probabilities - half.probabilities).max() < 5e-3


def test_weights_of_another_network(champion: Path) -> None:
    """Weights that are not the recipe's are refused in words."""
    from safetensors.torch import load_file, save_file

    path = champion / "weights.safetensors"
    tensors = load_file(path)
    del tensors["head.conv1.weight"]
    save_file(tensors, path)
    with pytest.raises(DataError, match=r"must be those of the recipe, and are not \(.*conv1"):
        rebuilt(made.RECIPE, path, 3)


def test_devices(graph: Path) -> None:
    """A device that is not there is refused by each engine."""
    classifier = made.classifier()
    with pytest.raises(ArgumentError, match="device cannot be used here"):
        TorchEngine(classifier, temperature=1, device="warp")
    with pytest.raises(ArgumentError, match="device must be 'cpu' for the engine 'openvino'"):
        OpenvinoEngine(graph / "model.onnx", device="cuda")
