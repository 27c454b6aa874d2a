"""Bake-offs that figures and reports are made of, written once."""

from __future__ import annotations

import pytest

from bakeoff.report.result import Result
from tests.report.bakeoffs import made

__all__ = ["few", "many"]


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Four contenders and a crashed one, two seeds, ten classes."""
    return Result.open(made(tmp_path_factory.mktemp("few") / "b", crashed=1))


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Twelve contenders with names of all kinds, a hundred classes, on validation."""
    names = [f"a-long-name-of-a-recipe-{number}_that_somebody_made" for number in range(8)]
    names += ["$a_b$ <i>", "_x|y", "ridge", "猫と犬"]
    path = tmp_path_factory.mktemp("many") / "b"
    classes = [f"class $number_{number}$ with a long name & more" for number in range(100)]
    return Result.open(
        made(path, names=names, classes=classes, part="val", seeds=1, pictures=400, leaked=5)
    )
