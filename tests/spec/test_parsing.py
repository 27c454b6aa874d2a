"""What people type for splits and budgets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bakeoff.spec.amounts import parse_duration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.split import parse_shares, parse_val
from bakeoff.spec.training import parse_budget


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), (" 1h 5s ", 3605)],
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    """Lengths of time are written with s, m, h and d."""
    assert parse_duration(text) == seconds
    assert parse_budget(text).seconds == seconds


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("80/20", (0.8, 0.2)),
        ("80/10/10", (0.8, 0.1, 0.1)),
        ("0.7/0.3", (0.7, 0.3)),
        ("official", "official"),
    ],
)
def test_a_split_is_read(text: str, shares: tuple[float, ...] | None) -> None:
    """Splits are written as percentages or shares with slashes."""
    assert parse_shares(text) == shares


@pytest.mark.parametrize(
    ("text", "value"), [("10%", 0.1), ("0.1", 0.1), ("5000", 5000), ("12.5 %", 0.125)]
)
def test_a_validation_part_is_read(text: str, value: float) -> None:
    """Validation is a percentage, a share, or a number of pictures."""
    assert parse_val(text) == value
    assert type(parse_val(text)) is type(value)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (
            parse_duration,
            "ten minutes",
            "--budget must be a length of time, but is 'ten minutes'. Write it like 90s, 10m or "
            "1h30m.",
        ),
        (
            parse_duration,
            "10",
            "--budget must be a length of time, but is '10'. Write it like 90s, 10m or 1h30m.",
        ),
        (parse_duration, "0m", "--budget must be greater than 0, but is 0.0."),
        (
            parse_shares,
            "80/30",
            "--split must be two or three percentages that add up to 100, but is '80/30'. Write "
            "80/20 (train/test), 80/10/10 (train/validation/test) or official.",
        ),
        (
            parse_shares,
            "100/0",
            "--split must be two or three percentages that add up to 100, but is '100/0'. Write "
            "80/20 (train/test), 80/10/10 (train/validation/test) or official.",
        ),
        (
            parse_val,
            "ten",
            "--val must be a share or a number of pictures, but is 'ten'. Write 10%, 0.1 or 5000.",
        ),
        (parse_val, "2.5", "--val must be a whole number of pictures, but is '2.5'."),
        (
            parse_val,
            "0",
            "--val as a share must be above 0 and below 1, but is 0.0. Write 0.1 for a tenth, 5000 "
            "for a number of pictures.",
        ),
    ],
)
def test_what_cannot_be_read_is_shown_how_to_write(
    read: Callable[[str], object], text: str, message: str
) -> None:
    """A text that is not understood is answered with one that would be."""
    with pytest.raises(SpecError) as caught:
        read(text)
    assert str(caught.value) == message
