"""docs/operate.md speaks of what is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import typer

from bakeoff.cli.app import app
from bakeoff.serving.journal.writer import State

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def test_every_alert_has_a_section() -> None:
    """What to do is said of every alert, in the rules' order, and of no other."""
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    alerts = re.findall(r"^\s*- alert: (\w+)$", rules, re.MULTILINE)
    assert alerts
    assert max(Counter(alerts).values()) == 1
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == alerts


def test_series_are_told() -> None:
    """Every series that is named is one that a service with a journal tells of itself."""
    metrics = pytest.importorskip("bakeoff.serving.metrics").Metrics(routes=())
    metrics.journal(
        State(text="ok", waiting=0, waiting_bytes=0, written=0, dropped=0, pictures_lost=0)
    )
    told = {family.name for family in metrics.registry.collect()}
    names = set(re.findall(r"`(bakeoff_\w+)", TEXT))
    assert len(names) > 5
    assert {name.removesuffix("_total") for name in names} <= told


def test_options_are_there() -> None:
    """Every command of ours that is shown can be typed, with the options that are shown."""
    lines = [one for one in re.findall(r"bakeoff [^`\n]*", TEXT) if re.match(r"bakeoff [a-z]", one)]
    commands = [line for line in lines if " --" in line]
    assert len(commands) > 5
    root = typer.main.get_command(app)
    for line in commands:
        command = root
        for word in line.split()[1:]:
            known = getattr(command, "commands", {})
            if word not in known:
                break
            command = known[word]
        options = {name for one in command.params for name in getattr(one, "opts", ())}
        assert set(re.findall(r"--[a-z-]+", line.partition("  #")[0])) <= options, line


def test_what_is_locked_is_what_is_installed() -> None:
    """Hashes are written of the extras that the image has."""
    image = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    told = (ROOT / "docs" / "decisions" / "deploy.md").read_text(encoding="utf-8")
    (locked,), (installed,) = (re.findall(r"'\.\[([a-z,]+)\]'", text) for text in (TEXT, image))
    assert locked == installed
    (sentence,) = re.findall(r"the extras (.*?) at the versions", told)
    assert re.findall("`([a-z]+)`", sentence) == installed.split(",")


def test_files_are_there() -> None:
    """Every file of ours that is named exists."""
    named = set(re.findall(r"(?:deploy|docs|benchmarks)/[\w./-]*\w", TEXT))
    assert len(named) > 4
    assert [name for name in named if not (ROOT / name).exists()] == []
