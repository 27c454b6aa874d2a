"""Names of classes and parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.listing import FilePictures, Listing
from bakeoff.data.sources.naming import (
    class_order,
    encode_labels,
    official_parts,
    read_class_names,
    rename_classes,
)
from bakeoff.spec.errors import DataError


def listing(*classes: str) -> Listing:
    """One picture of each class."""
    return Listing(
        name="farm",
        pictures=FilePictures(root=Path(), paths=tuple(f"{name}.png" for name in classes)),
        labels=np.arange(len(classes)),
        classes=classes,
    )


def test_classes_are_in_the_order_of_code_points() -> None:
    """Capitals come before small letters and accents last, whatever the language in use."""
    assert class_order(["b", "é", "a", "Z", "a"]) == ("Z", "a", "b", "é")


def test_numbered_classes_are_in_the_order_of_numbers() -> None:
    """Sixteen classes 0 to 15 keep their numbers; one name that is no number changes that."""
    numbers = [str(number) for number in range(16)]
    assert class_order(reversed(numbers)) == tuple(numbers)
    assert class_order(["10", "9", "x"]) == ("10", "9", "x")
    assert class_order(["01", "1", "0"]) == ("0", "01", "1")


def test_labels_are_places_among_the_classes() -> None:
    """Each name becomes its place in the order of classes."""
    labels, classes = encode_labels(["dog", "cat", "dog"])
    assert classes == ("cat", "dog")
    assert labels.tolist() == [1, 0, 1]
    assert labels.dtype == np.int64


def test_a_split_of_one_part_is_no_split() -> None:
    """When every picture is marked alike, nothing is official and a note says so."""
    official, notes = official_parts(np.zeros(3, np.uint8), "table.csv")
    assert official is None
    assert notes == ("All pictures of table.csv are marked 'train': there is no split in it.",)


def test_a_split_needs_a_part_to_train_on() -> None:
    """Validation and test alone are refused."""
    with pytest.raises(DataError) as caught:
        official_parts(np.array([1, 2], np.uint8), "table.csv")
    assert str(caught.value) == (
        "split of table.csv must have a part for training, but is ['val', 'test']. "
        "Mark some as 'train'."
    )


def test_classes_are_renamed_in_place() -> None:
    """New names keep the numbers; a class not mentioned keeps its name."""
    found = rename_classes(listing("cane", "gatto", "mucca"), {"gatto": "cat", "cane": "dog"})
    assert found.classes == ("dog", "cat", "mucca")
    assert found.labels.tolist() == [0, 1, 2]
    assert found.notes == ()


def test_two_classes_may_be_merged() -> None:
    """Two classes with one new name become one, and a note says which."""
    found = rename_classes(listing("car", "lorry", "plane", "van"), {"van": "car", "lorry": "car"})
    assert found.classes == ("car", "plane")
    assert found.labels.tolist() == [0, 0, 1, 0]
    assert found.notes == ("Classes car, lorry, van were merged into 'car'.",)


def test_an_unknown_class_cannot_be_renamed() -> None:
    """A misspelt class is answered with the nearest one."""
    with pytest.raises(DataError) as caught:
        rename_classes(listing("cane", "gatto"), {"gato": "cat"})
    assert str(caught.value) == (
        "class 'gato' in the class names is not a class of farm. "
        "Did you mean 'gatto'? (Known: cane, gatto.)"
    )


def test_a_new_name_must_say_something() -> None:
    """An empty new name is refused."""
    with pytest.raises(DataError, match="new name of class 'cane' must not be empty, but is ' '"):
        rename_classes(listing("cane", "gatto"), {"cane": " "})


def test_class_names_are_read_from_json(tmp_path: Path) -> None:
    """One object of texts, with or without a byte-order mark."""
    path = tmp_path / "names.json"
    path.write_text('{"cane": "dog", "gatto": "cat"}', encoding="utf-8-sig")
    assert read_class_names(path) == {"cane": "dog", "gatto": "cat"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "are not JSON"),
        ("\xff", "are not JSON"),
        ('["cane"]', "must be an object. It must hold one object of texts, such as"),
        ('{"cane": 1}', "class 'cane' in {path} must be given a text, but is 1"),
        ('{"a": "b", "a": "c"}', "class 'a' in {path} is given two new names. Keep one of them"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Each thing that is no mapping of texts is said in words."""
    path = tmp_path / "names.json"
    path.write_text(text, encoding="latin1")
    with pytest.raises(DataError) as caught:
        read_class_names(path)
    assert said.format(path=path) in str(caught.value)


def test_a_missing_file_of_names_is_answered_with_a_near_one(tmp_path: Path) -> None:
    """A misspelt path is answered with the file beside it."""
    (tmp_path / "names.json").write_text("{}")
    with pytest.raises(DataError) as caught:
        read_class_names(tmp_path / "nmes.json")
    assert "nmes.json cannot be read: No such file or directory" in str(caught.value)
    assert f"Did you mean {str(tmp_path / 'names.json')!r}?" in str(caught.value)
