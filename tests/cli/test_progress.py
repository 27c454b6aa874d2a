"""Progress on terminals and elsewhere."""

from __future__ import annotations

import io
import re

import pytest

from bakeoff.cli.progress import Lines, watching


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    """A clock at some moment."""
    return Clock()


def test_lines_come_every_few_seconds(clock: Clock) -> None:
    """Not on a terminal, a line every five seconds says how far, how fast and how long yet."""
    stream = io.StringIO()
    tell = Lines(stream, clock)
    for second in range(12):
        clock.now = 100 + second
        tell("decoding", second * 100, 2000)
    assert stream.getvalue() == (
        "decoding: 500 of 2,000 pictures, 100/s, 15 s left\n"
        "decoding: 1,000 of 2,000 pictures, 100/s, 10 s left\n"
    )


def test_lines_close_long_work(clock: Clock) -> None:
    """Work that took a while ends with a line that says how long."""
    stream = io.StringIO()
    tell = Lines(stream, clock)
    tell("fetching", 0, 3_000_000, "bytes")
    clock.now += 7
    tell("fetching", 3_000_000, 3_000_000, "bytes")
    assert stream.getvalue() == "fetching: 3.0 MB in 7 s\n"


def test_lines_are_silent_for_short_work(clock: Clock) -> None:
    """Work that is done at once says nothing."""
    stream = io.StringIO()
    tell = Lines(stream, clock)
    tell("decoding", 0, 10)
    clock.now += 1
    tell("decoding", 10, 10)
    assert stream.getvalue() == ""


def test_lines_without_a_total(clock: Clock) -> None:
    """While the total is unknown, no time left is invented."""
    stream = io.StringIO()
    tell = Lines(stream, clock)
    tell("listing", 0, None)
    clock.now += 10
    tell("listing", 50, None)
    assert stream.getvalue() == "listing: 50 pictures, 5/s\n"


def test_lines_of_work_that_begins_again(clock: Clock) -> None:
    """A task told a second time is timed from its second start."""
    stream = io.StringIO()
    tell = Lines(stream, clock)
    for _ in range(2):
        tell("fetching", 0, 60)
        clock.now += 6
        tell("fetching", 60, 60)
    assert stream.getvalue() == "fetching: 60 pictures in 6 s\n" * 2


def test_quiet_says_nothing() -> None:
    """With --quiet nothing is written, terminal or not."""
    for stream in (io.StringIO(), Terminal()):
        with watching(stream, quiet=True) as tell:
            tell("decoding", 0, 10)
            tell("decoding", 10, 10)
        assert stream.getvalue() == ""


def test_plain_lines_where_there_is_no_terminal() -> None:
    """A stream that is no terminal gets plain lines, no control codes."""
    with watching(io.StringIO(), quiet=False) as tell:
        assert isinstance(tell, Lines)


@pytest.mark.parametrize("width", ["20", "40", "79", "80", "120"])
def test_bars_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """On a terminal of any width a task is one line with its name first, cut short if need be."""
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with watching(stream, quiet=False) as tell:
        tell("decoding", 0, 50_000)
        tell("decoding", 25_000, 50_000)
        tell("decoding", 0, 10)
        tell("decoding", 10, 10)
    plain = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "\n", stream.getvalue()).replace("\r", "\n")
    shown = {line.rstrip() for line in plain.split("\n")} - {""}
    assert shown
    assert all(line.startswith("dec") and len(line) <= int(width) for line in shown)
    assert any("10 of 10 pictures" in line for line in shown) is (int(width) >= 40)


def test_no_colour_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes colour out of the bars."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with watching(stream, quiet=False) as tell:
        tell("decoding", 5, 10)
    assert "\x1b[38" not in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()
