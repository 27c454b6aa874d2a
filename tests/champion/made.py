"""A champion to open, made in a moment: a small network that learnt to tell coloured patterns, with
a graph where one is asked for."""

from __future__ import annotations

import io
import logging
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import save_file

from bakeoff.champion import goldens, manifest, record
from bakeoff.champion.goldens import Golden
from bakeoff.champion.record import Record, Weights
from bakeoff.champion.tapped import tapped
from bakeoff.champion.torch_engine import TorchEngine
from bakeoff.data.decode import decode
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.spec import codec
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import BatchNorm, Classes, Conv, Dense, Flatten, MaxPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage

__all__ = [
    "CLASSES",
    "RECIPE",
    "TEMPERATURE",
    "champion",
    "classifier",
    "encoded",
    "picture",
    "plain",
    "record_of",
    "resealed",
    "with_graph",
]

CLASSES = ("apple", "sky", "grass")
TEMPERATURE = 1.5
SIZE = 16

ROWS = (
    Conv(width=8, bias=False),
    BatchNorm(activation="relu"),
    MaxPool(),
    Flatten(),
    Dense(width=8, activation="relu"),
    Classes(),
)
RECIPE = Recipe(
    name="patterns",
    network=Network(rows=ROWS),
    stages=(Stage(epochs=1, batch=16),),
    preprocess=Preprocess(size=SIZE, mean=(0.45, 0.5, 0.55), std=(0.2, 0.25, 0.3)),
)


def picture(label: int, seed: int, *, width: int = 40, height: int = 30) -> Image.Image:
    """Coarse noise in which the class's channel is somewhat stronger: not easy to tell."""
    random = np.random.default_rng((seed, label))
    coarse = random.integers(0, 200, (9, 12, 3))
    coarse[:, :, label] += 15
    made = Image.fromarray(coarse.astype(np.uint8))
    return made.resize((width, height), Image.Resampling.NEAREST)


def encoded(shown: Image.Image, kind: str = "PNG") -> bytes:
    """As the bytes of a file."""
    buffer = io.BytesIO()
    shown.save(buffer, kind)
    return buffer.getvalue()


@cache
def classifier() -> Classifier:
    """Trained until it is right more often than not; the same each time."""
    network = assemble(RECIPE.network, RECIPE.preprocess, classes=3, seed=0)
    labels = torch.arange(3).repeat(32)
    shown = [encoded(picture(int(label), at)) for at, label in enumerate(labels)]
    pictures = torch.from_numpy(np.stack([decode(one, RECIPE.preprocess) for one in shown]))
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    network.train()
    for _ in range(12):
        optimiser.zero_grad()
        torch.autograd.backward(torch.nn.functional.cross_entropy(network(pictures), labels))
        optimiser.step()
    return network.eval().requires_grad_(False)


def record_of() -> Record:
    """What is said of it."""
    return Record(
        name=RECIPE.name,
        classes=CLASSES,
        temperature=TEMPERATURE,
        unknown=None,
        weights=Weights(dtype="float32", parameters=1000),
        seed=0,
        made="2026-11-20T14:00:00+00:00",
        bakeoff="0.1.0",
        digests={"recipe": codec.digest(RECIPE), "data": "d" * 64, "code": "c" * 64},
        metrics={"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 100}},
        data={"name": "patterns", "counts": {"train": 96}},
        environment={"python": "3.13"},
        notes=("Made for a test.",),
    )


def champion(folder: Path, made: Record | None = None) -> Path:
    """A whole champion in a new folder, without a graph."""
    folder.mkdir(parents=True)
    (folder / record.FILE).write_text(record.dumps(made or record_of()), encoding="utf-8")
    (folder / "recipe.json").write_text(codec.dumps(RECIPE), encoding="utf-8")
    save_file(
        {name: one.contiguous() for name, one in classifier().state_dict().items()},
        folder / "weights.safetensors",
    )
    np.savez(folder / "reference.npz", confidence=np.ones(20))
    (folder / "README.md").write_text("# patterns\n", encoding="utf-8")
    engine = TorchEngine(classifier(), temperature=TEMPERATURE, device="cpu")
    goldens.write(folder, [_golden(engine, seed) for seed in range(1000, 1008)], CLASSES)
    manifest.write(folder)
    return folder


def resealed(folder: Path, change: Callable[[Path], object]) -> Path:
    """The champion changed, by someone who knows how to write a manifest."""
    change(folder)
    (folder / manifest.FILE).unlink()
    manifest.write(folder)
    return folder


def plain(folder: Path) -> Path:
    """A copy of a champion that was made before, without a graph."""
    return Path(shutil.copytree(_plain(), folder))


def with_graph(folder: Path) -> Path:
    """A copy of a champion that was made before, with a graph."""
    return Path(shutil.copytree(_with_graph(), folder))


@cache
def _plain() -> Path:
    return champion(Path(mkdtemp()) / "champion")


@cache
def _with_graph() -> Path:
    return resealed(plain(Path(mkdtemp()) / "champion"), _add_graph)


def _add_graph(folder: Path) -> None:
    muted = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = tapped(classifier(), TEMPERATURE)
            torch.onnx.export(
                network,
                (torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8),),
                folder / "model.onnx",
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=["pictures"],
                output_names=list(network.names),
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
    finally:
        logging.disable(muted)


def _golden(engine: TorchEngine, seed: int) -> Golden:
    label = seed % 3
    content = encoded(picture(label, seed))
    pixels: npt.NDArray[np.uint8] = decode(content, RECIPE.preprocess)
    return Golden(
        file=f"{seed}.png",
        content=content,
        label=CLASSES[label],
        probabilities=engine(pixels[None]).probabilities[0].astype(np.float64),
    )
