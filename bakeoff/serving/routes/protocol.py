"""The Open Inference Protocol, version 2, as KServe, Triton and their clients speak it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bakeoff.champion.prediction import Prediction
from bakeoff.serving.answering import Answered
from bakeoff.serving.asking import Asking
from bakeoff.serving.live import Served
from bakeoff.serving.problems import Problem, Refused, told
from bakeoff.serving.tensors import HEADER, Inference, Tensor, inference, wrong
from bakeoff.version import __version__

__all__ = ["INPUT", "routes"]

INPUT = "pictures"
_OUTPUTS = ("label", "probability", "probabilities", "none_of_these")


def routes(asking: Asking) -> list[BaseRoute]:
    """Those of this module."""
    own = _Protocol(asking)
    found: list[BaseRoute] = [
        Route("/v2", own.server),
        Route("/v2/health/live", own.live),
        Route("/v2/health/ready", own.ready),
    ]
    for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        found += [
            Route(model, own.model),
            Route(f"{model}/ready", own.model_ready),
            Route(f"{model}/infer", own.infer, methods=["POST"]),
        ]
    return found


class _Protocol:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._service = asking.service

    async def server(self, request: Request) -> Response:
        request.state.route = "protocol"
        extensions = ["binary_tensor_data"]
        return _json({"name": "bakeoff", "version": __version__, "extensions": extensions})

    async def live(self, request: Request) -> Response:
        request.state.route = "health"
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        request.state.route = "health"
        return self._readiness({})

    async def model(self, request: Request) -> Response:
        request.state.route = "protocol"
        return _json(_metadata(_served(self._asking, request), self._service.model))

    async def model_ready(self, request: Request) -> Response:
        request.state.route = "health"
        _served(self._asking, request)
        return self._readiness({"name": self._service.model})

    async def infer(self, request: Request) -> Response:
        request.state.route = "infer"
        asking, most = self._asking, self._service.settings.pictures
        who = asking.who(request)
        _served(asking, request)
        async with asking.body(request) as body:
            said = inference(body, request.headers.get(HEADER), most=most)
            for name in said.outputs or ():
                if name not in _OUTPUTS:
                    raise wrong(f"There is no output {name!r}; there are {', '.join(_OUTPUTS)}.")
            answered = await asking.answer(request, said.uploads, who, "infer")
        return _inferred(said, answered, self._service.settings.name)

    def _readiness(self, facts: dict[str, Any]) -> Response:
        draining = self._service.draining
        return _json({**facts, "ready": not draining}, 503 if draining else 200)


def _served(asking: Asking, request: Request) -> Served:
    """The champion that is named; there is one name, and a version of it for each deployment."""
    current = asking.service.live.current
    name, version = request.path_params["model"], request.path_params.get("version")
    if name != asking.service.model:
        detail = f"There is no model of this name here; there is {asking.service.model}."
        raise Refused(Problem(status=404, detail=detail, kind="model"))
    if version is not None and version != str(current.version):
        detail = f"This version is not served; version {current.version} is."
        raise Refused(Problem(status=404, detail=detail, kind="model"))
    return current


def _metadata(served: Served, name: str) -> dict[str, Any]:
    champion = served.champion
    count = len(champion.classes)
    outputs = {
        "label": ("BYTES", [-1]),
        "probability": ("FP32", [-1]),
        "probabilities": ("FP32", [-1, count]),
        "none_of_these": ("BOOL", [-1]),
    }
    return {
        "name": name,
        "versions": [str(served.version)],
        "platform": "bakeoff_" + champion.engine.name.partition(" ")[0],
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": output, "datatype": datatype, "shape": shape}
            for output, (datatype, shape) in outputs.items()
        ],
        "parameters": {"digest": champion.digest, "classes": list(champion.classes)},
    }


def _inferred(said: Inference, answered: Answered, name: str | None) -> Response:
    predictions = []
    for place, result in enumerate(answered.results):
        if result.error is not None:
            problem = told(result.error, kind="picture")
            detail = f"Element {place}: {problem.detail}"
            raise Refused(Problem(status=422, detail=detail, kind="picture"))
        assert result.prediction is not None
        predictions.append(result.prediction)
    champion = answered.served.champion
    names = said.outputs or _OUTPUTS
    tensors = [_tensor(name, predictions, champion.classes) for name in names]
    behind = [tensor.raw() if {"*", tensor.name} & said.binary else None for tensor in tensors]
    document = {
        "model_name": name or champion.name,
        "model_version": str(answered.served.version),
        "id": answered.ask.id if said.id is None else said.id,
        "outputs": [
            tensor.to_json(None if raw is None else len(raw))
            for tensor, raw in zip(tensors, behind, strict=True)
        ],
    }
    if all(raw is None for raw in behind):
        return _json(document)
    text = json.dumps(document).encode()
    body = b"".join((text, *(raw for raw in behind if raw is not None)))
    headers = {HEADER: str(len(text))}
    return Response(body, headers=headers, media_type="application/octet-stream")


def _tensor(name: str, told: list[Prediction], classes: tuple[str, ...]) -> Tensor:
    count = len(told)
    if name == "label":
        labels = [one.label for one in told]
        return Tensor(name=name, datatype="BYTES", values=labels, shape=(count,))
    if name == "probability":
        values = np.array([one.probability for one in told], np.float32)
        return Tensor(name=name, datatype="FP32", values=values, shape=(count,))
    if name == "none_of_these":
        # The protocol knows no null: what was never measured is not called foreign.
        unknown = np.array([one.unknown is True for one in told], np.bool_)
        return Tensor(name=name, datatype="BOOL", values=unknown, shape=(count,))
    rows = np.array([[one.probabilities[label] for label in classes] for one in told], np.float32)
    return Tensor(name=name, datatype="FP32", values=rows, shape=rows.shape)


def _json(facts: object, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(json.dumps(facts).encode(), status, headers, media_type="application/json")
