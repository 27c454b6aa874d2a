"""`bakeoff backbones`: weights fetched ahead, and pickled ones converted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import Debug, Json, Quiet, complete_path

__all__ = ["app", "convert", "pull"]

app = typer.Typer(help="Fetch weights of backbones ahead, or convert them.", no_args_is_help=True)

Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="timm's names, such as resnet50.", show_default=False),
]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A file of weights written by torch.save.",
        autocompletion=complete_path,
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where to write. Default: beside it, ending in .safetensors.",
        autocompletion=complete_path,
    ),
]


@app.command("pull")
def pull(names: Names, as_json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Fetch the weights of backbones, for times without a network."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.models import pulling
        from bakeoff.models.catalogue import entry

        # All names first: a misspelt one is not found after an hour's download.
        entries = [entry(name) for name in names]
        with say.working() as progress:
            files = [pulling.pull(known, ahead=True, progress=progress) for known in entries]
        found = [
            {"name": known.name, "file": str(file)}
            for known, file in zip(entries, files, strict=True)
        ]
        if as_json:
            say.document(found)
            return
        for line in found:
            say.console.print(f"{line['name']}  {line['file']}", soft_wrap=True)


@app.command("convert")
def convert(
    file: File,
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Convert a pickled file of weights to safetensors. Nothing but tensors is unpickled."""
    from bakeoff.cli.session import session

    with session(as_json=as_json, quiet=quiet, debug=debug) as say:
        from bakeoff.models import pulling

        target = out or file.with_name(f"{file.name.split('.')[0]}.safetensors")
        count = pulling.convert(file, target)
        if as_json:
            say.document({"file": str(target), "tensors": count})
        else:
            say.console.print(f"{count:,} tensors written to {target}", soft_wrap=True)
