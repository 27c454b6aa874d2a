"""Fetching published weights ahead or at need, and turning pickled ones into safetensors."""

from __future__ import annotations

import importlib
import inspect
import io
import pickle
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from bakeoff.data.cache import cache_folder, writing
from bakeoff.data.progress import Progress, silent
from bakeoff.models.catalogue import Entry
from bakeoff.spec.errors import DataError

__all__ = ["PICKLED", "at_hand", "convert", "pull"]

PICKLED = (".pth", ".pt", ".bin", ".ckpt", ".pkl", ".pth.tar")
_FILE = "model.safetensors"
_WRAPPINGS = ("state_dict", "model", "state_dict_ema", "model_ema", "teacher")
"""Where checkpoints keep their tensors, beside epoch, optimiser and so on."""


def pull(
    entry: Entry, *, file: str = _FILE, ahead: bool = False, progress: Progress = silent
) -> Path:
    """The published weights as a file on this machine; downloaded if they are not there yet.

    Weights that are published as a pickled file alone are fetched and converted only `ahead`, not
    in the middle of training.
    """
    if entry.hub is not None:
        return _from_hub(entry, entry.hub, file, progress)
    if entry.url is None:
        raise DataError(
            f"weights of {entry.name}",
            "are not published anywhere that timm knows",
            suggestion="Give weights='random', or the path of a safetensors file.",
        )
    converted = _converted(entry)
    if not converted.is_file():
        if not ahead:
            raise DataError(
                f"weights of {entry.name}",
                "are published as a pickled file alone, which training never opens",
                suggestion=f"Fetch them first with: bakeoff backbones pull {entry.name}",
            )
        _from_url(entry, entry.url, converted, progress)
    return converted


def at_hand(entry: Entry, *, file: str = _FILE) -> bool:
    """Whether the published weights are on this machine already, so that no network is needed."""
    if entry.hub is None:
        return _converted(entry).is_file()
    import huggingface_hub

    name, _, revision = entry.hub.partition("@")
    found = huggingface_hub.try_to_load_from_cache(name, file, revision=revision or None)
    return isinstance(found, str)


def convert(source: Path, target: Path, *, says: dict[str, str] | None = None) -> int:
    """Write the tensors of a pickled file as safetensors; returns how many there are.

    Whatever is not a tensor is refused by the unpickler before it is made.
    """
    try:
        with warnings.catch_warnings():
            # That a newer pickle may hold what it does not know: then it says so as an error.
            warnings.simplefilter("ignore")
            held = torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"file {source}", "does not exist") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        # What torch advises here, to unpickle it all the same, is not passed on.
        raise DataError(
            f"file {source}",
            f"cannot be converted: it holds more than tensors, or is damaged "
            f"({type(error).__name__})",
            suggestion="Ask its makers for safetensors.",
        ) from None
    tensors = _tensors(held)
    if not tensors:
        raise DataError(f"file {source}", "holds no tensors")
    with writing("the converted weights", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        # Copied: tensors that share memory cannot be written otherwise.
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, part, says)
        part.replace(target)
    return len(tensors)


def _converted(entry: Entry) -> Path:
    return cache_folder() / "backbones" / f"{entry.name}.safetensors"


def _tensors(held: Any) -> dict[str, Tensor]:
    if not isinstance(held, dict):
        return {}
    for wrapping in _WRAPPINGS:
        if isinstance(held.get(wrapping), dict):
            return _tensors(held[wrapping])
    return {str(key): value for key, value in held.items() if isinstance(value, Tensor)}


def _from_hub(entry: Entry, repository: str, file: str, progress: Progress) -> Path:
    import huggingface_hub

    name, _, revision = repository.partition("@")
    found = huggingface_hub.try_to_load_from_cache(name, file, revision=revision or None)
    if isinstance(found, str):
        return Path(found)
    task = f"downloading {entry.name}"
    options: dict[str, Any] = {}
    if "tqdm_class" in inspect.signature(huggingface_hub.hf_hub_download).parameters:
        options["tqdm_class"] = _bar(task, progress)
    progress(task, 0, None, "bytes")
    try:
        return Path(
            huggingface_hub.hf_hub_download(name, file, revision=revision or None, **options)
        )
    except Exception as error:  # the client and the network library below it raise their own kinds
        raise _out_of_reach(entry, f"{repository} on the hub", error) from error


def _from_url(entry: Entry, url: str, target: Path, progress: Progress) -> None:
    # The name of the file ends in the start of its SHA-256.
    digest = re.search(r"-([0-9a-f]{8,})\.", url)
    with tempfile.TemporaryDirectory() as folder:
        pickled = Path(folder, "weights.pth")
        progress(f"downloading {entry.name}", 0, None, "bytes")
        try:
            torch.hub.download_url_to_file(
                url, str(pickled), hash_prefix=digest[1] if digest else None, progress=False
            )
        except (OSError, RuntimeError) as error:
            raise _out_of_reach(entry, url, error) from error
        size = pickled.stat().st_size
        progress(f"downloading {entry.name}", size, size, "bytes")
        convert(pickled, target)


def _out_of_reach(entry: Entry, place: str, error: Exception) -> DataError:
    reason = (str(error).strip().splitlines() or [""])[0]
    return DataError(
        f"weights of {entry.name}",
        f"are not on this machine and could not be fetched from {place} "
        f"({type(error).__name__}: {reason})",
        suggestion="Fetch them where there is a network, with: bakeoff backbones pull "
        f"{entry.name}. Or give the path of a safetensors file, or weights='random', which is no "
        "transfer.",
    )


def _bar(task: str, progress: Progress) -> type:
    """What the hub's client takes for a progress bar, passing on what it is told."""
    plain: Any = importlib.import_module("tqdm.auto").tqdm

    class Bar(plain):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options |= {"file": io.StringIO(), "disable": False}
            options.pop("name", None)
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            progress(task, int(self.n), None if self.total is None else int(self.total), "bytes")
            return shown

    return Bar
