"""Started by `bentoml serve`."""

from __future__ import annotations

from typing import Any

import bentoml
from PIL.Image import Image


@bentoml.service
class Classifier:
    """One worker."""

    def __init__(self) -> None:
        import network

        self._network = network

    @bentoml.api
    def predict(self, image: Image) -> dict[str, Any]:
        """A picture that BentoML opened."""
        return self._network.answer(image.convert("RGB"))
