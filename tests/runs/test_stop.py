"""Stopping in good order."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from bakeoff.runs.stop import stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number: int) -> None:
    """One signal makes the question say yes; what was there before is put back at the end."""
    before = signal.getsignal(number)
    with stopping() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_the_second_ends_at_once() -> None:
    """A second Ctrl-C acts as it always did."""
    with pytest.raises(KeyboardInterrupt), stopping():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_come_back_after_an_error() -> None:
    """Also when the block ends badly."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="oh"), stopping():
        raise ValueError("oh")
    assert signal.getsignal(signal.SIGTERM) is before


def test_threads_are_never_asked() -> None:
    """Signals reach the main thread only, so elsewhere nothing is promised and nothing breaks."""
    said: list[bool] = []

    def work() -> None:
        with stopping() as asked:
            said.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]
