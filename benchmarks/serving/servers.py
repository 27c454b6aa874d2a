"""The servers: how each is installed, started, asked and understood."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import processes
from load import Client, Step, request
from pictures import Picture

__all__ = ["PEERS", "Peer", "Running", "Unable", "installed", "started"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
APPS = HERE / "apps"

_PATIENCE = 60.0
"""Seconds in which a server has to answer for the first time."""

_BOUNDARY = "b0undary"

Asked = Callable[[Picture], list[Step]]


class Unable(Exception):  # noqa: N818 - a finding
    """A server that cannot be installed or does not start."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One server, as its documentation shows it."""

    name: str
    venv: str
    command: Sequence[str]
    """PYTHON, BIN, PORT, CHAMPION and FOLDER stand for what they are in a run."""

    steps: Asked
    told: Callable[[bytes], tuple[str, float]]
    """Label and probability, of an answer's body."""

    engine: str
    packages: Sequence[str]
    """Whose versions are reported."""

    settings: Callable[[Path, int], None] = lambda folder, port: None
    """Writes what it wants to find in FOLDER, its working directory."""

    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Running:
    """A server that answers."""

    peer: Peer
    port: int
    mark: str
    process: subprocess.Popen[bytes]
    ready: float
    """Seconds from its start to its first right answer."""

    log: Path

    def client(self, picture: Picture) -> Client:
        """Somebody who asks about a picture."""
        return Client(self.port, self.peer.steps(picture))

    def pids(self) -> list[int]:
        """All of its processes."""
        return processes.tree(self.mark)

    def end(self) -> tuple[float, int]:
        """Seconds that ending took, and processes that had to be killed."""
        took = processes.end(self.process.pid, self.mark)
        self.process.wait()
        return took


def _same(asked: bytes) -> list[Step]:
    return [lambda before: asked]


def _raw(path: str) -> Asked:
    return lambda picture: _same(request("POST", path, picture.content, picture.kind))


def _form(path: str, name: str) -> Asked:
    return lambda picture: _same(_formed(path, name, picture))


def _formed(path: str, name: str, picture: Picture) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="picture"\r\n'
        f"Content-Type: {picture.kind}\r\n\r\n"
    ).encode()
    body = head + picture.content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return request("POST", path, body, f"multipart/form-data; boundary={_BOUNDARY}")


def _gradio(picture: Picture) -> list[Step]:
    """As its own client does: the file, the call, and the event that tells what came of it."""
    upload = _formed("/gradio_api/upload", "files", picture)

    def call(before: bytes) -> bytes:
        file = {"path": json.loads(before)[0], "meta": {"_type": "gradio.FileData"}}
        body = json.dumps({"data": [file]}).encode()
        return request("POST", "/gradio_api/call/predict", body, "application/json")

    def event(before: bytes) -> bytes:
        return request("GET", "/gradio_api/call/predict/" + json.loads(before)["event_id"])

    return [lambda before: upload, call, event]


def _gradio_told(body: bytes) -> tuple[str, float]:
    line = next(one for one in body.split(b"\n") if one.startswith(b"data: [")).strip()
    best = json.loads(line[6:])[0]["confidences"][0]
    return best["label"], best["confidence"]


def _protocol(picture: Picture) -> list[Step]:
    content = base64.b64encode(picture.content).decode()
    one: dict[str, Any] = {
        "name": "pictures",
        "shape": [1, 1],
        "datatype": "BYTES",
        "data": [content],
    }
    one["parameters"] = {"content_type": "base64"}
    body = json.dumps({"inputs": [one]}).encode()
    return _same(request("POST", "/v2/models/champion/infer", body, "application/json"))


def _protocol_told(body: bytes) -> tuple[str, float]:
    return _plain_told(json.loads(body)["outputs"][0]["data"][0].encode())


def _plain_told(body: bytes) -> tuple[str, float]:
    told = json.loads(body)
    return told["label"], told["probability"]


def _own_told(body: bytes) -> tuple[str, float]:
    return _plain_told(json.dumps(json.loads(body)["predictions"][0]).encode())


def _mlserver(folder: Path, port: int) -> None:
    free = [_port() for _ in range(2)]
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free[0]}
    (folder / "settings.json").write_text(json.dumps({**settings, "metrics_port": free[1]}))
    model = {"name": "champion", "implementation": "with_mlserver.Classifier"}
    (folder / "model-settings.json").write_text(json.dumps(model))


def _bentoml(folder: Path, port: int) -> None:
    # It looks for services in its working directory, and nowhere else.
    for name in ("with_bentoml.py", "network.py"):
        (folder / name).write_text((APPS / name).read_text())


_TORCH = ("torch", "pillow", "uvicorn", "starlette")
_ONNX = ("onnxruntime", "pillow", "uvicorn", "starlette")
_OWN = ("PYTHON", "-m", "bakeoff", "serve", "CHAMPION", "--port", "PORT", "--log", "json")
_FASTAPI = ("BIN/fastapi", "run", str(APPS / "with_fastapi.py"), "--host", "127.0.0.1")
_BENTOML = ("BIN/bentoml", "serve", "with_bentoml:Classifier", "--host", "127.0.0.1")
_MULTIPART = _form("/predict", "file")


def _own(name: str, steps: Asked) -> Peer:
    return Peer(
        name=name,
        venv="bakeoff",
        command=_OWN,
        steps=steps,
        told=_own_told,
        engine="onnx",
        packages=_ONNX,
    )


def _fastapi(name: str, engine: str, packages: Sequence[str]) -> Peer:
    return Peer(
        name=name,
        venv="fastapi",
        command=(*_FASTAPI, "--port", "PORT"),
        steps=_MULTIPART,
        told=_plain_told,
        engine=engine,
        packages=("fastapi", *packages),
    )


def _litserve(name: str, engine: str, packages: Sequence[str]) -> Peer:
    return Peer(
        name=name,
        venv="litserve",
        command=("PYTHON", str(APPS / "with_litserve.py")),
        steps=_MULTIPART,
        told=_plain_told,
        engine=engine,
        packages=("litserve", "fastapi", *packages),
    )


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            name="nothing",
            venv="bakeoff",
            command=("BIN/uvicorn", "with_nothing:app", "--port", "PORT", "--no-access-log"),
            steps=_raw("/"),
            told=_plain_told,
            engine="none",
            packages=("uvicorn", "uvloop", "httptools"),
        ),
        _own("bakeoff", _raw("/predict")),
        _own("bakeoff-form", _MULTIPART),
        _fastapi("fastapi", "torch", _TORCH),
        _fastapi("fastapi-onnx", "onnx", _ONNX),
        _litserve("litserve", "torch", _TORCH),
        _litserve("litserve-onnx", "onnx", _ONNX),
        Peer(
            name="gradio",
            venv="gradio",
            command=("PYTHON", str(APPS / "with_gradio.py")),
            steps=_gradio,
            told=_gradio_told,
            engine="onnx",
            packages=("gradio", "fastapi", *_ONNX),
            environment={"GRADIO_ANALYTICS_ENABLED": "False"},
        ),
        Peer(
            name="ray",
            venv="ray",
            command=("PYTHON", str(APPS / "with_ray.py")),
            steps=_raw("/"),
            told=_plain_told,
            engine="onnx",
            packages=("ray", *_ONNX),
            environment={"RAY_USAGE_STATS_ENABLED": "0"},
        ),
        Peer(
            name="bentoml",
            venv="bentoml",
            command=(*_BENTOML, "--port", "PORT"),
            steps=_form("/predict", "image"),
            told=_plain_told,
            engine="onnx",
            packages=("bentoml", *_ONNX),
            settings=_bentoml,
            environment={"BENTOML_DO_NOT_TRACK": "True"},
        ),
        Peer(
            name="mlserver",
            venv="mlserver",
            command=("BIN/mlserver", "start", "FOLDER"),
            steps=_protocol,
            told=_protocol_told,
            engine="onnx",
            packages=("mlserver", *_ONNX),
            settings=_mlserver,
        ),
    )
}


def installed(peer: Peer, venvs: Path) -> Path:
    """The interpreter of its environment, which is made where it is not there."""
    folder = venvs / peer.venv
    python = folder / "bin" / "python"
    done = folder / "done"
    if done.exists():
        return python
    print(f"Installing {peer.venv} …", file=sys.stderr, flush=True)
    wanted = ["-r", str(HERE / "requirements" / f"{peer.venv}.txt")]
    if peer.venv == "bakeoff":
        # What the extra `serve` asks for. The code is that of this checkout, as it is.
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extra = project["optional-dependencies"]["serve"]
        wanted = ["-c", str(ROOT / "constraints.txt"), *project["dependencies"], *extra]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", *wanted],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Unable(f"cannot be installed: {ran.stderr.strip()[-500:]}")
    done.touch()
    return python


def versions(peer: Peer, python: Path) -> dict[str, str]:
    """Of what it consists of."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    told = subprocess.run(
        [str(python), "-c", code, *peer.packages], capture_output=True, text=True, check=True
    )
    return dict(zip(peer.packages, told.stdout.split(), strict=True))


def started(
    peer: Peer, python: Path, champion: Path, picture: Picture, *, scratch: Path
) -> Running:
    """It, once it has answered for a picture."""
    folder = Path(tempfile.mkdtemp(prefix=peer.name, dir=scratch))
    port, mark, log = _port(), uuid.uuid4().hex, folder / "log"
    peer.settings(folder, port)
    stand = {"PYTHON": python, "PORT": port, "CHAMPION": champion, "FOLDER": folder}
    command = [str(stand.get(word, word)) for word in peer.command]
    command[0] = command[0].replace("BIN/", f"{python.parent}/")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("BAKEOFF_")},
        "BAKEOFF_DATA": str(scratch / "data"),
        "CHAMPION": str(champion),
        "ENGINE": peer.engine,
        "PORT": str(port),
        "PYTHONPATH": f"{ROOT}:{APPS}",
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        processes.MARK: mark,
        **peer.environment,
    }
    began = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    running = Running(peer=peer, port=port, mark=mark, process=process, ready=0, log=log)
    while not _answers(running, picture):
        if process.poll() is not None or time.perf_counter() - began > _PATIENCE:
            over = "ended" if process.poll() is not None else "does not answer"
            running.end()
            raise Unable(f"{over}: {log.read_text(errors='replace').strip()[-500:]}")
        time.sleep(0.02)
    running.ready = time.perf_counter() - began
    return running


def _answers(running: Running, picture: Picture) -> bool:
    try:
        socket.create_connection(("127.0.0.1", running.port), 0.2).close()
    except OSError:
        return False
    return bool(running.client(picture).once(10.0).good)


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def understood(running: Running, picture: Picture) -> tuple[str, float]:
    """What it says of a picture."""
    found: Any = running.client(picture).once()
    if not found.good:
        raise Unable(f"answers {picture} with {dict(found.statuses)}: {found.last[:300]!r}")
    return running.peer.told(found.last)
