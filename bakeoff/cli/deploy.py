"""`bakeoff deploy`: another champion into a service that runs, without a request lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bakeoff.champion.place import WORD, placed
from bakeoff.cli.options import Debug, Json, Quiet, complete_champion

__all__ = ["deploy"]

Which = Annotated[
    Path | None,
    typer.Argument(
        metavar="CHAMPION",
        help="A champion's folder or .bakeoff file, the folder of a bake-off, a URL of either, or "
        f"{WORD}: the one that comes with Bakeoff.",
        autocompletion=complete_champion,
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option(metavar="N", help="Of the service on this machine.")]
Canary = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Let it answer only this share of the requests, such as 0.1.",
        show_default=False,
    ),
]
Shadow = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Let it answer nobody: ask it about this share as well, and count where it differs.",
        show_default=False,
    ),
]
Rollback = Annotated[
    bool,
    typer.Option("--rollback", help="End a trial; or, without one, go back to the one before."),
]


def deploy(
    which: Which = None,
    port: Port = 8000,
    canary: Canary = None,
    shadow: Shadow = None,
    rollback: Rollback = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Give a running service another champion: verified, warmed, and swapped without a pause."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.serving.control import asked

        told = asked(port, _message(which, canary, shadow, rollback))
        if say.as_json:
            say.document(told)
        else:
            for line in _lines(told):
                say.console.print(line, soft_wrap=True)


def _message(
    which: Path | None, canary: float | None, shadow: float | None, rollback: bool
) -> dict[str, Any]:
    from bakeoff.data.remote import url_of
    from bakeoff.spec.errors import UserError
    from bakeoff.spec.rules import between

    if rollback:
        if which is not None or canary is not None or shadow is not None:
            raise UserError("--rollback", "goes alone", suggestion="Leave out the rest.")
        return {"do": "rollback"}
    if which is None:
        rule = "is what is deployed, and is missing"
        raise UserError("CHAMPION", rule, suggestion="Give its folder, or --rollback.")
    if canary is not None and shadow is not None:
        raise UserError("--canary", "cannot go with --shadow", suggestion="Take one of them.")
    mode, share = "swap", 1.0
    for name, value in (("canary", canary), ("shadow", shadow)):
        if value is not None:
            between(f"--{name}", value, 0.0, 1.0, "It is a share of the requests.")
            mode, share = name, value
    # The service may have been started elsewhere.
    path = url_of(which) or str(placed(which).resolve())
    return {"do": "deploy", "champion": path, "mode": mode, "share": share}


def _lines(told: dict[str, Any]) -> list[str]:
    current, trial = told["current"], told["trial"]
    lines = [f"Serving {current['name']}, {current['digest'][:12]}, by {current['engine']}."]
    if trial is not None:
        doing = "answers" if trial["mode"] == "canary" else "is asked about"
        lines.append(
            f"{trial['name']}, {trial['digest'][:12]}, {doing} {trial['share']:.0%} of requests."
        )
    if told["previous"] is not None:
        lines.append(f"Back to {told['previous']}: bakeoff deploy --rollback")
    return lines
