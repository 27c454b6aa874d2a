"""From a word to a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.recipes import RECIPES, get
from bakeoff.recipes.registry import merged, resolve
from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.recipe import Recipe


def test_a_name_used_twice_is_refused() -> None:
    """Two families with one name between them do not hide each other's recipe."""
    one = {"a": RECIPES["cnn10"]}
    with pytest.raises(ValueError, match="two recipes are named 'a'"):
        merged([one, one])


def test_a_known_name() -> None:
    """A shipped recipe is found by its name."""
    assert get("cnn10").name == "cnn10"


def test_a_misspelt_name() -> None:
    """A misspelt name is answered with the nearest one and the way to one's own."""
    with pytest.raises(SpecError) as caught:
        resolve("cnn01", {name: RECIPES[name] for name in ("cnn10", "vgg6")})
    assert str(caught.value) == (
        "recipe must be a known one, but is 'cnn01'. Did you mean 'cnn10'? (Known: cnn10, vgg6.) "
        "A recipe of your own is written my.py:function."
    )


def test_a_file(tmp_path: Path) -> None:
    """A word that speaks of a file is looked for there."""
    (tmp_path / "my.py").write_text(
        "from bakeoff.recipes import get\ndef mine():\n    return get('vgg6')\n"
    )
    assert get(f"{tmp_path}/my.py:mine") == get("vgg6")


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe(name: str) -> None:
    """A shipped recipe has the name it is listed under, a note, and an exact round trip."""
    recipe = RECIPES[name]()
    assert recipe.name == name
    assert recipe.note.endswith(".")
    assert codec.loads(Recipe, codec.dumps(recipe)) == recipe
