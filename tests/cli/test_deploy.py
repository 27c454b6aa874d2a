"""`bakeoff deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion.place import BOXED
from bakeoff.cli import main
from bakeoff.cli.options import complete_champion
from bakeoff.serving import control


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What a service is told, which answers that all is well; typed in an empty folder."""
    heard: list[dict[str, Any]] = []
    current = {"name": "a", "digest": "d" * 64, "engine": "onnx"}

    def asked(port: int, message: dict[str, Any]) -> dict[str, Any]:
        heard.append(message)
        return {"current": current, "trial": None, "previous": None}

    monkeypatch.setattr(control, "asked", asked)
    monkeypatch.chdir(tmp_path)
    return heard


def test_what_a_service_is_told(said: list[dict[str, Any]], tmp_path: Path) -> None:
    """A path is whole, as a service may have been started elsewhere; a URL stays what it is."""
    for which in ("champion", "s3://bucket/champion", "file:///there/a.bakeoff"):
        assert main(["deploy", which]) == 0
    assert [one["champion"] for one in said] == [
        str(tmp_path / "champion"),
        "s3://bucket/champion",
        "file:///there/a.bakeoff",
    ]


def test_the_one_in_the_box(said: list[dict[str, Any]], tmp_path: Path) -> None:
    """Its word is known and completed as everywhere; what lies here under that name goes before."""
    assert [word for word, _ in complete_champion("bo")] == ["boxed"]
    assert main(["deploy", "boxed"]) == 0
    (tmp_path / "boxed").mkdir()
    assert main(["deploy", "boxed"]) == 0
    assert [one["champion"] for one in said] == [str(BOXED.resolve()), str(tmp_path / "boxed")]
