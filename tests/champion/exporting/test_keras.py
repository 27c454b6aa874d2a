"""The Keras export: the same network in stock layers, whatever its rows say."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch

from bakeoff.champion.exporting import keras as exporting
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.models.table import tabulate, total
from bakeoff.recipes import RECIPES
from bakeoff.spec.errors import ArgumentError, ExportError, MissingExtraError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import (
    Activation,
    Attention,
    AvgPool,
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    LayerNorm,
    MaxPool,
    Network,
    Positions,
    Residual,
    Row,
    Scale,
    Whiten,
)

_TEMPERATURE = 0.4
_Function = Literal["relu", "gelu", "silu", "celu", "elu", "tanh"]
_NONLINEAR: tuple[_Function, ...] = get_args(_Function)

SCRATCH = [
    name
    for name, make in RECIPES.items()
    if isinstance(network := make().network, Network) and network.rows is not None
]
"""Every shipped recipe that is a table."""

MAPS: dict[str, tuple[Row, ...]] = {
    "even kernels": (Conv(width=4, kernel=2), Conv(width=5, kernel=4)),
    "steps": tuple(Conv(width=4, kernel=kernel, stride=2) for kernel in (1, 2, 3)),
    "long steps": (Conv(width=4, kernel=3, stride=3), Conv(width=4, kernel=5, stride=2)),
    "steps of a kernel that is even": (Conv(width=4, kernel=4, stride=3),),
    "valid": (Conv(width=4, kernel=4, stride=2, padding="valid", bias=False),),
    "groups": (Conv(width=6), Conv(width=4, groups=2, stride=2), Conv(width=6, groups=2)),
    "a group for each channel": (Conv(width=3, groups=3), Conv(width=9, groups=3, stride=2)),
    "one channel": (Conv(width=1), Conv(width=2, bias=False), Conv(width=1), Positions()),
    "whitening": (Whiten(activation="gelu"),),
    "whitening of larger patches": (Whiten(kernel=3), MaxPool()),
    "batch norm": (Conv(width=4), BatchNorm(epsilon=0.5, activation="silu"), BatchNorm()),
    "batch norm without scale": (BatchNorm(scale=False, epsilon=0.1), Conv(width=4)),
    "layer norm": (Conv(width=6), LayerNorm(epsilon=0.2), Conv(width=4), LayerNorm()),
    "scale": (Conv(width=4), Scale(start=0.7)),
    "positions": (Conv(width=4, stride=2), Positions(), Conv(width=4)),
    "attention": (Conv(width=12, stride=2), Attention(heads=3), LayerNorm()),
    "attention with one head": (Conv(width=6, stride=2), Attention(heads=1)),
    "pools": (Conv(width=4), MaxPool(), AvgPool()),
    "pools that drop a rim": (Conv(width=4), AvgPool(size=4), MaxPool()),
    "dropout": (Conv(width=4), Dropout(rate=0.5), Conv(width=4), Dropout(rate=0)),
    "residual": (Residual(body=(Conv(width=3), BatchNorm())),),
    "projected": (Residual(body=(Conv(width=5, stride=3),), activation="relu"),),
    "a way round": (
        Residual(body=(Conv(width=4, stride=5),), shortcut=(AvgPool(size=5), Conv(width=4))),
    ),
    "one in another": (
        Residual(body=(Residual(body=(Conv(width=3),), drop=0.3), Conv(width=6)), drop=0.2),
    ),
    **{f"{name} in a row": (Conv(width=4), Activation(function=name)) for name in _NONLINEAR},
    **{f"{name} of a layer": (Conv(width=4, activation=name), MaxPool()) for name in _NONLINEAR},
}
"""Rows that leave a map."""

ENDS: dict[str, tuple[Row, ...]] = {
    "mean": (GlobalPool(), Classes()),
    "largest": (GlobalPool(mode="max"), Classes(bias=False, scale=3.0)),
    "flat": (Flatten(), Classes(scale=0.25)),
    "norms on what is flat": (
        *(Flatten(), BatchNorm(), LayerNorm(), Scale(start=0.5), BatchNorm(scale=False)),
        *(Dropout(rate=0.4), Flatten(), Classes(bias=False)),
    ),
    "dense": (
        *(Flatten(), Dense(width=7, activation="tanh"), Dense(width=7, bias=False)),
        *(Residual(body=(Dense(width=7),), drop=0.1, activation="celu"), Classes()),
    ),
    "residual on what is flat": (
        *(Flatten(), Residual(body=(LayerNorm(), Activation(function="gelu"))), Classes()),
    ),
    "one place": (AvgPool(size=9), Flatten(), Scale(start=0.5), Classes()),
}
"""Rows from a map of nine pixels a side to the scores."""


@pytest.fixture(autouse=True, scope="module")
def _settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keras keeps its settings in the home folder, and writes there when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.delenv("KERAS_BACKEND", raising=False)
        yield


def trained(rows: tuple[Row, ...], size: int, classes: int = 10) -> tuple[Classifier, Preprocess]:
    """A classifier in which no weight and no statistic is as it started."""
    preprocess = Preprocess(size=size, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    network = Network(rows=rows)
    classifier = assemble(network, preprocess, classes=classes, seed=1).eval()
    draws = torch.Generator().manual_seed(2)
    for name, tensor in classifier.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=draws)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.add_(torch.randn(tensor.shape, generator=draws), alpha=0.1)
    return classifier, preprocess


def drawn(size: int, count: int = 4) -> torch.Tensor:
    """Pictures of noise, some colourful and some dark."""
    draws = torch.Generator().manual_seed(3)
    noise = torch.rand((count, size, size, 3), generator=draws)
    colours = torch.rand((count, 1, 1, 3), generator=draws)
    return (255 * noise * colours).to(torch.uint8)


def remade(classifier: Classifier, rows: tuple[Row, ...], preprocess: Preprocess) -> Any:
    """The same in Keras."""
    state = {name: part.numpy(force=True) for name, part in classifier.head.state_dict().items()}
    network = Network(rows=rows)
    how: dict[str, Any] = {"classes": 10, "temperature": _TEMPERATURE}
    return exporting.modelled(network, state, preprocess, **how)


def difference(classifier: Classifier, model: Any, size: int) -> float:
    """The largest of a probability, or of a score in parts of what scores differ by among pictures:
    before training, probabilities of all pictures are close together whatever is wrong."""
    pictures = drawn(size)
    inner = importlib.import_module("keras").Model(
        model.input, [model.get_layer("calibrated").input, model.output]
    )
    with torch.no_grad():
        scores = classifier(pictures).numpy()
        shares = classifier.probabilities(pictures, _TEMPERATURE).numpy()
    found = [part.numpy(force=True) for part in inner(pictures.numpy(), training=False)]
    of_scores = np.abs(found[0] - scores).max() / scores.std(axis=0).max()
    return float(max(of_scores, np.abs(found[1] - shares).max()))


def foreign(made: Any) -> Iterator[str]:
    """Whatever in a model's description is not Keras's own."""
    parts = made.values() if isinstance(made, dict) else made if isinstance(made, list) else ()
    for part in parts:
        yield from foreign(part)
    if isinstance(made, dict) and "registered_name" in made:
        public = made["module"] in ("keras", "keras.layers", "keras.initializers")
        graph = made["class_name"] == "Functional"
        if not ((public and made["registered_name"] is None) or graph):
            yield f"{made['module']}.{made['class_name']}"


@pytest.mark.parametrize("name", SCRATCH)
def test_every_recipe_from_scratch_is_equal_in_stock_layers(name: str) -> None:
    """Equal to 1e-4, of as many parameters as the recipe's table says, with no custom objects."""
    network = RECIPES[name]().network
    assert isinstance(network, Network)
    assert network.rows is not None
    classifier, preprocess = trained(network.rows, 32)
    model = remade(classifier, network.rows, preprocess)
    assert difference(classifier, model, 32) < 1e-4
    table = tabulate(network.rows, size=32, classes=10)
    assert model.count_params() == total(table).parameters.keras
    assert list(foreign(json.loads(model.to_json()))) == []


@pytest.mark.parametrize("name", MAPS)
def test_every_row_of_maps_is_equal(name: str) -> None:
    """Padding, steps, groups, norms, places: as in PyTorch, also on an odd number of pixels."""
    rows = (*MAPS[name], Flatten(), Classes())
    classifier, preprocess = trained(rows, 15)
    assert difference(classifier, remade(classifier, rows, preprocess), 15) < 1e-4


@pytest.mark.parametrize("name", ENDS)
def test_every_row_of_vectors_is_equal(name: str) -> None:
    """What follows a flattened map sees its values in the order of its weights."""
    rows = (Conv(width=5), *ENDS[name])
    classifier, preprocess = trained(rows, 9)
    assert difference(classifier, remade(classifier, rows, preprocess), 9) < 1e-4


def test_every_row_is_tried() -> None:
    """No kind of row is without its case above."""
    tried = {type(row) for rows in (*MAPS.values(), *ENDS.values()) for row in rows}
    assert tried == set(Row.__args__)


def test_settings_of_keras_change_nothing() -> None:
    """Somebody's preference for channels first, or for halves, stays out of the model."""
    rows = (*MAPS["pools"], *MAPS["batch norm"], GlobalPool(), Dense(width=6), Classes())
    classifier, preprocess = trained(rows, 9)
    remade(classifier, rows, preprocess)
    settings = importlib.import_module("keras").config
    settings.set_image_data_format("channels_first")
    settings.set_dtype_policy("mixed_bfloat16")
    try:
        model = remade(classifier, rows, preprocess)
        assert difference(classifier, model, 9) < 1e-4
    finally:
        settings.set_image_data_format("channels_last")
        settings.set_dtype_policy("float32")


def test_whitening_stays_fixed_and_dropouts_stay() -> None:
    """What trains the model on finds the recipe's own rates, and filters that do not move."""
    rows: tuple[Row, ...] = (
        *(Whiten(), Residual(body=(Conv(width=24),), drop=0.3), Dropout(rate=0.2)),
        *(BatchNorm(momentum=0.4), GlobalPool(), Classes()),
    )
    classifier, preprocess = trained(rows, 8)
    model = remade(classifier, rows, preprocess)
    assert not model.get_layer("whiten1").trainable
    assert model.get_layer("dropout3").rate == 0.2
    drop = model.get_layer("residual2_drop")
    assert (drop.rate, drop.noise_shape) == (0.3, (None, 1, 1, 1))
    assert model.get_layer("batchnorm4").momentum == pytest.approx(0.6)


def test_the_file_stands_alone(tmp_path: Path) -> None:
    """Keras opens it in safe mode in a process without Bakeoff; any number of pictures; classes
    and temperature travel in it."""
    rows = (*MAPS["steps"], *MAPS["positions"], *MAPS["scale"], *ENDS["dense"])
    classifier, preprocess = trained(rows, 16, classes=3)
    out = tmp_path / "it.keras"
    classes = ("Äpfel", "pears", "plums")
    network = Network(rows=rows)
    made = exporting.exported(classifier, network, preprocess, classes, _TEMPERATURE, out)
    assert made == out
    assert list(tmp_path.iterdir()) == [out]
    pictures = drawn(16, count=70)
    with torch.no_grad():
        expected = classifier.probabilities(pictures, _TEMPERATURE).numpy()
    found = exporting.KerasEngine(out)(pictures.numpy())
    assert np.abs(found.probabilities - expected).max() < exporting.TOLERANCE
    with zipfile.ZipFile(out) as archive:
        facts = json.loads(archive.read(exporting.MEMBER))
        config = json.loads(archive.read("config.json"))
    assert facts == {"classes": list(classes), "temperature": _TEMPERATURE}
    assert list(foreign(config)) == []
    first = next(one["config"] for one in config["config"]["layers"] if "filters" in one["config"])
    # Of what is said by default, later releases say more than earlier ones read.
    assert "strides" in first
    assert "groups" not in first


def test_a_file_that_keras_cannot_open_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line of what Keras says is passed on."""
    monkeypatch.setattr(exporting, "_OPENED", "raise ValueError('no model')")
    with pytest.raises(ExportError) as caught:
        exporting.KerasEngine(tmp_path / "it.keras")(drawn(4).numpy())
    assert str(caught.value) == "it.keras cannot be opened and run by Keras: ValueError: no model."


def test_shares_of_nothing_have_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probability of exactly 0 becomes a very low score, without a warning."""
    shares = np.array([[0.0, 1.0]], np.float32)
    monkeypatch.setattr(exporting.KerasEngine, "_run", lambda *_: shares)
    scores = exporting.KerasEngine(Path("it.keras"))(np.zeros((1, 8, 8, 3), np.uint8)).scores
    assert np.isfinite(scores).all()
    assert scores[0, 0] < -80 and scores[0, 1] == 0


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (Network(backbone=Backbone(name="resnet18")), "its backbone resnet18 is not"),
        (RECIPES["forest"]().network, "an estimator is none"),
    ],
)
def test_other_networks_are_refused_with_a_way_out(network: Network | Estimator, why: str) -> None:
    """Keras has no layers for backbones and estimators that would be equal by right."""
    preprocess = Preprocess(size=8, mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(ExportError) as caught:
        exporting.modelled(network, {}, preprocess, classes=2, temperature=1.0)
    assert str(caught.value) == (
        "--to keras takes networks from scratch, whose every layer is a row of their table: "
        f"{why}. Use --to onnx, which takes every champion."
    )


def test_a_name_that_keras_would_not_open_is_refused(tmp_path: Path) -> None:
    """Keras tells a file's format by its name."""
    rows = (Conv(width=4), *ENDS["mean"])
    classifier, preprocess = trained(rows, 8)
    out = tmp_path / "it.h5"
    with pytest.raises(ArgumentError) as caught:
        exporting.exported(classifier, Network(rows=rows), preprocess, ("a", "b"), 1.0, out)
    assert str(caught.value) == (
        "The file must end in .keras for --to keras, but is 'it.h5'. Try 'it.keras'."
    )


@pytest.mark.parametrize(
    ("missing", "chosen", "error", "said"),
    [
        ("keras", None, MissingExtraError, "needs the optional part 'keras'"),
        ("h5py", None, MissingExtraError, "needs the optional part 'keras'"),
        (
            "jax",
            "jax",
            ArgumentError,
            "KERAS_BACKEND must name a backend that is installed (jax is missing), but is 'jax'. "
            "Unset it and start again: PyTorch is used then, and the file is the same.",
        ),
    ],
)
def test_a_keras_that_is_not_there_is_said(
    missing: str,
    chosen: str | None,
    error: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not installed, or set to a backend that is not: two different ways out."""

    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(importlib, "import_module", absent)
    if chosen is not None:
        monkeypatch.setenv("KERAS_BACKEND", chosen)
    preprocess = Preprocess(size=8, mean=(0, 0, 0), std=(1, 1, 1))
    network = Network(rows=ENDS["mean"])
    with pytest.raises(error) as caught:
        exporting.modelled(network, {}, preprocess, classes=2, temperature=1.0)
    assert said in str(caught.value)
