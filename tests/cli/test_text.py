"""How numbers and names are shown."""

from __future__ import annotations

import pytest

from bakeoff.cli.text import amount, duration, printable, size


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (170_498_071, "170.5 MB"), (5e12, "5000.0 GB")],
)
def test_size(count: float, shown: str) -> None:
    """Bytes are told in powers of a thousand."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds: float, shown: str) -> None:
    """A length of time has at most two parts."""
    assert duration(seconds) == shown


def test_amount() -> None:
    """Bytes get their unit, all else is counted."""
    assert amount(2_000_000, "bytes") == "2.0 MB"
    assert amount(2_000_000, "pictures") == "2,000,000"


def test_printable_keeps_what_can_be_shown() -> None:
    """Letters of any script and line breaks stay as they are."""
    assert printable("Füße ✓\nゴミ") == "Füße ✓\nゴミ"


def test_printable_disarms_a_file_name() -> None:
    """A name that steers the terminal, or is no Unicode, is written out."""
    assert printable("a\x1b[2Jb\udcff.jpg") == "a\\x1b[2Jb\\udcff.jpg"
