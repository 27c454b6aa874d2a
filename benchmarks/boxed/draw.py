"""Draw the golden pictures of the champion that comes with Bakeoff.

    python benchmarks/boxed/draw.py DRAWINGS

Twenty pictures, two for each class of CIFAR-10, in a folder for each class: the same bytes each
time, with the same Pillow. None of CIFAR-10 may travel with the champion, so it proves itself on
these. Drawings are no photographs: what the network says of them tells nothing of how good it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import animals
import pets
import vehicles
from canvas import Canvas

DRAWN = {**vehicles.DRAWN, **animals.DRAWN, **pets.DRAWN}


def pictures() -> dict[str, bytes]:
    """PNG files by their paths."""
    found = {}
    for label in sorted(DRAWN):
        for draw, *background in DRAWN[label]:
            canvas = Canvas(len(found), *background)
            draw(canvas)
            found[f"{label}/{draw.__name__.replace('_', '-')}.png"] = canvas.png()
    return found


def main() -> None:
    """Write them."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", type=Path)
    folder = asked.parse_args().folder
    for name, content in pictures().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
