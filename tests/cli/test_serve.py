"""`bakeoff serve` and `bakeoff deploy`, as far as no service runs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.cli.app import main


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the optional part is not installed, that is said, and how to get it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    assert main(["serve", "boxed", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert "the service needs the optional part 'serve', which is not installed." in said


def test_a_new_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new key is printed once, and only its digest is written down."""
    file = tmp_path / "keys"
    assert main(["serve", "--keys", str(file), "--new-key", "phone"]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("bk_")
    assert key not in file.read_text()
    assert '"name": "phone"' in file.read_text()
    assert main(["serve", "--keys", str(file), "--new-key", "phone"]) == 2
    assert "--new-key must be a name that no other key in the file has" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["serve", "--queue", "0"], "--queue must be above 0, but is 0."),
        (["serve", "--name", "a/b"], "--name must be 1 to 63 letters, digits, dots, hyphens and"),
        (["serve", "--engine", "tensorrt"], "--engine must be one of those there are"),
        (["serve", "--deadline", "soon"], "--deadline must be a length of time, but is 'soon'."),
        (["serve", "nowhere"], "nowhere"),
        (["deploy"], "CHAMPION is what is deployed, and is missing."),
        (["deploy", "boxed", "--port", "1"], "--port must be that of a service which runs"),
        (["deploy", "boxed", "--canary", "2"], "--canary must be between 0 and 1, but is 2"),
        (["deploy", "boxed", "--canary", "0.1", "--shadow", "0.1"], "--canary cannot go with"),
        (["deploy", "boxed", "--rollback"], "--rollback goes alone."),
    ],
)
def test_wrong_words(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What cannot be is told in one paragraph, with exit code 2."""
    if words[0] == "serve":
        words = [*words, "--port", "0"]
    assert main(words) == 2
    assert text in capsys.readouterr().err


def test_what_a_service_does_without() -> None:
    """The process that a service becomes holds nothing of what reads a command line or computes."""
    program = "import sys, bakeoff.cli.service; print(*sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"typer", "rich", "numpy", "PIL", "sqlalchemy", "uvicorn"} & set(ran.stdout.split())
