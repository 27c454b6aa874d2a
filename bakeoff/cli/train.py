"""`bakeoff train`: one recipe on one dataset with one seed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.data import (
    Classes,
    Labels,
    MaxBroken,
    ShardsAt,
    Split,
    Subset,
    Val,
    in_shards,
    loaded,
)
from bakeoff.cli.inputs import share, split_plan
from bakeoff.cli.options import Debug, Json, Quiet, Source, complete_path, whole_number
from bakeoff.cli.recipes import complete_recipe
from bakeoff.cli.spreading import Devices, SyncNorms, goes_on, in_team, spread
from bakeoff.cli.tracking import Track, chosen_tracker
from bakeoff.cli.trying import (
    BatchText,
    FindRate,
    auto_batch,
    parse_batch,
    say_batch,
    show_rate,
)
from bakeoff.spec.errors import SpecError
from bakeoff.spec.training import Budget, parse_budget

if TYPE_CHECKING:
    from bakeoff.cli.session import Session
    from bakeoff.data.dataset import Dataset
    from bakeoff.runs.execute import Outcome
    from bakeoff.runs.tracking.tracker import Tracker
    from bakeoff.spec.recipe import Recipe
    from bakeoff.training.device import Device
    from bakeoff.training.events import Event
    from bakeoff.training.team import Team

__all__ = ["train"]

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A name from `bakeoff recipes`, or my.py:function.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Seed = Annotated[
    int, typer.Option(parser=whole_number, metavar="S", help="Changes weights, order and draws.")
]
SplitSeed = Annotated[
    int, typer.Option(parser=whole_number, metavar="S", help="Changes who goes into which part.")
]
Epochs = Annotated[
    float | None,
    typer.Option(metavar="N", help="Passes over the training pictures, all stages together."),
]
BudgetText = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Time for everything together, such as 10m."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The run's directory. Default: a new one under runs/.",
        autocompletion=complete_path,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Size = Annotated[
    int | None,
    typer.Option(
        parser=whole_number,
        metavar="PIXELS",
        help="Side that pictures are brought to. Default: the recipe's, or the pictures' own.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Weights of the backbone: a safetensors file, pretrained or random.",
        autocompletion=complete_path,
    ),
]
Balance = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="Classes of unequal size count the same: weights in the loss, sampling, or auto, "
        "which samples where the largest has over 10 times the pictures of the smallest.",
    ),
]
Tta = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Also look at validation in several views of each picture (test-time augmentation), "
        "reported apart.",
    ),
]
DeviceName = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:N or mps.")
]
Int8 = Annotated[
    bool,
    typer.Option(
        "--int8",
        help="A head on a frozen backbone learns from features in int8, where a test on training "
        "pictures shows them to be as good. Needs the extra onnx or openvino.",
    ),
]


def train(
    context: typer.Context,
    source: Source,
    recipe: RecipeName,
    split: Split = None,
    val: Val = None,
    subset: Subset = None,
    split_seed: SplitSeed = 0,
    classes: Classes = None,
    labels: Labels = None,
    max_broken: MaxBroken = "5%",
    shards: ShardsAt = None,
    size: Size = None,
    weights: Weights = None,
    balance: Balance = None,
    batch: BatchText = None,
    find_rate: FindRate = False,
    seed: Seed = 0,
    epochs: Epochs = None,
    budget: BudgetText = None,
    tta: Tta = False,
    out: Out = None,
    resume: Resume = False,
    device: DeviceName = None,
    devices: Devices = None,
    sync_batch_norm: SyncNorms = False,
    track: Track = None,
    int8: Int8 = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train one recipe on one dataset. The test part stays sealed."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say, in_team() as age:
        plan = split_plan(split=split, val=val, subset=subset, folds=None, fold=0, seed=split_seed)
        limit = share(max_broken, field="--max-broken")
        wanted = _budget(epochs, budget)
        folder = _folder(out, recipe, resume)
        number = parse_batch(batch)
        tracked = chosen_tracker(track)
        alone = {"--batch auto": batch == "auto", "--find-rate": find_rate}
        spread(context, devices, device=device, folder=folder, alone=alone)
        resume = goes_on(folder, resume)
        if find_rate:
            _refuse_beside_rate({"--out": out, "--tta": tta, "--resume": resume, "--track": track})

        from bakeoff.recipes import adapted, get
        from bakeoff.training.team import from_environment

        plain = adapted(get(recipe), size=size, weights=weights, balance=balance)
        declared = adapted(plain, batch=number)
        team = from_environment()
        if not team.leads:
            say = say.silenced()
        chosen = _chosen(device, team, int8=int8, joint_norms=sync_batch_norm)
        dataset = loaded(say, source, plan, classes=classes, labels=labels, max_broken=limit)
        dataset = in_shards(dataset, shards)
        for reason in chosen.reasons:
            say.remark(reason)
        how: dict[str, Any] = {"seed": seed, "device": chosen}
        if batch == "auto":
            declared = auto_batch(declared, dataset, say, before=out if resume else None, **how)
        say_batch(plain.stages, declared.stages, say)
        if find_rate:
            show_rate(declared, dataset, say, **how)
            return
        how |= {"budget": wanted, "tta": tta, "resume": resume, "spent": age}
        outcome = _run(say, declared, dataset, folder, tracked, **how)
        if team.leads:
            _show(outcome, say)


def _chosen(name: str | None, team: Team, *, int8: bool, joint_norms: bool) -> Device:
    from bakeoff.training.device import choose

    return choose(
        name,
        int8=int8,
        joint_norms=joint_norms,
        local_rank=team.local_rank,
        local_world=team.local_world,
    )


def _refuse_beside_rate(given: dict[str, object]) -> None:
    for option, value in given.items():
        if value:
            rule = "trains nothing and keeps nothing, so it goes without"
            raise SpecError("--find-rate", rule, suggestion=f"Leave {option} out.")


def _run(
    say: Session,
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    tracked: Tracker | None,
    *,
    spent: float,
    **how: Any,
) -> Outcome:
    """Train with somebody watching; a run that is stopped says how to go on."""
    from bakeoff.cli.live import watching
    from bakeoff.runs.execute import execute
    from bakeoff.runs.run import Run
    from bakeoff.runs.stop import stopping
    from bakeoff.runs.tracking.follower import following
    from bakeoff.training.clock import process_age

    silent = say.quiet or say.as_json
    run = Run(path=folder)
    if tracked is not None:
        say.aside(f"Tracked in {tracked.place(run)}.")
    with (
        stopping() as stop,
        watching(recipe.stages, quiet=silent) as listen,
        following(tracked, run, say.aside) as follow,
    ):

        def tell(event: Event) -> None:
            listen(event)
            follow(event)

        outcome = execute(
            recipe,
            dataset,
            folder,
            listen=tell,
            progress=listen.working,
            stop=stop,
            spent=spent + (process_age() or 0.0),
            **how,
        )
    if not outcome.finished:
        if say.as_json:
            say.document({"run": str(folder), "finished": False})
        say.parting(
            f"Stopped, with a checkpoint in {folder}. Go on with the same command and "
            f"--out {folder} --resume."
        )
        raise typer.Exit(130)
    return outcome


def _budget(epochs: float | None, text: str | None) -> Budget | None:
    if epochs is not None and text is not None:
        raise SpecError("--epochs and --budget", "exclude each other", suggestion="Give one.")
    if epochs is not None:
        if not 0 < epochs < float("inf"):
            raise SpecError("--epochs", "must be a number greater than 0", epochs)
        return Budget(epochs=epochs)
    return None if text is None else parse_budget(text)


def _folder(out: Path | None, recipe: str, resume: bool) -> Path:
    if out is not None:
        return out
    if resume:
        raise SpecError("--resume", "needs --out, the directory of the run to go on with")
    name = Path(recipe.rpartition(":")[0] or recipe).stem
    return Path("runs") / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"


def _show(outcome: Outcome, say: Session) -> None:
    from bakeoff.report.figures.curves import keep_curves

    keep_curves(outcome.run.path)
    result = outcome.run.result()
    if say.as_json:
        say.document({"run": str(outcome.run.path), **result})
        return
    for warning in outcome.warnings:
        say.console.print(f"! {warning}", soft_wrap=True)
    say.console.print(
        f"Validation: accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}, macro F1 "
        f"{result['f1']:.4f} on {result['pictures']:,} pictures, one seed. The test "
        "part is sealed.",
        soft_wrap=True,
    )
    if "tta" in result:
        say.console.print(_in_views(result["tta"]), soft_wrap=True)
    if "trials" in result:
        best = result["trials"][0]
        mean = best["mean"]
        say.console.print(
            f"Cross-validation on the training part, {len(best['folds'])} folds: MSE "
            f"{mean['mse']:.4f}, MAE {mean['mae']:.4f}, R² {mean['r2']:.4f}, accuracy "
            f"{mean['accuracy']:.4f}.",
            soft_wrap=True,
        )
    say.console.print(result["clock"], soft_wrap=True)
    exact = "exact" if result["exact"] else "not exact"
    say.console.print(f"Run: {outcome.run.path} ({exact})", soft_wrap=True)


def _in_views(tta: dict[str, Any]) -> str:
    if tta["views"] == 1:
        return (
            "Test-time augmentation: there is one view only, the picture itself, as the recipe "
            "does not mirror and pictures this small are not moved."
        )
    pixels = "1 pixel" if tta["moved"] == 1 else f"{tta['moved']} pixels"
    done = ["mirrored"] if tta["mirrored"] else []
    done += [f"moved by {pixels}"] if tta["moved"] else []
    return (
        f"With test-time augmentation ({tta['views']} views: {' and '.join(done)}): accuracy "
        f"{tta['accuracy']:.4f}, loss {tta['loss']:.4f}."
    )
