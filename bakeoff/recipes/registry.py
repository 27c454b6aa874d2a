"""From what a person types to a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bakeoff.recipes import files
from bakeoff.spec.errors import SpecError, one_of
from bakeoff.spec.recipe import Recipe

__all__ = ["Make", "merged", "resolve"]

Make = Callable[[], Recipe]
"""What a recipe is in code: a function without arguments."""


def merged(families: Iterable[Mapping[str, Make]]) -> dict[str, Make]:
    """All families in one table. A name that two of them use is our mistake."""
    table: dict[str, Make] = {}
    for family in families:
        for name, make in family.items():
            if name in table:
                raise ValueError(f"two recipes are named {name!r}")
            table[name] = make
    return table


def resolve(word: str, table: Mapping[str, Make]) -> Recipe:
    """The recipe that `word` names: one of `table`, or `path/my.py:function`."""
    if word in table:
        return table[word]()
    if files.is_file_reference(word):
        return files.load(word)
    own = "A recipe of your own is written my.py:function."
    raise SpecError("recipe", "must be a known one", word, f"{one_of(word, table)} {own}".strip())
