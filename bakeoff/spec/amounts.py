"""Amounts as people write them, with their units."""

from __future__ import annotations

import re

from bakeoff.spec.errors import SpecError
from bakeoff.spec.rules import positive

__all__ = ["parse_duration", "parse_latency", "parse_size"]

_DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LATENCIES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_SIZES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}


def parse_duration(text: str, *, field: str = "--budget") -> float:
    """Seconds in a text such as `90s`, `10m` or `1h30m`."""
    compact = re.sub(r"\s+", "", text.lower())
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        suggestion = "Write it like 90s, 10m or 1h30m."
        raise SpecError(field, "must be a length of time", text, suggestion)
    seconds = sum(float(number) * _DURATIONS[unit] for number, unit in parts)
    positive(field, seconds)
    return seconds


def parse_latency(text: str, *, field: str = "--max-latency") -> float:
    """Seconds in a text such as `20ms` or `0.5s`."""
    return _parsed(text, _LATENCIES, field, "20ms")


def parse_size(text: str, *, field: str = "--max-size") -> int:
    """Bytes in a text such as `10MB`."""
    return round(_parsed(text, _SIZES, field, "10MB"))


def _parsed(text: str, units: dict[str, float], field: str, example: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", text.lower())
    if match is None or match[2] not in units or not float(match[1]):
        raise SpecError(field, "must be an amount with its unit", text, f"Write it like {example}.")
    return float(match[1]) * units[match[2]]
