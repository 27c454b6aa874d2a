"""What a new process takes until it could open a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bakeoff.runs import start
from bakeoff.runs.start import ready, starting
from tests.training.jobs import DEVICE


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    start._started.cache_clear()
    yield
    start._started.cache_clear()


def test_it_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process starts and says when it was ready; nobody starts another one for the next
    contender."""
    found = starting(DEVICE, backbone=False)
    assert found.seconds is not None, found.trouble
    assert 0 < found.seconds < start._PATIENCE

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("started again")

    monkeypatch.setattr(subprocess, "run", refused)
    assert starting(DEVICE, backbone=False) is found


def test_a_process_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure then, but the reason: it took too long, or ended without an answer."""
    with monkeypatch.context() as patch:
        patch.setattr(start, "_PATIENCE", 0.01)
        found = starting(DEVICE, backbone=False)
    assert (found.seconds, found.trouble) == (
        None,
        "a new process did not answer within 0 s",
    )
    silent = shutil.which("false")
    assert silent is not None
    monkeypatch.setattr(sys, "executable", silent)
    found = starting(DEVICE, backbone=False)
    assert (found.seconds, found.trouble) == (
        None,
        "a new process did not answer: it said nothing",
    )


@pytest.mark.parametrize("backbone", ["", "yes"])
def test_the_answer_of_the_new_process(
    backbone: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says when it was ready and how long it worked; timm is imported where it is needed."""
    asked: list[str] = []
    monkeypatch.setattr(start, "timm", lambda: asked.append("timm"))
    ready("cpu", "full", backbone)
    DEVICE.apply()
    words = capsys.readouterr().out.split()
    assert words[:2] == ["ready", "at"]
    assert float(words[2]) > float(words[3]) > 0
    assert bool(asked) == bool(backbone)
