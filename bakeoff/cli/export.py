"""`bakeoff export`: a champion for another runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.data import Classes, Split, Subset, Val
from bakeoff.cli.inputs import plan_for
from bakeoff.cli.options import ChampionPath, Debug, Json, Quiet, complete_data, complete_path
from bakeoff.cli.run import SplitSeed
from bakeoff.cli.text import printable

if TYPE_CHECKING:
    from bakeoff.champion.exporting.export import Export
    from bakeoff.champion.exporting.proof import Proof
    from bakeoff.cli.session import Session

__all__ = ["export"]

FORMS = {
    "onnx": "for ONNX Runtime and most others, with a program that needs no Bakeoff",
    "openvino": "OpenVINO's own files",
    "keras": "a .keras file, of networks from scratch",
    "torch": "a .pt2, for torch.export.load",
    "space": "a folder that runs as a Gradio Space",
}


def complete_form(incomplete: str) -> list[tuple[str, str]]:
    """Known forms."""
    return [one for one in FORMS.items() if one[0].startswith(incomplete)]


To = Annotated[
    str,
    typer.Option(
        metavar="FORM",
        help=f"{', '.join(FORMS)}.",
        autocompletion=complete_form,
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A new folder to write it to: what is there is not written over. Default: beside "
        "CHAMPION, with FORM in its name.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Int8 = Annotated[
    bool,
    typer.Option("--int8", help="In whole numbers, by ranges on validation pictures (--data)."),
]
DataText = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="What the champion was made of: the export is measured on it, too.",
        autocompletion=complete_data,
        show_default=False,
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Write it even if it loses more than 0.5 points on --data."),
]
Examples = Annotated[
    bool, typer.Option("--examples", help="For --to space: show golden pictures on its page.")
]


def export(
    champion: ChampionPath,
    to: To,
    out: Out = None,
    int8: Int8 = False,
    data: DataText = None,
    force: Force = False,
    examples: Examples = False,
    split: Split = None,
    val: Val = None,
    subset: Subset = None,
    split_seed: SplitSeed = None,
    classes: Classes = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a champion for another runtime, and prove that it says the same there.

    The data is split as it was for its training, unless split options are given.
    """
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.champion import opening
        from bakeoff.champion.exporting.export import export as exported
        from bakeoff.data.dataset import load

        with say.working() as progress:
            dataset = None
            if data is not None:
                told = opening.facts_of(champion)
                plan = plan_for(told, split=split, val=val, subset=subset, seed=split_seed)
                dataset = load(data, plan=plan, classes=classes, progress=progress)
            form: Any = to
            done = exported(
                champion,
                to=form,
                out=out,
                int8=int8,
                data=dataset,
                force=force,
                examples=examples,
                progress=progress,
            )
        if as_json:
            say.document(_document(done))
        else:
            _tell(done, say)


def _document(done: Export) -> dict[str, Any]:
    return {
        "path": str(done.path),
        "files": done.files,
        "takes": asdict(done.takes),
        "proofs": [asdict(one) for one in done.proofs],
    }


def _tell(done: Export, say: Session) -> None:
    total = sum(done.files.values())
    lines = [f"{done.path}: {total / 1e6:.2f} MB in {len(done.files)} files"]
    lines += _wanted(done)
    for proof in done.proofs:
        lines += _lines(proof)
    for line in lines:
        say.console.print(printable(line), soft_wrap=True)
    if any(proof.agreement is None for proof in done.proofs):
        say.aside("Only golden pictures were replayed: with --data, accuracy is measured, too.")


def _wanted(done: Export) -> Iterator[str]:
    takes = done.takes
    side = f"{takes.side}×{takes.side}"
    program = "predict.py does that" if "predict.py" in done.files else "that is left to you"
    kept = f" {takes.keep:.4g} of the short side" if takes.keep < 1 else ""
    yield (
        f"  takes {takes.name}: {takes.dtype}, N×{side}×3, red, green, blue; any other size that "
        "the network wants, and its normalising, are inside"
    )
    yield (
        f"  how a picture becomes {side} ({takes.fit}{kept}, {takes.interpolation}) is not: "
        f"{program}"
    )


def _lines(proof: Proof) -> Iterator[str]:
    yield proof.engine
    allowed = "" if proof.tolerance is None else f", {proof.tolerance:g} allowed"
    yield f"  {proof.goldens} goldens: probabilities at most {proof.worst:.1e} apart{allowed}"
    if (found := proof.agreement) is not None:
        yield (
            f"  {found.pictures:,} pictures of the {found.part} part: {found.same:.2%} the same "
            f"answer, accuracy {found.accuracy:.2%} instead of {found.champion:.2%} "
            f"({found.low * 100:+.2f} to {found.high * 100:+.2f} points)"
        )
    speed = proof.speed
    alone, together = speed.faster
    assert speed.threads == 1, speed.threads
    yield (
        f"  one picture in {speed.latency * 1000:.2f} ms ({alone:.1f} times as fast as torch), "
        f"{speed.throughput:,.0f} a second in batches of 32 ({together:.1f} times), "
        f"{speed.threads} thread"
    )
