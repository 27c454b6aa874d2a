"""Runs whose pictures are read in shards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import sharding
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import silent
from bakeoff.data.shards import Shards
from bakeoff.runs import prepare
from bakeoff.runs.run import Run
from tests.runs.digits import digits, equal, recipe, refused, run
from tests.training.jobs import backbone, stage

pytest.importorskip("fsspec")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """The digits, to be read in shards from a folder that is empty yet."""
    return replace(digits(), shards=(tmp_path / "shards").as_uri())


def test_the_same_is_read_as_would_be_packed(dataset: Dataset) -> None:
    """The recipe is settled alike; validation is the same pictures in the same order, and training
    the same pictures."""
    declared = recipe()
    settled = prepare.settled(declared, dataset, progress=silent)
    assert settled == prepare.settled(declared, digits(), progress=silent)
    held = prepare.prepared(settled, dataset, progress=silent)
    packed = prepare.prepared(settled, digits(), progress=silent)
    assert isinstance(held.pictures, Shards)
    assert np.array_equal(held.pictures[held.val], packed.pictures[packed.val])
    assert np.array_equal(held.labels[held.val], packed.labels[packed.val])
    numbers = held.pictures.numbers[held.train]
    assert sorted(numbers) == sorted(packed.train)
    assert np.array_equal(held.pictures[held.train], packed.pictures[numbers])
    assert np.array_equal(held.labels[held.train], packed.labels[numbers])


def test_a_run_is_the_same_from_wherever_it_reads(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one packs and writes; the second, on a machine that has no pack, only reads, and
    ends in the same bits."""
    first = run(tmp_path / "first", dataset=dataset, seed=3)
    assert first.finished
    assert Run(path=tmp_path / "first").predictions("val")["indices"].tolist() == (
        digits().split.val.tolist()
    )
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "elsewhere"))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("packed again")

    monkeypatch.setattr(sharding, "pack", refuse)
    run(tmp_path / "second", dataset=dataset, seed=3)
    assert equal(tmp_path / "first", tmp_path / "second")
    probe = Run(path=tmp_path / "second").result()["probe"]
    assert (
        probe["reason"] == "pictures come in shards, which are read in turn and not here and there"
    )


def test_shards_of_another_split_are_others(dataset: Dataset, tmp_path: Path) -> None:
    """Below one URL there is room for every dataset, split and preprocessing."""
    settled = prepare.settled(recipe(), dataset, progress=silent)
    prepare.prepared(settled, dataset, progress=silent)
    assert len(list((tmp_path / "shards").iterdir())) == 1
    other = replace(digits(seed=1), shards=dataset.shards)
    prepare.prepared(settled, other, progress=silent)
    assert len(list((tmp_path / "shards").iterdir())) == 2


def test_a_head_alone(dataset: Dataset, tmp_path: Path) -> None:
    """Features of a frozen backbone are extracted from shards as from a pack."""
    declared = recipe(stage(train="head", batch=32, epochs=1), network=backbone())
    assert run(tmp_path / "one", declared, dataset=dataset).finished


def test_going_on_otherwise_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    """A run that began with shards goes on with them: in another order, pictures would be seen
    twice or never."""
    seen: list[object] = []
    out = tmp_path / "one"
    stopped = run(out, dataset=dataset, listen=seen.append, stop=lambda: len(seen) > 0)
    assert not stopped.finished
    assert refused(out, resume=True) == (
        f"the pictures of {out} must be read as they were when it began, in shards or "
        "not: their order is another. Give the same command as at the first start, with --out and "
        "--resume."
    )
    assert run(out, dataset=dataset, resume=True).finished
