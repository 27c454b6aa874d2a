"""`bakeoff run`: contenders × seeds on one dataset, to a verdict and a report."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.data import Classes, Labels, MaxBroken, Split, Subset, Val, loaded
from bakeoff.cli.failure import USER
from bakeoff.cli.inputs import share, split_plan
from bakeoff.cli.options import (
    CompletionItem,
    Debug,
    Json,
    Quiet,
    Source,
    complete_path,
    whole_number,
)
from bakeoff.cli.train import BudgetText, DeviceName, Size, Weights
from bakeoff.spec.errors import SpecError

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.data.dataset import Dataset
    from bakeoff.data.progress import Progress
    from bakeoff.report.result import Result
    from bakeoff.runs.question import Question
    from bakeoff.spec.split import SplitPlan

__all__ = ["run"]

LINEUPS = {
    "default": "chosen from data, device and budget",
    "quick": "linear, nearest pixels, a small network, the speed record's shape",
    "reports": "every system of the reports",
    "scratch": "all networks from scratch",
    "transfer": "all backbones",
    "classical": "no network",
    "speed": "the speed record's shape, twice",
    "best": "what did best elsewhere",
}
"""Line-ups that have a name. A test compares them with those that there are."""


def complete_lineup(incomplete: str) -> list[CompletionItem]:
    """Line-ups, or one more recipe after a comma."""
    from bakeoff.cli.recipes import complete_recipe

    before, comma, word = incomplete.rpartition(",")
    found = [] if comma else [one for one in LINEUPS.items() if one[0].startswith(word)]
    return found + [(before + comma + name, what) for name, what in complete_recipe(word)]


Lineup = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help=f"{', '.join(LINEUPS)}; or recipes with commas between, also my.py:function. "
        "Default: chosen from data, device and budget.",
        autocompletion=complete_lineup,
        show_default=False,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(parser=whole_number, metavar="N", help="Runs of each contender. Default: 3."),
]
SplitSeed = Annotated[
    int | None,
    typer.Option(parser=whole_number, metavar="S", help="Changes who goes into which part."),
]
Epochs = Annotated[
    float | None,
    typer.Option(metavar="N", help="Passes over the training pictures, for each run."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The bake-off's directory; what was interrupted there goes on. Default: a new one "
        "under bakeoffs/.",
        autocompletion=complete_path,
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on in --out, with the options it began with."),
]
PreferText = Annotated[
    str | None,
    typer.Option(
        "--prefer",
        metavar="WHAT",
        help="accuracy, latency or size: what decides among contenders as good as the best. "
        "Default: accuracy.",
    ),
]
MaxLatency = Annotated[
    str | None, typer.Option(metavar="TIME", help="At most, for one picture, such as 20ms.")
]
MaxSize = Annotated[str | None, typer.Option(metavar="SIZE", help="At most, such as 10MB.")]
Margin = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="A difference in accuracy that does not matter. Default: 0.5%."
    ),
]
NoTest = Annotated[
    bool, typer.Option("--no-test", help="Leave the test part sealed; report validation.")
]
NoStopping = Annotated[
    bool, typer.Option("--no-stopping", help="Train hopeless contenders to their end, too.")
]
Tta = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Also look in several views of each picture (test-time augmentation), a column apart.",
    ),
]
NoChampion = Annotated[
    bool, typer.Option("--no-champion", help="Do not make the winner a champion at the end.")
]
On = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="ray or ray://HOST:PORT: make the runs side by side on a Ray cluster. --out must then "
        "lie where all its nodes see it, or --via be given.",
        show_default=False,
    ),
]
Via = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="s3://…, gs://…, file:///…: where runs of --on are kept while they are made, if its "
        "nodes share no path. --out stays here.",
        show_default=False,
    ),
]


def run(
    context: typer.Context,
    source: Source,
    lineup: Lineup = None,
    seeds: Seeds = None,
    budget: BudgetText = None,
    epochs: Epochs = None,
    out: Out = None,
    resume: Resume = False,
    prefer: PreferText = None,
    max_latency: MaxLatency = None,
    max_size: MaxSize = None,
    margin: Margin = None,
    no_test: NoTest = False,
    no_stopping: NoStopping = False,
    no_champion: NoChampion = False,
    tta: Tta = False,
    split: Split = None,
    val: Val = None,
    subset: Subset = None,
    split_seed: SplitSeed = None,
    classes: Classes = None,
    labels: Labels = None,
    max_broken: MaxBroken = "5%",
    size: Size = None,
    weights: Weights = None,
    device: DeviceName = None,
    on: On = None,
    via: Via = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train contenders, compare them honestly, and say who wins: a verdict and a report."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        _refuse_torchrun()
        how = {"classes": classes, "max_broken": share(max_broken, field="--max-broken")}
        plan = split_plan(
            split=split, val=val, subset=subset, folds=None, fold=0, seed=split_seed or 0
        )
        given = _given(
            lineup=lineup,
            seeds=seeds,
            budget=budget,
            epochs=epochs,
            prefer=prefer,
            max_latency=max_latency,
            max_size=max_size,
            margin=margin,
            test=False if no_test else None,
            stopping=False if no_stopping else None,
            champion=False if no_champion else None,
            tta=tta or None,
            size=size,
            weights=weights,
            labels=None if labels is None else str(labels),
        )
        question = _question(_typed(context.obj, via), given | {"data": source}, out, resume)
        if resume and (split, val, subset, split_seed) == (None, None, None, None):
            assert out is not None
            plan = _plan_before(out)

        from bakeoff.report.bakeoff import new_folder
        from bakeoff.runs.cluster.elsewhere import elsewhere
        from bakeoff.training.device import choose

        chosen = choose(device)
        folder = out or new_folder(source)
        with elsewhere(on, via, out) as where:
            dataset = loaded(say, source, plan, labels=question.labels, **how)
            result = _baked(say, question, dataset, folder, on, device=chosen, elsewhere=where)
        _show(result, say, crowned=question.champion)


def _refuse_torchrun() -> None:
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise SpecError(
            "bakeoff run",
            "must be started once by itself, and torchrun started it",
            suggestion="One network on many devices is `torchrun … -m bakeoff train`; many runs "
            "side by side are `bakeoff run … --on ray`.",
        )


def _given(**options: Any) -> dict[str, Any]:
    """What was given, as a question says it."""
    from bakeoff.spec.amounts import parse_duration, parse_latency, parse_size

    found = {name: value for name, value in options.items() if value is not None}
    parsers = {"max_latency": parse_latency, "max_size": parse_size}
    for name, parse in parsers.items():
        if name in found:
            found[name] = parse(found[name])
    if "budget" in found:
        found["seconds"] = parse_duration(found.pop("budget"))
    if "margin" in found:
        found["margin"] = share(found["margin"], field="--margin")
    return found


def _question(words: list[str], given: dict[str, Any], out: Path | None, resume: bool) -> Question:
    """What is asked, of recipes that there are."""
    from bakeoff.report.bakeoff import asked_again, command
    from bakeoff.runs.cluster.via import refuse_url
    from bakeoff.runs.lineup import declared
    from bakeoff.runs.question import Question

    refuse_url(out)
    if resume and out is None:
        raise SpecError("--resume", "needs --out, the directory of the bake-off to go on with")
    given["command"] = command(words)
    question = asked_again(out, given) if resume and out is not None else Question(**given)
    declared(question.lineup)
    return question


def _plan_before(out: Path) -> SplitPlan:
    from bakeoff.runs.folder import Folder
    from bakeoff.spec import codec
    from bakeoff.spec.split import SplitPlan

    return codec.decode(SplitPlan, Folder(path=out).record().data["plan"])


def _typed(words: list[str], via: str | None) -> list[str]:
    """What was typed, as it may be kept: without what may be a secret in a URL."""
    if via is None:
        return words
    from bakeoff.data.remote import without_secrets

    return [word.replace(via, without_secrets(via)) for word in words]


def _baked(
    say: Session,
    question: Question,
    dataset: Dataset,
    folder: Path,
    on: str | None,
    **where: Any,
) -> Result:
    """Bake with somebody watching; a bake-off that is stopped says how to go on."""
    from bakeoff.cli.board import watching
    from bakeoff.report.bakeoff import reported
    from bakeoff.runs.bakeoff import bake
    from bakeoff.runs.board import Doing
    from bakeoff.runs.stop import stopping
    from bakeoff.training.clock import process_age

    for reason in where["device"].reasons:
        say.remark(reason)
    with stopping() as stop, watching(quiet=say.quiet or say.as_json) as shown:
        baked = bake(
            question,
            dataset,
            folder,
            **where,
            listen=shown,
            stop=stop,
            progress=shown.working,
            spent=process_age() or 0.0,
        )
        if baked.finished:
            result = reported(baked, dataset, listen=shown)
            if question.champion:
                shown(Doing(text="making the champion"))
                _crown(say, result, dataset, shown.working)
            return result
    if say.as_json:
        say.document({"bakeoff": str(folder), "finished": False})
    words = ["bakeoff", "run", question.data, "--out", str(folder), "--resume"]
    words += [] if on is None else ["--on", on]
    say.parting(f"Stopped; what is done is kept. Go on with: {shlex.join(words)}")
    raise typer.Exit(130)


def _crown(say: Session, result: Result, dataset: Dataset, progress: Progress) -> None:
    from bakeoff.report.crowned import crowned
    from bakeoff.spec.errors import UserError

    try:
        crowned(result, dataset, progress=progress)
    except UserError as error:
        # What was found stands without it.
        say.aside(f"There is no champion: {error}")


def _show(result: Result, say: Session, *, crowned: bool) -> None:
    if say.as_json:
        champion = None if result.champion is None else str(result.champion)
        say.document({"bakeoff": str(result.path), "champion": champion, **result.facts})
    else:
        from bakeoff.cli.scoreboard import show

        show(result, say.console)
    lacks_champion = crowned and result.champion is None
    if result.facts["verdict"]["winner"] is None or lacks_champion:
        # It was said why, which is for the user to mend.
        raise typer.Exit(USER)
