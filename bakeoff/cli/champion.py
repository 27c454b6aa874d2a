"""`bakeoff champion`: make one of a bake-off, sign it, verify it, list what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bakeoff.champion.place import WORD
from bakeoff.cli.options import Debug, Json, Quiet, complete_data, complete_path, whole_number
from bakeoff.spec.errors import DataError

if TYPE_CHECKING:
    from bakeoff.champion.manifest import Manifest
    from bakeoff.cli.session import Session
    from bakeoff.data.dataset import Dataset

__all__ = ["app"]

_DEFAULT = "make"


class _WithDefault(TyperGroup):
    """`bakeoff champion DIR` is `bakeoff champion make DIR`; a folder called like a verb is
    `./sign`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [_DEFAULT, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(
    cls=_WithDefault,
    no_args_is_help=True,
    subcommand_metavar="DIR | COMMAND [ARGS]...",
    help="Make the champion of a bake-off, sign it, verify it.\n\nDIR, the folder of a bake-off, "
    "may follow directly: `bakeoff champion DIR` is `bakeoff champion make DIR`, and takes the "
    "options that `bakeoff champion make --help` lists.",
)

Source = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="The folder of a bake-off, or of one run of `bakeoff train`.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Which = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME", help="Another contender than the winner."),
]
Seed = Annotated[
    int | None,
    typer.Option(
        parser=whole_number, metavar="N", help="Of which run. Default: the best on validation."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Where it goes. Default: DIR/champion, or DIR/champion-NAME with --recipe.",
        autocompletion=complete_path,
    ),
]
Half = Annotated[
    bool,
    typer.Option("--half", help="Keep the weights in half precision; what that changes is said."),
]
Goldens = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Pictures of your own to prove itself on, instead of some of the validation part, "
        "for data that must not travel: FOLDER/CLASS/*.png, or FOLDER/*.png. Nearest neighbours "
        "keep the data in their weights all the same.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Zipped = Annotated[bool, typer.Option("--zip", help="One .bakeoff file instead of a folder.")]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Where the pictures are: for a run, or where they have moved.",
        autocompletion=complete_data,
    ),
]
Terms = Annotated[
    str | None, typer.Option("--license", metavar="NAME", help="For its card, such as mit.")
]
Given = Annotated[
    Path,
    typer.Argument(
        metavar="CHAMPION",
        help="The folder of a champion; but to sign, also "
        f"{WORD}: the one that comes with Bakeoff.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Key = Annotated[
    Path,
    typer.Option(metavar="FILE", help="The private key.", autocompletion=complete_path),
]
Public = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="A public key that must have signed it.",
        autocompletion=complete_path,
    ),
]
Keys = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="File for the private key; the public one goes to OUT.pub.",
        autocompletion=complete_path,
        show_default=False,
    ),
]


@app.command(_DEFAULT)
def make(
    source: Source,
    recipe: Which = None,
    seed: Seed = None,
    out: Out = None,
    half: Half = False,
    goldens: Goldens = None,
    zipped: Zipped = False,
    data: Data = None,
    terms: Terms = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a champion: the winner of a bake-off, or the contender that is named."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.champion.crowning.choosing import chosen
        from bakeoff.champion.crowning.crown import crown
        from bakeoff.champion.crowning.standing import stands
        from bakeoff.champion.place import place_for

        found = chosen(source, recipe=recipe, seed=seed)
        winner = None if found.bakeoff is None else found.bakeoff["verdict"]["winner"]
        place = out or place_for(source, winner, recipe)
        if out is None and zipped:
            place = place.with_name(f"{place.name}.bakeoff")
        plain = not zipped and terms is None and goldens is None
        if plain and stands(place, found, half=half, goldens="validation"):
            say.aside("It was made before, and is whole.")
        else:
            with say.working() as progress:
                pictures = _pictures(source, data, progress)
                crown(
                    source,
                    pictures,
                    place,
                    recipe=recipe,
                    seed=seed,
                    half=half,
                    goldens=goldens,
                    zipped=zipped,
                    terms=terms,
                    progress=progress,
                )
        _show(place, found.notes, f"{found.name}, seed {found.seed}", say)


@app.command()
def sign(
    champion: Given,
    key: Key,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Vouch for a champion with a private key."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.champion import signing

        made = signing.sign(_folder(champion), key)
        if as_json:
            say.document({"digest": made.digest, "key": made.fingerprint})
        else:
            say.console.print(f"Signed: {made.digest}\nKey: {made.fingerprint}", soft_wrap=True)


@app.command()
def verify(
    champion: Given,
    key: Public = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Verify every file of a champion, its signature, and its answers to the golden pictures."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.champion import archive, signing
        from bakeoff.champion.opening import open as opened

        found = opened(champion, key=key)
        folder = found.path if found.path.is_dir() else archive.unpacked(found.path)[0]
        signed = signing.check(folder, str(found.path))
        by = None if signed is None else signed.fingerprint
        if as_json:
            say.document({"digest": found.digest, "engine": found.engine.name, "key": by})
            return
        words = f"Signed by {by}." if by else "Nobody signed it."
        say.console.print(
            f"Whole, and answers as it did when it was made ({found.engine.name}).\n"
            f"Digest: {found.digest}\n{words}",
            soft_wrap=True,
        )


@app.command()
def sbom(champion: Given, as_json: Json = False, debug: Debug = False) -> None:
    """Print a bill of materials: every file with its SHA-256, the data, what was measured, in
    CycloneDX."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, debug=debug) as say:
        from bakeoff.champion.bill import bill

        say.document(bill(champion))


@app.command()
def keys(
    out: Keys,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a pair of keys to sign with."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.champion import signing

        made = signing.make_keys(out)
        if as_json:
            paths = {"private": str(made.private), "public": str(made.public)}
            say.document({**paths, "key": made.fingerprint})
            return
        say.console.print(
            f"Private key, to be kept: {made.private}\nPublic key, to be given away: "
            f"{made.public}\nFingerprint: {made.fingerprint}",
            soft_wrap=True,
        )


def _folder(champion: Path) -> Path:
    """The folder to sign: a champion's own, or the one in its bake-off's."""
    from bakeoff.champion.manifest import FILE

    inside = champion / "champion"
    if champion.is_file():
        rule = "is one file, and a signature goes into a folder"
        raise DataError(str(champion), rule, suggestion="Unpack it (it is a zip) and sign that.")
    return inside if not (champion / FILE).exists() and inside.is_dir() else champion


def _pictures(source: Path, data: str | None, progress: Any) -> Dataset:
    """The dataset that was learnt from, split as it was."""
    from bakeoff.data.dataset import load
    from bakeoff.report.again import dataset_of
    from bakeoff.report.result import Result
    from bakeoff.runs.run import Run
    from bakeoff.spec import codec
    from bakeoff.spec.split import SplitPlan

    is_bakeoff = (source / "bakeoff.json").exists()
    if data is None and is_bakeoff:
        return dataset_of(Result.open(source), progress)
    if data is None:
        rule = "is one run, which does not say where its pictures are"
        raise DataError(str(source), rule, suggestion="Give them with --data.")
    if is_bakeoff:
        from bakeoff.runs.folder import Folder

        told = Folder(path=source).record().data["plan"]
    else:
        told = Run(path=source).environment()["data"]["plan"]
    plan = codec.decode(SplitPlan, told)
    return load(data, plan=plan, max_broken=1.0, progress=progress)


def _show(place: Path, notes: tuple[str, ...], who: str, say: Session) -> None:
    from bakeoff.champion import archive, manifest
    from bakeoff.cli.text import printable, size

    listed: Manifest
    listed = manifest.verify(place) if place.is_dir() else archive.unpacked(place)[1]
    held = sum(listed.files.values())
    if say.as_json:
        say.document(
            {
                "champion": str(place),
                "digest": listed.digest,
                "bytes": held,
                "files": sorted(listed.files),
                "notes": list(notes),
            }
        )
        return
    for note in notes:
        say.console.print(f"! {printable(note)}", soft_wrap=True)
    say.console.print(f"Champion: {place} ({who}; {size(held)})", soft_wrap=True)
    say.console.print(f"Digest: {listed.digest}", soft_wrap=True)
