"""The test of the tests: simulated bake-offs whose truth is known.

    python benchmarks/compare.py                        # all of it, 2,000 bake-offs a row
    python benchmarks/compare.py --rounds 200 null power

A picture is right where a sum of three normal draws stays below a threshold: how hard the picture
is for all, how hard for this contender in every run, and how hard in this run. The threshold sets
the contender's accuracy; from run to run it moves by what the seeds' spread says.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from bakeoff.evaluation.compare import Pair, compare
from bakeoff.evaluation.difference import apart
from bakeoff.evaluation.intervals import accuracy, bootstrap
from bakeoff.evaluation.power import Need, Parts, needed
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.spread import crossed
from bakeoff.evaluation.statistic import named

Correct = dict[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class World:
    """Contenders as they truly are."""

    accuracies: tuple[float, ...] = (0.9,) * 5
    """Each over all pictures and seeds there could be."""

    pictures: int = 1000
    seeds: int = 3
    steadiness: tuple[float, ...] = (0.0,)
    """Standard deviation of a run's accuracy from seed to seed, contenders in turn."""

    shared: float = 0.6
    """How much of a picture's difficulty all contenders share."""

    own: float = 0.2
    """How much is a contender's own in every run; the rest is of each run."""

    def bakeoffs(self, rounds: int, seed: int = 0) -> Iterator[Correct]:
        """That many bake-offs of these contenders, on pictures and seeds of their own."""
        random = np.random.default_rng([seed, self.pictures, self.seeds])
        for _ in range(rounds):
            hard = random.standard_normal(self.pictures, np.float32) * self.shared**0.5
            yield {
                f"c{place}": self._contender(random, place, hard)
                for place in range(len(self.accuracies))
            }

    def _contender(
        self, random: np.random.Generator, place: int, hard: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        share, spread = self.accuracies[place], self.steadiness[place % len(self.steadiness)]
        # A threshold that moves by this much moves the accuracy by the spread.
        moves = spread / float(norm.pdf(norm.ppf(share)))
        limits = norm.ppf(share) * (1 + moves**2) ** 0.5 + moves * random.standard_normal(
            self.seeds
        )
        own = random.standard_normal(self.pictures, np.float32) * self.own**0.5
        rest = random.standard_normal((self.seeds, self.pictures), np.float32)
        rest *= max(1 - self.shared - self.own, 0) ** 0.5
        rest += hard + own
        return np.asarray(rest < limits[:, None])


@dataclass(kw_only=True)
class Tally:
    """What was found in many bake-offs of one world."""

    rounds: int = 0
    mistaken: int = 0
    """Bake-offs in which a contender is called better that is not."""

    pairs: int = 0
    held: int = 0
    """Pairs whose interval holds the true difference."""

    told: int = 0
    """Pairs in which the truly better one is called better."""

    tied: int = 0
    contenders: int = 0
    covered: int = 0
    """Contenders whose interval holds their true accuracy."""

    def row(self) -> str:
        """In shares."""
        return (
            f"false better {self.mistaken / self.rounds:6.1%}  "
            f"pairs held {self.held / self.pairs:6.1%}  "
            f"accuracies held {self.covered / self.contenders:6.1%}  "
            f"told {self.told / self.pairs:6.1%}  tied {self.tied / self.pairs:6.1%}"
        )


def tallied(world: World, rounds: int, seed: int = 0, margin: float = 0.005) -> Tally:
    """Bake-offs of this world, each compared and held against the truth."""
    found = Tally()
    truth = {f"c{place}": share for place, share in enumerate(world.accuracies)}
    for correct in world.bakeoffs(rounds, seed):
        pairs = compare(correct, margin=margin, power=None)
        found.rounds += 1
        found.mistaken += any(_mistaken(pair, truth) for pair in pairs)
        for pair in pairs:
            gap = truth[pair.first] - truth[pair.second]
            found.pairs += 1
            found.held += pair.low <= gap <= pair.high
            found.told += (gap > 0 and pair.outcome == "better") or (
                gap < 0 and pair.outcome == "worse"
            )
            found.tied += pair.outcome == "tied"
        for name, values in correct.items():
            interval = accuracy(values)
            found.contenders += 1
            found.covered += interval.low <= truth[name] <= interval.high
    return found


def _mistaken(pair: Pair, truth: dict[str, float]) -> bool:
    gap = truth[pair.first] - truth[pair.second]
    return (pair.outcome == "better" and gap <= 0) or (pair.outcome == "worse" and gap >= 0)


def expected(world: World, rounds: int = 100, seed: int = 1) -> Parts:
    """What a pair's variance is made of in this world: of pictures as found with that many seeds,
    of runs as it was made."""
    many = replace(world, accuracies=world.accuracies[:2], seeds=rounds, pictures=50_000)
    (correct,) = many.bakeoffs(1, seed)
    parts = apart(*(crossed(values) for values in correct.values())).parts
    if world.seeds == 1:
        # What pictures and what runs add to the spread over pictures is not told apart.
        whole = parts.picture + sum(parts.rest)
        return Parts(pictures=world.pictures, seeds=1, picture=whole)
    steady = tuple(world.steadiness[place % len(world.steadiness)] ** 2 for place in (0, 1))
    return replace(parts, pictures=world.pictures, seeds=world.seeds, run=steady)


def needs(world: World, margin: float = 0.005) -> Need:
    """What would tell the first two contenders of this world, as they truly are."""
    gap = world.accuracies[0] - world.accuracies[1]
    return needed(expected(world), gap, margin=margin)


def reached(world: World, need: Need, rounds: int, margin: float = 0.005) -> dict[str, float]:
    """How often there is an answer once what was needed has been added."""
    larger = {}
    if need.pictures is not None:
        larger["pictures"] = replace(world, pictures=world.pictures + need.pictures)
    if need.seeds is not None:
        larger["seeds"] = replace(world, seeds=world.seeds + need.seeds)
    shares = {}
    for name, one in larger.items():
        found = tallied(one, rounds, 2, margin)
        shares[name] = (found.told + found.tied) / found.pairs
    return shares


def null(rounds: int) -> None:
    """Five contenders, all alike."""
    print("## Null bake-offs: five contenders of equal accuracy")
    for pictures in (1000, 10_000):
        tally = tallied(World(pictures=pictures, seeds=1), rounds)
        print(f"n = {pictures:6,}  1 seed   spread 0      {tally.row()}", flush=True)
        for seeds in (2, 3, 5):
            for spread in ((0.0,), (0.002,), (0.01,), (0.0, 0.0, 0.01, 0.01, 0.01)):
                if seeds != 3 and pictures == 10_000 and spread == (0.002,):
                    continue
                tally = tallied(World(pictures=pictures, seeds=seeds, steadiness=spread), rounds)
                name = f"{100 * max(spread):g} pp" + (" of three" if len(spread) > 1 else "")
                print(
                    f"n = {pictures:6,}  {seeds} seeds  spread {name:12} {tally.row()}", flush=True
                )


def shapes(rounds: int) -> None:
    """Other accuracies and correlations, and real differences."""
    print("## Other worlds")
    worlds = {
        "99%, n = 360, 1 seed": World(accuracies=(0.99,) * 5, pictures=360, seeds=1),
        "99%, n = 360, 3 seeds": World(accuracies=(0.99,) * 5, pictures=360),
        "97%, n = 360, 3 seeds, 0.5 pp": World(
            accuracies=(0.97,) * 5, pictures=360, steadiness=(0.005,)
        ),
        "60%, n = 1,000, unrelated": World(accuracies=(0.6,) * 5, shared=0, own=0.5),
        "95%, n = 10,000, all but alike": World(
            accuracies=(0.95,) * 5, pictures=10_000, shared=0.9, own=0.05, steadiness=(0.001,)
        ),
        "ten contenders, n = 1,000": World(accuracies=(0.9,) * 10, steadiness=(0.005,)),
        "two of five 2 pp better, n = 10,000": World(
            accuracies=(0.92, 0.92, 0.9, 0.9, 0.9), pictures=10_000, steadiness=(0.002,)
        ),
        "0.5 pp apart (tied is false), n = 30,000": World(
            accuracies=(0.9, 0.905), pictures=30_000, steadiness=(0.0005,)
        ),
        "0.5 pp apart (tied is false), 1 seed, n = 30,000": World(
            accuracies=(0.9, 0.905), pictures=30_000, seeds=1
        ),
    }
    for name, world in worlds.items():
        print(f"{name:50} {tallied(world, rounds).row()}", flush=True)


def one_seed(rounds: int) -> None:
    """One run each of contenders that are equal as recipes, and whose runs are not."""
    print("## One seed, read as if it spoke of recipes: seeds move accuracy by")
    for pictures in (1000, 10_000):
        for spread in (0.002, 0.005, 0.01):
            world = World(pictures=pictures, seeds=1, steadiness=(spread,))
            share = (tally := tallied(world, rounds)).mistaken / tally.rounds
            print(f"n = {pictures:6,}  {100 * spread:g} pp: false better {share:.1%}", flush=True)


def power(rounds: int) -> None:
    """What is said to be needed is added; four of five should then have an answer."""
    print("## Power: needed for 80%, and what was reached with it")
    worlds = {
        "1 pp apart, 1 seed": World(accuracies=(0.91, 0.9), seeds=1),
        "2 pp apart, 1 seed": World(accuracies=(0.92, 0.9), seeds=1, pictures=500),
        "equal, 1 seed": World(accuracies=(0.9, 0.9), seeds=1),
        "1 pp apart, 3 seeds, 0.2 pp": World(accuracies=(0.91, 0.9), steadiness=(0.002,)),
        "1 pp apart, 3 seeds, 0.5 pp": World(
            accuracies=(0.91, 0.9), steadiness=(0.005,), pictures=5000
        ),
        "1 pp apart, 5 seeds, 0.5 pp": World(
            accuracies=(0.91, 0.9), steadiness=(0.005,), seeds=5, pictures=5000
        ),
        "equal, 3 seeds, 0.1 pp": World(accuracies=(0.9, 0.9), steadiness=(0.001,), pictures=5000),
        "equal, 3 seeds, 1 pp": World(accuracies=(0.9, 0.9), steadiness=(0.01,), pictures=5000),
    }
    for name, world in worlds.items():
        need = needs(world)
        shares = reached(world, need, rounds)
        print(f"{name:32} {need}  " + str({k: f"{v:.1%}" for k, v in shares.items()}), flush=True)


def tables(world: World, rounds: int, classes: int = 5) -> Iterator[list[Predictions]]:
    """Runs of one contender that say how likely each class is."""
    random = np.random.default_rng(3)
    for _ in range(rounds):
        labels = random.choice(classes, world.pictures, p=_prior(classes))
        hard = random.normal(1.6, 0.8, world.pictures)
        noise = random.normal(0, 0.6, (world.pictures, classes))
        yield [
            _table(random, labels, hard + random.normal(0, world.steadiness[0]), noise)
            for _ in range(world.seeds)
        ]


def _prior(classes: int) -> npt.NDArray[np.float64]:
    shares = np.arange(2, classes + 2, dtype=np.float64)
    return np.asarray(shares / shares.sum())


def _table(
    random: np.random.Generator,
    labels: npt.NDArray[np.int64],
    clear: npt.NDArray[np.float64],
    noise: npt.NDArray[np.float64],
) -> Predictions:
    count, classes = noise.shape
    logits = clear[:, None] * np.eye(classes)[labels] + noise
    logits += random.normal(0, 0.6, noise.shape)
    shares = np.exp(2 * (logits - logits.max(1, keepdims=True)))
    return Predictions(
        indices=np.arange(count),
        labels=labels,
        probabilities=(shares / shares.sum(1, keepdims=True)).astype(np.float32),
        classes=tuple(str(one) for one in range(classes)),
    )


NUMBERS = ("loss", "macro_precision", "macro_f1", "weighted_f1", "top2", "ece")


def numbers(rounds: int) -> None:
    """How often a bootstrap interval of F1, loss and others holds the mean over many bake-offs."""
    print("## Bootstrap: intervals that hold the value that many bake-offs have on average")
    for pictures in (300, 2000):
        for seeds, spread in ((1, 0.0), (2, 0.1), (3, 0.0), (3, 0.1), (5, 0.1)):
            world = World(pictures=pictures, seeds=seeds, steadiness=(spread,))
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NUMBERS}
            for runs in tables(world, rounds):
                for name in NUMBERS:
                    one = bootstrap(named(name), runs, resamples=400)
                    found[name].append((one.value, one.low, one.high))
            print(f"n = {pictures:5,}  {seeds} seeds, clearness ± {spread}: ", end="")
            print(
                "  ".join(f"{name} {_held(rows):.1%}" for name, rows in found.items()), flush=True
            )


def _held(rows: list[tuple[float, float, float]]) -> float:
    value, low, high = np.array(rows).T
    truth = value.mean()
    return float(((low <= truth) & (truth <= high)).mean())


PARTS = {"null": null, "shapes": shapes, "one-seed": one_seed, "power": power, "numbers": numbers}


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=2000)
    given = parser.parse_args()
    for name in given.parts or PARTS:
        PARTS[name](given.rounds // 2 if name == "numbers" else given.rounds)


if __name__ == "__main__":
    main()
