"""`bakeoff stress`: what a champion keeps of its accuracy when pictures get worse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.data import Classes, Labels, MaxBroken, Split, Subset, Val
from bakeoff.cli.inputs import plan_for, share
from bakeoff.cli.options import (
    ChampionPath,
    Debug,
    Json,
    Quiet,
    Source,
    complete_path,
    whole_number,
)
from bakeoff.cli.run import SplitSeed
from bakeoff.spec.errors import ArgumentError, DataError, UserError, one_of

if TYPE_CHECKING:
    from bakeoff.champion.champion import Champion
    from bakeoff.data.dataset import Dataset
    from bakeoff.data.progress import Progress
    from bakeoff.evaluation.stress import Stressed
    from bakeoff.report.stress_page import Labels as SaidOfLabels

__all__ = ["stress"]

_SUSPECTS = "suspects.csv"
_ANOTHER = "Give another --out."

PartName = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="PART",
        help="val or test. Default: test where the champion's bake-off has opened it here, else "
        "val.",
        show_default=False,
    ),
]
Pictures = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="N",
        help="How many pictures are made worse. Default: 500 small ones, down to 100 large ones.",
        show_default=False,
    ),
]
Only = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES", help="Only these strains, such as fog,jpeg,rotation.", show_default=False
    ),
]
Seed = Annotated[
    int, typer.Option(parser=whole_number, metavar="S", help="Changes which pictures, and chance.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where stress.html, stress.json, labels.html and suspects.csv are written to. Those "
        "of an earlier time are replaced, but for a suspects.csv that somebody has filled in.",
        autocompletion=complete_path,
        show_default=False,
    ),
]


def stress(
    champion: ChampionPath,
    source: Source,
    part: PartName = None,
    pictures: Pictures = None,
    only: Only = None,
    seed: Seed = 0,
    out: Out = None,
    split: Split = None,
    val: Val = None,
    subset: Subset = None,
    split_seed: SplitSeed = None,
    classes: Classes = None,
    labels: Labels = None,
    max_broken: MaxBroken = "5%",
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure a champion on pictures made worse, by slices, and find suspected label errors.

    The data is split as it was for its training, unless split options are given.
    """
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        limit = share(max_broken, field="--max-broken")
        names = _checked(part, only)
        if out is not None:
            _refuse_unwritable(out)

        from bakeoff.champion import opening
        from bakeoff.champion.stress import stress as under_stress
        from bakeoff.cli.stress_table import show
        from bakeoff.data.dataset import load

        model = opening.open(champion)
        plan = plan_for(model.record, split=split, val=val, subset=subset, seed=split_seed)
        told: dict[str, Any] = {"classes": classes, "labels": labels, "max_broken": limit}
        with say.working() as progress:
            dataset = load(source, plan=plan, **told, progress=progress)
            chosen = _part(part, dataset, model)
            with _by_options():
                found = under_stress(
                    model,
                    dataset,
                    part=chosen,
                    pictures=pictures,
                    only=names,
                    seed=seed,
                    opening=lambda: _open(chosen, dataset, model),
                    progress=progress,
                )
            said = None
            if out is not None:
                said = _write(out, model, dataset, found, progress)
        if as_json:
            say.document(found.to_json())
        else:
            show(found, said, say.console)
        if out is not None:
            say.aside(f"Written: {out / 'stress.html'}, stress.json, labels.html, suspects.csv")


def _checked(part: str | None, only: str | None) -> list[str] | None:
    """The strains that were named; None for all."""
    if part not in (None, "val", "test"):
        raise ArgumentError("--part", "must be val or test", part, one_of(part, ("val", "test")))
    if only is None:
        return None
    names = [one.strip() for one in only.split(",") if one.strip()]
    if not names:
        raise ArgumentError("--only", "must name at least one strain", only)
    return names


@contextmanager
def _by_options() -> Iterator[None]:
    """What is wrong with an argument is told by the option's name."""
    try:
        yield
    except ArgumentError as error:
        option = {"only": "--only", "pictures": "--pictures"}.get(error.field, error.field)
        raise ArgumentError(option, error.rule, error.value, error.suggestion) from None


def _part(asked: str | None, dataset: Dataset, model: Champion) -> Any:
    """The part that is looked at. The test part only where the champion's own bake-off has opened
    it; unasked, only where that is in the ledger here, so that no default adds the first line."""
    from bakeoff.champion.stress import is_open
    from bakeoff.runs.ledger import openings

    opened = len(dataset.split.test) > 0 and is_open(model, dataset)
    if asked == "test" and not opened:
        raise DataError(
            f"the test part of {dataset.name}",
            "is sealed: the champion's bake-off has not opened it",
            suggestion="Leave --part out, and validation is looked at.",
        )
    if asked is None:
        return "test" if opened and openings(dataset) else "val"
    return asked


def _open(part: str, dataset: Dataset, model: Champion) -> None:
    """Looking at the test part again is written down like any other look."""
    from bakeoff.runs.ledger import open_test

    if part == "test":
        token = f"stress {model.digest}"
        open_test(dataset, token=token, why=f"a stress test of {model.name}", where=model.path)


def _refuse_unwritable(folder: Path) -> None:
    # Before the work rather than after it.
    from bakeoff.data.cache import writing

    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}", "must be a folder, not a file")
    if (folder / "manifest.json").exists():
        raise UserError(
            f"--out {folder}",
            "is a champion, and nothing is ever added to one",
            suggestion="Give another folder.",
        )
    if (folder / _SUSPECTS).exists() and not _is_undecided(folder / _SUSPECTS):
        raise UserError(
            f"--out {folder}",
            f"holds a {_SUSPECTS} that somebody has filled in, and that is not written over",
            suggestion="Move it away, or give another folder.",
        )
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    with writing("the stress test", folder, suggestion=_ANOTHER), TemporaryFile(dir=there):
        pass


def _is_undecided(path: Path) -> bool:
    """Whether a table of suspects is as it was written."""
    from bakeoff.data.labels import read

    try:
        return not any(row.label for row in read(path))
    except DataError:
        return False


def _write(
    folder: Path, model: Champion, dataset: Dataset, found: Stressed, progress: Progress
) -> SaidOfLabels:
    from bakeoff.champion.sample import in_classes_of, members_of, said, sample
    from bakeoff.data.cache import writing
    from bakeoff.evaluation.label_errors import suspects
    from bakeoff.report.label_page import label_page, sentence, suspects_csv
    from bakeoff.report.stress_page import Labels, samples, stress_page

    # Test pictures are counted and not shown, so their labels are not for correcting.
    part: Any = "val" if len(dataset.split.val) else found.part
    looked = sample(model, dataset, members_of(dataset, part), progress)
    table = in_classes_of(dataset, said(model, looked, progress))
    wrong = suspects(table)
    name = "validation" if part == "val" else "test"
    told = Labels(text=sentence(wrong, part=name), page="labels.html")
    pages = {
        "stress.html": stress_page(found, samples(dataset, model.recipe.preprocess, found), told),
        "stress.json": json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n",
        "labels.html": label_page(dataset, table, wrong, part=name),
        _SUSPECTS: suspects_csv(dataset, wrong),
    }
    with writing("the stress test", folder, suggestion=_ANOTHER):
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in pages.items():
            (folder / file).write_text(text, encoding="utf-8", newline="")
    return told
