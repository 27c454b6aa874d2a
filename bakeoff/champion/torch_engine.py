"""A champion by torch: rebuilt from its recipe, its tensors loaded. The engine that goldens were
made with, and the one that needs the most."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bakeoff.champion.engine import Outputs, in_pieces, tolerance
from bakeoff.champion.explaining.gradients import Gradients
from bakeoff.champion.tapped import tapped
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.spec.errors import ArgumentError, DataError
from bakeoff.spec.recipe import Recipe

__all__ = ["TorchEngine", "rebuilt"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class TorchEngine:
    """A classifier in single precision; its probabilities at a temperature."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        temperature: float,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        place = _place(device)
        if threads is not None:
            # torch knows no threads but those of the whole process.
            torch.set_num_threads(threads)
        network = tapped(classifier, temperature)
        self._network = network.to(place).requires_grad_(False).eval()
        self._place = place
        gpu = place.type != "cpu"
        self.name = f"torch {place.type} float32"
        self.tolerance = tolerance("float32", gpu=gpu)

    def __call__(self, pictures: Pixels) -> Outputs:
        return in_pieces(self._run, pictures)

    @cached_property
    def maps(self) -> Gradients:
        """Where in a picture its scores come from."""
        return Gradients(self._network.classifier)

    @torch.inference_mode()
    def _run(self, pictures: Pixels) -> list[Floats]:
        # Copied where it is read-only, as pictures often are, which torch would warn about.
        own = pictures if pictures.flags.writeable else pictures.copy()
        with torch.autocast(self._place.type, enabled=False):
            found: tuple[Tensor, ...] = self._network(torch.from_numpy(own).to(self._place))
        return [one.cpu().numpy() for one in found]


def rebuilt(recipe: Recipe, weights: Path, classes: int, name: str = "") -> Classifier:
    """The classifier of a settled recipe with the tensors in a file, in single precision; nothing
    is downloaded."""
    name = name or str(weights)
    classifier = assemble(
        recipe.network, recipe.preprocess, classes=classes, seed=0, pretrained=False
    )
    try:
        tensors = {key: _single(tensor) for key, tensor in load_file(weights).items()}
    except (SafetensorError, OSError) as error:
        raise DataError(f"weights {name}", f"cannot be read ({error})") from None
    try:
        classifier.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"weights {name}",
            f"must be those of the recipe, and are not ({reason})",
            suggestion="Another version of timm may build the network otherwise: install the one "
            "that the champion's card names.",
        ) from None
    return classifier.requires_grad_(False).eval()


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _place(device: str | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ArgumentError("device", f"cannot be used here ({reason})", device) from None
    return place
