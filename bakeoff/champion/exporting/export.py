"""A champion in another runtime's form, proved to be it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bakeoff.champion import archive, goldens, opening, place
from bakeoff.champion.champion import Champion
from bakeoff.champion.engine import Engine, Numbers
from bakeoff.champion.exporting import keras, onnx, openvino, space, torch_program
from bakeoff.champion.exporting.folder import making
from bakeoff.champion.exporting.proof import Proof, prove, refuse_loss
from bakeoff.champion.exporting.standalone import accompanied
from bakeoff.champion.onnx_engine import OnnxEngine
from bakeoff.champion.openvino_engine import OpenvinoEngine
from bakeoff.champion.torch_engine import rebuilt
from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.models.classifier import Classifier
from bakeoff.spec.errors import ArgumentError, DataError, one_of
from bakeoff.version import __version__

__all__ = ["Export", "Form", "export"]

Form = Literal["onnx", "openvino", "keras", "torch", "space"]

_Opened = Callable[[int], Engine]
"""The export opened by its own runtime, on so many threads."""

_QUANTISED = ("onnx", "openvino", "space")
SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Takes:
    """What it wants to be given. Where a backbone wants another size than this, that is the
    network's own affair, and inside."""

    name: str = "pictures"
    dtype: str = "uint8"
    side: int
    """Pixels each way: N×S×S×3, in red, green and blue."""

    fit: str
    """How a picture is brought to that before."""

    keep: float
    interpolation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What was written."""

    path: Path
    files: dict[str, int]
    """Bytes of each."""

    proofs: tuple[Proof, ...]
    """One for each way to compute it."""

    takes: Takes


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Source:
    model: Champion
    """Open in torch, which all are held against."""

    folder: Path
    classifier: Classifier
    dataset: Dataset | None
    int8: bool
    examples: bool

    @property
    def half(self) -> bool:
        return self.model.record.weights.dtype == "float16"

    @property
    def side(self) -> int:
        side = self.model.recipe.preprocess.size
        assert side is not None, "champions are settled"
        return side


def export(
    champion: str | Path,
    *,
    to: Form,
    out: str | Path | None = None,
    int8: bool = False,
    data: Dataset | None = None,
    force: bool = False,
    examples: bool = False,
    progress: Progress = silent,
) -> Export:
    """Write the champion to the folder `out` in the form `to`; by default beside it, and of the
    one that comes with Bakeoff, in the current folder.

    With `data`, which it was made of, the export is measured on the pictures that the champion was
    measured on; without, only the goldens are replayed. `int8` needs it. What loses more than half
    a percentage point of accuracy is not written, unless `force`. `examples` puts golden pictures
    on the page of a Space, for whoever may publish them.
    """
    _check(to, int8, data, examples)
    _refuse_idle(force, data)
    model = opening.open(champion, engine="torch", device="cpu")
    if data is not None:
        _refuse_other(model, data)
    folder = model.path if model.path.is_dir() else archive.unpacked(model.path)[0]
    weights, classes = folder / "weights.safetensors", len(model.classes)
    source = _Source(
        model=model,
        folder=folder,
        classifier=rebuilt(model.recipe, weights, classes, f"of {champion}"),
        dataset=data,
        int8=int8,
        examples=examples,
    )
    named = f"{model.path.stem}-{to}{'-int8' if int8 else ''}"
    beside = Path(named) if model.path == place.BOXED else model.path.with_name(named)
    path = beside if out is None else Path(out)
    with making(path) as made:
        progress("writing the export", 0, None, "")
        proofs = _proved(_FORMS[to](source, made), source, force=force, progress=progress)
        _describe(made, to, source, proofs)
    files = {
        one.relative_to(path).as_posix(): one.stat().st_size
        for one in sorted(path.rglob("*"))
        if one.is_file()
    }
    return Export(path=path, files=files, proofs=proofs, takes=_takes(source))


def _check(to: str, int8: bool, data: Dataset | None, examples: bool) -> None:
    if to not in _FORMS:
        raise ArgumentError("--to", "must be a known form", to, one_of(to, _FORMS))
    if int8 and to not in _QUANTISED:
        raise ArgumentError("--int8", f"is for --to {', '.join(_QUANTISED)}, not for {to}")
    if examples and to != "space":
        raise ArgumentError("--examples", f"is for --to space, not for {to}")
    if int8 and data is None:
        raise ArgumentError(
            "--int8",
            "needs --data: ranges are taken from validation pictures, and what it loses is "
            "measured on pictures that were kept out of training",
        )


def _refuse_idle(force: bool, data: Dataset | None) -> None:
    if force and data is None:
        rule = "has nothing to overrule: what an export loses is only measured with --data"
        raise ArgumentError("--force", rule)


def _refuse_other(model: Champion, data: Dataset) -> None:
    wanted = model.record.digests["data"]
    if data.digest != wanted:
        raise DataError(
            "--data",
            f"must be what the champion was made of: its digest is {data.digest[:12]} instead of "
            f"{wanted[:12]}",
            suggestion="Give the same data, and the split options of its bake-off.",
        )


def _proved(
    ways: Sequence[_Opened], source: _Source, *, force: bool, progress: Progress
) -> tuple[Proof, ...]:
    gold = goldens.read(source.folder, source.model.classes, str(source.model.path))
    found = []
    for way in ways:
        proof = prove(
            way,
            source.model,
            gold,
            source.dataset,
            coarse=source.int8,
            progress=progress,
        )
        refuse_loss(proof, force=force)
        found.append(proof)
    return tuple(found)


def _describe(folder: Path, to: str, source: _Source, proofs: Sequence[Proof]) -> None:
    record = source.model.record
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "export",
        "to": to,
        "int8": source.int8,
        "bakeoff": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "champion": {"name": record.name, "digest": source.model.digest},
        "classes": record.classes,
        "takes": asdict(_takes(source)),
        "proofs": [asdict(one) for one in proofs],
    }
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "export.json").write_text(text, encoding="utf-8")


def _takes(source: _Source) -> Takes:
    target = source.model.recipe.preprocess
    return Takes(
        side=source.side, fit=target.fit, keep=target.keep, interpolation=target.interpolation
    )


def _to_onnx(source: _Source, folder: Path) -> list[_Opened]:
    graph = _graph(source, folder)
    accompanied(source.model, folder)
    numbers: Numbers = "int8" if source.int8 else "float32"
    return [lambda threads: OnnxEngine(graph, threads=threads, numbers=numbers)]


def _to_openvino(source: _Source, folder: Path) -> list[_Opened]:
    graph = _graph(source, folder)
    path = openvino.converted(graph, folder, half=source.half)
    graph.unlink()
    ways: list[Numbers] = ["float32"]
    if source.int8:
        ways = ["int8"]
    elif openvino.has_bfloat16():
        ways.append("bfloat16")
    return [partial(_openvino, path, way) for way in ways]


def _openvino(path: Path, numbers: Numbers, threads: int) -> Engine:
    return OpenvinoEngine(path, threads=threads, numbers=numbers)


def _to_space(source: _Source, folder: Path) -> list[_Opened]:
    ways = _to_onnx(source, folder)
    space.furnished(source.model, folder, examples=source.examples)
    return ways


def _to_torch(source: _Source, folder: Path) -> list[_Opened]:
    temperature = source.model.record.temperature
    path = torch_program.exported(
        source.classifier, folder, side=source.side, temperature=temperature
    )
    engine = torch_program.ProgramEngine(path)
    return [lambda _: engine]


def _to_keras(source: _Source, folder: Path) -> list[_Opened]:
    record, recipe = source.model.record, source.model.recipe
    path = keras.exported(
        source.classifier,
        recipe.network,
        recipe.preprocess,
        record.classes,
        record.temperature,
        folder / "model.keras",
    )
    engine = keras.KerasEngine(path)
    return [lambda _: engine]


def _graph(source: _Source, folder: Path) -> Path:
    """The graph in a file of its own, in int8 if asked."""
    temperature = source.model.record.temperature
    path = onnx.exported(
        source.classifier,
        folder,
        side=source.side,
        temperature=temperature,
        weights=None,
        half=source.half and not source.int8,
    )
    if source.int8:
        from bakeoff.champion.exporting.quantise import quantised

        assert source.dataset is not None
        quantised(path, source.dataset, source.model.recipe.preprocess)
    return path


_FORMS: dict[str, Callable[[_Source, Path], list[_Opened]]] = {
    "onnx": _to_onnx,
    "openvino": _to_openvino,
    "keras": _to_keras,
    "torch": _to_torch,
    "space": _to_space,
}
