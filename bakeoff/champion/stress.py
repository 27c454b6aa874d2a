"""A champion put under strain: pictures made worse on the device, and what it says of them.

Strains are laid on pictures as the network is given them, decoded and fitted. What the camera saw
before that is not redone: a shift of 3% is 3% of the fitted square.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.champion.sample import Asked, Part, Sample, batches, first, members_of, said, sample
from bakeoff.data.corrupt import CORRUPTIONS, STRAINS, strained
from bakeoff.data.dataset import Dataset, find_near
from bakeoff.data.duplicates import leaked
from bakeoff.data.progress import Progress, silent
from bakeoff.evaluation.intervals import wilson
from bakeoff.evaluation.slices import Group, Slice, by_class, quarters, sliced
from bakeoff.evaluation.stress import Duplicates, Row, Stressed, mean_of, row
from bakeoff.spec.errors import ArgumentError, one_of

__all__ = ["is_open", "pictures_for", "stress"]

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_MOST, _LEAST = 500, 100
_CLEAN = 10
"""For each picture that is made worse, so many are looked at as they are: once costs little, and
slices need them."""

_TASK = "under strain"


def pictures_for(side: int) -> int:
    """How many pictures are made worse unless told: fewer, the larger they are.

    By nothing that changes from one time to the next, so that the figures do not.
    """
    return int(min(max(_MOST * (64 / side) ** 2, _LEAST), _MOST))


def is_open(champion: Asked, dataset: Dataset) -> bool:
    """Whether the bake-off that chose this champion has opened the test part of this very dataset:
    looking at it once more selects nothing then."""
    measured = champion.record.metrics.get("measured", {})
    opened = measured.get("part") == "test" and measured.get("opened") is not None
    return opened and _learnt_from(champion, dataset)


def stress(
    champion: Asked,
    dataset: Dataset,
    *,
    part: Part = "val",
    pictures: int | None = None,
    only: Collection[str] | None = None,
    seed: int = 0,
    opening: Callable[[], object] = lambda: None,
    progress: Progress = silent,
) -> Stressed:
    """Accuracy of a champion on a part of a dataset under strains, by slices, and without copies.

    `pictures` of the part, drawn by the seed, are made worse; `only` names the strains. Whether the
    test part may be looked at is for who asks to know (see `is_open`, and `runs.ledger`); `opening`
    is called when nothing is left to be refused, before the champion is shown the first picture.
    """
    names, members = _named(only), members_of(dataset, part)
    count = _count(champion, members, pictures)
    shown = members[first(members, _CLEAN * count, seed)]
    looked = sample(champion, dataset, np.sort(shown), progress)
    opening()
    clean = said(champion, looked, progress).correct
    places = first(looked.indices, count, seed)
    tables = _under_strain(champion, looked, places, names, seed, progress)
    return Stressed(
        champion=champion.record.name,
        engine=champion.engine.name,
        data=dataset.name,
        digest=dataset.digest,
        part=part,
        pictures=len(places),
        side=looked.side,
        seed=seed,
        clean=wilson(int(clean[places].sum()), len(places)),
        rows=tuple(_row(name, tables[name]) for name in names),
        corruption=mean_of(tables, [one.name for one in CORRUPTIONS]),
        whole=wilson(int(clean.sum()), len(clean)),
        duplicates=_copies(champion, dataset, part, looked, clean, progress),
        slices=_slices(champion, dataset, looked, clean),
        notes=_notes(champion, dataset, part),
    )


def _named(only: Collection[str] | None) -> list[str]:
    if only is None:
        return list(STRAINS)
    for name in only:
        if name not in STRAINS:
            raise ArgumentError("only", "must name strains", name, one_of(name, STRAINS))
    return [name for name in STRAINS if name in set(only)]


def _count(champion: Asked, members: Ints, asked: int | None) -> int:
    side = champion.recipe.preprocess.size
    assert side is not None, "the recipe of a champion is settled"
    if asked is not None and asked < 1:
        raise ArgumentError("pictures", "must be at least 1", asked)
    return min(asked or pictures_for(side), len(members))


def _under_strain(
    champion: Asked,
    looked: Sample,
    places: Ints,
    names: Sequence[str],
    seed: int,
    progress: Progress,
) -> dict[str, Flags]:
    """Whether each picture is right, steps × pictures, by strain."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tables = {name: np.empty((len(STRAINS[name].steps), len(places)), bool) for name in names}
    done, total = 0, sum(table.size for table in tables.values())
    progress(_TASK, 0, total)
    for name, table in tables.items():
        for step in range(len(table)):
            for batch in batches(np.arange(len(places)), looked.side):
                shown = places[batch]
                images = torch.from_numpy(looked.pixels(shown)).to(device)
                worse = strained(images, name, step + 1, indices=looked.indices[shown], seed=seed)
                told = champion.tell(worse.cpu().numpy()).probabilities.argmax(1)
                table[step, batch] = told == looked.labels[shown]
                done += len(batch)
                progress(_TASK, done, total)
    return tables


def _row(name: str, table: Flags) -> Row:
    strain = STRAINS[name]
    return row(name, strain.kind, strain.steps, table)


def _learnt_from(champion: Asked, dataset: Dataset) -> bool:
    return champion.record.digests.get("data") == dataset.digest


def _copies(
    champion: Asked,
    dataset: Dataset,
    part: Part,
    looked: Sample,
    clean: Flags,
    progress: Progress,
) -> Duplicates | None:
    if not _learnt_from(champion, dataset):
        return None
    # Searched for here, where somebody is told how far it is; what follows finds it done.
    find_near(dataset.scan, progress=progress)
    copies = np.isin(looked.indices, leaked(dataset, part))
    left = clean[~copies]
    without = wilson(int(left.sum()), len(left)) if len(left) else None
    return Duplicates(leaked=int(copies.sum()), without=without)


def _slices(champion: Asked, dataset: Dataset, looked: Sample, clean: Flags) -> tuple[Slice, ...]:
    seen, indices = dataset.scan, looked.indices
    light, spread = _light(looked)
    shorter = np.minimum(seen.widths, seen.heights)[indices].astype(np.float64)
    groups: list[Group] = [
        *quarters(shorter, "size"),
        *quarters(light, "brightness"),
        *quarters(spread, "contrast"),
        *by_class(looked.labels, champion.record.classes),
    ]
    return sliced(clean, groups)


def _light(looked: Sample) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How bright each picture is, and how far its values lie from that."""
    means, deviations = np.empty(len(looked)), np.empty(len(looked))
    for batch in batches(np.arange(len(looked)), looked.side):
        grey = looked.pixels(batch).mean(axis=3).reshape(len(batch), -1)
        means[batch], deviations[batch] = grey.mean(axis=1), grey.std(axis=1)
    return means, deviations


def _notes(champion: Asked, dataset: Dataset, part: Part) -> tuple[str, ...]:
    told = []
    if not _learnt_from(champion, dataset):
        told.append(
            "The champion learnt from other data, or from another split of this: pictures looked "
            "at here may be among those it learnt from. Give the split options of its training to "
            "be sure."
        )
    if part == "val":
        told.append(
            "Validation pictures, by which the champion was chosen: accuracy as they are is a "
            "little too high. What is lost under strain is not."
        )
    return tuple(told)
