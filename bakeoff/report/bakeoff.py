"""The whole job in one call: a bake-off, and the reports of it."""

from __future__ import annotations

import re
import shlex
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bakeoff.data.dataset import Dataset, load
from bakeoff.data.progress import Progress, silent
from bakeoff.report.crowned import crowned
from bakeoff.report.markdown import write_markdown
from bakeoff.report.overlays import overlays
from bakeoff.report.page import write_report
from bakeoff.report.result import Result
from bakeoff.runs.bakeoff import Baked, bake
from bakeoff.runs.board import Doing, Happening
from bakeoff.runs.cluster.elsewhere import elsewhere
from bakeoff.runs.folder import Folder
from bakeoff.runs.lineup import declared
from bakeoff.runs.question import DEFAULT, SEEDS, Prefer, Question
from bakeoff.spec.amounts import parse_duration, parse_latency, parse_size
from bakeoff.spec.errors import (
    BakeoffWarning,
    CacheError,
    DataError,
    IncompatibleInstallError,
    MissingExtraError,
    SpecError,
    UserError,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.training.device import choose

__all__ = ["asked_again", "new_folder", "reported", "run"]

_OPTION = re.compile(
    r"--(?:no-)?(lineup|seeds|budget|epochs|out|prefer|max-latency|max-size|margin|test|tta|stopping"
    r"|champion|size|weights|device|on|via)\b"
)

Listener = Callable[[Happening], None]


@contextmanager
def _by_argument() -> Iterator[None]:
    """Errors name what was given by its name in Python, rather than by the command's option."""
    try:
        yield
    except MissingExtraError as error:
        raise MissingExtraError(_OPTION.sub(_argument, error.feature), error.extra) from error
    except (SpecError, DataError, CacheError, IncompatibleInstallError) as error:
        parts = (error.field, error.rule, error.suggestion)
        field, rule, suggestion = (_OPTION.sub(_argument, text) for text in parts)
        raise type(error)(field, rule, error.value, suggestion) from error


def _argument(option: re.Match[str]) -> str:
    return option[1].replace("-", "_")


@_by_argument()
def run(
    data: str | Path | Dataset,
    *,
    lineup: str | Sequence[str | Recipe] = DEFAULT,
    seeds: int = SEEDS,
    budget: str | float | None = None,
    epochs: float | None = None,
    out: str | Path | None = None,
    prefer: Prefer = "accuracy",
    max_latency: str | float | None = None,
    max_size: str | int | None = None,
    margin: float = 0.005,
    test: bool = True,
    tta: bool = False,
    stopping: bool = True,
    champion: bool = True,
    size: int | None = None,
    weights: str | None = None,
    device: str | None = None,
    on: str | None = None,
    via: str | None = None,
    listen: Listener = lambda happening: None,
    progress: Progress = silent,
) -> Result:
    """Train contenders on labelled pictures, compare them honestly, and say who wins.

    The same call on the same `out` goes on where an interrupted one stopped.

    Parameters
    ----------
    data : a dataset, or what `bakeoff.load` takes.
    lineup : the name of a line-up, or recipes: names, `my.py:function`, or Recipe values. By
        default chosen from data, device and budget.
    seeds : runs of each contender.
    budget : for everything together, in seconds or as a text such as "30m"; excludes `epochs`.
    epochs : passes over the training pictures for each run. None: the recipes' own.
    out : the bake-off's directory. None: a new one under bakeoffs/.
    prefer : what decides among contenders as good as the best: accuracy, latency or size.
    max_latency : seconds for one picture, or a text such as "20ms".
    max_size : bytes on disk, or a text such as "10MB".
    margin : a difference in accuracy that does not matter.
    test : whether the test part is opened at the end, once.
    tta : whether several views of each picture are looked at, too.
    stopping : whether hopeless contenders are stopped early.
    champion : whether the winner is made a champion at the end, in `champion` below `out`.
    size : side in pixels that pictures are brought to, for networks from scratch.
    weights : of all backbones: "pretrained", "random" or a safetensors file.
    device : cpu, cuda, cuda:N or mps. None: the best there is.
    on : "ray" or "ray://HOST:PORT": the runs are made side by side on a Ray cluster, with the
        same verdict. All its nodes must see `out`, or `via` be given. None: here.
    via : a URL such as "s3://bucket/folder", where runs are kept while nodes of `on` make them that
        share no path; `out` stays here. Later calls on the same `out` need not say it again.
    listen : told what happens, as it happens.
    progress : told how far the work between is.
    """
    began = time.perf_counter()
    words, own = _lineup(lineup)
    question = Question(
        data=data.name if isinstance(data, Dataset) else str(data),
        lineup=words,
        seeds=seeds,
        seconds=_seconds(budget),
        epochs=epochs,
        size=size,
        weights=weights,
        stopping=stopping,
        test=test,
        tta=tta,
        champion=champion,
        prefer=prefer,
        max_latency=parse_latency(max_latency) if isinstance(max_latency, str) else max_latency,
        max_size=parse_size(max_size) if isinstance(max_size, str) else max_size,
        margin=margin,
    )
    declared(words, own)
    with elsewhere(on, via, out) as where:
        dataset = data if isinstance(data, Dataset) else load(data, progress=progress)
        baked = bake(
            question,
            dataset,
            Path(out) if out is not None else new_folder(question.data),
            own=own,
            device=choose(device),
            elsewhere=where,
            listen=listen,
            progress=progress,
            spent=time.perf_counter() - began,
        )
    result = reported(baked, dataset, listen=listen)
    if champion:
        listen(Doing(text="making the champion"))
        _crown(result, dataset, progress)
    return result


def _crown(result: Result, dataset: Dataset, progress: Progress) -> None:
    try:
        crowned(result, dataset, progress=progress)
    except UserError as error:
        # What was found stands without it. The warning is of whoever called `run`.
        warnings.warn(f"There is no champion: {error}", BakeoffWarning, stacklevel=4)


def reported(baked: Baked, dataset: Dataset, *, listen: Listener) -> Result:
    """The result of a bake-off that is over, with its pages written beside it."""
    assert baked.finished
    listen(Doing(text="writing the report"))
    result = Result.open(baked.folder.path)
    write_report(result, dataset, overlays(result, dataset))
    write_markdown(result.facts, result.path)
    return result


def new_folder(data: str) -> Path:
    """A folder named by time and data, that is not there yet."""
    name = "".join(c if c.isalnum() else "-" for c in Path(data).stem).strip("-")[:40] or "data"
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"
    for number in range(1, 1000):
        path = Path("bakeoffs") / (stem if number == 1 else f"{stem}-{number}")
        if not path.exists():
            return path
    raise AssertionError("a thousand bake-offs in a second")


def asked_again(folder: Path, given: Mapping[str, Any]) -> Question:
    """What the bake-off in `folder` was asked, with what is given now in its place."""
    before = Folder(path=folder).record().question
    return Question.from_json({**before.to_json(), **given})


def command(words: Sequence[str]) -> str:
    """A command as it would be typed."""
    return shlex.join(["bakeoff", *words])


def _lineup(lineup: str | Sequence[str | Recipe]) -> tuple[str, dict[str, Recipe]]:
    if isinstance(lineup, str):
        return lineup, {}
    if not lineup:
        raise SpecError("lineup", "must name at least one recipe")
    own = {one.name: one for one in lineup if isinstance(one, Recipe)}
    return ",".join(one if isinstance(one, str) else one.name for one in lineup), own


def _seconds(budget: str | float | None) -> float | None:
    return parse_duration(budget, field="budget") if isinstance(budget, str) else budget
