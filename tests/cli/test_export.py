"""`bakeoff export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.champion import manifest
from bakeoff.champion.exporting import speed
from bakeoff.cli import main
from bakeoff.cli.export import FORMS
from tests.champion import made

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.fixture
def champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A champion, and no time for races."""
    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    return made.plain(tmp_path / "champion")


def test_told(champion: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written, how large it is and what was proved; that no accuracy was measured is
    said."""
    assert main(["export", str(champion), "--to", "onnx"]) == 0
    out, err = capsys.readouterr()
    first, takes, fitted, engine, goldens, fast = out.splitlines()
    assert takes.startswith("  takes pictures: uint8, N×16×16×3, red, green, blue; any other size")
    assert fitted == "  how a picture becomes 16×16 (crop, area) is not: predict.py does that"
    assert first.startswith(f"{champion}-onnx: 0.0") and first.endswith(" MB in 5 files")
    assert engine == "onnxruntime cpu float32"
    assert goldens.startswith("  8 goldens: probabilities at most ")
    assert goldens.endswith(" apart, 0.002 allowed")
    assert fast.endswith(" 1 thread")
    assert "Only golden pictures were replayed: with --data, accuracy is measured, too." in err


def test_as_json(champion: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With --json it is one document."""
    out = tmp_path / "there"
    assert main(["export", str(champion), "--to", "torch", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(out)
    assert told["files"][manifest.FILE] == (out / manifest.FILE).stat().st_size
    assert told["proofs"][0]["agreement"] is None


def test_mistakes(champion: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown form, or an option that has no use, is one sentence; exit code 2, and nothing is
    written."""
    assert main(["export", str(champion), "--to", "onnx", "--force"]) == 2
    assert capsys.readouterr().err == (
        "Error: --force has nothing to overrule: what an export loses is only measured with "
        "--data.\n"
    )
    assert main(["export", str(champion), "--to", "onx"]) == 2
    assert capsys.readouterr().err.startswith("Error: --to must be a known form, but is 'onx'.")
    assert [path.name for path in champion.parent.iterdir()] == ["champion"]


def test_nothing_to_force(champion: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--force overrules what --data measures; alone it would promise something that it does not
    do."""
    assert main(["export", str(champion), "--to", "onnx", "--force"]) == 2
    assert capsys.readouterr().err == (
        "Error: --force has nothing to overrule: what an export loses is only measured with "
        "--data.\n"
    )


def test_the_forms_are_those_there_are() -> None:
    """What the help lists is what can be written."""
    from bakeoff.champion.exporting.export import _FORMS

    assert set(FORMS) == set(_FORMS)
