"""The Containerfile builds what is there, without torch, for nobody in particular."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.deploy.manifests import DEPLOY, ROOT, options

TEXT = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
STEPS = [
    line.strip()
    for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines()
    if line.strip()
]
BUILD, FINAL = TEXT.split("\nFROM ")[1:]


def step(word: str) -> str:
    """The only line that begins so."""
    (found,) = (line.removeprefix(word).strip() for line in STEPS if line.startswith(f"{word} "))
    return found


def test_what_is_copied_is_there_and_let_through() -> None:
    """All that the build takes exists, and .containerignore hides none of it."""
    lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name
        for line in STEPS
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert "*" in lines and any(fnmatch("bakeoff/__pycache__", line) for line in lines)


def test_what_is_installed_needs_no_torch() -> None:
    """Its extras are there, and none of them names what brings torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"'\.\[([a-z,]+)\]'", BUILD)[0].split(",")
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    names = {re.split(r"[^\w-]", one)[0].lower() for one in wanted}
    heavy = {"bakeoff", "keras", "open_clip_torch", "timm", "torch", "torchvision"}
    assert not names & heavy
    assert {"starlette", "onnxruntime", "psycopg", "cryptography"} <= names


def test_it_runs_as_nobody() -> None:
    """A number above those of the system, to whom only the data belong."""
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", step("USER"))
    assert f"--chown={step('USER')} /data /var/lib/bakeoff" in FINAL
    assert "BAKEOFF_DATA=/var/lib/bakeoff" in FINAL and step("VOLUME") == "/var/lib/bakeoff"
    assert FINAL.index("USER ") > FINAL.rindex("COPY ")
    assert "RUN " not in FINAL


def test_it_starts_the_service() -> None:
    """What it runs where nothing is said is a verb with options that there are."""
    assert json.loads(step("ENTRYPOINT")) == ["bakeoff"]
    verb, champion, *rest = json.loads(step("CMD"))
    assert (verb, champion) == ("serve", "boxed")
    assert {word for word in rest if word.startswith("--")} <= options()


def test_no_digest_is_made_up() -> None:
    """The base is a tag, which whoever builds may replace by the digest that they know."""
    given = [line.removeprefix("ARG ") for line in STEPS if line.startswith("ARG ")]
    assert given == ["PYTHON=python:3.11-slim", "PROTOCOLS="]
    assert [line for line in STEPS if line.startswith("FROM ")] == [
        "FROM ${PYTHON} AS build",
        "FROM ${PYTHON}",
    ]
    assert not re.search(r"sha256:[0-9a-f]{8}", TEXT)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that says so to whoever asks whether it lives; yields its port."""

    class Said(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """To nobody."""

    with HTTPServer(("127.0.0.1", 0), Said) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_asks_the_service(status: int, code: int) -> None:
    """It is content with a service that says that it lives, and with nothing else."""
    (words,) = re.findall(r"HEALTHCHECK .* CMD (\[.*\])", "\n".join(STEPS))
    program, flag, text = json.loads(words)
    assert (program, flag) == ("python", "-c")
    with answering(status) as port:
        done = subprocess.run([sys.executable, flag, text.replace("8000", str(port))], check=False)
    assert done.returncode == code
