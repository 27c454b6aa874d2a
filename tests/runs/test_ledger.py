"""The ledger of test openings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data.cache import cache_folder
from bakeoff.runs.ledger import key, open_test, openings
from bakeoff.spec.errors import CacheError
from tests.runs.digits import digits


def test_openings_are_counted(tmp_path: Path) -> None:
    """Each bake-off that opens a test part adds one, and each is told of."""
    data = digits()
    assert openings(data) == ()
    first = open_test(data, token="a", why="a try", where=tmp_path)
    second = open_test(data, token="b", why="another", where=tmp_path)
    assert [(one.times, one.before) for one in (first, second)] == [(1, 0), (2, 1)]
    found = openings(data)
    assert [one.why for one in found] == ["a try", "another"]
    assert found[0].pictures == len(data.split.test)
    assert found[0].data == data.digest


def test_one_bakeoff_opens_once(tmp_path: Path) -> None:
    """Going on after the opening is no other opening, even when others opened since."""
    data = digits()
    open_test(data, token="a", why="", where=tmp_path)
    open_test(data, token="b", why="", where=tmp_path)
    assert open_test(data, token="a", why="", where=tmp_path).times == 1
    assert len(openings(data)) == 2


def test_the_same_pictures_are_known_again(tmp_path: Path) -> None:
    """Another training part, or the test pictures in another order, is the same test part."""
    data = digits()
    open_test(data, token="a", why="", where=tmp_path)
    other = replace(
        data, split=replace(data.split, test=data.split.test[::-1], train=data.split.train[:50])
    )
    assert other.digest != data.digest
    assert open_test(other, token="b", why="", where=tmp_path).times == 2
    fewer = replace(data, split=replace(data.split, test=data.split.test[1:]))
    assert key(fewer) != key(data)
    assert openings(fewer) == ()


def test_a_line_that_was_cut_off_counts(tmp_path: Path) -> None:
    """A crash while the ledger was written may have followed a look at the pictures."""
    data = digits()
    open_test(data, token="a", why="", where=tmp_path)
    (file,) = (cache_folder() / "ledger").glob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"when": "20')
    assert open_test(data, token="b", why="", where=tmp_path).times == 3
    assert openings(data)[2].token == "b"


def test_a_ledger_that_cannot_be_written(tmp_path: Path) -> None:
    """Without a line in the ledger nothing is opened."""
    cache_folder().mkdir(parents=True)
    (cache_folder() / "ledger").write_text("")
    with pytest.raises(CacheError, match=r"the ledger of test openings in .* a file stands where"):
        open_test(digits(), token="a", why="", where=tmp_path)
