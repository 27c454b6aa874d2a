"""A classifier as an ONNX graph: uint8 pictures in, calibrated probabilities out."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from bakeoff.champion.tapped import tapped
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import ExportError, MissingExtraError
from bakeoff.training.graph import INPUT, undisturbed
from bakeoff.training.runtimes import installed

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

__all__ = ["exported", "traced"]

_EXAMPLE = 2
"""Pictures that the network is traced with. Of one, the trace might take that number for fixed."""


def exported(
    classifier: Classifier,
    folder: Path,
    *,
    side: int,
    temperature: float,
    weights: Path | None,
    half: bool = False,
) -> Path:
    """`model.onnx` in `folder`, for any number of pictures of `side` pixels each way.

    With `weights`, a safetensors file in the same folder, the graph refers to that for what it
    holds and repeats nothing. Without, the file stands alone; `half`: with numbers in half
    precision that lose nothing by it. An `ExportError` where the network has steps that ONNX cannot
    say.
    """
    assert weights is None or weights.parent == folder, (weights, folder)
    if not installed("onnx", "onnxscript"):
        raise MissingExtraError("export to ONNX", "onnx")
    import onnx

    from bakeoff.champion.exporting.pointing import halved, pointed

    # Layers are joined into one only where their own numbers do not matter.
    joined = weights is None and not half
    graph = traced(classifier, side=side, temperature=temperature, joined=joined)
    if weights is not None:
        pointed(graph, weights)
    elif half:
        halved(graph)
    path = folder / "model.onnx"
    onnx.save(graph, path)
    return path


def traced(
    classifier: Classifier, *, side: int, temperature: float, joined: bool
) -> onnx.ModelProto:
    """The graph in memory; `joined`: rewritten for speed, its weights no longer the network's."""
    from onnxscript import optimizer

    from bakeoff.champion.exporting.translations import TRANSLATIONS

    network = tapped(copy.deepcopy(classifier).cpu().float().eval(), temperature)
    pictures = torch.zeros((_EXAMPLE, side, side, 3), dtype=torch.uint8)
    with undisturbed(), torch.no_grad():
        try:
            program = torch.onnx.export(
                network.requires_grad_(False),
                (pictures,),
                dynamo=True,
                verbose=False,
                optimize=joined,
                input_names=[INPUT],
                output_names=list(network.names),
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                custom_translation_table=TRANSLATIONS,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ExportError("the network", f"cannot be exported: {_reason(error)}") from error
        assert program is not None
        if not joined:
            # Turned weights would be other weights; the runtime turns them when it reads.
            optimizer.fold_constants(program.model, input_size_limit=512, should_fold=_but_turned)
            optimizer.remove_unused_nodes(program.model)
        graph = program.model_proto
    _forget(graph)
    return graph


def _but_turned(node: ir.Node) -> bool | None:
    return False if node.op_type == "Transpose" else None


def _forget(graph: onnx.ModelProto) -> None:
    """Take away what the exporter noted for itself: paths of this machine among it."""
    inner = graph.graph
    for said in (graph, inner, *inner.node, *inner.initializer, *inner.input, *inner.output):
        said.ClearField("doc_string")
        said.ClearField("metadata_props")
    # Runtimes find the shapes between steps by themselves.
    del inner.value_info[:]


def _reason(error: BaseException) -> str:
    """The first line of what went wrong first."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return re.sub(r"\s+", " ", f"{type(error).__name__}: {lines[0]}").rstrip(" .:")
