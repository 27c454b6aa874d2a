"""`bakeoff doctor`: what this machine and this installation can do, and what is missing."""

from __future__ import annotations

import typer

from bakeoff.cli.failure import USER
from bakeoff.cli.options import Debug, Json

__all__ = ["doctor"]


def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Check versions, device, cores, memory and cache, and say what is missing."""
    from rich.table import Table

    from bakeoff.cli.checks import MARKS, checks
    from bakeoff.cli.session import session

    with session(as_json=as_json, debug=debug) as say:
        found = checks()
        sound = all(check.state != "broken" for check in found)
        if as_json:
            say.document({"sound": sound, "checks": [check.to_json() for check in found]})
        else:
            table = Table.grid(padding=(0, 2))
            for check in found:
                table.add_row(MARKS[check.state], check.name, check.text)
            say.console.print(table)
        if not sound:
            raise typer.Exit(USER)
