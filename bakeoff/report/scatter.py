"""Sizes of pictures as a small drawing: one dot a size, larger where it is more frequent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["scatter"]

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 46
CELLS = 48
"""Sizes are gathered into this many steps across and down where there are more."""

SMALLEST, LARGEST = 2.5, 11.0


def scatter(widths: npt.NDArray[np.int32], heights: npt.NDArray[np.int32]) -> str:
    """An SVG element of heights over widths; empty where all pictures have one size."""
    across, down, counts = _gathered(widths, heights)
    if len(counts) < 2:
        return ""
    most_wide, most_high = _end(int(widths.max())), _end(int(heights.max()))

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / most_wide, 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most_high, 1)

    parts = [
        f'<svg class="scatter" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Heights of pictures over their widths; the table gives the figures">'
    ]
    for step in range(5):
        wide, high = most_wide * step // 4, most_high * step // 4
        parts += [
            f'<line x1="{x(wide)}" x2="{x(wide)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(high)}" y2="{y(high)}"/>',
            f'<text x="{x(wide)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{wide:,}</text>',
            f'<text x="{LEFT - 8}" y="{y(high) + 4}" text-anchor="end">{high:,}</text>',
        ]
    radii = SMALLEST + (LARGEST - SMALLEST) * np.sqrt(counts / counts.max())
    for wide, high, radius in zip(across, down, radii, strict=True):
        parts.append(f'<circle cx="{x(wide)}" cy="{y(high)}" r="{radius:.1f}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">width, pixels</text>')
    turned = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="0" y="0" text-anchor="middle" '
        f'transform="translate(14 {turned}) rotate(-90)">height, pixels</text></svg>'
    )
    return "".join(parts)


def _gathered(
    widths: npt.NDArray[np.int32], heights: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sizes and how many pictures have them, near sizes together where there are too many."""
    sizes = np.stack([widths, heights], axis=1).astype(np.float64)
    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    if len(kinds) > CELLS**2 // 4:
        step = sizes.max(axis=0) / CELLS
        kinds, counts = np.unique(np.ceil(sizes / step), axis=0, return_counts=True)
        kinds = (kinds - 0.5) * step
    return kinds[:, 0], kinds[:, 1], counts


def _end(largest: int) -> int:
    """A round number for the end of an axis, divisible by four."""
    for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500, 5000, 10000):
        if 4 * step >= largest:
            return 4 * step
    return -(-largest // 4) * 4
