"""`bakeoff doctor`."""

from __future__ import annotations

import json

import pytest

from bakeoff.cli import checks, main

GOOD = checks.Check(state="fine", name="bakeoff", text="1")
NOTE = checks.Check(state="note", name="memory", text="little")
BAD = checks.Check(state="broken", name="cache", text="cannot be written")


@pytest.mark.parametrize(("found", "code"), [([GOOD, NOTE], 0), ([GOOD, BAD], 2)])
def test_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[checks.Check],
    code: int,
) -> None:
    """Notes leave the exit code at 0; what is broken is the user's to mend."""
    monkeypatch.setattr(checks, "checks", lambda: found)
    assert main(["doctor"]) == code
    marks = [line[0] for line in capsys.readouterr().out.splitlines()]
    assert marks == [checks.MARKS[check.state] for check in found]


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets each check with its state."""
    monkeypatch.setattr(checks, "checks", lambda: [GOOD, BAD])
    assert main(["doctor", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "sound": False,
        "checks": [
            {"state": "fine", "name": "bakeoff", "text": "1"},
            {"state": "broken", "name": "cache", "text": "cannot be written"},
        ],
    }


def test_here(capsys: pytest.CaptureFixture[str]) -> None:
    """On a machine that runs these tests nothing is broken."""
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for name in ("bakeoff", "python", "numpy", "[train]", "processor", "memory", "device", "cache"):
        assert f" {name} " in shown
