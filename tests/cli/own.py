"""A recipe in a file of one's own."""

from __future__ import annotations

from pathlib import Path

TINY = '''
"""A recipe of one's own."""
from bakeoff.spec.network import BatchNorm, Classes, Conv, Dropout, GlobalPool, Network
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import Stage, SGD


def tiny():
    """A moment's work."""
    rows = (Conv(width=8), BatchNorm(activation="relu"), Dropout(rate=0.1), GlobalPool(), Classes())
    return Recipe(name="tiny", network=Network(rows=rows), stages=(Stage(epochs=EPOCHS, batch=64),))
'''


def own(folder: Path, epochs: float) -> str:
    """The recipe's name on the command line."""
    file = folder / "mine.py"
    file.write_text(TINY.replace("EPOCHS", str(epochs)))
    return f"{file}:tiny"
