"""model.onnx of a champion in the making: where it answers as torch does, else said why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bakeoff.champion import goldens
from bakeoff.champion.exporting.onnx import exported
from bakeoff.champion.goldens import Golden
from bakeoff.champion.onnx_engine import OnnxEngine
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import UserError
from bakeoff.spec.recipe import Recipe

__all__ = ["added_graph"]


def added_graph(
    folder: Path,
    classifier: Classifier,
    recipe: Recipe,
    gold: Sequence[Golden],
    classes: Sequence[str],
    temperature: float,
) -> str | None:
    """Write model.onnx into `folder`, beside the weights that it refers to; why there is none,
    where there is none."""
    side = recipe.preprocess.size
    assert side is not None, "sealed runs are settled"
    weights = folder / "weights.safetensors"
    try:
        graph = exported(classifier, folder, side=side, temperature=temperature, weights=weights)
        goldens.replay(gold, OnnxEngine(graph), recipe.preprocess, classes)
    except UserError as error:
        (folder / "model.onnx").unlink(missing_ok=True)
        return str(error)
    return None
