"""Started by `mlserver start`."""

from __future__ import annotations

import json
from typing import Any

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Classifier(MLModel):
    """A runtime of one's own, as the documentation has it."""

    async def load(self) -> bool:
        """Once, in each worker."""
        import network

        self._network: Any = network
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Pictures as base64."""
        contents = Base64Codec.decode_input(payload.inputs[0])
        told = [json.dumps(self._network.answer(self._network.opened(one))) for one in contents]
        return InferenceResponse(
            model_name=self.name, outputs=[StringCodec.encode_output("answers", told)]
        )
