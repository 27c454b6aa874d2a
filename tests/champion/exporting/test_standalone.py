"""The short program that goes along with a graph: it answers as the champion does."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bakeoff.champion import opening, record
from bakeoff.champion.exporting.standalone import PROGRAM, accompanied
from bakeoff.champion.record import Unknown
from tests.champion import made
from tests.pictures import photograph

pytest.importorskip("onnxruntime")

TARGET = made.RECIPE.preprocess

WAYS = (
    TARGET,
    replace(TARGET, fit="pad", interpolation="bilinear"),
    replace(TARGET, interpolation="nearest"),
    replace(TARGET, keep=0.8, interpolation="bicubic"),
    replace(TARGET, fit="pad"),
    replace(TARGET, fit="stretch", interpolation="lanczos"),
)


def shown(folder: Path) -> list[Path]:
    """Pictures of all kinds: large and small ones, turned, transparent, grey and deep."""
    folder.mkdir()
    large, small = photograph(400, 260, seed=1), photograph(11, 7, seed=2)
    large.save(folder / "large.jpg")
    photograph(90, 61, seed=3).save(folder / "middle.jpg", quality=60)
    turned = large.getexif()
    turned[0x0112] = 6
    large.save(folder / "turned.jpg", exif=turned)
    small.save(folder / "small.png")
    photograph(16, 16, seed=4).save(folder / "exact.png")
    alpha = Image.fromarray(np.linspace(0, 255, 40 * 40).reshape(40, 40).astype(np.uint8))
    clear = photograph(40, 40, seed=5)
    clear.putalpha(alpha)
    clear.save(folder / "clear.png")
    photograph(40, 30, seed=6).convert("P").save(folder / "palette.gif")
    photograph(40, 30, seed=7).convert("L").save(folder / "grey.webp", lossless=True)
    photograph(60, 45, seed=8).convert("CMYK").save(folder / "cmyk.jpg")
    deep = np.linspace(0, 65535, 40 * 30).reshape(30, 40)
    Image.fromarray(deep.astype(np.uint16)).save(folder / "deep.png")
    Image.fromarray((deep / 257).astype(np.int32)).save(folder / "shallow.tiff")
    Image.fromarray((deep / 65535).astype(np.float32)).save(folder / "float.tiff")
    return sorted(folder.iterdir())


def ran(folder: Path, pictures: list[Path]) -> subprocess.CompletedProcess[str]:
    """The program, with nothing of ours to be imported."""
    command = [sys.executable, "-I", str(folder / "predict.py"), *map(str, pictures)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def told(folder: Path, pictures: list[Path]) -> list[dict[str, Any]]:
    """What it says where all is well."""
    done = ran(folder, pictures)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_answers(graph: Path, tmp_path: Path) -> None:
    """However pictures are fitted and whatever files they come in, it says what the champion says:
    label, probabilities, and whether it is none of them."""
    pictures = shown(tmp_path / "pictures")
    seen = set()
    methods = itertools.cycle(["energy", "doubt", None])
    for number, (target, method) in enumerate(zip(WAYS, methods, strict=False)):
        folder = tmp_path / str(number)
        folder.mkdir()
        threshold = -1.4 if method == "energy" else 0.4
        unknown = None
        if method is not None:
            unknown = Unknown(method=method, threshold=threshold, false_alarms=0.05, foreign=())
        facts = replace(made.record_of(), unknown=unknown)

        def rewritten(inside: Path, facts: record.Record = facts) -> None:
            (inside / record.FILE).write_text(record.dumps(facts), encoding="utf-8")

        model = opening.open(made.resealed(graph, rewritten), engine="onnx")
        model.recipe = replace(model.recipe, preprocess=target)
        shutil.copyfile(graph / "model.onnx", folder / "model.onnx")
        accompanied(model, folder)
        for path, said in zip(pictures, told(folder, pictures), strict=True):
            wanted = model.predict(path)
            assert (said["picture"], said["label"]) == (str(path), wanted.label)
            assert said["unknown"] == wanted.unknown
            assert list(said["probabilities"]) == list(wanted.probabilities)
            for name, share in wanted.probabilities.items():
                assert said["probabilities"][name] == pytest.approx(share, abs=1e-6)
            seen.add((method, wanted.unknown))
    known = {(method, answer) for method in ("energy", "doubt") for answer in (True, False)}
    assert seen == {*known, (None, None)}


def test_what_is_broken_stops_nothing(graph: Path, tmp_path: Path) -> None:
    """A broken file and one that is not there are lines with an error, the others are answered,
    and the exit code is 1; without a picture it says how it is called, with 2."""
    accompanied(opening.open(graph, engine="onnx"), graph)
    broken, good = tmp_path / "broken.jpg", tmp_path / "good.png"
    photograph(90, 61, seed=3).save(broken)
    broken.write_bytes(broken.read_bytes()[:300])
    photograph(40, 30, seed=4).save(good)
    done = ran(graph, [broken, tmp_path / "none.png", good])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (1, "")
    assert [one["picture"] for one in lines] == [str(broken), str(tmp_path / "none.png"), str(good)]
    assert [set(one) - {"picture"} for one in lines[:2]] == [{"error"}, {"error"}]
    assert lines[1]["error"].startswith("FileNotFoundError: ")
    assert lines[2]["label"] in made.CLASSES
    bare = ran(graph, [])
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.startswith("usage: predict.py ")


def test_it_is_short() -> None:
    """It stays under 60 lines and imports three packages beside what comes with Python."""
    lines = PROGRAM.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    tree = ast.walk(ast.parse("\n".join(lines)))
    imported = {one.name for node in tree if isinstance(node, ast.Import) for one in node.names}
    assert imported == {"argparse", "json", "os", "numpy", "onnxruntime"}
    assert [line for line in lines if line.startswith("from ")] == [
        "from pathlib import Path",
        "from PIL import Image, ImageOps",
    ]


def test_nobody_is_told(graph: Path, tmp_path: Path) -> None:
    """ONNX Runtime and OpenVINO, which report their use to their makers by themselves, leave no
    trace: neither by the program nor by ours."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "BAKEOFF_DATA": str(tmp_path)}
    folder = tmp_path / "export"
    folder.mkdir()
    shutil.copyfile(graph / "model.onnx", folder / "model.onnx")
    accompanied(opening.open(graph, engine="onnx"), folder)
    picture = tmp_path / "picture.png"
    photograph(40, 30, seed=4).save(picture)
    asked = f"import bakeoff; bakeoff.open({str(graph)!r}, engine=ENGINE).predict({str(picture)!r})"
    ours = [asked.replace("ENGINE", repr(engine)) for engine in ("onnx", *_openvino())]
    program = [str(folder / "predict.py"), str(picture)]
    for words in (program, *(["-c", one] for one in ours)):
        subprocess.run(
            [sys.executable, *words], env=environment, check=True, stdout=subprocess.DEVNULL
        )
    assert [path for path in home.rglob("*") if path.is_file()] == []


def _openvino() -> list[str]:
    return ["openvino"] if importlib.util.find_spec("openvino") is not None else []
