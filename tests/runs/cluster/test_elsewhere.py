"""Where runs are made, by what was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakeoff.runs.cluster import elsewhere as module
from bakeoff.runs.cluster.elsewhere import elsewhere
from bakeoff.runs.cluster.via import Via
from bakeoff.spec.errors import SpecError


def refused(on: str | None, via: str | None, out: Path | None) -> str:
    """What is said."""
    with pytest.raises(SpecError) as caught:
        elsewhere(on, via, out)
    return str(caught.value)


def test_here(tmp_path: Path) -> None:
    """Where nothing else is asked for."""
    with elsewhere(None, None, tmp_path) as where:
        assert where is None


def test_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster, through the URL that was given or that the bake-off began with."""
    asked: list[Any] = []
    monkeypatch.setattr(module, "joined", lambda *where: asked.append(where))
    elsewhere("ray", None, tmp_path)
    elsewhere("ray", "s3://bucket/a", None)
    memory = {"via": "s3://bucket/b", "secret": False}
    (tmp_path / "via.json").write_text(json.dumps(memory))
    elsewhere("ray", None, tmp_path)
    assert asked == [("ray", None), ("ray", Via("s3://bucket/a")), ("ray", Via("s3://bucket/b"))]


def test_what_does_not_go_together(tmp_path: Path) -> None:
    """A URL without a cluster, and as the directory itself; and runs that are away still."""
    assert refused(None, "s3://bucket/a", tmp_path) == (
        "--via needs --on: it is where runs are kept while nodes of a cluster make them. Give "
        "--on ray, or leave out --via."
    )
    assert refused("ray", None, Path("s3://bucket/a")).startswith("--out must be a folder of this")
    memory = {"via": "s3://bucket/b", "secret": True}
    (tmp_path / "via.json").write_text(json.dumps(memory))
    assert refused(None, None, tmp_path) == (
        f"--on must be given again, as runs of {tmp_path} are kept at s3://bucket/b. Where there "
        "is no cluster left, `ray start --head` makes one of this machine; then give --on ray."
    )
    (tmp_path / "result.json").touch()
    with elsewhere(None, None, tmp_path) as where:
        assert where is None
