"""A champion as a `.keras` file: stock layers alone, so that Keras loads it in safe mode.

Pictures, uint8 N×S×S×3, go in and calibrated probabilities come out. The file is the same whatever
backend wrote it, and runs on any.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.champion.engine import Outputs
from bakeoff.champion.exporting.keras_rows import Rows, State
from bakeoff.models.classifier import Classifier
from bakeoff.models.table import tabulate
from bakeoff.spec.errors import ArgumentError, ExportError, MissingExtraError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.image import Preprocess
from bakeoff.spec.network import Network

__all__ = ["MEMBER", "TOLERANCE", "KerasEngine", "exported", "modelled"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

TOLERANCE = 1e-4
"""How far a probability may lie from the champion's own."""

MEMBER = "bakeoff.json"
"""What Keras has no place for, inside of the file: it leaves members that it does not know alone.
"""

_OPENED = """
import sys
sys.modules["bakeoff"] = None  # The file has to stand without us.
import numpy as np
import keras
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
asked = np.load(sys.argv[2], allow_pickle=False)
"""

_ANSWERED = """
np.save(sys.argv[3], np.asarray(model.predict(asked["0"], batch_size=64, verbose=0)))
"""

_TIMED = """
import time
seconds, most = float(sys.argv[4]), int(sys.argv[5])
medians = []
for name in asked.files:
    pictures, took = asked[name], []
    model.predict_on_batch(pictures)
    end = time.perf_counter() + seconds
    while len(took) < 3 or (time.perf_counter() < end and len(took) < most):
        start = time.perf_counter()
        model.predict_on_batch(pictures)
        took.append(time.perf_counter() - start)
    medians.append(np.median(took))
np.save(sys.argv[3], np.array(medians))
"""

_ONE_THREAD = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
"""Said before it starts, in the words of whatever computes."""


class KerasEngine:
    """A file as Keras opens it, on the processor: in safe mode, in a fresh process for each call,
    where there is no Bakeoff."""

    name = "keras"
    tolerance = TOLERANCE

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, pictures: Pixels) -> Outputs:
        found: Floats = self._run(_ANSWERED, [pictures])
        # A share of exactly 0 has no logarithm.
        scores = np.log(np.maximum(found, np.finfo(np.float32).tiny))
        return Outputs(probabilities=found, scores=scores, features=None)

    def timed(self, shown: Sequence[Pixels], *, seconds: float, most: int) -> list[float]:
        """The median of each batch in seconds, on one thread, once the process is under way."""
        found = self._run(_TIMED, shown, str(seconds), str(most), environment=_ONE_THREAD)
        return [float(value) for value in found]

    def _run(
        self,
        program: str,
        shown: Sequence[Pixels],
        *words: str,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            asked, said = Path(folder, "asked.npz"), Path(folder, "said.npy")
            np.savez(asked, allow_pickle=False, **{str(at): one for at, one in enumerate(shown)})
            paths = [str(self._path.absolute()), str(asked), str(said)]
            private = {"CUDA_VISIBLE_DEVICES": "", "KERAS_HOME": folder}
            done = subprocess.run(
                [sys.executable, "-P", "-c", _OPENED + program, *paths, *words],
                env={**os.environ, **_backend(), **private, **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                last = (done.stderr.strip() or "nothing was said").splitlines()[-1]
                raise ExportError(self._path.name, f"cannot be opened and run by Keras: {last}")
            return np.load(said, allow_pickle=False)


def exported(
    classifier: Classifier,
    network: Network | Estimator,
    preprocess: Preprocess,
    classes: Sequence[str],
    temperature: float,
    out: Path,
) -> Path:
    """Write the classifier as `out`, a `.keras` file; there before or not, it is there whole."""
    if out.suffix != ".keras":
        rule = "must end in .keras for --to keras"
        raise ArgumentError("The file", rule, out.name, f"Try {out.with_suffix('.keras').name!r}.")
    state = {
        name: tensor.numpy(force=True) for name, tensor in classifier.head.state_dict().items()
    }
    model = modelled(network, state, preprocess, classes=len(classes), temperature=temperature)
    aside = out.with_name(f".{out.stem}.{os.getpid()}.keras")
    try:
        with warnings.catch_warnings():
            # How Keras takes numbers out of PyTorch's tensors is older than NumPy 2.
            warnings.filterwarnings("ignore", "__array__ ", DeprecationWarning)
            model.save(aside)
        _finish(aside, {"classes": list(classes), "temperature": temperature})
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return out


def _finish(path: Path, facts: dict[str, Any]) -> None:
    """Add our own member, and leave unsaid what is so by default.

    Each release of Keras writes options that earlier ones do not know and then refuse, though
    nobody has set them.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(members["config.json"])
    for layer in described["config"]["layers"]:
        if layer["class_name"] == "Rescaling":
            # It reads its options itself, and wants all of them.
            continue
        made = getattr(_keras().layers, layer["class_name"])
        known = inspect.signature(made.__init__).parameters
        layer["config"] = {
            name: value
            for name, value in layer["config"].items()
            if name not in known or value != known[name].default
        }
    members["config.json"] = json.dumps(described).encode()
    members[MEMBER] = json.dumps(facts, ensure_ascii=False, indent=1).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def modelled(
    network: Network | Estimator,
    state: State,
    preprocess: Preprocess,
    *,
    classes: int,
    temperature: float,
) -> Any:
    """The `keras.Model` of a network of rows whose weights `state` holds."""
    rows = _rows(network)
    size, mean, std = preprocess.size, preprocess.mean, preprocess.std
    assert size is not None
    assert mean is not None
    assert std is not None
    keras = _keras()
    layers = Rows(keras.layers, state)
    pictures = keras.Input((size, size, 3), dtype="uint8", name="pictures")
    values = layers.put("Rescaling", "unit", pictures, scale=1 / 255)
    variance = [part**2 for part in std]
    how = {"axis": -1, "mean": list(mean), "variance": variance}
    values = layers.put("Normalization", "normalised", values, **how)
    scores = layers.sequence(tabulate(rows, size=size, classes=classes), values)
    calibrated = layers.put("Rescaling", "calibrated", scores, scale=1 / temperature)
    return keras.Model(pictures, layers.put("Softmax", "probabilities", calibrated, axis=-1))


def _rows(network: Network | Estimator) -> tuple[Any, ...]:
    if isinstance(network, Network) and network.rows is not None:
        return network.rows
    what = "an estimator is none"
    if isinstance(network, Network) and network.backbone is not None:
        what = f"its backbone {network.backbone.name} is not"
    raise ExportError(
        "--to keras",
        f"takes networks from scratch, whose every layer is a row of their table: {what}",
        suggestion="Use --to onnx, which takes every champion.",
    )


def _keras() -> Any:
    """Keras, imported at first use; on PyTorch, which is there, unless another was chosen."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    chosen = os.environ.get("KERAS_BACKEND")
    os.environ.update(_backend())
    try:
        return importlib.import_module("keras")
    except ModuleNotFoundError as error:
        if error.name == "keras" or not chosen:
            raise MissingExtraError("--to keras", "keras") from error
        rule = f"must name a backend that is installed ({error.name} is missing)"
        suggestion = "Unset it and start again: PyTorch is used then, and the file is the same."
        raise ArgumentError("KERAS_BACKEND", rule, chosen, suggestion) from error
    finally:
        if chosen is None:
            del os.environ["KERAS_BACKEND"]


def _backend() -> dict[str, str]:
    return {"KERAS_BACKEND": os.environ.get("KERAS_BACKEND") or "torch"}
