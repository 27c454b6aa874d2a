"""`bakeoff data`: look before training."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.inputs import share, split_plan
from bakeoff.cli.options import (
    CompletionItem,
    Debug,
    Json,
    Quiet,
    Source,
    complete_path,
    paths,
    whole_number,
)
from bakeoff.spec.errors import UserError

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.data.audit import Audit
    from bakeoff.data.dataset import Dataset
    from bakeoff.spec.split import SplitPlan

__all__ = ["ShardsAt", "data", "in_shards", "loaded"]


def complete_names(incomplete: str) -> list[CompletionItem]:
    """JSON files."""
    return paths(incomplete, (".json",))


def complete_tables(incomplete: str) -> list[CompletionItem]:
    """CSV files."""
    return paths(incomplete, (".csv",))


Split = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        help="80/20 or 80/10/10 of all pictures, or official. Default: the official split where "
        "there is one, else 80/10/10.",
        show_default=False,
    ),
]
Val = Annotated[
    str | None,
    typer.Option(
        metavar="PART",
        help="Validation, out of training: 10% or 5000. Default: the official one, else 10%.",
        show_default=False,
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="K",
        help="Divide training into this many folds; one is validation.",
    ),
]
Fold = Annotated[
    int, typer.Option(parser=whole_number, metavar="I", help="Which fold is validation, from 0.")
]
Subset = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="N",
        help="Keep only this many training pictures; test is untouched.",
    ),
]
Seed = Annotated[
    int, typer.Option(parser=whole_number, metavar="S", help="Changes who goes where.")
]
Classes = Annotated[
    Path | None,
    typer.Option(
        metavar="NAMES.JSON",
        help='Other names for the classes: {"cane": "dog", …}.',
        autocompletion=complete_names,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FIXED.CSV",
        help="Corrected labels, with columns name, given and label; the split stays as it was.",
        autocompletion=complete_tables,
    ),
]
MaxBroken = Annotated[
    str,
    typer.Option(metavar="SHARE", help="Share of broken pictures to leave out without stopping."),
]
ShardsAt = Annotated[
    str | None,
    typer.Option(
        "--shards",
        metavar="URL",
        help="Read pictures in shards from this folder or object storage, such as "
        "s3://bucket/shards; packed and written there first if nobody has. Needs the extra remote.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write a page with sample pictures, complete in one file.",
        autocompletion=complete_path,
    ),
]


def data(
    source: Source,
    split: Split = None,
    val: Val = None,
    folds: Folds = None,
    fold: Fold = 0,
    subset: Subset = None,
    seed: Seed = 0,
    classes: Classes = None,
    labels: Labels = None,
    max_broken: MaxBroken = "5%",
    html: Html = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Look at a dataset before training: counts, sizes, broken pictures, duplicates."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        plan = split_plan(split=split, val=val, subset=subset, folds=folds, fold=fold, seed=seed)
        limit = share(max_broken, field="--max-broken")
        if html is not None:
            _refuse_unwritable(html)

        from bakeoff.cli.summary import show
        from bakeoff.data.audit import audit

        dataset = loaded(say, source, plan, classes=classes, labels=labels, max_broken=limit)
        with say.working() as progress:
            found = audit(dataset, progress=progress)
            if html is not None:
                _write_page(html, dataset, found)
        if as_json:
            say.document(found.to_json())
        else:
            show(found, say.console)
        if html is not None:
            say.aside(f"Page written to {html}")


def loaded(say: Session, source: str, plan: SplitPlan, **how: Any) -> Dataset:
    """The dataset that the options name, while somebody watches."""
    from bakeoff.data.dataset import load

    with say.working() as progress:
        return load(source, plan=plan, **how, progress=progress)


def in_shards(dataset: Dataset, place: str | None) -> Dataset:
    """The dataset, its pictures to be read in shards from a URL or a folder here."""
    from bakeoff.data.remote import remote, url_of

    if place is None:
        return dataset
    url = url_of(place) or Path(place).expanduser().absolute().as_uri()
    # Said before anything is trained, where what it needs is not installed.
    remote(url)
    return replace(dataset, shards=url)


def _refuse_unwritable(path: Path) -> None:
    # Before the work rather than after it.
    if path.is_dir():
        raise UserError(f"--html {path}", "must be a file, not a folder")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--html {path}", "must lie in a folder that exists")


def _write_page(path: Path, dataset: Dataset, found: Audit) -> None:
    from bakeoff.report.audit_page import audit_page

    page = audit_page(dataset, found)
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe, such as /dev/stdout.
            path.write_text(page, encoding="utf-8")
        else:
            _replace(path.resolve(), page)
    except OSError as error:
        raise UserError(f"--html {path}", f"cannot be written: {error.strerror}") from error


def _replace(path: Path, page: str) -> None:
    # The page of an earlier look stays until the new one is whole.
    made = path.with_name(f".{path.name}.{os.getpid()}.making")
    try:
        made.write_text(page, encoding="utf-8")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
