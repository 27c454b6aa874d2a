"""Where a verb's output goes."""

from __future__ import annotations

import pytest
from rich.console import Console

from bakeoff.cli.session import Session


@pytest.mark.parametrize(
    ("as_json", "quiet", "said"),
    [(False, False, "rap"), (True, False, "ap"), (False, True, "p"), (True, True, "p")],
)
def test_who_hears_what(
    as_json: bool, quiet: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program wants no remarks, who asked for quiet nothing but the way to go on; and nothing of
    it is a result."""
    say = Session(as_json=as_json, quiet=quiet, console=Console())
    say.remark("r")
    say.aside("a")
    say.parting("p")
    assert capsys.readouterr() == ("", "".join(f"{one}\n" for one in said))


def test_who_is_spoken_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that another speaks for says nothing at all."""
    say = Session(as_json=False, quiet=False, console=Console()).silenced()
    say.aside("a")
    say.parting("p")
    assert capsys.readouterr() == ("", "")
