"""A champion for another runtime, proved to be it, or not written."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bakeoff.champion import place, record
from bakeoff.champion.exporting import onnx as graphs
from bakeoff.champion.exporting import proof, speed
from bakeoff.champion.exporting.export import Export, export
from bakeoff.champion.exporting.torch_program import ProgramEngine
from bakeoff.champion.onnx_engine import OnnxEngine
from bakeoff.data.dataset import Dataset, load
from bakeoff.data.decode import decode
from bakeoff.spec.errors import ArgumentError, CacheError, DataError, ExportError
from tests.champion import made

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    monkeypatch.setenv("BAKEOFF_DATA", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Pictures like those that the champion learnt from, in the order of its classes."""
    for label in range(3):
        folder = tmp_path / "data" / str(label)
        folder.mkdir(parents=True)
        for seed in range(40):
            (folder / f"{seed}.png").write_bytes(made.encoded(made.picture(label, 5000 + seed)))
    return load(tmp_path / "data")


def of(folder: Path, data: Dataset, part: str = "val") -> Path:
    """The champion, said to have been measured on a part of this data."""
    digests = {**made.record_of().digests, "data": data.digest}
    told = replace(made.record_of(), digests=digests, metrics={"measured": {"part": part}})

    def change(inside: Path) -> None:
        (inside / record.FILE).write_text(record.dumps(told), encoding="utf-8")

    return made.resealed(folder, change)


def left(folder: Path) -> list[str]:
    """What stands beside the champion, but for the caches of a test."""
    return sorted(p.name for p in folder.iterdir() if p.name not in ("champion", "cache", "data"))


def test_a_name_that_is_too_long(champion: Path, tmp_path: Path) -> None:
    """What the system refuses is said of the place, and not a fault of the program."""
    long = tmp_path / ("x" * 300)
    with pytest.raises(CacheError) as caught:
        export(champion, to="onnx", out=long)
    assert str(caught.value) == (
        f"the export in {long} cannot be written: file name too long. Give another --out."
    )


def test_onnx(champion: Path, tmp_path: Path) -> None:
    """The folder holds the graph, a program, and what was proved, each file with its digest; it
    stands beside the champion, which is left as it was."""
    before = {path: path.read_bytes() for path in champion.rglob("*") if path.is_file()}
    done = export(champion, to="onnx")
    assert done.path == tmp_path / "champion-onnx"
    assert {*done.files} == {
        *("model.onnx", "model.json", "predict.py", "export.json", "manifest.json"),
    }
    listed = json.loads((done.path / "manifest.json").read_text())["files"]
    assert {*listed} == {*done.files} - {"manifest.json"}
    for name, said in listed.items():
        content = (done.path / name).read_bytes()
        assert said == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (one,) = done.proofs
    assert (one.engine, one.goldens, one.agreement) == ("onnxruntime cpu float32", 8, None)
    assert one.worst < 1e-5
    assert one.speed.latency > 0 and one.speed.throughput > 0 and one.speed.threads == 1
    told = json.loads((done.path / "export.json").read_text())
    assert (
        told["champion"]["digest"] == hashlib.sha256(before[champion / "manifest.json"]).hexdigest()
    )
    assert told["proofs"][0]["worst"] == one.worst
    assert told["takes"] == {
        "name": "pictures",
        "dtype": "uint8",
        "side": made.SIZE,
        "fit": "crop",
        "keep": 1.0,
        "interpolation": "area",
    }
    assert {path: path.read_bytes() for path in champion.rglob("*") if path.is_file()} == before


def test_torch(champion: Path, tmp_path: Path) -> None:
    """A program of torch's opens for any number of pictures and says what the champion says."""
    done = export(champion, to="torch", out=tmp_path / "program")
    engine = ProgramEngine(done.path / "model.pt2")
    shown = np.stack(
        [decode(made.encoded(made.picture(1, seed)), made.RECIPE.preprocess) for seed in range(5)]
    )
    together = engine(shown)
    assert together.features is not None
    assert np.abs(engine(shown[:1]).probabilities - together.probabilities[:1]).max() < 1e-6
    assert done.proofs[0].worst < 1e-5


def test_the_one_in_the_box(
    champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes with Bakeoff is exported to the current folder: beside it nothing is written."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(place, "BOXED", champion)
    assert export("boxed", to="torch").path == Path("champion-torch")
    assert (tmp_path / "here" / "champion-torch" / "model.pt2").exists()


def test_openvino(champion: Path, tmp_path: Path) -> None:
    """OpenVINO's files are proved in single precision, and in bf16 where the processor has it."""
    pytest.importorskip("openvino")
    done = export(champion, to="openvino")
    assert {"model.xml", "model.bin"} < {*done.files}
    assert "model.onnx" not in done.files
    engines = [one.engine for one in done.proofs]
    assert engines[0] == "openvino cpu float32"
    assert set(engines[1:]) <= {"openvino cpu bfloat16"}
    assert done.proofs[0].worst < 1e-5


def test_keras(champion: Path) -> None:
    """The file is proved and timed in a process of its own, beside the champion in torch."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    (one,) = export(champion, to="keras").proofs
    assert one.engine == "keras"
    assert one.worst < 1e-4
    assert one.speed.latency > 0 and one.speed.throughput > 0
    assert all(0 < ratio < 10 for ratio in one.speed.faster)


def test_space(champion: Path) -> None:
    """A Space holds the graph and a page, and examples only if they are asked for."""
    done = export(champion, to="space")
    assert {"app.py", "predict.py", "model.onnx", "requirements.txt"} < {*done.files}
    assert not any(name.startswith("examples/") for name in done.files)
    assert done.proofs[0].worst < 1e-5


def test_int8(champion: Path, data: Dataset) -> None:
    """Convolutions and products are computed in int8; goldens are told and accuracy decides, on
    the part that the champion was measured on."""
    done = export(of(champion, data, "test"), to="onnx", int8=True, data=data, force=True)
    assert done.path.name == "champion-onnx-int8"
    kinds = {node.op_type for node in onnx.load(done.path / "model.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} < kinds
    (one,) = done.proofs
    assert one.tolerance is None
    assert 1e-5 < one.worst < 0.2
    found = one.agreement
    assert found is not None
    assert (found.part, found.pictures) == ("test", len(data.split.test))
    assert found.same > 0.8
    assert found.low <= found.difference <= found.high
    assert found.difference == pytest.approx(found.accuracy - found.champion)


def test_what_loses_is_refused(
    champion: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that loses more than half a point of accuracy is not written, unless forced."""
    real = OnnxEngine.__call__

    def coarse(self: OnnxEngine, pictures: Any) -> Any:
        said = real(self, pictures)
        if len(pictures) == 8:  # The goldens.
            return said
        return replace(said, probabilities=np.roll(said.probabilities, 1, axis=1))

    monkeypatch.setattr(OnnxEngine, "__call__", coarse)
    path = of(champion, data)
    rule = (
        r"^the export, computed by onnxruntime cpu float32, loses \d+\.\d\d percentage points of "
        r"accuracy \(\d+\.\d\d% instead of \d+\.\d\d% on 12 pictures of the val part, 95% "
        r"interval of the difference [+-]\d+\.\d\d to [+-]\d+\.\d\d\), and 0\.5 are allowed\. It "
        r"was not written\. Take another precision, or insist with --force\.$"
    )
    with pytest.raises(ExportError, match=rule):
        export(path, to="onnx", data=data)
    assert left(tmp_path) == []
    done = export(path, to="onnx", data=data, force=True)
    assert done.proofs[0].agreement is not None
    assert done.proofs[0].agreement.difference < -0.1


def test_an_altered_graph_is_not_written(
    champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not say of the goldens what the champion says never gets its name."""
    whole = graphs.exported

    def spoilt(*given: Any, **named: Any) -> Path:
        path: Path = whole(*given, **named)
        model = onnx.load(path)
        (offset,) = [one for one in model.graph.initializer if one.name.endswith("offset")]
        offset.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(offset) + 1, offset.name)
        )
        onnx.save(model, path)
        return path

    monkeypatch.setattr(graphs, "exported", spoilt)
    with pytest.raises(DataError, match="opened by onnxruntime cpu float32, does not say what it"):
        export(champion, to="onnx")
    assert left(tmp_path) == []


def test_nothing_is_written_over(champion: Path, tmp_path: Path) -> None:
    """A folder that is there is left alone."""
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match=r"there is there already, and an export is never written"):
        export(champion, to="onnx", out=tmp_path / "there")


Call = Callable[[Path, Dataset], Export]
WRONG: list[tuple[Call, str]] = [
    (
        lambda path, _: export(path, to="onx"),  # type: ignore[arg-type]
        "--to must be a known form, but is 'onx'. Did you mean 'onnx'? (Known: keras, onnx, "
        "openvino, space, torch.)",
    ),
    (
        lambda path, data: export(path, to="torch", int8=True, data=data),
        "--int8 is for --to onnx, openvino, space, not for torch.",
    ),
    (
        lambda path, _: export(path, to="onnx", int8=True),
        "--int8 needs --data: ranges are taken from validation pictures, and what it loses is "
        "measured on pictures that were kept out of training.",
    ),
    (
        lambda path, _: export(path, to="onnx", force=True),
        "--force has nothing to overrule: what an export loses is only measured with --data.",
    ),
    (
        lambda path, _: export(path, to="onnx", examples=True),
        "--examples is for --to space, not for onnx.",
    ),
    (
        lambda path, data: export(path, to="onnx", data=data),
        "--data must be what the champion was made of: its digest is {digest} instead of "
        "dddddddddddd. Give the same data, and the split options of its bake-off.",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_mistakes(champion: Path, data: Dataset, call: Call, message: str) -> None:
    """What cannot be done is said before anything is."""
    with pytest.raises((ArgumentError, DataError)) as caught:
        call(champion, data)
    assert str(caught.value) == message.replace("{digest}", data.digest[:12])


def test_a_place_that_cannot_be(champion: Path, tmp_path: Path) -> None:
    """Where nothing can be written that is said."""
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="a file stands where a folder is needed"):
        export(champion, to="onnx", out=tmp_path / "file" / "export")


def test_losses_within_what_is_allowed() -> None:
    """Half a point may be lost; without data nothing is known to be."""
    facts = {"engine": "e", "goldens": 8, "worst": 0.0, "tolerance": None}
    same = {"part": "val", "pictures": 100, "same": 1.0, "worst": 0.0, "low": -0.1, "high": 0.1}
    pace = speed.Speed(latency=1.0, throughput=1.0, faster=(1.0, 1.0), threads=1)
    for lost, refused in ((0.004, False), (0.006, True)):
        values: Any = {**same, "accuracy": 0.9 - lost, "champion": 0.9, "difference": -lost}
        known: Any = facts
        one = proof.Proof(**known, speed=pace, agreement=proof.Agreement(**values))
        if refused:
            with pytest.raises(ExportError):
                proof.refuse_loss(one, force=False)
        else:
            proof.refuse_loss(one, force=False)
        proof.refuse_loss(one, force=True)
        proof.refuse_loss(replace(one, agreement=None), force=False)
