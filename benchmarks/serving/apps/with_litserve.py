"""Started by `python`. Annotations are looked at: they are not put off."""

import os
from typing import Any

import litserve
from fastapi import Request


class Classifier(litserve.LitAPI):
    """The network is opened in the worker that computes."""

    def setup(self, device: str) -> None:
        """Once."""
        import network

        self._network = network

    def decode_request(self, request: Request) -> Any:
        """A file of a form."""
        file: Any = request["file"]
        return self._network.opened(file.file.read())

    def predict(self, x: Any) -> Any:
        """One picture."""
        return self._network.answer(x)

    def encode_response(self, output: Any) -> Any:
        """As it is."""
        return output


if __name__ == "__main__":
    litserve.LitServer(Classifier()).run(
        host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False
    )
