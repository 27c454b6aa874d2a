"""The house's rules about its own shape."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bakeoff"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = {
    "spec",
    "recipes",
    "data",
    "models",
    "training",
    "evaluation",
    "runs",
    "champion",
    "report",
    "serving",
    "cli",
}
MODULE_LINES = 400
FUNCTION_LINES = 40
"""Modules aim for 300; a table of declarations may be longer."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    """A module's path, as tests are called by it."""
    return str(path.relative_to(PACKAGE))


def test_imports_keep_the_contracts() -> None:
    """Every contract on imports in pyproject.toml is kept."""
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_there_are_no_other_layers() -> None:
    """A package that is not a layer is in no contract, so there is none."""
    found = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert found <= LAYERS


@pytest.mark.parametrize("word", ["utils", "util", "common", "helpers", "helper", "core", "misc"])
def test_no_module_is_a_drawer(word: str) -> None:
    """Every module is named by what it holds."""
    assert not [path for path in MODULES if word in (path.stem, path.parent.name)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_short(path: Path) -> None:
    """A module can be read in one go."""
    assert len(path.read_text().splitlines()) <= MODULE_LINES


STAND_ON_EXTRAS = (
    "bakeoff.champion.crowning.crown",
    "bakeoff.champion.exporting.pointing",
    "bakeoff.champion.exporting.quantise",
    "bakeoff.champion.exporting.translations",
)
"""Modules of ours that cannot be read at all without a library which may not be installed."""


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short(path: Path) -> None:
    """A function's statements fit on one screen; signature and docstring are not counted."""
    tree = ast.parse(path.read_text())
    long = {node.name: _lines(node) for node in ast.walk(tree) if isinstance(node, Function)}
    assert {key: lines for key, lines in long.items() if lines > FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_inside_functions(path: Path) -> None:
    """Imports stand at the top, but in the command line, whose help must answer at once, and for
    what may not be installed."""
    if path.parent.name == "cli":
        return
    allowed = (
        "cryptography",
        "datasets",
        "huggingface_hub",
        "kornia",
        "matplotlib",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "openvino",
        "pyarrow",
        "sklearn",
        "uvloop",
    )
    inner = [
        ast.unparse(node)
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, Function)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    foreign = [line for line in inner if line.split()[1].split(".")[0] not in allowed]
    assert [line for line in foreign if line.split()[1] not in STAND_ON_EXTRAS] == []


def _lines(node: Function) -> int:
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1
