"""The champion that comes with Bakeoff. It was written in schema 1 and is not made anew for a newer
one: whatever comes later has to open it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

import bakeoff
from bakeoff.champion import goldens, record
from bakeoff.champion.place import BOXED
from bakeoff.data.decode import decode

pytest.importorskip("onnxruntime")

_PROGRAM = """
import sys, bakeoff
model = bakeoff.open()
print(model.predict(sys.argv[1]).label, len(model.classes), "torch" in sys.modules)
"""


def files() -> list[Path]:
    """All that lies in the box."""
    return [path for path in BOXED.rglob("*") if path.is_file()]


def drawings() -> tuple[goldens.Golden, ...]:
    """Its golden pictures."""
    told = record.loads((BOXED / record.FILE).read_bytes())
    return goldens.read(BOXED, told.classes)


def test_it_answers_without_torch() -> None:
    """A new process opens it without a path and answers, and torch is never imported."""
    lorry = next(one for one in drawings() if one.label == "truck")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(BOXED / "goldens" / lorry.file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("truck 10 False\n", "")


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_its_goldens_replay(engine: Literal["onnx", "torch"]) -> None:
    """Both engines say what was said when it was made, closer than they have to."""
    model = bakeoff.open("boxed", engine=engine)
    assert model.path == BOXED
    apart = goldens.replay(drawings(), model.engine, model.recipe.preprocess, model.classes)
    assert apart < model.engine.tolerance / 2


def test_none_of_the_data_travels() -> None:
    """It proves itself on drawings, two of each class, which a page can show; not all of them are
    easy, or a broken network might still know them."""
    found = drawings()
    assert sorted(one.label or "" for one in found) == sorted(2 * bakeoff.open().classes)
    for one in found:
        assert decode(one.content).shape == (128, 128, 3)
        assert len(one.content) <= 12_000
    assert min(one.probabilities.max() for one in found) < 0.7
    assert "Own pictures; none of the data travels." in bakeoff.open().card


def test_its_card_is_honest() -> None:
    """Seeds, intervals, plain and in several views, without near-duplicates, and what is to be
    known before any of it is believed."""
    model = bakeoff.open()
    interval = r"\d\d\.\d\d% \(\d\d\.\d\d% to \d\d\.\d\d%\)"
    assert "mean over 3 seeds" in model.card
    for words in (
        "accuracy, plain",
        "accuracy without near-duplicates of what was learnt",
        r"accuracy in several views \(test-time augmentation\)",
    ):
        assert re.search(rf"\| {words} \| {interval} \| {interval} \|", model.card), words
    assert 'license: "Apache-2.0"' in model.card
    assert "> ⚠ Leak: " in model.card
    seeds = model.record.metrics["measured"]["seeds"]["accuracy"]
    assert (seeds["seeds"], seeds["value"] > 0.92) == (3, True)
    assert model.record.data["plan"]["val"] == 2500


def test_it_is_small_and_of_no_machine() -> None:
    """It fits, and nothing that it says names a place on the machine that made it."""
    assert sum(path.stat().st_size for path in files()) <= 6e6
    for path in files():
        if path.suffix not in (".png", ".safetensors"):
            content = path.read_bytes()
            assert not re.search(rb"(?<![\w./])/(?:\w+/)+\w|[A-Z]:\\\w", content), path


def test_it_is_of_schema_1() -> None:
    """What was written in the first version of every file opens."""
    for name in (record.FILE, "manifest.json", "goldens/goldens.json"):
        assert json.loads((BOXED / name).read_bytes())["schema"] == 1, name
    assert bakeoff.open("boxed", engine="onnx").record.bakeoff == "0.1.0"
