"""A user's own recipe: a function in a Python file, written `path/my.py:function`.

The file is run from its source, under its own folder as the first place to import from, and leaves
no compiled copy beside it.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from bakeoff.spec.errors import SpecError, UserError, one_of
from bakeoff.spec.recipe import Recipe

__all__ = ["is_file_reference", "load"]


def is_file_reference(word: str) -> bool:
    """Whether `word` speaks of a file rather than of a recipe that Bakeoff ships."""
    return ":" in word or "/" in word or word.endswith(".py")


def load(reference: str) -> Recipe:
    """The recipe that the function in `reference` returns."""
    place, _, name = reference.rpartition(":") if ".py:" in reference else (reference, "", "")
    path = Path(place).expanduser()
    if path.suffix != ".py":
        rule = "must name a Python file and a function in it"
        raise SpecError("recipe", rule, reference, "Write it like my.py:my_recipe.")
    source = _read(path)
    with _importing_from(path.parent.resolve()):
        module = _run(path, source)
        made = _call(path, module, name)
    if not isinstance(made, Recipe):
        rule = f"must return a Recipe, but returns an object of type {type(made).__name__}"
        raise SpecError(f"{name}() in {path}", rule)
    return made


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = [file.name for file in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise SpecError(
            f"recipe file {path}", "does not exist", suggestion=one_of(path.name, near)
        ) from None
    except OSError as error:
        raise SpecError(f"recipe file {path}", f"cannot be read: {error.strerror}") from None


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    # As when Python runs a script: the file may import what lies beside it.
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _run(path: Path, source: bytes) -> ModuleType:
    place = str(path.resolve())
    # Declarations resolve their types through sys.modules, so the module must be found there.
    module = ModuleType("bakeoff_recipe_" + hashlib.sha256(place.encode()).hexdigest()[:12])
    module.__file__ = place
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, place, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise _in_words(error, path) from error
    return module


def _call(path: Path, module: ModuleType, name: str) -> object:
    functions = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    }
    if name not in functions:
        lacking, unnamed = f"has no function {name!r}", "needs the name of a function after a colon"
        suggestion = one_of(name, functions) or "Write one that returns a Recipe."
        raise SpecError(f"recipe file {path}", lacking if name else unnamed, suggestion=suggestion)
    needed = [p for p in inspect.signature(functions[name]).parameters.values() if _needed(p)]
    if needed:
        rule = f"must take no arguments, but needs {', '.join(p.name for p in needed)}"
        raise SpecError(f"{name}() in {path}", rule)
    try:
        return functions[name]()
    except (Exception, SystemExit) as error:
        raise _in_words(error, path) from error


def _needed(parameter: inspect.Parameter) -> bool:
    filled = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in filled


def _in_words(error: BaseException, path: Path) -> SpecError:
    """What went wrong in the user's file, with the line it went wrong at."""
    if isinstance(error, SyntaxError) and error.filename == str(path.resolve()):
        return SpecError(f"{path}, line {error.lineno}", f"is not valid Python: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path.resolve())]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    if isinstance(error, UserError):
        return SpecError(f"{where}: {error.field}", error.rule, error.value, error.suggestion)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return SpecError(where, f"raised {said}")
