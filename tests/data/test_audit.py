"""What an audit counts, and what it says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from bakeoff.data import duplicates
from bakeoff.data.audit import Audit, audit
from bakeoff.data.dataset import load
from bakeoff.data.duplicates import LISTED
from bakeoff.spec.split import SplitPlan
from tests.pictures import encoded, folder_of_digits, photograph

COUNTS = {"train": 24, "val": 8, "test": 8}


def save(picture: Image.Image, path: Path, kind: str = "PNG") -> None:
    """Write a picture, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture, kind))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of photographs in three parts, nothing wrong with them."""
    root = tmp_path / "photos"
    seed = 0
    for part, count in COUNTS.items():
        for label in ("cat", "dog"):
            for number in range(count):
                save(photograph(64, 64, seed=seed), root / part / label / f"{number}.png")
                seed += 1
    return root


def said(found: Audit, severity: str = "") -> list[str]:
    """The findings, all or of one severity."""
    return [one.text for one in found.findings if severity in ("", one.severity)]


def opened(path: Path) -> Image.Image:
    """A picture as it lies on the disk."""
    with Image.open(path) as picture:
        return picture.copy()


def test_a_clean_dataset_gives_no_findings(folder: Path) -> None:
    """Nothing is said where there is nothing to say, and the counts are right."""
    found = audit(load(folder))
    assert said(found) == []
    facts = found.facts
    assert facts.pictures == 80
    assert facts.counts == {part: (count, count) for part, count in COUNTS.items()}
    assert facts.imbalance == 1
    assert (facts.sizes.distinct, facts.sizes.not_square, facts.sizes.modes) == (1, 0, {"RGB": 80})
    assert facts.exact.pairs == facts.near.pairs == 0


def test_copies_of_test_pictures_in_training_are_an_error(folder: Path) -> None:
    """An identical copy and a changed one are told apart, and both are counted as leaks."""
    save(opened(folder / "test/cat/0.png"), folder / "train/cat/again.png")
    darker = ImageEnhance.Brightness(opened(folder / "test/dog/1.png")).enhance(0.7)
    save(ImageOps.mirror(darker), folder / "val/dog/again.png")
    found = audit(load(folder))
    assert said(found, "error") == [
        "1 of 16 test pictures (6.2%) has an identical copy among the training or validation "
        "pictures, so scores on them partly measure memory. Split anew with --split 80/10/10, "
        "which keeps copies on one side, or say so beside the score.",
        "1 of 16 test pictures (6.2%) has a near-duplicate among the training or validation "
        "pictures, so scores on them partly measure memory. Split anew with --split 80/10/10, "
        "which keeps copies on one side, or say so beside the score.",
    ]
    exact, near = found.facts.exact, found.facts.near
    assert exact.across == {"train/val": 0, "train/test": 1, "val/test": 0}
    assert exact.listed[0].names == ("train/cat/again.png", "test/cat/0.png")
    assert near.across == {"train/val": 0, "train/test": 0, "val/test": 1}
    assert near.listed[0].parts == ("val", "test")
    assert near.mirrored == 1
    assert near.listed[0].mirrored
    assert near.leaked == {"val": 0, "test": 1}


def test_a_new_split_mends_leaks(folder: Path) -> None:
    """What the finding advises does away with it."""
    for number in range(8):
        save(opened(folder / f"test/cat/{number}.png"), folder / f"train/cat/x{number}.png")
    assert said(audit(load(folder)), "error") != []
    found = audit(load(folder, plan=SplitPlan(shares=(0.8, 0.1, 0.1))))
    assert said(found, "error") == []
    assert found.facts.exact.pairs == 8


@pytest.mark.parametrize("cut", [False, True])
def test_which_side_near_duplicates_are_on(folder: Path, cut: bool) -> None:
    """Where Bakeoff cut the test part it says so, and that they are on one side; else how to."""
    darker = ImageEnhance.Brightness(opened(folder / "train/dog/1.png")).enhance(0.7)
    save(darker, folder / "train/dog/again.png")
    plan = SplitPlan(shares=(0.8, 0.1, 0.1)) if cut else SplitPlan()
    found = audit(load(folder, plan=plan))
    assert found.facts.cut == cut
    (note,) = said(found, "note")
    assert note.startswith("2 of 81 pictures (2.5%) have a near-duplicate")
    assert note.endswith(
        "somewhere in the dataset. Bakeoff cut the test part itself, and kept them on one side."
        if cut
        else "somewhere in the dataset. The test part came with the pictures; where Bakeoff cuts "
        "it, with --split 80/10/10, they stay on one side."
    )


def test_a_leak_through_an_equal_thumbnail_is_seen(folder: Path) -> None:
    """A test picture whose twin, not itself, was compared with a training picture counts."""
    # The same thumbnail but other bytes: neighbours trade one level of brightness.
    pixels = np.asarray(opened(folder / "test/cat/0.png")).copy()
    pixels[0, 0], pixels[0, 1] = 100, 102
    picture = Image.fromarray(pixels)
    save(picture, folder / "test/cat/0.png")
    pixels[0, :2] = 101
    save(Image.fromarray(pixels), folder / "test/cat/twin.png")
    save(ImageEnhance.Brightness(picture).enhance(0.7), folder / "train/cat/again.png")
    assert audit(load(folder)).facts.near.leaked["test"] == 2


def test_copies_of_validation_pictures_are_a_warning(folder: Path) -> None:
    """Validation that repeats training flatters, but it only chooses."""
    save(opened(folder / "val/cat/0.png"), folder / "train/cat/again.png")
    assert said(audit(load(folder)), "warning") == [
        "1 of 16 validation pictures (6.2%) has an identical copy among the training pictures, so "
        "validation flatters a little, and more so what memorises. --split 80/10/10 keeps copies "
        "on one side."
    ]


def test_identical_pictures_with_two_labels_are_a_warning(folder: Path) -> None:
    """One of the two labels must be wrong; the pair is named first."""
    for number in range(3):
        save(opened(folder / f"train/cat/{number}.png"), folder / f"train/cat/{number}x.png")
    save(opened(folder / "train/cat/9.png"), folder / "train/dog/9x.png")
    found = audit(load(folder))
    assert said(found, "warning") == [
        "1 pair of identical pictures has different labels: probably one of the two is wrong; the "
        "first: train/cat/9.png and train/dog/9x.png. Look at them and correct the labels, or take "
        "the pictures out."
    ]
    assert found.facts.exact.listed[0].classes == ("cat", "dog")
    assert found.facts.exact.listed[0].conflicting
    assert (
        "8 of 84 pictures (9.5%) have an identical copy somewhere in the dataset."
        in said(found, "note")[0]
    )


@pytest.mark.parametrize(("sure", "conflicts"), [(0.2, 1), (0.0, 0)])
def test_only_sure_copies_speak_against_labels(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sure: float, conflicts: int
) -> None:
    """Pictures too far apart to be surely the same may well have two labels."""
    monkeypatch.setattr(duplicates, "SURE", sure)
    darker = ImageEnhance.Brightness(opened(folder / "train/cat/0.png")).enhance(0.7)
    save(darker, folder / "train/dog/again.png")
    found = audit(load(folder))
    assert found.facts.near.pairs == 1
    assert found.facts.near.conflicting == conflicts
    assert found.facts.near.listed[0].conflicting == bool(conflicts)
    assert len(said(found, "warning")) == conflicts


@pytest.mark.parametrize(
    ("dogs", "severity", "start"),
    [
        (20, "", ""),
        (12, "warning", "Classes are uneven: the largest class, cat (24 pictures), is 2.0 times"),
        (2, "error", "Classes are of very different size: the largest class, cat (24 pictures)"),
    ],
)
def test_imbalance_is_told_by_its_size(
    tmp_path: Path, dogs: int, severity: str, start: str
) -> None:
    """Up to 1.5 nothing, up to 10 a warning, above an error, with figures."""
    for label, count in (("cat", 24), ("dog", dogs)):
        for number in range(count):
            picture = photograph(32, 32, seed=1000 * (label == "cat") + number)
            save(picture, tmp_path / "pets" / label / f"{number}.png")
    found = audit(load(tmp_path / "pets"))
    told = [one for one in found.findings if one.text.startswith("Classes are")]
    assert [one.severity for one in told] == [severity] * bool(severity)
    assert all(one.text.startswith(start) for one in told)


def test_a_class_missing_from_a_part_is_an_error(folder: Path) -> None:
    """A class that cannot be judged is said to be so."""
    dataset = load(folder)
    cats = dataset.split.test[dataset.labels[dataset.split.test] == 0]
    lacking = replace(dataset, split=replace(dataset.split, test=cats))
    assert said(audit(lacking), "error") == [
        "The class dog has no pictures in test, so nothing can be learnt or said of it there. Add "
        "pictures, choose another --seed, or take the class out."
    ]


def test_classes_with_little_to_learn_from_are_named(tmp_path: Path) -> None:
    """Fewer than twenty training pictures are said to be few."""
    texts = said(audit(load(folder_of_digits(tmp_path / "digits", per_class=10))), "warning")
    assert texts == [
        "The classes 0, 1, 2 have fewer than 20 training pictures. Add pictures, and do not trust "
        "what is measured on so few."
    ]


def test_broken_pictures_are_named(folder: Path) -> None:
    """What was left out is listed with the reason."""
    (folder / "train/cat/bad.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    found = audit(load(folder))
    assert len(found.facts.broken) == 1
    told = said(found, "warning")[0]
    assert told.startswith(
        "1 of 81 pictures (1.2%) could not be read and was left out; the first: train/cat/bad.jpg"
    )


def test_odd_pictures_are_counted_and_named(folder: Path) -> None:
    """Blank, tiny and elongated pictures are found, each in its own list."""
    save(Image.new("RGB", (64, 64), (240, 240, 240)), folder / "train/cat/blank.png")
    save(photograph(12, 12, seed=500), folder / "train/cat/tiny.png")
    save(photograph(300, 60, seed=501), folder / "train/cat/long.png")
    found = audit(load(folder))
    facts = found.facts
    assert facts.blank.names == ("train/cat/blank.png",)
    assert facts.tiny.names == ("train/cat/tiny.png",)
    assert facts.elongated.names == ("train/cat/long.png",)
    assert facts.huge.count == 0
    assert facts.sizes.distinct == 3
    assert (facts.sizes.widths.min, facts.sizes.widths.median, facts.sizes.widths.max) == (
        12,
        64,
        300,
    )
    assert said(found, "warning") == [
        "1 of 83 pictures (1.2%) is nearly blank: check that they show anything; the first: "
        "train/cat/blank.png.",
        "1 of 83 pictures (1.2%) is less than 24 pixels on a side, where most have far more; the "
        "first: train/cat/tiny.png.",
    ]


def test_small_pictures_are_not_tiny_among_their_like(tmp_path: Path) -> None:
    """Where all pictures are small, none is tiny."""
    found = audit(load(folder_of_digits(tmp_path / "digits", side=12)))
    assert found.facts.tiny.count == 0


def test_findings_come_gravest_first(folder: Path) -> None:
    """Errors before warnings before notes."""
    save(opened(folder / "test/cat/0.png"), folder / "train/dog/again.png")
    save(Image.new("RGB", (64, 64)), folder / "train/cat/blank.png")
    severities = [one.severity for one in audit(load(folder)).findings]
    assert severities == ["error", "warning", "warning", "note"]


def test_json_holds_everything_and_no_more_than_json_can(folder: Path) -> None:
    """The document survives being written and read, and names what was found."""
    save(opened(folder / "test/cat/0.png"), folder / "train/cat/again.png")
    found = audit(load(folder))
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["schema"] == 1
    assert document["name"] == "photos"
    assert document["digest"] == found.facts.digest
    assert document["counts"]["train"] == [25, 24]
    assert document["exact"]["listed"][0]["names"] == ["train/cat/again.png", "test/cat/0.png"]
    assert document["findings"][0]["severity"] == "error"


def test_long_lists_are_cut_but_counted(folder: Path) -> None:
    """Listing stops at a limit; counting does not."""
    picture = opened(folder / "train/cat/0.png")
    for number in range(LISTED + 10):
        save(picture, folder / "train/cat" / f"copy{number}.png")
    found = audit(load(folder)).facts.exact
    assert found.pairs == LISTED + 10
    assert found.pictures == LISTED + 11
    assert len(found.listed) == LISTED


def test_pictures_in_no_part_are_not_leaks(folder: Path) -> None:
    """What a subset leaves out is counted among the pairs, and leaks nothing."""
    for number in range(8):
        save(opened(folder / f"test/cat/{number}.png"), folder / f"train/cat/x{number}.png")
    found = audit(load(folder, plan=SplitPlan(subset=8, val=4)))
    exact = found.facts.exact
    assert exact.pairs == 8
    parts = [pair.parts for pair in exact.listed]
    assert sum("" in ends for ends in parts) == 8 - exact.leaked["test"]
