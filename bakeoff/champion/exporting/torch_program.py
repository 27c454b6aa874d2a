"""A classifier as a program of torch's own, a `.pt2`: for those who go on in torch and want neither
its source nor ours."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.champion.engine import Outputs, in_pieces, tolerance
from bakeoff.champion.tapped import tapped
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import ExportError
from bakeoff.training.graph import undisturbed

__all__ = ["ProgramEngine", "exported"]

_EXAMPLE = 2

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


def exported(classifier: Classifier, folder: Path, *, side: int, temperature: float) -> Path:
    """`model.pt2` in `folder`: what torch.export.load opens, for any number of pictures."""
    network = tapped(copy.deepcopy(classifier).cpu().float().eval(), temperature)
    pictures = torch.zeros((_EXAMPLE, side, side, 3), dtype=torch.uint8)
    path = folder / "model.pt2"
    with undisturbed(), torch.no_grad():
        try:
            program = torch.export.export(
                network.requires_grad_(False),
                (pictures,),
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        except Exception as error:  # its own kinds of errors, which share no base
            reason = str(error).strip().splitlines()[0]
            rule = f"cannot be exported: {type(error).__name__}: {reason}"
            raise ExportError("the network", rule) from error
        torch.export.save(program, path)
    return path


class ProgramEngine:
    """The program in a file, on the processor."""

    def __init__(self, path: Path) -> None:
        with undisturbed():
            self._network = torch.export.load(path).module()
        self.name = "torch program cpu float32"
        self.tolerance = tolerance("float32")

    def __call__(self, pictures: Pixels) -> Outputs:
        return in_pieces(self._run, pictures)

    @torch.no_grad()
    def _run(self, pictures: Pixels) -> list[Floats]:
        own = pictures if pictures.flags.writeable else pictures.copy()
        return [one.numpy() for one in self._network(torch.from_numpy(own))]
