"""A user's own recipe file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bakeoff.recipes.files import is_file_reference, load
from bakeoff.spec.errors import SpecError

HEAD = "from bakeoff.spec.network import Classes, Conv, GlobalPool, Network\n"
HEAD += "from bakeoff.spec.recipe import Recipe\nfrom bakeoff.spec.training import Stage\n"
ROWS = "Network(rows=(Conv(width=8), GlobalPool(), Classes()))"
GOOD = (
    HEAD
    + f"""
def small(width=8):
    return Recipe(name="small", network={ROWS}, stages=(Stage(epochs=1),))
"""
)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A recipe file that is as it should be."""
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    return path


def refused(reference: object) -> str:
    """The message that `reference` is refused with."""
    with pytest.raises(SpecError) as caught:
        load(str(reference))
    return str(caught.value)


def test_a_function_in_a_file(mine: Path) -> None:
    """The recipe is what the function returns."""
    assert load(f"{mine}:small").name == "small"


def test_a_relative_path_and_a_home(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the working folder; ~ is the home folder."""
    monkeypatch.chdir(mine.parent)
    monkeypatch.setenv("HOME", str(mine.parent))
    assert load("mine.py:small") == load("~/mine.py:small")


def test_the_file_may_import_its_neighbours(mine: Path) -> None:
    """What lies beside the file can be imported from it, and only then."""
    (mine.parent / "neighbour_of_mine.py").write_text("NAME = 'next-door'")
    mine.write_text(GOOD.replace('"small"', "neighbour_of_mine.NAME") + "import neighbour_of_mine")
    before = list(sys.path)
    assert load(f"{mine}:small").name == "next-door"
    assert sys.path == before


def test_nothing_is_left_beside_the_file(mine: Path) -> None:
    """Loading leaves no compiled copy behind."""
    load(f"{mine}:small")
    assert [path.name for path in mine.parent.iterdir()] == ["mine.py"]


def test_a_changed_file_is_read_again(mine: Path) -> None:
    """What counts is what the file says now."""
    load(f"{mine}:small")
    mine.write_text(GOOD.replace('"small"', '"tiny"'))
    assert load(f"{mine}:small").name == "tiny"


def test_no_such_file(mine: Path) -> None:
    """A misspelt file is answered with the nearest one there is."""
    place = mine.with_name("mien.py")
    assert refused(f"{place}:small") == (
        f"recipe file {place} does not exist. Did you mean 'mine.py'? (Known: mine.py.)"
    )


def test_no_such_folder(tmp_path: Path) -> None:
    """A file in a folder that does not exist does not exist either."""
    place = tmp_path / "no" / "mine.py"
    assert refused(f"{place}:small") == f"recipe file {place} does not exist."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder with the name of a file is refused in words."""
    (tmp_path / "mine.py").mkdir()
    assert refused(f"{tmp_path}/mine.py:x").endswith("mine.py cannot be read: Is a directory.")


def test_no_such_function(mine: Path) -> None:
    """A misspelt function is answered with the nearest one in the file."""
    assert refused(f"{mine}:smal") == (
        f"recipe file {mine} has no function 'smal'. Did you mean 'small'? (Known: small.)"
    )


def test_no_function_named(mine: Path) -> None:
    """A file alone is answered with what could follow it."""
    assert refused(mine) == (
        f"recipe file {mine} needs the name of a function after a colon. Known: small."
    )


def test_a_file_without_functions(mine: Path) -> None:
    """A file that only imports things has no recipe in it."""
    mine.write_text(HEAD + "from textwrap import dedent")
    assert refused(f"{mine}:dedent") == (
        f"recipe file {mine} has no function 'dedent'. Write one that returns a Recipe."
    )


def test_something_else_than_python(tmp_path: Path) -> None:
    """What is no Python file is refused with the way to write it."""
    assert refused("mine.yaml:small") == (
        "recipe must name a Python file and a function in it, but is 'mine.yaml:small'. "
        "Write it like my.py:my_recipe."
    )


def test_not_a_recipe(mine: Path) -> None:
    """A function that returns something else is told what it returned."""
    mine.write_text("def small():\n    return {'name': 'small'}\n")
    assert refused(f"{mine}:small") == (
        f"small() in {mine} must return a Recipe, but returns an object of type dict."
    )


def test_a_function_that_wants_arguments(mine: Path) -> None:
    """A function that cannot be called without arguments is refused before it is called."""
    mine.write_text("def small(width, *more, deep=1):\n    pass\n")
    assert refused(f"{mine}:small") == (
        f"small() in {mine} must take no arguments, but needs width."
    )


def test_not_python(mine: Path) -> None:
    """A slip of the pen is told with its line."""
    mine.write_text("x = 1\ndef small(:\n")
    assert refused(f"{mine}:small") == f"{mine}, line 2 is not valid Python: invalid syntax."


def test_binary(mine: Path) -> None:
    """A file that is no text at all is refused in words."""
    mine.write_bytes(b"\x00\x01")
    assert "source code" in refused(f"{mine}:small")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "raised ZeroDivisionError: division by zero."),
        ("raise SystemExit", "raised SystemExit."),
        ("import not_installed_anywhere", "raised ModuleNotFoundError: No module named "),
    ],
)
def test_a_file_that_fails(mine: Path, line: str, said: str) -> None:
    """An error while the file runs is told with its line."""
    mine.write_text(f"x = 1\n{line}\n")
    assert refused(f"{mine}:small").startswith(f"{mine}, line 2 {said}")


def test_a_function_that_fails(mine: Path) -> None:
    """An error inside the function is told with the line in the user's file."""
    mine.write_text("def small():\n    return int('x')\n")
    assert refused(f"{mine}:small") == (
        f"{mine}, line 2 raised ValueError: invalid literal for int() with base 10: 'x'."
    )


def test_a_declaration_that_breaks_a_rule(mine: Path) -> None:
    """A broken rule keeps its own words, with file and line before them."""
    mine.write_text(GOOD.replace("Conv(width=8)", "Conv(widht=8)"))
    message = refused(f"{mine}:small")
    assert message.startswith(f"{mine}, line 6: Conv.widht is not a field. Did you mean 'width'?")


@pytest.mark.parametrize(
    ("word", "answer"),
    [("my.py:x", True), ("my.py", True), ("dir/my", True), ("cnn10", False), ("vgg6-bn", False)],
)
def test_what_looks_like_a_file(word: str, answer: bool) -> None:
    """A colon, a slash or .py speak of a file."""
    assert is_file_reference(word) is answer
