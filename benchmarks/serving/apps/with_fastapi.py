"""Started by `fastapi run`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, UploadFile
from network import answer, opened

app = FastAPI()


# Not async: FastAPI's own advice for what computes, which then does not hold up the event loop.
@app.post("/predict")
def predict(file: UploadFile) -> dict[str, Any]:
    """A file of a form."""
    return answer(opened(file.file.read()))
