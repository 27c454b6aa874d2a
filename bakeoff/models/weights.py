"""A file of weights: what it says about itself, whether it is the right one, and reading it in.

Only safetensors are read: that runs no code. Other formats are converted beforehand, by a command
of its own, never by the trainer.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from bakeoff.data.progress import Progress, silent
from bakeoff.models.catalogue import Entry
from bakeoff.models.pulling import PICKLED, pull
from bakeoff.spec.errors import DataError

__all__ = ["RANDOM_NOTE", "WeightsFile", "find", "load", "read"]

RANDOM_NOTE = "random weights: not a transfer result"
"""What every result of a backbone without trained weights says."""

_PREFIXES = ("module.", "model.", "backbone.")
_SPARE = ("AuxLogits", "aux_classifier", "head_dist")
"""Second classifiers that published weights carry along."""
_NAMED = 3
"""How many names a message gives."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A safetensors file of weights."""

    path: Path
    published: bool
    """Whether it is the file that the backbone's makers publish."""

    says: Mapping[str, str]
    """What its header says: `mean`, `std`, `input_size`, `pad_type` and so on."""

    def digest(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find(entry: Entry, weights: str, *, progress: Progress = silent) -> WeightsFile | None:
    """The file behind a backbone's `weights`; None for random ones. May download."""
    if weights == "random":
        return None
    if weights == "pretrained":
        return _opened(pull(entry, progress=progress), published=True)
    path = Path(weights).expanduser()
    if not path.is_file():
        rule = "must be 'pretrained', 'random' or a safetensors file that exists"
        raise DataError("Backbone.weights", rule, weights)
    if path.name.lower().endswith(PICKLED):
        raise DataError(
            f"weights {path}",
            "must be a safetensors file: a pickled one can run code when it is opened",
            suggestion=f"Convert it once with: bakeoff backbones convert {path}",
        )
    return _opened(path, published=False)


def read(file: WeightsFile) -> dict[str, Tensor]:
    """All tensors of the file, in single precision."""
    try:
        tensors = load_file(file.path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(file.path, error) from None
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def load(model: nn.Module, file: WeightsFile, *, unused: Iterable[str], name: str) -> None:
    """Put the file's tensors into `model`, all or none.

    `unused` are layers that the model does without; their tensors are left aside, as is a prefix
    that all names share (`module.`, `model.`).
    """
    expected = model.state_dict()
    found = _adapted(model, _unprefixed(read(file), expected))
    spare = tuple(f"{layer}." for layer in (*unused, *_SPARE))
    found = {
        key: value for key, value in found.items() if key in expected or not key.startswith(spare)
    }
    # Counters that only some versions of torch write, and that nothing here is computed with.
    wanted = [key for key in expected if not key.endswith("num_batches_tracked")]
    faults = {
        "missing": [key for key in wanted if key not in found],
        "unexpected": [key for key in found if key not in expected and not file.published],
        "of another shape": [
            f"{key} ({_by(found[key])} instead of {_by(expected[key])})"
            for key in wanted
            if key in found and found[key].shape != expected[key].shape
        ],
    }
    if any(faults.values()):
        raise _misfit(file, name, faults)
    model.load_state_dict(found, strict=False)


def _opened(path: Path, *, published: bool) -> WeightsFile:
    try:
        with safe_open(path, "pt") as file:
            return WeightsFile(path=path, published=published, says=file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    suggestion = "Fetch it again; other formats are converted with: bakeoff backbones convert FILE"
    return DataError(
        f"weights {path}", f"cannot be read as safetensors ({error})", None, suggestion
    )


def _unprefixed(tensors: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        shared = all(key.startswith(prefix) for key in tensors)
        if shared and not any(key.startswith(prefix) for key in expected):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def _adapted(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as this version of the architecture names and sizes them, by timm's own rules."""
    home = sys.modules[type(model).__module__]
    for name in ("checkpoint_filter_fn", "_filter_fn"):
        rule = getattr(home, name, None)
        if rule is not None:
            takes_model = len(inspect.signature(rule).parameters) > 1
            adapted: dict[str, Tensor] = rule(tensors, model) if takes_model else rule(tensors)
            return dict(adapted)
    return tensors


def _misfit(file: WeightsFile, name: str, faults: Mapping[str, list[str]]) -> DataError:
    parts = []
    for kind, keys in faults.items():
        if keys:
            more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
            parts.append(f"{len(keys)} {kind}: {', '.join(keys[:_NAMED])}{more}")
    return DataError(
        f"weights {file.path}",
        f"do not fit {name} ({'; '.join(parts)})",
        suggestion="Name the backbone they were made for.",
    )


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "1"
