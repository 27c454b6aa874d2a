"""Goldens: a champion that does not answer as it was measured cannot be opened.

Each way in which a model is silently another one after it was saved is made here on purpose.
"""

from __future__ import annotations

import json
import re
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


def golden(**changes: object) -> dict[str, object]:
    """One as it is written."""
    return {"file": "1000.png", "label": "sky", "probabilities": [1, 0, 0], **changes}


def changed(folder: Path, **changes: object) -> None:
    """Other goldens than were written."""
    path = folder / "goldens" / "goldens.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


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
    goldens.write(tmp_path / "other", read(champion), made.CLASSES)
    for one, other in zip(read(champion), read(tmp_path / "other"), strict=True):
        assert (one.file, one.label, one.content) == (other.file, other.label, other.content)
        assert np.array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ([], "it names no picture"),
        ([{"file": "1000.png"}], "'probabilities' is missing"),
        ([golden(file="../x")], "'../x' would lie outside of the champion"),
        (
            [golden(file="no.png")],
            "a picture that it names cannot be read (No such file or directory)",
        ),
        (
            [golden(probabilities=[1, 0])],
            "1000.png needs 3 probabilities, one of each class",
        ),
        ([golden(label=3)], "the label of 1000.png must be text, or null"),
        (3, "something in it is of another kind"),
    ],
)
def test_goldens_that_are_none(champion: Path, pictures: object, reason: str) -> None:
    """What is no golden is refused with its reason and a way out."""
    changed(champion, pictures=pictures)
    with pytest.raises(DataError) as caught:
        read(champion)
    assert str(caught.value) == (
        f"goldens/goldens.json of {champion} is not what was written: {reason}. Make the champion "
        "again, or get it again from where it came from."
    )


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 9999])
def test_goldens_that_are_no_json(champion: Path, content: bytes) -> None:
    """So is what cannot be read at all."""
    (champion / "goldens" / "goldens.json").write_bytes(content)
    with pytest.raises(DataError, match="is not what was written: it is not valid JSON"):
        read(champion)


@pytest.mark.parametrize(
    ("classes", "rule"),
    [
        (made.CLASSES[::-1], "has the same classes as champion.json in another order"),
        (("apple", "sky", "sea"), "has other classes than champion.json"),
    ],
)
def test_classes_in_another_order(champion: Path, classes: tuple[str, ...], rule: str) -> None:
    """Classes that were exchanged in champion.json and sealed anew are noticed: no probability
    would be another."""
    told = record.dumps(replace(made.record_of(), classes=classes))
    made.resealed(champion, lambda folder: (folder / record.FILE).write_text(told))
    assert refused(champion) == (
        f"goldens/goldens.json of {champion}: classes {rule}: answers would get each other's "
        "names. Make the champion again, or get it again from where it came from."
    )


def test_goldens_without_classes(champion: Path) -> None:
    """The first goldens that were written named no classes, and are read."""
    path = champion / "goldens" / "goldens.json"
    told = json.loads(path.read_text())
    assert told.pop("classes") == list(made.CLASSES)
    path.write_text(json.dumps(told))
    assert len(read(champion)) == 8


def test_a_graph_and_a_record_that_disagree(graph: Path) -> None:
    """The temperature in champion.json has to be that of the graph, which has its own inside and
    answers the goldens by it."""
    open_champion(graph, engine="onnx")
    made.resealed(graph, uncalibrated)
    with pytest.raises(DataError) as caught:
        open_champion(graph, engine="onnx")
    assert re.fullmatch(
        r"the champion, opened by onnxruntime cpu float32, gives probabilities that are not those "
        r"of its scores at the temperature in champion\.json \(1\): up to 0\.\d{4} apart \(tol"
        r"erance 0\.002\)\. One of the two was changed\. Make the champion again, .*",
        str(caught.value),
    )


def test_newer_goldens(champion: Path) -> None:
    """A schema that comes later is not guessed at."""
    changed(champion, schema=2)
    with pytest.raises(DataError, match=r"schema must be 1, .* but is 2\. Use the Bakeoff that"):
        read(champion)


def test_coarser_numbers_have_more_room() -> None:
    """Each kind of arithmetic has a tolerance of its own."""
    assert tolerance("float32") < tolerance("float32", gpu=True) < tolerance("int8")
    assert tolerance("bfloat16", gpu=True) == tolerance("bfloat16")
