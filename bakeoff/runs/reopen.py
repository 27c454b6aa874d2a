"""A sealed run opened again: its classifier, and what that says of a part of the data.

Predictions take the way that the run's own look at validation took, so that on the same machine
they are the same to the bit. Who may look at which part is not decided here.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bakeoff.data.dataset import Dataset
from bakeoff.data.progress import Progress, silent
from bakeoff.evaluation.predictions import Predictions
from bakeoff.models.classifier import Classifier, assemble
from bakeoff.models.fitted import FittedHead
from bakeoff.models.views import views_for
from bakeoff.runs import fit
from bakeoff.runs.opening import refuse_other_data
from bakeoff.runs.prepare import prepared
from bakeoff.runs.run import Run
from bakeoff.runs.viewing import looked
from bakeoff.spec.errors import DataError, SpecError, one_of
from bakeoff.training.device import Device, choose
from bakeoff.training.feeding import Job, is_on_features, shown

__all__ = ["opened", "predict"]

Floats = npt.NDArray[np.float32]

_NAMED = 3
"""How many names a message gives."""

_APART = 0.02
"""How far probabilities may lie from those that were stored, in the mean over pictures of the
largest difference. Another device or other numbers (bf16) make a tenth of it; other weights, or
another preprocessing, far more."""


def opened(
    run: Run, *, classes: Sequence[str] | None = None, device: Device | None = None
) -> Classifier:
    """The classifier that a sealed run ended with, ready to predict. Nothing is downloaded.

    `classes` are those that the caller goes by, in their order; an error if they are not the run's.
    """
    recipe = run.recipe()
    if not run.is_sealed:
        raise DataError(
            str(run.path),
            "is not sealed: its training is not over",
            suggestion=f"Go on with it first, by the same command with --out {run.path} --resume.",
        )
    trained = run.environment()["data"]["classes"]
    if classes is not None and list(classes) != trained:
        rule = f"must be those it was trained on, {_few(trained)}"
        raise DataError(f"the classes of {run.path}", rule, _few(classes))
    device = device or choose()
    classifier = assemble(
        recipe.network, recipe.preprocess, classes=len(trained), seed=0, pretrained=False
    )
    tensors = _weights(run)
    _refuse_strangers(run, classifier, tensors)
    classifier.load_state_dict(tensors)
    return device.laid_out(classifier).requires_grad_(False).eval()


def predict(
    run: Run,
    dataset: Dataset,
    part: str,
    *,
    views: bool = False,
    device: Device | None = None,
    progress: Progress = silent,
) -> Predictions:
    """What a sealed run says of each picture of `part`, in several views of it if asked; kept in
    the run's directory as `predictions/<part>.npz` or `<part>-tta.npz`.

    Predictions that are there already are not written over: they have to come out again, and are
    what is returned.
    """
    refuse_other_data(run, dataset.digest)
    indices = _part(dataset, part)
    device = device or choose()
    device.apply()
    recipe = run.recipe()
    job = Job(
        classifier=opened(run, classes=dataset.classes, device=device),
        stages=recipe.stages,
        augment=recipe.augment,
        # The engine knows two parts; what it takes for validation is the part that is asked for.
        material=replace(prepared(recipe, dataset, progress=progress), val=indices),
        device=device,
        seed=run.result()["seed"],
        progress=progress,
    )
    chosen = views_for(recipe)
    # In the picture itself and no other view there is nothing to average.
    several = views and len(chosen) > 1
    shares = looked(job, chosen) if several else _plain(job)
    del job
    _let_go(device)
    made = Predictions(
        indices=indices,
        labels=dataset.labels[indices],
        probabilities=shares,
        classes=dataset.classes,
    )
    return _kept(run, f"{part}-tta" if views else part, made)


def _plain(job: Job) -> Floats:
    """As the run looked at validation when it ended."""
    if not job.stages:
        return fit.told(job, [])
    batches, _ = shown(job, len(job.stages) - 1)
    head_alone = is_on_features(job, job.stages[-1])
    network = job.classifier.head if head_alone else job.classifier
    network.eval()
    found, done, count = [], 0, len(job.material.val)
    with torch.inference_mode():
        for batch in batches.epoch(0):
            with job.device.autocast():
                scores: Tensor = network(batch.images)
            found.append(torch.softmax(scores.float(), dim=1))
            done += len(scores)
            job.progress("predicting", done, count)
    shares: Floats = torch.cat(found).cpu().numpy()
    return shares


def _part(dataset: Dataset, part: str) -> npt.NDArray[np.int64]:
    parts = dataset.split.parts()
    if part not in parts:
        raise SpecError("the part", "must be one of the dataset's", part, one_of(part, parts))
    if not len(parts[part]):
        suggestion = "Give it a share in the split."
        raise DataError(f"part {part!r} of {dataset.name}", "holds no pictures", None, suggestion)
    return parts[part]


def _kept(run: Run, name: str, made: Predictions) -> Predictions:
    try:
        before = run.predictions(name)
    except FileNotFoundError:
        told = {name: getattr(made, name) for name in ("indices", "labels", "probabilities")}
        run.predict(name, told)
        return made
    apart = float(np.abs(before["probabilities"] - made.probabilities).max(1).mean())
    if not apart <= _APART:
        raise DataError(
            f"the weights of {run.path}",
            f"do not give the predictions that are stored in {name}.npz: probabilities are "
            f"{apart:.3f} apart in the mean",
            suggestion="The directory was changed after the run ended, or something computes "
            "otherwise than it did then. Train it again, and predict on the same machine.",
        )
    return replace(made, probabilities=before["probabilities"])


def _weights(run: Run) -> dict[str, Tensor]:
    path = run.path / "weights.safetensors"
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"weights {path}",
            f"cannot be read ({error})",
            suggestion="The directory was changed after the run ended. Train it again.",
        ) from None


def _refuse_strangers(run: Run, classifier: Classifier, tensors: dict[str, Tensor]) -> None:
    """An error unless the tensors are exactly those of the recipe's network."""
    state = classifier.state_dict()
    wanted = set(state)
    if isinstance(classifier.head, FittedHead):
        # It holds nothing before it is loaded, and how much is known only to what is loaded.
        wanted |= {f"head.{name}" for name in classifier.head.names}
    faults = {
        "missing": sorted(wanted - tensors.keys()),
        "foreign": sorted(tensors.keys() - wanted),
        "of another shape": [
            f"{name} ({_by(tensors[name])} instead of {_by(tensor)})"
            for name, tensor in state.items()
            if name in tensors and tensors[name].shape != tensor.shape
        ],
    }
    if any(faults.values()):
        listed = "; ".join(f"{kind}: {_few(names)}" for kind, names in faults.items() if names)
        raise DataError(
            f"the weights of {run.path}",
            f"must be those of its recipe, and are not ({listed})",
            suggestion="The directory was changed after the run ended, or another version of timm "
            "builds the network otherwise. Train it again.",
        )


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"


def _let_go(device: Device) -> None:
    """Give a GPU's memory back before the next contender; a processor's comes back by itself, and
    looking through all objects takes a third of a second."""
    if device.place.type == "cpu":
        return
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
