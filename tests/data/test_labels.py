"""Corrected labels that a dataset takes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bakeoff
from bakeoff.data.dataset import load
from bakeoff.data.labels import Proposal, read, table
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan
from tests.pictures import folder_of_digits

HEADER = "name,given,suggested,label,score"

Fix = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of twenty digits each, 0000.png and so on."""
    return folder_of_digits(tmp_path / "digits", per_class=20)


@pytest.fixture
def fix(tmp_path: Path) -> Fix:
    """Writes a table of rows."""

    def write(*rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "fixed.csv"
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return path

    return write


def some(folder: Path, label: str) -> list[str]:
    """Names of a class's pictures."""
    return [f"{label}/{path.name}" for path in sorted((folder / label).iterdir())]


def test_labels_are_corrected(folder: Path, fix: Fix) -> None:
    """A changed label is another dataset of the same pictures; a confirmed or an undecided one
    changes nothing; a dropped picture is in no part."""
    zeros, ones = some(folder, "0"), some(folder, "1")
    plain = load(folder)
    path = fix(
        f"{zeros[0]},0,1,1,0.9", f"{zeros[1]},0,1,0,0.8", f"{ones[0]},1,2,,0.7", f"{ones[1]},1,2,-,"
    )
    fixed = bakeoff.load(folder, labels=str(path))
    places = {fixed.pictures.name(place): place for place in range(len(fixed))}
    assert np.flatnonzero(fixed.labels != plain.labels).tolist() == [places[zeros[0]]]
    assert fixed.labels[places[zeros[0]]] == 1
    everyone = np.concatenate(list(fixed.split.parts().values()))
    assert sorted(set(range(60)) - set(everyone.tolist())) == [places[ones[1]]]
    assert fixed.digest != plain.digest
    assert fixed.content == plain.content
    assert fixed.notes[-1] == (
        "fixed.csv: 1 label changed, 1 picture dropped, 1 confirmed, 1 undecided and left as given."
    )
    same = load(folder, labels=fix(f"{zeros[1]},0,1,0,0.8", f"{ones[0]},1,2,,0.7"))
    assert same.digest == plain.digest


@pytest.mark.parametrize("plan", [SplitPlan(), SplitPlan(folds=3), SplitPlan(subset=30)])
def test_no_picture_changes_sides(folder: Path, fix: Fix, plan: SplitPlan) -> None:
    """Parts are what they were without the corrections, in every fold: a test picture that is
    corrected cannot become a training picture, nor the other way about."""
    rows = [f"{name},0,1,1," for name in some(folder, "0")[:12]]
    plain, fixed = load(folder, plan=plan), load(folder, plan=plan, labels=fix(*rows))
    assert (fixed.labels != plain.labels).sum() == 12
    pairs = [(plain, fixed)]
    if plan.folds:
        pairs += [(plain.fold(number), fixed.fold(number)) for number in (1, 2)]
    for one, other in pairs:
        for name, part in one.split.parts().items():
            assert np.array_equal(part, other.split.parts()[name])
    dropped = load(folder, plan=plan, labels=fix(f"{some(folder, '0')[0]},0,1,-,"))
    assert plan.folds is None or len(dropped.fold(1).split.train) <= len(plain.split.train)
    for name, part in plain.split.parts().items():
        assert set(dropped.split.parts()[name].tolist()) <= set(part.tolist())


def test_a_dropped_picture_stays_away_in_every_fold(folder: Path, fix: Fix) -> None:
    """Another fold brings nothing back."""
    fixed = load(folder, plan=SplitPlan(folds=3), labels=fix(f"{some(folder, '0')[0]},0,1,-,"))
    for number in range(3):
        parts = fixed.fold(number).split.parts().values()
        assert sum(map(len, parts)) == 59


def test_the_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Names with commas, quotes, spaces and other scripts survive; scores have four decimals."""
    names = ['a, "b".png', "猫/ 1.png", "plain.png"]
    rows = [Proposal(name=name, given="x", suggested="y", score=0.25) for name in names]
    text = table(rows)
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert text.splitlines()[0] == HEADER
    assert text.splitlines()[-1] == "plain.png,x,y,,0.2500"
    assert [(row.name, row.label) for row in read(path)] == [(name, "") for name in names]


def test_what_a_spreadsheet_makes_of_it(folder: Path, tmp_path: Path) -> None:
    """Semicolons, a byte order mark, capitals, other columns and blank lines are read."""
    path = tmp_path / "fixed.csv"
    name = some(folder, "0")[0]
    path.write_bytes(f"\ufeffLabel;who;Name;Given\r\n\r\n2;me;{name};0\r\n;;;\r\n".encode())
    assert (load(folder, labels=path).labels != load(folder).labels).sum() == 1


def test_rows_of_broken_pictures_change_nothing(folder: Path, fix: Fix) -> None:
    """A picture that has broken since is left out as ever, its row in the table notwithstanding."""
    zeros = some(folder, "0")
    (folder / zeros[0]).write_bytes(b"nothing")
    fixed = load(folder, labels=fix(f"{zeros[0]},0,1,1,", f"{zeros[1]},0,1,1,"))
    assert fixed.notes[-1].startswith("fixed.csv: 1 label changed, 0 pictures dropped")


REFUSED = {
    "unknown": (
        ["0/no.png,0,1,1,"],
        "name in line 2 of {path} must be that of a picture of digits, but is '0/no.png'. Names "
        "are as they were written into the table: is it of another dataset?",
    ),
    "given": (
        ["{zero},0,,0,", "{one},2,1,0,"],
        "given in line 3 of {path} must be the label that '{one}' has now, '1', but is '2'. The "
        "dataset has changed since the table was written, or classes were called otherwise. Take "
        "the row out, or look at the picture again.",
    ),
    "class": (
        ["{zero},0,1,7,"],
        "label in line 2 of {path} must be a class of digits, '-' to drop the picture, or empty, "
        "but is '7'. Known: 0, 1, 2.",
    ),
    "twice": (
        ["{zero},0,1,1,", "", "{zero},0,1,1,"],
        "line 4 of {path} must not name a picture again that line 2 names, but is '{zero}'. Keep "
        "one of the two.",
    ),
    "short": (
        ["{zero},0,1"],
        "line 2 of {path} must have 4 cells or more, but is 3. Is a delimiter missing, or a quote?",
    ),
    "quote": (['"{zero},0,1,1,'], "line 2 of {path} is not CSV: unexpected end of data."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_told_with_its_line(folder: Path, fix: Fix, case: str) -> None:
    """One paragraph names line, rule, what was found and the way out."""
    rows, wanted = REFUSED[case]
    words = {"zero": some(folder, "0")[0], "one": some(folder, "1")[0]}
    path = fix(*(row.format(**words) for row in rows))
    with pytest.raises(DataError) as caught:
        load(folder, labels=path)
    assert str(caught.value) == wanted.format(path=path, **words)


def test_tables_that_are_none(folder: Path, fix: Fix, tmp_path: Path) -> None:
    """A missing file, another encoding, an empty file and other columns are refused."""
    told = (
        "The columns are name, given, suggested, label, score; suggested and score may be missing."
    )
    with pytest.raises(DataError) as caught:
        load(folder, labels=tmp_path / "no.csv")
    assert str(caught.value) == (
        f"labels {tmp_path / 'no.csv'} cannot be read: No such file or directory. Check the path."
    )
    path = fix(header="path,label")
    with pytest.raises(DataError) as caught:
        load(folder, labels=path)
    assert str(caught.value) == (
        f"header of {path} must have a column called name, but is ['path', 'label']. {told}"
    )
    path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load(folder, labels=path)
    assert (
        str(caught.value) == f"header of {path} must have a column called name, but is []. {told}"
    )
    path.write_bytes("name,given,label\nä,0,1".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        load(folder, labels=path)
    assert str(caught.value) == (
        f"labels {path} must be UTF-8 (byte 17 is not). Save it again as UTF-8."
    )


def test_nothing_is_emptied(folder: Path, fix: Fix) -> None:
    """A class, or a part, whose pictures all go is an error."""
    zeros = some(folder, "0")
    with pytest.raises(DataError) as caught:
        load(folder, labels=(path := fix(*(f"{name},0,,-," for name in zeros))))
    assert str(caught.value) == (
        f"class '0' would have no pictures left with the corrections of {path}. Leave it one at "
        "least."
    )
    plain = load(folder)
    names = [plain.pictures.name(place) for place in plain.split.val.tolist()]
    with pytest.raises(DataError) as caught:
        load(folder, labels=fix(*(f"{name},{name[0]},,-," for name in names)))
    assert str(caught.value) == (
        "the val part would be empty: fixed.csv drops all its pictures. Keep some of them."
    )


def test_a_class_called_as_the_sign_for_dropping(folder: Path, fix: Fix) -> None:
    """It would be ambiguous, so it is refused; renamed it is not."""
    (folder / "2").rename(folder / "-")
    name = some(folder, "0")[0]
    with pytest.raises(DataError) as caught:
        load(folder, labels=(path := fix(f"{name},0,1,1,")))
    assert str(caught.value) == (
        f"a class must not be called '-', as that stands for dropping a picture in {path}. Give "
        "it another name with --classes."
    )
    assert len(load(folder, labels=path, classes={"-": "two"})) == 60
