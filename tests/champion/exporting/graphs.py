"""Networks to export, and what a graph says in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bakeoff.champion.tapped import tapped
from bakeoff.models.classifier import Classifier, assemble, initialise
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Backbone, Head, Network

__all__ = ["TEMPERATURE", "answers", "classifier", "expected", "on_backbone", "pictures"]

TEMPERATURE = 1.5
GREY = Preprocess(size=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))

Answers = tuple[npt.NDArray[Any], ...]


def pictures(count: int = 5, side: int = 32) -> npt.NDArray[np.uint8]:
    """Noise."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def classifier(network: Network | Estimator, preprocess: Preprocess = GREY) -> Classifier:
    """The network with statistics of batch norms that cannot be left out, its scores far apart."""
    made = assemble(network, preprocess, classes=10, seed=0)
    initialise(made, torch.from_numpy(pictures(64)))
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
        made.eval()
        last = [one for one in made.head.modules() if isinstance(one, nn.Linear)]
        if last:
            # Where all classes are about equally likely, whatever is computed is about right.
            last[-1].weight *= 3 / made(torch.from_numpy(pictures(16))).std()
    return made.requires_grad_(False)


def on_backbone(name: str, size: int) -> Classifier:
    """A backbone of chance that sees pictures of 32 pixels enlarged, or shrunk."""
    backbone = Backbone(name=name, weights="random", size=size, padding="own")
    return classifier(Network(backbone=backbone, head=Head()))


def expected(made: Classifier, shown: npt.NDArray[np.uint8]) -> Answers:
    """What torch says."""
    with torch.no_grad():
        found = tapped(made, TEMPERATURE)(torch.from_numpy(shown))
    return tuple(one.numpy() for one in found)


def answers(path: Path, shown: npt.NDArray[np.uint8]) -> Answers:
    """What ONNX Runtime says."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return tuple(session.run(None, {"pictures": shown}))
