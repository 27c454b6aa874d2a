"""The directory of a bake-off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.runs.estimate import Estimate
from bakeoff.runs.folder import Folder, refuse_other_data
from bakeoff.runs.lineup import Contender, LeftOut, Lineup
from bakeoff.runs.question import Question
from bakeoff.spec.errors import CacheError, DataError
from tests.runs.baking import near, tiny
from tests.runs.digits import digits

LINEUP = Lineup(
    name="default",
    reason="as it is",
    contenders=tuple(
        Contender(
            recipe=one,
            expected=Estimate(seconds=1.5, least=0.5, fills=True, steps=3),
            remarks=("larger",),
        )
        for one in (tiny(), near())
    ),
    left_out=(LeftOut(recipe="speed", reason="no time"),),
    epochs=10.0,
)


def begun(path: Path) -> Folder:
    """One in which a bake-off began."""
    folder = Folder(path=path)
    folder.begin(Question(data="digits"), digits(), LINEUP)
    return folder


def test_what_began_is_read_again(tmp_path: Path) -> None:
    """Question, data, and all contenders with their recipes, to the last setting."""
    folder = begun(tmp_path)
    record = folder.record()
    assert record.lineup == LINEUP
    assert record.question == Question(data="digits")
    assert record.data["digest"] == digits().digest
    assert len(record.token) == 32
    assert folder.has_begun()
    assert folder.result() is None
    assert folder.run("tiny", 2).path == tmp_path / "runs" / "tiny-2"


def test_something_else_is_there(tmp_path: Path) -> None:
    """A directory with other things in it is left alone; an empty one, or none, is new."""
    assert not Folder(path=tmp_path).has_begun()
    assert not Folder(path=tmp_path / "new").has_begun()
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError) as caught:
        Folder(path=tmp_path).has_begun()
    assert str(caught.value) == (
        f"{tmp_path} holds something that is no bake-off. Give another --out."
    )


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    """What is no bake-off is told, with the way out."""
    with pytest.raises(DataError) as caught:
        Folder(path=tmp_path).record()
    assert str(caught.value) == (
        f"{tmp_path} is not the directory of a bake-off: bakeoff.json is missing. Give the --out "
        "of a bake-off that began, or leave out --resume."
    )


def test_another_version(tmp_path: Path) -> None:
    """A record of another schema is not guessed at."""
    folder = begun(tmp_path)
    path = tmp_path / "bakeoff.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(DataError, match="schema must be 1, the version this Bakeoff reads, but"):
        folder.record()
    path.write_text("{")
    with pytest.raises(DataError, match="is not what was written"):
        folder.record()


def test_other_data(tmp_path: Path) -> None:
    """Another digest is refused, with what differs in the split."""
    record = begun(tmp_path).record()
    refuse_other_data(record, digits(), tmp_path)
    other = digits(150)
    with pytest.raises(DataError) as caught:
        refuse_other_data(record, other, tmp_path)
    assert str(caught.value) == (
        f"the data of {tmp_path} must be the data it began with: its digest was "
        f"{digits().digest[:12]} and is {other.digest[:12]}; the split differs in subset. Give "
        "the same data and split options, or another --out."
    )


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    """What cannot be written in full leaves what was there before."""
    folder = begun(tmp_path)
    with pytest.raises(ValueError, match="Out of range float"):
        folder.write("result.json", {"a": float("nan")})
    assert folder.result() is None
    folder.write("result.json", {"a": 1})
    assert folder.result() == {"a": 1}


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A file in the place of the directory is told as such."""
    (tmp_path / "file").touch()
    folder = replace(Folder(path=tmp_path), path=tmp_path / "file" / "out")
    with pytest.raises(CacheError, match=r"the bake-off in .* Free some space there, or give anot"):
        folder.write("result.json", {})
