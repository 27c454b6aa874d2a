"""Opening a champion: nothing is answered before all of it is known to be what was measured.

The manifest is verified, then a signature where there is one; an engine is chosen; the goldens are
replayed on it.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import zipfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bakeoff.champion import archive, fetching, goldens, manifest, place, record, signing
from bakeoff.champion.champion import Champion
from bakeoff.champion.engine import Engine
from bakeoff.champion.onnx_engine import OnnxEngine, has_gpu
from bakeoff.champion.openvino_engine import OpenvinoEngine
from bakeoff.champion.record import Record
from bakeoff.spec import codec
from bakeoff.spec.errors import ArgumentError, DataError, MissingExtraError, SpecError, one_of
from bakeoff.spec.recipe import Recipe

__all__ = ["Named", "engine_for", "facts_of", "open", "whole"]

Named = Literal["auto", "onnx", "openvino", "torch"]

GRAPH = "model.onnx"


def open(  # noqa: A001 - `bakeoff.open` is what a person types
    path: str | Path | None = None,
    *,
    engine: Named = "auto",
    device: str | None = None,
    threads: int | None = None,
    key: str | Path | bytes | None = None,
    replay: bool = True,
) -> Champion:
    """The champion in a folder, in a `.bakeoff` file, or in the folder of a bake-off, here or
    behind a URL such as s3://bucket/champion; without a path, or for the word `boxed`, the one
    that comes with Bakeoff.

    `engine` computes: ONNX Runtime where it is installed and the champion holds a graph, else
    torch. With `key`, a public key (a PEM file or its bytes), the champion has to be signed by it.
    `replay=False` leaves the golden pictures aside, for a champion that was just opened on the same
    engine.
    """
    _check(path, engine, device, threads, key)
    found = _place(path)
    name = str(found)
    folder, listed = _verified(found)
    _check_signature(folder, key, name)
    facts = _facts(folder, name)
    recipe = _recipe(folder, name)
    chosen = engine_for(
        folder, facts, recipe, engine=engine, device=device, threads=threads, name=name
    )
    golden = goldens.read(folder, facts.classes, name)
    if replay:
        goldens.replay(
            golden, chosen, recipe.preprocess, facts.classes, temperature=facts.temperature
        )
    return Champion(
        record=facts,
        recipe=recipe,
        engine=chosen,
        digest=listed.digest,
        card=_card(folder),
        reference=_reference(folder, name),
        path=found,
    )


def facts_of(path: str | Path | None) -> Record:
    """What is known of a champion, of which no answer is wanted yet: every file is verified, no
    engine starts."""
    _check(path)
    found = _place(path)
    return _facts(_verified(found)[0], str(found))


def whole(path: str | Path | None) -> tuple[Path, manifest.Manifest]:
    """A folder that holds a champion, every file of which is as it was sealed; and their list."""
    _check(path)
    return _verified(_place(path))


def engine_for(
    folder: Path,
    facts: Record,
    recipe: Recipe,
    *,
    engine: Named = "auto",
    device: str | None = None,
    threads: int | None = None,
    name: str = "",
) -> Engine:
    """What computes the answers of the champion in a folder, which is called `name` in errors."""
    name = name or str(folder)
    chosen = _chosen(folder, device, name) if engine == "auto" else engine
    if chosen != "torch":
        if not (folder / GRAPH).exists():
            rule = f"holds no {GRAPH}, which the engine {chosen!r} computes"
            raise DataError(name, rule, suggestion=_GRAPHLESS)
        made = OnnxEngine if chosen == "onnx" else OpenvinoEngine
        return made(folder / GRAPH, device=device, threads=threads)
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("the engine 'torch'", "train")
    # By its name: torch takes seconds to import, and most champions are opened without it.
    torch_engine: Any = importlib.import_module("bakeoff.champion.torch_engine")
    classifier = torch_engine.rebuilt(
        recipe, folder / "weights.safetensors", len(facts.classes), f"of {name}"
    )
    found: Engine = torch_engine.TorchEngine(
        classifier, temperature=facts.temperature, device=device, threads=threads
    )
    return found


_GRAPHLESS = (
    "Take engine='torch', or make the champion again where the optional part 'onnx' is installed."
)


def _chosen(folder: Path, device: str | None, name: str) -> Named:
    graph = (folder / GRAPH).exists()
    runtime = importlib.util.find_spec("onnxruntime") is not None
    if graph and runtime and (device in (None, "cpu") or (device == "cuda" and has_gpu())):
        return "onnx"
    if importlib.util.find_spec("torch") is not None:
        return "torch"
    if graph and importlib.util.find_spec("openvino") is not None:
        return "openvino"
    raise MissingExtraError(f"opening {name}", "onnx" if graph else "train")


def _check(
    path: object,
    engine: object = "auto",
    device: object = None,
    threads: object = None,
    key: object = None,
) -> None:
    """Arguments, before anything is read."""
    if path is not None and not isinstance(path, str | Path):
        rule = "must be the path of a champion, as text or a Path"
        raise ArgumentError("path", rule, path, "Leave it out for the one that comes along.")
    if engine not in get_args(Named):
        known = get_args(Named)
        rule = "must be one of those there are"
        raise ArgumentError("engine", rule, engine, one_of(str(engine), known))
    if device is not None and not (isinstance(device, str) and _DEVICE.fullmatch(device)):
        rule = "must be one of those there are"
        raise ArgumentError("device", rule, device, _DEVICES)
    if threads is not None:
        if not isinstance(threads, int) or isinstance(threads, bool):
            raise ArgumentError("threads", "must be a whole number", threads)
        if threads < 1:
            raise ArgumentError("threads", "must be at least 1", threads)
    if key is not None and not isinstance(key, str | bytes | Path):
        rule = "must be the path of a public key, or its bytes"
        raise ArgumentError("key", rule, type(key).__name__)


_DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d{1,3})?")
_DEVICES = (
    "Known: cpu; cuda, a GPU of NVIDIA's or AMD's, or cuda:1 for the second; mps, one of Apple's; "
    "xpu, one of Intel's."
)


def _place(path: str | Path | None) -> Path:
    """The folder or file that is meant."""
    found = fetching.here(path)
    if found == place.BOXED and not found.is_dir():
        rule = "must be given: none comes with this Bakeoff"
        raise DataError("a champion", rule, suggestion=_MAKE)
    if not found.exists():
        raise DataError(f"the champion {found}", "is not there", suggestion=_MAKE)
    if found.is_dir():
        return _folder(found)
    if not archive.is_archive(found):
        rule = "is neither the folder of a champion nor a .bakeoff file"
        raise DataError(str(found), rule, suggestion=_MAKE)
    return found


def _folder(found: Path) -> Path:
    if (found / manifest.FILE).exists():
        return found
    inside = found / place.FOLDER
    if inside.is_dir():
        return _folder(inside)
    if (found / "bakeoff.json").exists():
        rule = "is a bake-off without a champion"
        raise DataError(str(found), rule, suggestion=f"Make it with: bakeoff champion {found}")
    if any((found / name).exists() for name in manifest.NEEDED if name != "recipe.json"):
        rule = f"is half of a champion: {manifest.FILE}, which is written last, is missing"
        raise DataError(str(found), rule, suggestion=_MAKE)
    raise DataError(str(found), "is not the folder of a champion", suggestion=_MAKE)


_MAKE = "Make one from a bake-off with: bakeoff champion DIR"


def _verified(found: Path) -> tuple[Path, manifest.Manifest]:
    """A folder that holds it, every file of which is as it was sealed."""
    if found.is_dir():
        return found, manifest.verify(found, str(found))
    return archive.unpacked(found)


def _facts(folder: Path, name: str) -> Record:
    return record.loads((folder / record.FILE).read_bytes(), f"{record.FILE} of {name}")


def _check_signature(folder: Path, key: str | Path | bytes | None, name: str) -> None:
    if key is not None:
        signing.verify(folder, key, name)
    elif importlib.util.find_spec("cryptography") is not None:
        signing.check(folder, name)


def _recipe(folder: Path, name: str) -> Recipe:
    try:
        return codec.loads(Recipe, (folder / "recipe.json").read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        rule = "is not what was written: it is no text"
        raise DataError(f"recipe.json of {name}", rule, suggestion=manifest.AGAIN) from None
    except SpecError as error:
        field, suggestion = f"recipe.json of {name}: {error.field}", error.suggestion
        suggestion = f"{suggestion} {manifest.AGAIN}".strip()
        raise SpecError(field, error.rule, error.value, suggestion) from None


def _card(folder: Path) -> str:
    path = folder / "README.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _reference(folder: Path, name: str) -> dict[str, npt.NDArray[Any]]:
    path = folder / "reference.npz"
    if not path.exists():
        return {}
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            return dict(held)
    except (ValueError, OSError, zipfile.BadZipFile):
        rule = "is not what was written: it holds no plain arrays"
        raise DataError(f"reference.npz of {name}", rule, suggestion=manifest.AGAIN) from None
