"""What lies in deploy/, read for tests; and an overlay applied, as kustomize would."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import typer

from bakeoff.cli.app import app

__all__ = [
    "DEPLOY",
    "KUBERNETES",
    "ROOT",
    "document",
    "documents",
    "options",
    "overlaid",
    "pod",
    "required",
    "settings",
]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def required(name: str) -> Any:
    """A package of the extra `dev`; where all tests have to run, its absence is a failure."""
    if os.environ.get("BAKEOFF_REQUIRE_SCHEMAS"):
        __import__(name)
    return pytest.importorskip(name)


yaml = required("yaml")


def documents(path: Path) -> list[dict[str, Any]]:
    """All of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def document(name: str, kind: str | None = None) -> dict[str, Any]:
    """The only one of a file under deploy/; or the only one of its kind there."""
    (found,) = (one for one in documents(DEPLOY / name) if kind in (None, one.get("kind")))
    return found


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    """What its pods are made by."""
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def settings(name: str) -> dict[str, str]:
    """What a kustomization says of the service."""
    (made,) = document(name)["configMapGenerator"]
    return dict(line.split("=", 1) for line in made["literals"])


def overlaid(deployment: dict[str, Any], overlay: Path) -> dict[str, Any]:
    """A deployment with an overlay's patches, which only ever add."""
    found = copy.deepcopy(deployment)
    for patch in documents(overlay / "kustomization.yaml")[0]["patches"]:
        for change in documents(overlay / patch["path"])[0]:
            assert isinstance(change, dict) and change["op"] == "add"
            *way, last = change["path"].strip("/").split("/")
            place: Any = found
            for step in way:
                place = place[int(step) if isinstance(place, list) else step]
            if last == "-":
                place.append(change["value"])
            else:
                assert last not in place
                place[last] = change["value"]
    return found


def options() -> set[str]:
    """Those of `bakeoff serve`."""
    command: Any = typer.main.get_command(app)
    return {name for one in command.commands["serve"].params for name in one.opts}
