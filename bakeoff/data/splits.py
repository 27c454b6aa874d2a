"""Who trains, who chooses, who is sealed.

A picture's place follows from its content and the seed alone: pictures are ordered by a hash of
both, not by a random generator whose stream may change with a library, nor by the order of files
on a disk. Groups and duplicates move as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.data.listing import PARTS
from bakeoff.spec.errors import DataError
from bakeoff.spec.split import SplitPlan

__all__ = ["Split", "cuts_test", "joined", "split"]

Indices = npt.NDArray[np.int64]
TRAIN, VAL, TEST = range(len(PARTS))
LEFT_OUT = len(PARTS)

DEFAULT_SHARES = (0.8, 0.1, 0.1)
DEFAULT_VAL = 0.1


@dataclass(frozen=True, kw_only=True)
class Split:
    """Places of the pictures of each part, rising."""

    train: Indices
    val: Indices
    test: Indices

    def parts(self) -> dict[str, Indices]:
        """By name, in order."""
        return {"train": self.train, "val": self.val, "test": self.test}


def joined(
    count: int, *, groups: Indices | None, pairs: Sequence[tuple[Indices, Indices]]
) -> Indices:
    """A number for each picture, equal for pictures that stay together.

    Together are those of one group, and both ends of each pair, however long the chain.
    """
    parent = np.arange(count, dtype=np.int64)

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    if groups is not None:
        first: dict[int, int] = {}
        for index, group in enumerate(groups.tolist()):
            join(first.setdefault(group, index), index)
    for ones, others in pairs:
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            join(one, other)
    return np.fromiter((root(index) for index in range(count)), np.int64, count)


def cuts_test(plan: SplitPlan, official: npt.NDArray[np.uint8] | None) -> bool:
    """Whether the plan makes a test part of its own, rather than keep a published one.

    Then near-duplicates too must stay on one side, or the sealed part is not unseen. To search for
    them before validation is taken from a published training part would cost every first start
    for a part that only chooses.
    """
    return isinstance(plan.shares, tuple) or not _has_test(official)


def _has_test(official: npt.NDArray[np.uint8] | None) -> bool:
    return official is not None and bool((official == TEST).any())


def split(
    plan: SplitPlan,
    *,
    labels: npt.NDArray[np.int64],
    digests: npt.NDArray[np.uint8],
    together: Indices,
    official: npt.NDArray[np.uint8] | None,
) -> Split:
    """The split that `plan` makes of pictures with these labels, contents and ties."""
    order = _order(digests, plan.seed)
    place = np.full(len(labels), TRAIN, np.int64)
    everyone = np.arange(len(labels), dtype=np.int64)
    val_done = False
    if plan.shares == "official" and not _has_test(official):
        raise DataError(
            "--split official",
            "needs a source that says which pictures are for testing, and this one does not",
            suggestion="Leave --split out for 80/10/10, or give shares such as 80/20.",
        )
    if not isinstance(plan.shares, tuple) and official is not None:
        place[:] = official
        if not _has_test(official):
            _seal(place, labels, together, order)
        val_done = bool((official == VAL).any()) and plan.val is None and plan.folds is None
        if not val_done:
            place[place == VAL] = TRAIN
    else:
        shares = _shares(plan)
        codes = (TRAIN, TEST) if len(shares) == 2 else (TRAIN, VAL, TEST)
        place = np.array(codes)[_deal(everyone, shares, labels, together, order)]
        val_done = len(shares) == 3
    if plan.subset is not None:
        _keep(place, plan.subset, labels, together, order)
    if not val_done:
        _carve(place, plan, labels, together, order)
    made = Split(
        train=np.flatnonzero(place == TRAIN),
        val=np.flatnonzero(place == VAL),
        test=np.flatnonzero(place == TEST),
    )
    for name, part in made.parts().items():
        if len(part) == 0:
            rule = "would be empty: there are too few pictures, or one group holds them all"
            hint = "Add pictures, or change the shares."
            raise DataError(f"the {name} part of the split", rule, suggestion=hint)
    return made


def _order(digests: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.int64]:
    """Rank of each picture in the order that the seed gives to contents."""
    key = seed.to_bytes(16, "big")
    hashed = [hashlib.blake2b(row.tobytes(), key=key, digest_size=8).digest() for row in digests]
    values = np.frombuffer(b"".join(hashed), ">u8").astype(np.uint64)
    rank = np.empty(len(digests), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(digests))
    return rank


def _shares(plan: SplitPlan) -> tuple[float, ...]:
    """How all pictures are divided where no official split is followed."""
    if isinstance(plan.shares, tuple):
        return plan.shares
    if plan.val is None and plan.folds is None:
        return DEFAULT_SHARES
    # The usual tenth is sealed; validation as asked for comes from the rest.
    train, val, test = DEFAULT_SHARES
    return (train + val, test)


def _seal(place: Indices, labels: Indices, together: Indices, order: Indices) -> None:
    """Take a test part out of an official training part that came without one."""
    members = np.flatnonzero(place == TRAIN)
    test = DEFAULT_SHARES[-1]
    place[members[_deal(members, (1 - test, test), labels, together, order) == 1]] = TEST


def _carve(
    place: Indices, plan: SplitPlan, labels: Indices, together: Indices, order: Indices
) -> None:
    """Take validation out of the training part."""
    members = np.flatnonzero(place == TRAIN)
    if plan.folds is not None:
        if plan.folds > len(members):
            rule = f"must be at most the number of training pictures, {len(members)}"
            raise DataError("--folds", rule, plan.folds)
        dealt = _deal(members, (1 / plan.folds,) * plan.folds, labels, together, order)
        place[members[dealt == plan.fold]] = VAL
        return
    val = DEFAULT_VAL if plan.val is None else plan.val
    share = val if isinstance(val, float) else val / len(members)
    if share >= 1:
        rule = f"must be smaller than the training part, which has {len(members)} pictures"
        raise DataError("--val", rule, val)
    dealt = _deal(members, (1 - share, share), labels, together, order)
    place[members[dealt == 1]] = VAL


def _keep(place: Indices, count: int, labels: Indices, together: Indices, order: Indices) -> None:
    """Leave out all but `count` pictures of training and validation, in proportion."""
    parts = [np.flatnonzero(place == TRAIN), np.flatnonzero(place == VAL)]
    total = sum(len(part) for part in parts)
    if count > total:
        rule = f"must be at most the size of the training part, {total} pictures"
        raise DataError("--subset", rule, count)
    wanted = _whole(np.array([count * len(part) / total for part in parts]), count)
    for part, keep in zip(parts, wanted.tolist(), strict=True):
        if keep < len(part):
            shares = (keep / len(part), 1 - keep / len(part))
            place[part[_deal(part, shares, labels, together, order) == 1]] = LEFT_OUT


def _deal(
    members: Indices,
    shares: Sequence[float],
    labels: Indices,
    together: Indices,
    order: Indices,
) -> Indices:
    """Which share each member goes to: every class in proportion, ties unbroken.

    Ties are dealt first, the largest first, each to the share that lacks its classes most; single
    pictures then fill what each share still lacks, to the picture.
    """
    dealt = np.full(len(members), -1, np.int64)
    need = _quotas(labels[members], shares)
    kinds, sizes = np.unique(together[members], return_counts=True)
    tied = kinds[sizes > 1]
    if len(tied):
        in_tie = np.flatnonzero(np.isin(together[members], tied))
        ties: dict[int, list[int]] = {}
        for spot in in_tie.tolist():
            ties.setdefault(int(together[members[spot]]), []).append(spot)
        first = {key: min(int(order[members[s]]) for s in spots) for key, spots in ties.items()}
        for key in sorted(ties, key=lambda key: (-len(ties[key]), first[key])):
            spots = ties[key]
            counts = np.bincount(labels[members[spots]], minlength=need.shape[1])
            goes = int(np.argmax(np.minimum(need, counts).sum(axis=1) + _lack(need)))
            dealt[spots] = goes
            need[goes] -= counts
    for label in np.unique(labels[members]).tolist():
        free = np.flatnonzero((labels[members] == label) & (dealt < 0))
        free = free[np.argsort(order[members[free]], kind="stable")]
        dealt[free] = _fill(np.maximum(need[:, label], 0), len(free))
    return dealt


def _lack(need: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Between 0 and 1: breaks draws in favour of the share that lacks most altogether."""
    total = np.maximum(need, 0).sum(axis=1, dtype=np.float64)
    lack: npt.NDArray[np.float64] = total / (total.sum() + 1)
    return lack


def _fill(need: npt.NDArray[np.int64], count: int) -> Indices:
    """`count` places, the shares' needs in order; what ties took too much of is taken off last."""
    while need.sum() > count:
        need[np.argmax(need)] -= 1
    while need.sum() < count:
        need[0] += 1
    return np.repeat(np.arange(len(need)), need)


def _quotas(labels: Indices, shares: Sequence[float]) -> npt.NDArray[np.int64]:
    """Pictures of each class that each share is due: whole numbers that add up both ways.

    Rounding down leaves some over; they go where the largest remainder is, while each share's
    total stays what it should be.
    """
    counts = np.bincount(labels)
    exact = np.outer(np.array(shares, np.float64), counts)
    # 0.1 × 5000 must be 500 and not 499.99…; a millionth of a picture does not matter.
    quotas: npt.NDArray[np.int64] = np.floor(exact + 1e-6).astype(np.int64)
    totals = _whole(np.array(shares) * len(labels), len(labels))
    left_of_class = counts - quotas.sum(axis=0)
    left_of_share = totals - quotas.sum(axis=1)
    remainder = exact - quotas
    for cell in np.argsort(-remainder, axis=None, kind="stable").tolist():
        share, label = divmod(cell, exact.shape[1])
        if left_of_class[label] > 0 and left_of_share[share] > 0:
            quotas[share, label] += 1
            left_of_class[label] -= 1
            left_of_share[share] -= 1
    for label in np.repeat(np.arange(len(counts)), left_of_class).tolist():
        share = int(np.argmax(left_of_share))
        quotas[share, label] += 1
        left_of_share[share] -= 1
    return quotas


def _whole(exact: npt.NDArray[np.float64], total: int) -> npt.NDArray[np.int64]:
    """Whole numbers nearest to `exact` that add up to `total`."""
    rounded: npt.NDArray[np.int64] = np.floor(exact + 1e-6).astype(np.int64)
    for place in np.argsort(-(exact - rounded), kind="stable")[: total - int(rounded.sum())]:
        rounded[place] += 1
    return rounded
