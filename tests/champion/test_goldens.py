"""Goldens: a champion that does not answer as it was measured cannot be opened.

Each way in which a model is silently another one after it was saved is made here on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bakeoff.champion import goldens, manifest, record
from bakeoff.champion.engine import Outputs, Pixels, tolerance
from bakeoff.champion.goldens import Golden
from bakeoff.champion.opening import open as open_champion
from bakeoff.champion.torch_engine import TorchEngine
from bakeoff.spec import codec
from bakeoff.spec.errors import DataError
from tests.champion import made

Change = Callable[[Path], object]


def weights(change: Callable[[dict[str, np.ndarray]], object]) -> Change:
    """A champion with other tensors."""

    def apply(folder: Path) -> None:
        tensors = load_file(folder / "weights.safetensors")
        change(tensors)
        plain = {name: np.ascontiguousarray(one) for name, one in tensors.items()}
        save_file(plain, folder / "weights.safetensors")

    return apply


def prepared(**changes: Any) -> Change:
    """A champion whose recipe prepares pictures otherwise."""
    preprocess = replace(made.RECIPE.preprocess, **changes)

    def apply(folder: Path) -> None:
        other = replace(made.RECIPE, preprocess=preprocess)
        (folder / "recipe.json").write_text(codec.dumps(other))

    return apply


def no_statistics(tensors: dict[str, np.ndarray]) -> None:
    """As they are before any training."""
    for name, one in tensors.items():
        if name.endswith("running_mean"):
            one[:] = 0
        if name.endswith("running_var"):
            one[:] = 1


def other_colours(tensors: dict[str, np.ndarray]) -> None:
    """As a network that was fed blue first."""
    tensors["head.conv1.weight"] = tensors["head.conv1.weight"][:, ::-1]


def uncalibrated(folder: Path) -> None:
    """The temperature forgotten."""
    plain = replace(made.record_of(), temperature=1.0)
    (folder / record.FILE).write_text(record.dumps(plain))


BROKEN: dict[str, Change] = {
    "batch norms without their statistics": weights(no_statistics),
    "blue first": weights(other_colours),
    "not normalised": prepared(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    "ImageNet's normalisation": prepared(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "bilinear": prepared(interpolation="bilinear"),
    "nearest": prepared(interpolation="nearest"),
    "stretched": prepared(fit="stretch"),
    "cropped": prepared(keep=0.875),
    "uncalibrated": uncalibrated,
}


def refused(folder: Path) -> str:
    """What is said of a champion, in one paragraph."""
    with pytest.raises(DataError) as caught:
        open_champion(folder, engine="torch", device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_is_another_one_is_refused(champion: Path, name: str) -> None:
    """Whatever was lost or exchanged between measuring and saving, it is not opened, although
    every sum is right."""
    open_champion(champion, engine="torch", device="cpu")
    made.resealed(champion, BROKEN[name])
    manifest.verify(champion)
    said = refused(champion)
    assert said.startswith(
        "the champion, opened by torch cpu float32, does not say what it said when it was made: "
        "golden picture 100"
    )
    for word in ("expected 0.", "got 0.", "tolerance 0.002", "statistics of batch norms"):
        assert word in said


def test_without_replay_it_is_opened(champion: Path) -> None:
    """Whoever leaves the goldens aside gets what there is."""
    made.resealed(champion, BROKEN["blue first"])
    assert open_champion(champion, engine="torch", device="cpu", replay=False).name == "patterns"


class Off:
    """An engine whose first probability is off by something."""

    name = "an engine"
    tolerance = 1e-2

    def __init__(self, by: float) -> None:
        self.by = by
        self.right = TorchEngine(made.classifier(), temperature=made.TEMPERATURE, device="cpu")

    def __call__(self, pictures: Pixels) -> Outputs:
        outputs = self.right(pictures)
        outputs.probabilities[0, 2] += self.by
        return outputs


def read(folder: Path) -> tuple[Golden, ...]:
    """Its goldens."""
    return goldens.read(folder, made.CLASSES)


def replay(folder: Path, by: float) -> float:
    """On an engine that is off."""
    return goldens.replay(read(folder), Off(by), made.RECIPE.preprocess, made.CLASSES)


def test_within_the_tolerance(champion: Path) -> None:
    """The largest difference is told."""
    assert replay(champion, 0.009) == pytest.approx(0.009, abs=1e-5)


@pytest.mark.parametrize("by", [0.02, -0.02, float("nan"), float("inf")])
def test_beyond_the_tolerance(champion: Path, by: float) -> None:
    """The golden and the class that are worst are named, also where the answer is no number."""
    expected = read(champion)[0].probabilities[2]
    with pytest.raises(DataError) as caught:
        replay(champion, by)
    assert (
        f"golden picture 1000.png, class 'grass', expected {expected:.4f}, got {expected + by:.4f} "
        "(tolerance 0.01; 1 of 8 goldens are beyond it)"
    ) in str(caught.value)


def test_an_engine_of_other_classes(champion: Path) -> None:
    """An engine that tells other classes apart is named."""

    class Fewer(Off):
        def __call__(self, pictures: Pixels) -> Outputs:
            return replace(self.right(pictures), probabilities=np.ones((8, 2), np.float32))

    with pytest.raises(DataError, match="gives 2 probabilities, and the champion has 3 classes"):
        goldens.replay(read(champion), Fewer(0), made.RECIPE.preprocess, made.CLASSES)


def test_round_trip(champion: Path, tmp_path: Path) -> None:
    """Goldens that are written are read again, to the bit."""
    (tmp_path / "other").mkdir()
    goldens.write(tmp_path / "other", read(champion))
    for one, other in zip(read(champion), read(tmp_path / "other"), strict=True):
        assert (one.file, one.label, one.content) == (other.file, other.label, other.content)
        assert np.array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": []},
        {"pictures": [{"file": "1000.png"}]},
        {"pictures": [{"file": "../x", "label": "sky", "probabilities": [1, 0, 0]}]},
        {"pictures": [{"file": "no.png", "label": "sky", "probabilities": [1, 0, 0]}]},
        {"pictures": [{"file": "1000.png", "label": "sky", "probabilities": [1, 0]}]},
        {"pictures": 3},
    ],
)
def test_goldens_that_are_none(champion: Path, change: dict[str, object]) -> None:
    """What is no golden is refused in words."""
    path = champion / "goldens" / "goldens.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=r"goldens/goldens\.json of .* is not what was written"):
        read(champion)


def test_newer_goldens(champion: Path) -> None:
    """A schema that comes later is not guessed at."""
    path = champion / "goldens" / "goldens.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(DataError, match=r"schema must be 1, .* but is 2\. Use the Bakeoff that"):
        read(champion)


def test_coarser_numbers_have_more_room() -> None:
    """Each kind of arithmetic has a tolerance of its own."""
    assert tolerance("float32") < tolerance("float32", gpu=True) < tolerance("int8")
    assert tolerance("bfloat16", gpu=True) == tolerance("bfloat16")
