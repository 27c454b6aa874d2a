"""A dataset: a listing that was looked at, split, and given a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bakeoff.data import labels as corrections
from bakeoff.data.cache import cache_folder, entry
from bakeoff.data.decode import decode
from bakeoff.data.labels import Corrections
from bakeoff.data.listing import ArrayPictures, FilePictures, Listing, Pictures
from bakeoff.data.near import VERSION as NEAR_VERSION
from bakeoff.data.near import NearPairs, near_duplicates
from bakeoff.data.progress import Progress, silent
from bakeoff.data.scan import Scan, scan
from bakeoff.data.sources import find, read_class_names
from bakeoff.data.splits import Split, cuts_test, joined, split
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan

__all__ = ["MAX_BROKEN", "Broken", "Dataset", "find_near", "load"]

MAX_BROKEN = 0.05
"""Share of broken pictures above which a dataset is refused unless told otherwise."""

_VERSION = 1
"""Raised when the same pictures and plan would give another digest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A picture that was left out."""

    name: str
    reason: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Pictures, labels, class names and splits; broken pictures are left out."""

    listing: Listing
    scan: Scan
    plan: SplitPlan
    split: Split
    broken: tuple[Broken, ...] = ()

    corrections: Corrections | None = None
    """Labels that were looked at again; `listing` holds those that came with the pictures."""

    shards: str | None = None
    """URL of a folder of shards, from which training reads pictures where it would pack them."""

    @property
    def name(self) -> str:
        return self.listing.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.listing.classes

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return self.listing.labels if self.corrections is None else self.corrections.labels

    @property
    def pictures(self) -> Pictures:
        return self.listing.pictures

    @property
    def notes(self) -> tuple[str, ...]:
        if self.corrections is None:
            return self.listing.notes
        return (*self.listing.notes, self.corrections.note)

    def __len__(self) -> int:
        return len(self.listing)

    def __repr__(self) -> str:
        # For a notebook: the fields themselves hold a line for each picture.
        return (
            f"Dataset({self.name!r}, {len(self)} pictures, {len(self.classes)} classes, "
            f"digest {self.digest[:12]})"
        )

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        """One picture, whole, as uint8 H×W×3."""
        pictures = self.pictures
        if isinstance(pictures, ArrayPictures):
            array: npt.NDArray[np.uint8] = pictures.array[index]
            return array
        return decode(pictures.path(index), name=pictures.name(index))

    @cached_property
    def near(self) -> NearPairs:
        """Pairs of near-duplicates, searched for when first asked for."""
        return find_near(self.scan)

    def counts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Pictures of each class in each part."""
        size = len(self.classes)
        parts = self.split.parts().items()
        return {
            name: np.bincount(self.labels[part], minlength=size).astype(np.int64)
            for name, part in parts
        }

    def fold(self, number: int) -> Dataset:
        """The same dataset with another fold as validation."""
        plan = replace(self.plan, fold=number)
        split = _split(self.listing, self.scan, plan, silent)
        if self.corrections is not None:
            split = self.corrections.applied(split)
        return replace(self, plan=plan, split=split)

    @cached_property
    def content(self) -> str:
        """SHA-256 of the pictures, whatever is said of them: what a pack depends on."""
        return hashlib.sha256(self.scan.digests.tobytes()).hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of pictures, labels, class names and split: what a result depends on."""
        told = hashlib.sha256(f"dataset {_VERSION}\0{self.content}".encode())
        told.update(codec.digest(self.plan).encode())
        for name in self.classes:
            told.update(f"\0{name}".encode())
        place = np.full(len(self), 255, np.uint8)
        for code, part in enumerate(self.split.parts().values()):
            place[part] = code
        told.update(self.labels.astype("<i8").tobytes())
        told.update(place.tobytes())
        return told.hexdigest()


def load(
    source: str | Path,
    *,
    plan: SplitPlan | None = None,
    classes: Mapping[str, str] | Path | None = None,
    labels: str | Path | None = None,
    max_broken: float = MAX_BROKEN,
    progress: Progress = silent,
) -> Dataset:
    """The dataset that `source` names: a built-in name, a folder, an archive, a manifest, arrays.

    `classes` gives classes other names, or is a JSON file that does. `labels` is a CSV file of
    corrected labels; parts are cut by those that came with the pictures. Broken pictures are left
    out and listed; more than the share `max_broken` of them is an error.
    """
    plan = plan or SplitPlan()
    names = read_class_names(classes) if isinstance(classes, Path) else classes
    rows = () if labels is None else corrections.read(Path(labels))
    listing = find(source, classes=names, progress=progress)
    # Before the pictures are looked at, which may take minutes.
    known = {} if labels is None else corrections.matched(rows, listing, Path(labels))
    seen = scan(listing.pictures, progress=progress)
    listing, seen, broken = _without_broken(listing, seen, max_broken)
    made = Dataset(
        listing=listing,
        scan=seen,
        plan=plan,
        split=_split(listing, seen, plan, progress),
        broken=broken,
    )
    if labels is None:
        return made
    said = corrections.corrected(known, listing, Path(labels))
    return replace(made, split=said.applied(made.split), corrections=said)


def _without_broken(
    listing: Listing, seen: Scan, limit: float
) -> tuple[Listing, Scan, tuple[Broken, ...]]:
    if not seen.reasons:
        return listing, seen, ()
    broken = tuple(
        Broken(
            name=listing.pictures.name(index),
            reason=reason,
            label=listing.classes[listing.labels[index]],
        )
        for index, reason in sorted(seen.reasons.items())
    )
    share = len(broken) / len(listing)
    if share > limit:
        pictures = "picture" if len(broken) == 1 else "pictures"
        raise DataError(
            listing.name,
            f"has {len(broken)} broken {pictures} among {len(listing)} ({share:.1%}), "
            f"more than the {limit * 100:g}% that are left out without asking: {_few(broken)}",
            suggestion="Mend or remove them, or allow more with --max-broken.",
        )
    whole = np.setdiff1d(np.arange(len(listing)), np.fromiter(seen.reasons, np.int64))
    _check_some_whole(listing, whole, broken)
    return _take(listing, whole), seen.take(whole), broken


def _few(broken: tuple[Broken, ...]) -> str:
    few = "; ".join(f"{one.name} {one.reason}" for one in broken[:3])
    return few + (f"; and {len(broken) - 3} more" if len(broken) > 3 else "")


def _check_some_whole(
    listing: Listing, whole: npt.NDArray[np.int64], broken: tuple[Broken, ...]
) -> None:
    left = set(np.unique(listing.labels[whole]).tolist())
    for place, label in enumerate(listing.classes):
        if place not in left:
            raise DataError(
                f"class {label!r} of {listing.name}",
                "has only broken pictures: "
                + _few(tuple(one for one in broken if one.label == label)),
                suggestion="Mend them, or take the class away.",
            )


def _take(listing: Listing, indices: npt.NDArray[np.int64]) -> Listing:
    pictures = listing.pictures
    # Arrays are decoded already, so nothing in them can be broken.
    assert isinstance(pictures, FilePictures)
    return replace(
        listing,
        pictures=replace(pictures, paths=tuple(pictures.paths[i] for i in indices)),
        labels=listing.labels[indices],
        official=None if listing.official is None else listing.official[indices],
        groups=None if listing.groups is None else listing.groups[indices],
    )


def find_near(seen: Scan, *, progress: Progress = silent) -> NearPairs:
    """Near-duplicates among the pictures of a scan, searched for once and kept."""
    key = hashlib.sha256(f"{NEAR_VERSION} ".encode() + seen.thumbs.tobytes()).hexdigest()
    file = cache_folder() / "near" / key[:32] / "near.npz"
    with entry(file.parent, "the list of near-duplicates") as made:
        if made is not None:
            near_duplicates(seen.thumbs, progress).save(made / file.name)
    return NearPairs.load(file)


def _split(listing: Listing, seen: Scan, plan: SplitPlan, progress: Progress) -> Split:
    _, same = np.unique(seen.digests, axis=0, return_inverse=True)
    order = np.argsort(same, kind="stable")
    twins = np.flatnonzero(same[order][1:] == same[order][:-1])
    pairs = [(order[twins], order[twins + 1])]
    if cuts_test(plan, listing.official):
        near = find_near(seen, progress=progress)
        pairs.append((near.first, near.second))
    return split(
        plan,
        labels=listing.labels,
        digests=seen.digests,
        together=joined(len(listing), groups=listing.groups, pairs=pairs),
        official=listing.official,
    )
