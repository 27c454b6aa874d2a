"""A classifier as an ONNX graph: it says what torch says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bakeoff.champion.exporting.onnx import exported
from bakeoff.models.classifier import Classifier
from bakeoff.models.fitted import FittedHead
from bakeoff.recipes import RECIPES
from bakeoff.spec.errors import ExportError, MissingExtraError
from bakeoff.spec.estimator import (
    Estimator,
    GradientBoosting,
    LinearProbe,
    Method,
    NearestNeighbours,
    Pixels,
    RandomForest,
)
from bakeoff.spec.network import Network
from tests.champion.exporting.graphs import (
    TEMPERATURE,
    answers,
    classifier,
    expected,
    on_backbone,
    pictures,
)

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

QUICK = ("cnn3", "convnext-mini", "speed", "vit-mini")
SCRATCH = [
    name
    for name, make in RECIPES.items()
    if isinstance(network := make().network, Network) and network.backbone is None
]
MARKED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SCRATCH]


def apart(made: Classifier, path: Path, count: int = 5) -> list[float]:
    """How far each output of the graph is from torch's."""
    shown = pictures(count)
    pairs = zip(answers(path, shown), expected(made, shown), strict=True)
    return [float(np.abs(got - wanted).max()) for got, wanted in pairs]


def alone(made: Classifier, folder: Path, *, half: bool = False) -> Path:
    """The graph in a file of its own."""
    return exported(made, folder, side=32, temperature=TEMPERATURE, weights=None, half=half)


def kept(made: Classifier, folder: Path, *, half: bool) -> Path:
    """The graph beside the weights that it refers to."""
    tensors = {name: one.contiguous() for name, one in made.state_dict().items()}
    if half:
        tensors = {n: one.half() if one.is_floating_point() else one for n, one in tensors.items()}
        full = {n: one.float() if one.is_floating_point() else one for n, one in tensors.items()}
        made.load_state_dict(full)
    weights = folder / "weights.safetensors"
    save_file(tensors, weights)
    return exported(made, folder, side=32, temperature=TEMPERATURE, weights=weights)


@pytest.mark.parametrize("name", MARKED)
def test_recipes_from_scratch(tmp_path: Path, name: str) -> None:
    """Every network from scratch says the same in ONNX Runtime, whatever the number of pictures."""
    made = classifier(RECIPES[name]().network)
    path = alone(made, tmp_path)
    for count in (1, 2, 5):
        probabilities, *_ = apart(made, path, count)
        assert probabilities <= 1e-5


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_resnet", 64),
        pytest.param("resnet18", 64, marks=pytest.mark.slow),
        pytest.param("mobilenetv3_small_100", 96, marks=pytest.mark.slow),
        pytest.param("vit_tiny_patch16_224", 224, marks=pytest.mark.slow),
    ],
)
def test_backbones(tmp_path: Path, name: str, size: int) -> None:
    """Backbones say the same, with the resize that they need inside of the graph; also in OpenVINO,
    where it is installed."""
    made = on_backbone(name, size)
    assert made.size == size
    path = alone(made, tmp_path)
    for count in (1, 2, 5):
        probabilities, scores, features = apart(made, path, count)
        assert probabilities <= 1e-5
        assert max(scores, features) <= 1e-3
    openvino = pytest.importorskip("openvino")
    how = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", how)
    wanted = expected(made, pictures())[0]
    assert np.abs(compiled(pictures())["probabilities"] - wanted).max() <= 1e-5


@pytest.mark.parametrize("half", [False, True])
def test_weights_are_kept_once(tmp_path: Path, half: bool) -> None:
    """The graph takes its numbers from the weights beside it, whole ones or halves; both runtimes
    read them there."""
    made = on_backbone("test_resnet", 64)
    path = kept(made, tmp_path, half=half)
    held = sum(one.numel() for one in made.state_dict().values() if one.is_floating_point())
    assert held > 250_000
    assert path.stat().st_size < 60_000
    assert max(apart(made, path)) <= 1e-4
    openvino = pytest.importorskip("openvino")
    how = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", how)
    wanted = expected(made, pictures())[0]
    assert np.abs(compiled(pictures())["probabilities"] - wanted).max() <= 1e-5


def test_halves_in_the_file(tmp_path: Path) -> None:
    """A graph of its own holds in half precision what is the same in it, and nothing else."""
    made = classifier(RECIPES["cnn3"]().network)
    made.load_state_dict({n: one.half().float() for n, one in made.state_dict().items()})
    (tmp_path / "full").mkdir()
    full = alone(made, tmp_path / "full").stat().st_size
    path = alone(made, tmp_path, half=True)
    assert path.stat().st_size < 0.6 * full
    assert max(apart(made, path)) <= 1e-4
    with torch.no_grad():
        made.head[-1].weight += 1e-4  # type: ignore[index]
    assert max(apart(made, alone(made, tmp_path, half=True))) <= 1e-4


METHODS: list[tuple[Method, dict[str, torch.Tensor]]] = [
    (LinearProbe(), {"weight": torch.randn(10, 48), "bias": torch.randn(10)}),
    (
        NearestNeighbours(),
        {
            "bank": nn.functional.normalize(torch.randn(40, 48)),
            "labels": torch.arange(40) % 10,
            "classes": torch.tensor(10),
            "count": torch.tensor(5),
            "temperature": torch.tensor(0.1),
        },
    ),
]
TREES = {
    "feature": torch.tensor([3, 0, 0, 7, 0, 0]),
    "threshold": torch.tensor([0.1, 0, 0, -0.2, 0, 0]),
    "left": torch.tensor([1, 1, 2, 4, 4, 5]),
    "right": torch.tensor([2, 1, 2, 5, 4, 5]),
    "roots": torch.tensor([0, 3]),
    "values": torch.rand(6, 10),
    "depth": torch.tensor(1),
}
METHODS += [(RandomForest(), TREES)]
BOOSTED = {"roots": torch.tensor([0, 3] * 10), "values": torch.rand(6, 1), "base": torch.rand(10)}
METHODS += [(GradientBoosting(), {**TREES, **BOOSTED})]


@pytest.mark.parametrize(
    ("method", "fitted"), METHODS, ids=[type(method).__name__ for method, _ in METHODS]
)
def test_estimators(tmp_path: Path, method: Method, fitted: dict[str, torch.Tensor]) -> None:
    """Estimators become graphs as well, with the mean over parts of the picture that they see."""
    made = classifier(Estimator(method=method, inputs=Pixels(side=4)))
    assert isinstance(made.head, FittedHead)
    plain = torch.zeros(48)
    made.head.take({"mean": plain, "factor": plain + 1, "directions": torch.empty(0)}, fitted)
    assert apart(made, alone(made.eval(), tmp_path))[0] <= 1e-5


def test_nothing_of_this_machine(tmp_path: Path) -> None:
    """A graph holds no path of where it was made, and calls what goes in and out by its name."""
    path = alone(classifier(RECIPES["cnn3"]().network), tmp_path)
    assert str(Path(torch.__file__).parent).encode() not in path.read_bytes()
    assert b".py" not in path.read_bytes()
    graph = onnx.load(path).graph
    assert [one.name for one in graph.output] == ["probabilities", "scores", "features"]
    dims = graph.input[0].type.tensor_type.shape.dim
    assert (graph.input[0].name, dims[0].dim_param) == ("pictures", "batch")


def test_what_cannot_be_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose way depends on what it sees is refused in a sentence."""
    made = classifier(RECIPES["cnn3"]().network)

    def fork(planes: torch.Tensor, size: int | None = None) -> torch.Tensor:
        return planes.float() if planes.float().sum() > 3 else planes.float() * 2

    monkeypatch.setattr(Classifier, "normalised", fork)
    with pytest.raises(ExportError, match=r"^the network cannot be exported: \w+"):
        alone(made, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ONNX is not installed it is asked for."""
    monkeypatch.setattr("bakeoff.champion.exporting.onnx.installed", lambda *_: None)
    made = classifier(RECIPES["cnn3"]().network)
    with pytest.raises(MissingExtraError, match=r"bakeoff\[onnx\]"):
        alone(made, tmp_path)
