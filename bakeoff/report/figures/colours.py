"""Colours of figures, on light and on dark.

Hues are near those of Okabe and Ito, made darker or lighter until each has a contrast of 3 to 1
with what lies behind it, and any two differ to eyes that lack one kind of cones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["THEMES", "Theme", "ThemeName"]

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """One set of colours; each colour of a set is another."""

    back: str
    ink: str
    soft: str
    """Text of less weight."""

    line: str
    """Grids and frames."""

    good: str
    bad: str
    series: tuple[str, ...]


THEMES: dict[ThemeName, Theme] = {
    "light": Theme(
        back="#ffffff",
        ink="#1d1f23",
        soft="#565b66",
        line="#dcdad5",
        good="#0070b0",
        bad="#c44f00",
        series=("#0072cc", "#a94200", "#00926a", "#bd7aa9", "#c28100", "#555555"),
    ),
    "dark": Theme(
        back="#1f2227",
        ink="#eceae6",
        soft="#aeb3bd",
        line="#3a3e46",
        good="#58b6ea",
        bad="#f08a4b",
        series=("#53b5ed", "#d2610a", "#009572", "#cd80ae", "#f8a800", "#006edb"),
    ),
}
