"""The numbers of a model card in words, each with what it was measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.champion.record import Record
from bakeoff.evaluation.metrics import ClassScore, Confused, Metrics, classification_report
from bakeoff.evaluation.phrases import count, points, share

__all__ = ["calibration", "classes", "headline"]

Facts = Mapping[str, Any]

_CLASSES = 60
"""Classes in the table; of more, the worst."""


def headline(record: Record) -> list[str]:
    """Accuracy: of the run that is shipped, of its recipe over seeds, without copies, in views."""
    measured = record.metrics["measured"]
    shipped, seeds = measured["shipped"], measured["seeds"]
    part = "test" if measured["part"] == "test" else "validation"
    rows = [("accuracy, plain", shipped["accuracy"], (seeds or {}).get("accuracy"))]
    for name, words in (
        ("clean_accuracy", "accuracy without near-duplicates of what was learnt"),
        ("tta", "accuracy in several views (test-time augmentation)"),
        ("macro_f1", "F1, mean over classes"),
    ):
        if shipped.get(name) is not None:
            rows.append((words, shipped[name], (seeds or {}).get(name)))
    several = seeds is not None and seeds["accuracy"] and seeds["accuracy"]["seeds"] > 1
    over = f"mean over {seeds['accuracy']['seeds']} seeds" if several else "mean over seeds"
    lines = [
        f"On {count(measured['pictures'], f'{part} picture')}; intervals of 95%.",
        "",
        f"| | this champion (seed {record.seed}) | {over} |",
        "| :-- | --: | --: |",
    ]
    for words, mine, all_seeds in rows:
        mean = _interval(all_seeds) if several and all_seeds else "–"
        lines.append(f"| {words} | {_interval(mine)} | {mean} |")
    return [
        *lines,
        "",
        "The interval of one seed is of other pictures seen by this same network; that of the mean "
        "is of training once more, too."
        if several
        else measured["sameness"]
        or "One seed was measured: how much another training would differ is not known.",
        "",
        _replayed(record),
    ]


def classes(record: Record) -> list[str]:
    """Precision, recall and F1 of each class with its support, and what is taken for what."""
    measured = record.metrics["measured"]
    found = _metrics(measured)
    lines = ["```", *classification_report(found, digits=3).rstrip("\n").split("\n"), "```"]
    if len(found.classes) > _CLASSES:
        worst = sorted(found.classes, key=lambda one: one.f1)[:_CLASSES]
        lines = [f"The {_CLASSES} of {len(found.classes)} classes with the lowest F1:", "", "```"]
        lines += [f"{one.name}: F1 {one.f1:.3f}, support {one.support}" for one in worst]
        lines += ["```"]
    pairs = [Confused(**pair) for pair in measured["confused"]]
    if not pairs:
        return [*lines, "", "No picture was taken for another class."]
    told = (
        f"- {_quoted(one.first)} and {_quoted(one.second)}: {count(one.pictures, 'picture')} "
        f"({one.first_as_second} as {_quoted(one.second)}, {one.second_as_first} as "
        f"{_quoted(one.first)})"
        for one in pairs
    )
    return [*lines, "", "Most confused:", "", *told]


def calibration(record: Record) -> list[str]:
    """The temperature and what it does, on validation and on the part that was measured."""
    told = record.metrics["calibration"]
    before, after = told["before"], told["after"]
    lines = [
        f"Probabilities are of scores divided by {record.temperature:.3f}, fitted to "
        f"{count(told['pictures'], 'validation picture')}. Of answers with a probability of .9, "
        "nine in ten should be right; how far that fails in the mean is the expected calibration "
        "error (ECE).",
        "",
        "| | ECE before | after | loss before | after |",
        "| :-- | --: | --: | --: | --: |",
        f"| validation (each half by the temperature of the other) | {before['ece']:.4f} | "
        f"{after['ece']:.4f} | {before['loss']:.4f} | {after['loss']:.4f} |",
    ]
    measured = record.metrics["measured"]
    if measured["part"] == "test":
        ece, loss = measured["shipped"]["ece"], measured["shipped"]["loss"]
        cells = (_number(one) for one in (ece["before"], ece["after"], *_both(loss)))
        lines.append(f"| test ({measured['pictures']:,} pictures) | {' | '.join(cells)} |")
    return lines


def _replayed(record: Record) -> str:
    told = record.metrics["replay"]
    halved = " in half precision" * (record.weights.dtype == "float16")
    gained = told["gained"]
    change = f"{points(gained / told['pictures'], 2)} percentage points" if gained else "nothing"
    return (
        f"These numbers are of the run as it was measured. The champion itself{halved} was asked "
        f"for all {count(told['pictures'], 'validation picture')} again, from the files on: its "
        f"probabilities differ by {told['apart']:.1e} in the mean, "
        f"{count(told['others'], 'answer')} {'is' if told['others'] == 1 else 'are'} another, "
        f"accuracy changes by {change}."
    )


def _metrics(measured: Facts) -> Metrics:
    """As they were measured: what the report needs of them."""
    return Metrics(
        pictures=measured["pictures"],
        classes=tuple(ClassScore(**one) for one in measured["classes"]),
        **measured["means"],
        loss=0.0,
        top={},
        confusion=(),
    )


def _interval(one: Facts) -> str:
    return f"{share(one['value'], 2)} ({share(one['low'], 2)} to {share(one['high'], 2)})"


def _number(one: Facts) -> str:
    return f"{one['value']:.4f} ({one['low']:.4f} to {one['high']:.4f})"


def _both(one: Facts) -> Sequence[Facts]:
    return (one["before"], one["after"])


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "'") + "`"
