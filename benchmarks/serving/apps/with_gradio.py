"""Started by `python`."""

from __future__ import annotations

import os
from typing import Any

import gradio
from network import answer


def predict(picture: Any) -> dict[str, float]:
    """A picture of Pillow's."""
    return {one["label"]: one["probability"] for one in answer(picture)["top"]}


page = gradio.Interface(predict, gradio.Image(type="pil"), gradio.Label(num_top_classes=5))
page.launch(server_name="127.0.0.1", server_port=int(os.environ["PORT"]))
