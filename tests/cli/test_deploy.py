"""`bakeoff deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakeoff.cli import main
from bakeoff.serving import control


def test_what_a_service_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path is whole, as a service may have been started elsewhere; a URL stays what it is."""
    said: list[dict[str, Any]] = []
    current = {"name": "a", "digest": "d" * 64, "engine": "onnx"}

    def asked(port: int, message: dict[str, Any]) -> dict[str, Any]:
        said.append(message)
        return {"current": current, "trial": None, "previous": None}

    monkeypatch.setattr(control, "asked", asked)
    monkeypatch.chdir(tmp_path)
    for which in ("champion", "s3://bucket/champion", "file:///there/a.bakeoff"):
        assert main(["deploy", which]) == 0
    assert [one["champion"] for one in said] == [
        str(tmp_path / "champion"),
        "s3://bucket/champion",
        "file:///there/a.bakeoff",
    ]
