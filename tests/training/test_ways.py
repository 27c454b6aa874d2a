"""Which ways there are on a device, and what the engines among them compute."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bakeoff.models.classifier import Classifier
from bakeoff.spec.image import Augment
from bakeoff.training import chance, feeding, graph, runtimes, ways
from bakeoff.training.feeding import extracted
from tests.training.jobs import DEVICE, backbone, job, material

HALF = replace(DEVICE, dtype=torch.bfloat16)
ENGINES = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
VERSIONS = {"onnx": "1", "onnxscript": "2", "onnxruntime": "3", "openvino": "4"}

exports = pytest.mark.skipif(
    runtimes.installed("onnx", "onnxscript", "onnxruntime", "openvino") is None,
    reason="ONNX, ONNX Runtime or OpenVINO is not installed",
)


class Convolved(nn.Module):
    """Two convolutions and the mean."""

    declared = "two convolutions"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.one, self.two = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 6, 3, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        made: Tensor = self.two(torch.relu(self.one(pictures))).mean((2, 3))
        return made


@cache
def classifier() -> Classifier:
    """With a backbone that is exported in a moment, at another size than the pictures'."""
    made = job(network=backbone()).classifier.eval()
    made.backbone = Convolved()  # type: ignore[assignment]
    return made


def sample(count: int) -> tuple[Tensor, Tensor]:
    """Digits."""
    digits = material(train=60)
    assert isinstance(digits.pictures, np.ndarray)
    return torch.from_numpy(digits.pictures[:count]), torch.from_numpy(digits.labels[:count])


def have(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Pretend that only these are installed."""

    def installed(*wanted: str) -> tuple[str, ...] | None:
        there = all(package in packages for package in wanted)
        return tuple(VERSIONS[package] for package in wanted) if there else None

    monkeypatch.setattr(runtimes, "installed", installed)


def named(device: object, pictures: int = 5000) -> list[str]:
    """Names of the exact ways."""
    return [way.name for way in ways.exact(classifier(), device, sample, pictures=pictures).ways]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("packages", "half", "full"),
    [
        ((), ["torch bfloat16", "torch fp32"], ["torch fp32"]),
        (
            ("onnx", "onnxscript", "onnxruntime"),
            ["torch bfloat16", "torch fp32"],
            ["ONNX Runtime 3 fp32", "torch fp32"],
        ),
        (("openvino",), ["torch bfloat16", "torch fp32"], ["torch fp32"]),
        (
            tuple(VERSIONS),
            ["OpenVINO 4 bf16", "torch bfloat16", "torch fp32"],
            ["OpenVINO 4 fp32", "ONNX Runtime 3 fp32", "torch fp32"],
        ),
    ],
)
def test_what_is_installed_decides(
    monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...], half: list[str], full: list[str]
) -> None:
    """The fastest first, by name and version; where a package is missing, there is no such way."""
    have(monkeypatch, *packages)
    assert named(HALF) == half
    assert named(DEVICE) == full


def test_few_pictures_and_other_devices_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make an engine ready takes longer than it saves on few pictures; GPUs have torch."""
    have(monkeypatch, *VERSIONS)
    assert named(HALF, ways.WORTH - 1) == ["torch bfloat16", "torch fp32"]
    assert named(replace(HALF, place=torch.device("cuda"))) == ["torch bfloat16", "torch fp32"]


def test_int8_is_for_many_pictures_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO runs it where it is installed, and ONNX Runtime makes it: without that there is
    none, nor for few pictures, nor on a GPU, and the reason says so."""

    def name(*packages: str, pictures: int = 9000, place: str = "cpu") -> str:
        have(monkeypatch, *packages)
        device = replace(HALF, place=torch.device(place))
        exact = ways.exact(classifier(), device, sample, pictures=pictures)
        found = ways.rough(classifier(), device, exact, pictures=pictures)
        assert found.exact is exact
        (way,) = found.ways
        if way.name == "int8":
            with pytest.raises(NotImplementedError) as caught:
                way.prepare()
            return str(caught.value)
        return way.name

    assert name(*VERSIONS) == "OpenVINO 4 int8"
    assert name("onnx", "onnxscript", "onnxruntime") == "ONNX Runtime 3 int8"
    assert name("onnx", "onnxscript", "openvino") == (
        "it needs bakeoff[onnx], which is not installed"
    )
    assert name(*VERSIONS, pictures=7999) == "fewer than 8,000 pictures do not repay its proof"
    assert name(*VERSIONS, place="cuda") == "it is for CPUs"


@exports
def test_engines_compute_the_same() -> None:
    """In fp32 both give torch's features but for the last bits, for pieces that do not come out
    even, too, and the same bits each time."""
    pictures, _ = sample(37)
    made = classifier()
    with torch.inference_mode():
        wanted = made.features(pictures)
    exact = ways.exact(made, DEVICE, sample, pictures=5000)
    assert [way.name.rpartition(" ")[0].rpartition(" ")[0] for way in exact.ways[:2]] == [
        "OpenVINO",
        "ONNX Runtime",
    ]
    for way in exact.ways[:2]:
        function = way.prepare()
        got = function(pictures)
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
        assert torch.equal(function(pictures), got)
        assert torch.equal(function(pictures[:5]), got[:5])


def test_exporting_draws_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run that computes its features goes on with the random numbers of one that finds them in
    the cache, whatever the exporter does."""

    def export(*given: object, **options: object) -> None:
        chance.seed(0)

    monkeypatch.setattr(torch.onnx, "export", export)
    chance.seed(3)
    drawn = torch.rand(2), random.random(), np.random.random()
    chance.seed(3)
    graph.exported(nn.Identity(), (16, 3, 32, 32), tmp_path)
    assert torch.equal(torch.rand(2), drawn[0])
    assert (random.random(), np.random.random()) == drawn[1:]


@exports
def test_int8_is_near() -> None:
    """It is neither the same nor far off."""
    pictures, _ = sample(37)
    made = classifier()
    with torch.inference_mode():
        wanted = made.features(pictures)
    for load in (ways._openvino(DEVICE), ways._onnx_runtime(DEVICE)):
        got = ways._ready(made, load, sample)(pictures)
        share = float((got - wanted).norm() / wanted.norm())
        assert 1e-4 < share < 0.1


def test_no_engine_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that would fill the memory is not made, and the reason says so."""
    have(monkeypatch, *VERSIONS)
    monkeypatch.setattr(ways, "free_memory", lambda device: 1000)
    proof = ways.exact(classifier(), HALF, sample, pictures=5000).proof
    assert proof.name == "torch bfloat16"
    assert proof.reason.endswith(
        " Not by OpenVINO 4 bf16: it would take 0.0 GB, and 0.0 GB are free."
    )


def test_a_network_that_cannot_be_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the exporter cannot do is left to torch, with the reason."""

    def exported(*given: object) -> None:
        raise RuntimeError("No decomposition for aten.odd")

    have(monkeypatch, *VERSIONS)
    monkeypatch.setattr(graph, "exported", exported)
    proof = ways.exact(classifier(), DEVICE, sample, pictures=5000).proof
    assert proof.reason == (
        "Features by torch fp32. Not by OpenVINO 4 fp32: No decomposition for aten.odd. "
        "Not by ONNX Runtime 3 fp32: No decomposition for aten.odd."
    )


@exports
def test_heads_learn_on_an_engines_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's parts and views share one engine, and are told by its name; int8, where it is asked
    for, is for the training part alone."""
    made: list[bool] = []
    whole = ways._ready

    def ready(*given: object) -> object:
        made.append(len(given) > 2)
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(ways, "_ready", ready)
    monkeypatch.setattr(ways, "WORTH", 1)
    monkeypatch.setattr(ways, "WORTH_ROUNDING", 1)
    asked = job(network=backbone(), device=replace(DEVICE, int8=True))
    asked.classifier.backbone = Convolved()  # type: ignore[assignment]
    val = extracted(asked, "val", Augment(), 0)
    train = extracted(asked, "train", Augment(flip="random"), 0)
    assert made == [False, True]
    assert val.reasons[0].startswith("Features by OpenVINO ")
    assert " fp32: at most 0.0" in val.reasons[0]
    assert "int8" in train.reasons[0]
    assert len(train.views) == feeding.VIEWS
    plain = extracted(replace(asked, device=DEVICE), "train", Augment(), 0)
    assert "int8" not in plain.reasons[0]
