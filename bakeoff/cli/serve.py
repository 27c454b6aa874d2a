"""`bakeoff serve`: a champion behind HTTP."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.champion.place import WORD
from bakeoff.cli.options import Debug, Quiet, complete_champion, complete_path

if TYPE_CHECKING:
    from bakeoff.serving.settings import Settings

__all__ = ["serve"]

_NEEDED = ("python_multipart", "prometheus_client", "sqlalchemy", "starlette", "uvicorn")
"""What the processes of a service import first."""

_PACE, _BOUNDS, _ACCESS, _JOURNAL = "Speed", "Bounds", "Who may ask", "Journal"

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="CHAMPION",
        help="A champion's folder or .bakeoff file, the folder of a bake-off, a URL of either, or "
        f"{WORD}: the one that comes with Bakeoff. Default: the newest under bakeoffs/, else "
        f"{WORD}.",
        autocompletion=complete_champion,
        show_default=False,
    ),
]
Host = Annotated[str, typer.Option(metavar="H", help="Address to listen on.")]
Port = Annotated[int, typer.Option(metavar="N", help="0 takes a free one.")]
Ui = Annotated[
    str, typer.Option(metavar="WHICH", help="The page: own, gradio (extra gradio) or none.")
]
Name = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the inference protocol (/v2) calls the model. Default: as its recipe is called.",
        show_default=False,
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="FORM",
        help="text or json. Default: text on a terminal, else json.",
        show_default=False,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="onnx, openvino or torch; auto: the fastest, measured.",
        rich_help_panel=_PACE,
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="NAME", help="cpu or cuda.", show_default=False, rich_help_panel=_PACE
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Processes. Default: one for each processor where a picture takes a few ms; one "
        "where it takes longer, and with --rate or --ui gradio.",
        show_default=False,
        rich_help_panel=_PACE,
    ),
]
Lanes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Pictures that a process computes at once. Default: measured.",
        show_default=False,
        rich_help_panel=_PACE,
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Pictures of several requests that are computed together. Default: 32 on a GPU, one "
        "on a processor, where it brings nothing.",
        show_default=False,
        rich_help_panel=_PACE,
    ),
]
Queue = Annotated[
    int, typer.Option(metavar="N", help="Pictures that may wait.", rich_help_panel=_BOUNDS)
]
Deadline = Annotated[
    str,
    typer.Option(
        metavar="TIME", help="After which no answer is of use any more.", rich_help_panel=_BOUNDS
    ),
]
Body = Annotated[
    str, typer.Option(metavar="SIZE", help="Of a request, at most.", rich_help_panel=_BOUNDS)
]
Megapixels = Annotated[
    float, typer.Option(metavar="N", help="Of a picture, at most.", rich_help_panel=_BOUNDS)
]
Drain = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="For requests under way when the service ends.",
        rich_help_panel=_BOUNDS,
    ),
]
Keys = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Ask for API keys, those of this file.",
        autocompletion=complete_path,
        show_default=False,
        rich_help_panel=_ACCESS,
    ),
]
NewKey = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Add a key to the file of --keys, print it, and stop.",
        show_default=False,
        rich_help_panel=_ACCESS,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Pictures a second for each key.",
        show_default=False,
        rich_help_panel=_ACCESS,
    ),
]
Cors = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN",
        help="A page's origin that may ask, too; may be given several times.",
        show_default=False,
        rich_help_panel=_ACCESS,
    ),
]
JournalAt = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="WHERE",
        help="A path, a database's URL, or none. auto: SQLite in the service's folder.",
        rich_help_panel=_JOURNAL,
    ),
]
KeepDays = Annotated[
    float,
    typer.Option(metavar="N", help="Days that it goes back.", rich_help_panel=_JOURNAL),
]
KeepPictures = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Keep the pictures, too, up to this size, such as 1GB. Default: none is kept.",
        show_default=False,
        rich_help_panel=_JOURNAL,
    ),
]


def serve(
    which: Which = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    ui: Ui = "own",
    name: Name = None,
    log: Log = None,
    engine: Engine = "auto",
    device: DeviceName = None,
    workers: Workers = None,
    lanes: Lanes = None,
    batch: Batch = None,
    queue: Queue = 256,
    deadline: Deadline = "10s",
    body: Body = "10MB",
    megapixels: Megapixels = 40.0,
    drain: Drain = "30s",
    keys: Keys = None,
    new_key: NewKey = None,
    rate: Rate = None,
    cors: Cors = None,
    journal: JournalAt = "auto",
    keep_days: KeepDays = 90.0,
    keep_pictures: KeepPictures = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve a champion: a page for people and an API for programs."""
    from bakeoff.cli.session import session

    with session(quiet=quiet, debug=debug) as say:
        if new_key is not None:
            from bakeoff.serving.keys import add

            say.console.print(add(keys, new_key))
            return

        from bakeoff.serving.settings import Settings
        from bakeoff.spec.amounts import parse_duration, parse_size

        kept = keep_pictures and parse_size(keep_pictures, field="--keep-pictures")
        settings = Settings(
            champion=which,
            name=name,
            host=host,
            port=port,
            ui=ui,
            quiet=quiet,
            log=log or ("text" if sys.stderr.isatty() else "json"),
            engine=engine,
            device=device,
            workers=workers,
            lanes=lanes,
            batch=batch,
            queue=queue,
            deadline=parse_duration(deadline, field="--deadline"),
            body=parse_size(body, field="--body"),
            pixels=round(megapixels * 1e6),
            drain=parse_duration(drain, field="--drain"),
            keys=keys,
            rate=rate,
            cors=tuple(cors or ()),
            journal=None if journal == "none" else journal,
            keep_days=keep_days,
            keep_pictures=kept or None,
        )
        _serve(settings, debug=debug)


def _serve(settings: Settings, *, debug: bool) -> None:
    from bakeoff.spec.errors import MissingExtraError

    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise MissingExtraError("the service", "serve")

    from bakeoff.cli.service import become
    from bakeoff.data.remote import url_of
    from bakeoff.serving.artifacts import refuse_missing
    from bakeoff.serving.choosing import newest
    from bakeoff.serving.listening import listening

    named = newest(settings.champion)
    if url_of(named) is None:
        refuse_missing(Path(named))
    with listening(settings) as one:
        become(settings, one, debug=debug)
