"""A canvas of 100 by 100 units to draw on with Pillow: large, then made small, so that edges are
smooth. Chance, for textures, is the same each time."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["SIDE", "Canvas", "Point"]

SIDE = 128
_FINE = 6
_UNIT = SIDE * _FINE / 100
_COLOURS = 224
"""Of the file: as many as keep it small."""

Point = tuple[float, float]


class Canvas:
    """A picture in the making. Later strokes cover earlier ones; x goes right, y down."""

    def __init__(self, seed: int, *stops: str) -> None:
        """A background that goes from the first colour at the top to the last at the bottom."""
        self._chance = np.random.default_rng(seed)
        self._image = Image.new("RGB", (SIDE * _FINE,) * 2)
        self._pen = ImageDraw.Draw(self._image)
        self.fade(0, 100, *stops)

    def fade(self, top: float, bottom: float, *stops: str) -> None:
        """A band whose colour changes on its way down."""
        first, last = round(top * _UNIT), round(bottom * _UNIT)
        colours = np.array([_rgb(one) for one in stops], float)
        for row in range(first, last):
            place = (row - first) / max(1, last - first - 1) * (len(stops) - 1)
            at = min(int(place), max(0, len(stops) - 2))
            after = colours[min(at + 1, len(stops) - 1)]
            mixed = colours[at] + (after - colours[at]) * (place - at)
            fill = tuple(int(one) for one in mixed)
            self._pen.line((0, row, SIDE * _FINE, row), fill=fill)

    def oval(self, x: float, y: float, wide: float, high: float, fill: str) -> None:
        """An ellipse by its centre and its half axes."""
        box = ((x - wide) * _UNIT, (y - high) * _UNIT, (x + wide) * _UNIT, (y + high) * _UNIT)
        self._pen.ellipse(box, fill=fill)

    def box(self, x: float, y: float, x2: float, y2: float, fill: str, round_: float = 0) -> None:
        """A rectangle, with corners that may be round."""
        corners = (x * _UNIT, y * _UNIT, x2 * _UNIT, y2 * _UNIT)
        self._pen.rounded_rectangle(corners, round_ * _UNIT, fill=fill)

    def area(self, points: Sequence[Point], fill: str) -> None:
        """A polygon."""
        self._pen.polygon([(x * _UNIT, y * _UNIT) for x, y in points], fill=fill)

    def blob(self, points: Sequence[Point], fill: str) -> None:
        """A closed curve through the points."""
        self.area(_curve(points), fill)

    def stroke(self, points: Sequence[Point], width: float, fill: str) -> None:
        """A line with round joints and ends."""
        spots = [(x * _UNIT, y * _UNIT) for x, y in points]
        self._pen.line(spots, fill=fill, width=max(1, round(width * _UNIT)), joint="curve")
        for x, y in points:
            self.oval(x, y, width / 2, width / 2, fill)

    def limb(self, points: Sequence[Point], start: float, end: float, fill: str) -> None:
        """A line that is `start` wide where it begins and `end` where it ends."""
        for (x, y), (x2, y2), step in zip(points, points[1:], range(len(points)), strict=False):
            for part in range(24):
                share = part / 23
                along = (step + share) / (len(points) - 1)
                radius = (start + (end - start) * along) / 2
                self.oval(x + (x2 - x) * share, y + (y2 - y) * share, radius, radius, fill)

    def tufts(self, top: float, bottom: float, colours: Sequence[str], count: int) -> None:
        """Blades of grass, or what looks like it."""
        for _ in range(count):
            x, y = self._chance.uniform(0, 100), self._chance.uniform(top, bottom)
            lean, high = self._chance.uniform(-1.5, 1.5), self._chance.uniform(2, 5)
            fill = colours[int(self._chance.integers(len(colours)))]
            self.stroke([(x, y), (x + lean, y - high)], 0.7, fill)

    def spots(self, box: Sequence[float], size: float, colours: Sequence[str], count: int) -> None:
        """Soft spots of many sizes within a box: leaves, clouds, pebbles."""
        for _ in range(count):
            x, y = self._chance.uniform(*box[::2]), self._chance.uniform(*box[1::2])
            wide = size * self._chance.uniform(0.5, 1.2)
            fill = colours[int(self._chance.integers(len(colours)))]
            self.oval(x, y, wide, wide * self._chance.uniform(0.6, 1), fill)

    def soften(self, radius: float) -> None:
        """Blur what is drawn so far: a background out of focus."""
        self._image.paste(self._image.filter(ImageFilter.GaussianBlur(radius * _UNIT)))

    def png(self) -> bytes:
        """The file."""
        small = self._image.resize((SIDE, SIDE), Image.Resampling.BOX)
        grain = self._chance.normal(0, 2.0, (SIDE // 2, SIDE // 2)).repeat(2, 0).repeat(2, 1)
        pixels = np.clip(np.asarray(small, float) + grain[..., None], 0, 255).astype(np.uint8)
        few = Image.fromarray(pixels).quantize(
            _COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        file = io.BytesIO()
        few.save(file, "PNG", optimize=True)
        return file.getvalue()


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _curve(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """A closed curve of Catmull and Rom."""
    spots = np.array(points, float)
    before, after = np.roll(spots, 1, 0), np.roll(spots, -1, 0)
    beyond = np.roll(spots, -2, 0)
    found: list[Point] = []
    for share in (np.arange(steps) / steps).tolist():
        found += [
            (float(x), float(y))
            for x, y in 0.5
            * (
                2 * spots
                + (after - before) * share
                + (2 * before - 5 * spots + 4 * after - beyond) * share**2
                + (3 * spots - before - 3 * after + beyond) * share**3
            )
        ]
    count = len(points)
    return [found[step * count + at] for at in range(count) for step in range(steps)]
