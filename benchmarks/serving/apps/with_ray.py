"""Started by `python`."""

from __future__ import annotations

import os
import threading
from typing import Any

from ray import serve
from starlette.requests import Request


@serve.deployment
class Classifier:
    """One replica."""

    def __init__(self) -> None:
        import network

        self._network = network

    async def __call__(self, request: Request) -> dict[str, Any]:
        """A picture as the body."""
        return self._network.answer(self._network.opened(await request.body()))


serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
serve.run(Classifier.bind())
threading.Event().wait()
