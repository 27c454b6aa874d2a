"""What the clock counts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bakeoff.training.clock import Clock, process_age


class Hands:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_second_counts_once() -> None:
    """An inner span pauses the outer one, and time outside all spans is nobody's."""
    hands = Hands()
    clock = Clock(counted=("load", "train"), now=hands)
    hands.now += 1
    with clock.span("load"):
        hands.now += 2
    hands.now += 4
    with clock.span("train"):
        hands.now += 8
        with clock.span("evaluate"):
            hands.now += 16
        hands.now += 32
        assert clock.seconds("train") == 40
        assert clock.total == 42
    assert clock.spent() == {"load": 2, "train": 40, "evaluate": 16}
    assert clock.total == 42
    assert clock.seconds("write") == 0
    assert clock.describe() == "42.0 s: load 2.0 s, train 40.0 s; not counted: evaluate 16.0 s."


def test_an_error_closes_its_span() -> None:
    """After an error in a span the outer one goes on."""
    hands = Hands()
    clock = Clock(now=hands)
    with clock.span("train"):
        with pytest.raises(ZeroDivisionError), clock.span("evaluate"):
            hands.now += 1
            _ = 1 / 0
        hands.now += 2
    assert clock.spent() == {"train": 2, "evaluate": 1}
    assert clock.describe() == "2.0 s: train 2.0 s; not counted: evaluate 1.0 s."


def test_a_resumed_run_goes_on_counting() -> None:
    """What an earlier life spent is part of the time."""
    hands = Hands()
    clock = Clock(now=hands, before={"train": 10.0, "write": 1.0})
    with clock.span("train"):
        hands.now += 5
    assert clock.spent() == {"train": 15, "write": 1}
    assert Clock(before=clock.spent(), now=hands).total == 15


def test_the_device_is_waited_for_only_at_the_ends() -> None:
    """Looking at the clock never waits; a span's two ends do, and the wait is the span's."""
    hands = Hands()
    waits: list[float] = []

    def synchronise() -> None:
        waits.append(hands.now)
        hands.now += 1

    clock = Clock(now=hands, synchronise=synchronise)
    with clock.span("train"):
        for _ in range(3):
            assert clock.seconds("train") == 0
            assert clock.total == 0
        assert len(waits) == 1
    assert len(waits) == 2
    assert clock.spent() == {"train": 1}


def test_the_age_of_the_process(tmp_path: Path) -> None:
    """It is counted from the start of the process, not of Python; silence gives None."""
    age = process_age()
    if age is not None:
        assert age > time.process_time() / max(1, os.cpu_count() or 1) - 0.1
        assert process_age() is not None
    (tmp_path / "proc/self").mkdir(parents=True)
    ticks = os.sysconf("SC_CLK_TCK")
    fields = " ".join(["S"] + ["0"] * 18 + [str(40 * ticks)] + ["0"] * 20)
    (tmp_path / "proc/self/stat").write_text(f"12 (a) name) {fields}\n")
    (tmp_path / "proc/uptime").write_text("100.50 7.0\n")
    assert process_age(tmp_path) == pytest.approx(60.5)
    assert process_age(tmp_path / "nothing") is None
