"""`bakeoff explain`: where in a picture a champion finds what it says of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bakeoff.cli.inputs import plan_for
from bakeoff.cli.options import ChampionPath, Debug, Json, Quiet, complete_data, complete_path
from bakeoff.spec.errors import ArgumentError, DataError, MissingExtraError, UserError, one_of

if TYPE_CHECKING:
    from bakeoff.champion.champion import Champion
    from bakeoff.champion.explaining.explanation import Explanation, Neighbour
    from bakeoff.cli.session import Session

__all__ = ["explain"]

WAYS = ("auto", "gradcam", "attention", "occlusion")

Shown = Annotated[
    Path,
    typer.Argument(
        metavar="PICTURE", help="A picture.", autocompletion=complete_path, show_default=False
    ),
]
Class = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="A class to explain beside the predicted one.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png",
        help="Where the overlay is written; a file that is there is replaced. Default: PICTURE's "
        "name with -explained.png, here.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Way = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help=f"{', '.join(WAYS)}. auto: the best there is for the network.",
    ),
]
Neighbours = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="What the champion learnt from: shows the nearest training pictures, too.",
        autocompletion=complete_data,
        show_default=False,
    ),
]


def explain(
    champion: ChampionPath,
    picture: Shown,
    label: Class = None,
    out: Out = None,
    method: Way = "auto",
    neighbours: Neighbours = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show where in a picture a champion finds what it says: a PNG with a heat map over it."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        if method not in WAYS:
            raise ArgumentError("--method", "must be a known one", method, one_of(method, WAYS))
        if picture.is_dir():
            rule = "is a folder, and one picture at a time is explained"
            suggestion = (
                f"Give one of it. All are answered by: bakeoff predict {champion} {picture}"
            )
            raise DataError(str(picture), rule, suggestion=suggestion)
        path = _png(out or Path(f"{picture.stem}-explained.png"), picture)

        from bakeoff.champion.explaining.sheet import sheet
        from bakeoff.data.encode import encode

        model = _opened(champion, method)
        found = _explained(model, picture, label, method)
        near = [] if neighbours is None else _near(model, found[0], neighbours, say)
        try:
            path.write_bytes(encode(sheet(found, near)))
        except OSError as error:
            raise UserError(f"--out {path}", f"cannot be written: {error.strerror}") from error
        _tell(model, found, near, path, say)


def _png(path: Path, picture: Path) -> Path:
    if path.suffix.lower() != ".png":
        raise ArgumentError("--out", "must end in .png", str(path))
    if path.exists() and picture.exists() and path.samefile(picture):
        raise ArgumentError("--out", "must not be the picture itself", str(path))
    return path


def _opened(path: Path, method: str) -> Champion:
    """By torch where it can be had: no other engine looks inside of a network."""
    from bakeoff.champion import opening

    if method == "occlusion":
        return opening.open(path)
    try:
        return opening.open(path, engine="torch")
    except MissingExtraError:
        return opening.open(path)


def _explained(model: Champion, picture: Path, label: str | None, method: str) -> list[Explanation]:
    """For the predicted class, and for the one that was asked for where that is another."""
    from bakeoff.champion.explaining.explain import explain as explained
    from bakeoff.champion.explaining.maps import Method

    way: Any = method
    assert set(WAYS) == {"auto", *get_args(Method)}
    try:
        first = explained(model, picture, method=way)
        if label in (None, first.label):
            return [first]
        return [first, explained(model, picture, label=label, method=way)]
    except ArgumentError as error:
        option = {"the class": "--class", "the method": "--method"}.get(error.field, error.field)
        raise ArgumentError(option, error.rule, error.value, error.suggestion) from None


def _near(model: Champion, found: Explanation, source: str, say: Session) -> list[Neighbour]:
    from bakeoff.champion.explaining.neighbours import nearest
    from bakeoff.data.dataset import load

    plan = plan_for(model.record)
    with say.working() as progress:
        dataset = load(source, plan=plan, progress=progress)
        near = nearest(
            model.engine,
            found.picture,
            dataset,
            model.recipe.preprocess,
            digest=model.digest,
            progress=progress,
        )
    if dataset.digest != model.record.digests.get("data"):
        say.remark(
            f"{source} is not what the champion learnt from, or is split otherwise: neighbours are "
            "of its training part as it is now."
        )
    return near


def _tell(
    model: Champion,
    found: list[Explanation],
    near: list[Neighbour],
    path: Path,
    say: Session,
) -> None:
    if say.as_json:
        say.document(
            {
                "out": str(path),
                "explanations": [
                    {
                        "label": one.label,
                        "probability": one.probability,
                        "method": one.method,
                        "found": not one.flat,
                    }
                    for one in found
                ],
                "neighbours": [
                    {"name": one.name, "label": one.label, "similarity": one.similarity}
                    for one in near
                ],
            }
        )
        return

    from bakeoff.champion.explaining.maps import METHODS
    from bakeoff.cli.text import printable
    from bakeoff.evaluation.cautions import grave

    def tell(text: str) -> None:
        say.console.print(printable(text), soft_wrap=True)

    for one in found:
        tell(f"{one.label}: {one.probability:.1%}, by {METHODS[one.method]}")
        if one.flat:
            say.aside(f"No part of the picture speaks for {one.label}: its map is empty.")
    for each in near:
        tell(f"near: {each.label}, {each.name} (cosine {each.similarity:.3f})")
    for note in grave(model.record.notes, model.name):
        say.aside(printable(note))
    say.aside(f"Written: {path}")
