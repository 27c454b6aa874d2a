"""A run becomes a champion: all that an answer needs in one folder, proved before it appears.

It is written beside its place, opened there, and renamed: what does not answer as it was measured
never gets its name.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor

from bakeoff.champion import archive, manifest, record
from bakeoff.champion.crowning.card import card
from bakeoff.champion.crowning.choosing import Chosen, chosen
from bakeoff.champion.crowning.graph import added_graph
from bakeoff.champion.crowning.knowing import Knowing, knowing
from bakeoff.champion.crowning.measured import calibrated, of_part, table_of
from bakeoff.champion.crowning.origin import held, origin_of
from bakeoff.champion.crowning.reference import statistics
from bakeoff.champion.crowning.specimens import FEWEST, own, specimens
from bakeoff.champion.crowning.standing import is_unsigned, who
from bakeoff.champion.goldens import write as write_goldens
from bakeoff.champion.opening import open as opened_again
from bakeoff.champion.record import Record, Unknown, Weights
from bakeoff.champion.rehearsal import Rehearsal, refuse_others, rehearse
from bakeoff.champion.torch_engine import TorchEngine, rebuilt
from bakeoff.data.cache import sync, writing
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.runs.opening import refuse_other_data
from bakeoff.runs.reopen import opened
from bakeoff.spec import codec
from bakeoff.spec.errors import ArgumentError, DataError
from bakeoff.spec.recipe import Recipe
from bakeoff.training.device import choose
from bakeoff.version import __version__

__all__ = ["GOLDENS", "crown"]

GOLDENS = 16

_WEIGHTS = "weights.safetensors"


def crown(
    source: Path,
    dataset: Dataset,
    out: Path,
    *,
    recipe: str | None = None,
    seed: int | None = None,
    half: bool = False,
    count: int = GOLDENS,
    goldens: Path | None = None,
    zipped: bool = False,
    terms: str | None = None,
    replacing: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write the champion of the bake-off, or of the run, in the folder `source` to `out`.

    By default the winner with the seed that did best on validation; `recipe` and `seed` name
    another. `half` keeps the weights in half precision. `count` pictures of validation become
    golden, or instead of them those in the folder `goldens`, for data that must not travel: in
    folders called as their classes, or in none. `zipped` makes one file of it. `terms` is the
    licence that its card names. `replacing` puts it in the place of an older one, unless that is
    signed.

    The test part is not opened: its numbers are those that the bake-off wrote down.
    """
    if count < FEWEST:
        raise ArgumentError("count", f"must be at least {FEWEST}: fewer prove little", count)
    found = chosen(source, recipe=recipe, seed=seed)
    refuse_other_data(found.run, dataset.digest)
    with _making(out, replacing=replacing) as folder:
        folder.mkdir()
        _filled(
            folder,
            found,
            dataset,
            half=half,
            golden=count if goldens is None else goldens,
            terms=terms,
            progress=progress,
        )
        progress("opening the champion", 0, None, "")
        opened_again(folder)
        sync(folder)
        if zipped:
            archive.pack(folder, out)
        else:
            if out.exists():
                out.rename(aside := folder.with_name(f"{folder.name}.old"))
                folder.rename(out)
                shutil.rmtree(aside, ignore_errors=True)
            else:
                folder.rename(out)
    return out


def _filled(
    folder: Path,
    found: Chosen,
    dataset: Dataset,
    *,
    half: bool,
    golden: int | Path,
    terms: str | None,
    progress: Progress,
) -> None:
    """Put all files into the folder of a champion, the manifest last."""
    recipe = found.run.recipe()
    weights, origin = _write_weights(folder / _WEIGHTS, found, dataset, half=half)
    classifier = rebuilt(recipe, folder / _WEIGHTS, len(dataset.classes))
    raw = TorchEngine(classifier, temperature=1.0, device="cpu")
    said = rehearse(raw, found.run, dataset, recipe.preprocess, progress=progress)
    refuse_others(said, found.run, half=half)
    temperature, calibration = calibrated(said.outputs.probabilities, said.labels)
    engine = TorchEngine(classifier, temperature=temperature, device="cpu")
    if isinstance(golden, Path):
        gold = own(golden, dataset, recipe.preprocess, engine)
    else:
        gold = specimens(said, dataset, recipe.preprocess, engine, count=golden)
    write_goldens(folder, gold, dataset.classes)
    knows = knowing(said, engine, dataset, recipe.preprocess, temperature, progress=progress)
    _write_reference(folder, said, knows, dataset, temperature)
    (folder / "recipe.json").write_text(codec.dumps(recipe), encoding="utf-8")
    no_graph = added_graph(folder, classifier, recipe, gold, dataset.classes, temperature)
    told = _record(
        found,
        dataset,
        recipe,
        weights=weights,
        origin=origin,
        temperature=temperature,
        unknown=knows.unknown,
        metrics={
            "calibration": calibration,
            "unknown": knows.told,
            "replay": _replayed(said),
            "measured": _measured(found, dataset, temperature),
        },
        no_graph=no_graph,
        goldens="own" if isinstance(golden, Path) else "validation",
    )
    (folder / record.FILE).write_text(record.dumps(told), encoding="utf-8")
    names = [one.name for one in folder.iterdir()]
    text = card(told, recipe, files=names, terms=terms)
    (folder / "README.md").write_text(text, encoding="utf-8")
    manifest.write(folder)


def _write_weights(
    path: Path, found: Chosen, dataset: Dataset, *, half: bool
) -> tuple[Weights, dict[str, Any]]:
    """The run's tensors, as they are shipped; how they are kept, and what they are."""
    classifier = opened(found.run, classes=dataset.classes, device=choose("cpu"))
    tensors = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    if half:
        tensors = {name: _halved(tensor) for name, tensor in tensors.items()}
    path.write_bytes(bytes_from_tensors(tensors))
    dtype: Literal["float32", "float16"] = "float16" if half else "float32"
    told = origin_of(classifier, found.run.recipe(), pictures=len(dataset.split.train))
    return Weights(dtype=dtype, parameters=held(classifier)), told


def _halved(tensor: Tensor) -> Tensor:
    """In half precision, where it holds no number that is too large for it."""
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.half()
    return halved if bool(torch.isfinite(halved).all()) else tensor


def _write_reference(
    folder: Path, said: Rehearsal, knows: Knowing, dataset: Dataset, temperature: float
) -> None:
    sizes = {name: getattr(dataset.scan, name)[said.indices] for name in ("widths", "heights")}
    arrays = statistics(said.outputs, temperature, **sizes)
    own = {f"unknown_{name}": array for name, array in knows.reference.items()}
    np.savez(folder / "reference.npz", allow_pickle=False, **arrays, **own)


def _replayed(said: Rehearsal) -> dict[str, Any]:
    return {
        "pictures": len(said.labels),
        "apart": said.apart,
        "others": said.others,
        "gained": said.gained,
    }


def _measured(found: Chosen, dataset: Dataset, temperature: float) -> dict[str, Any]:
    table = table_of(found, dataset.classes, found.part)
    if table is None:
        raise DataError(
            str(found.run.path),
            f"has no predictions of the part {found.part!r}, of which its numbers are",
            suggestion="The directory was changed after the run ended. Train it again.",
        )
    return of_part(found, table, temperature)


def _record(
    found: Chosen,
    dataset: Dataset,
    recipe: Recipe,
    *,
    weights: Weights,
    origin: dict[str, Any],
    temperature: float,
    unknown: Unknown | None,
    metrics: dict[str, Any],
    no_graph: str | None,
    goldens: Literal["own", "validation"],
) -> Record:
    environment = found.run.environment()
    bakeoff = found.bakeoff
    counts = {name: one.tolist() for name, one in dataset.counts().items()}
    opened_times = None if bakeoff is None or not bakeoff["opened"] else bakeoff["opened"]["times"]
    return Record(
        name=found.name,
        classes=dataset.classes,
        temperature=temperature,
        unknown=unknown,
        weights=weights,
        seed=found.seed,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        bakeoff=__version__,
        digests={
            "recipe": codec.digest(recipe),
            "data": dataset.digest,
            "code": environment["code"],
            "run": found.digest,
        },
        metrics=metrics,
        data={
            "name": dataset.name,
            "plan": codec.encode(dataset.plan),
            "counts": counts,
            "sizes": {name: sum(counts[name]) for name in counts},
            "opened": opened_times,
            "leaked": None if bakeoff is None else bakeoff["data"]["leaked"]["pictures"],
            "verdict": bakeoff["verdict"]["paragraph"] if bakeoff else None,
            "no_onnx": no_graph,
            "goldens": goldens,
            "weights": origin,
        },
        environment={
            name: environment[name] for name in ("device", "libraries", "python", "system")
        },
        notes=found.notes,
    )


@contextmanager
def _making(out: Path, *, replacing: bool) -> Iterator[Path]:
    """A place beside `out` to write at; what is left there goes away."""
    with writing("the champion", out, suggestion="Give another --out."):
        if out.exists() and not (replacing and is_unsigned(out)):
            rule = f"is there already{who(out)}, and a champion is not written over"
            raise DataError(str(out), rule, suggestion="Remove it, or give another --out.")
        out.parent.mkdir(parents=True, exist_ok=True)
        made = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.making")
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
