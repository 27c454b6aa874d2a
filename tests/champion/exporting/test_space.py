"""The Space: a folder that answers as the champion does, with nothing of Bakeoff's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion import archive, opening, record
from bakeoff.champion.champion import Champion
from bakeoff.champion.exporting import space
from bakeoff.champion.exporting.standalone import accompanied
from bakeoff.champion.record import Unknown
from tests.champion import made

pytest.importorskip("onnxruntime")

_GRADIO = """
class Error(Exception):
    pass


class _Part:
    def __init__(self, **how):
        self.__dict__.update(how)


Image = Textbox = Label = Interface = _Part
"""
"""As much of Gradio as a page is made of."""

_BROKEN = "BROKEN: accuracy 0.1 on *ten* is no better than guessing (0.1). Likely causes: many."

_ASK = """
import json, sys
sys.modules["bakeoff"] = sys.modules["torch"] = None
import app
import gradio
said = []
for path in [*app.page.examples, None, "app.py"]:
    try:
        said.append(app.page.fn(path))
    except gradio.Error as error:
        said.append(str(error))
print(json.dumps({"said": said, "title": app.page.title, "text": app.page.description}))
"""


def opened(folder: Path, threshold: float | None, card: str = "") -> Champion:
    """A champion that knows what is none of its classes from this strangeness on."""

    def change(inside: Path) -> None:
        unknown = None
        if threshold is not None:
            facts: dict[str, Any] = {"false_alarms": 0.05, "foreign": ()}
            unknown = Unknown(method="energy", threshold=threshold, **facts)
        told = replace(made.record_of(), unknown=unknown, notes=("Seen *once* only.", _BROKEN))
        (inside / record.FILE).write_text(record.dumps(told), encoding="utf-8")
        (inside / "README.md").write_text(card, encoding="utf-8")

    return opening.open(made.resealed(made.with_graph(folder), change))


def furnished(model: Champion, folder: Path, *, examples: bool = True) -> Path:
    """The Space of a champion, around the graph it has already."""
    folder.mkdir()
    where = model.path if model.path.is_dir() else archive.unpacked(model.path)[0]
    shutil.copyfile(where / "model.onnx", folder / "model.onnx")
    accompanied(model, folder)
    return space.furnished(model, folder, examples=examples)


def asked(folder: Path, tmp_path: Path) -> dict[str, Any]:
    """What the page of a Space says of its examples, of nothing, and of what is no picture."""
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "gradio.py").write_text(_GRADIO, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(stub), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_page_answers_as_the_champion_does(tmp_path: Path) -> None:
    """Without Bakeoff and torch: the same shares, the same label, none of these where that is
    said; and a sentence for what cannot be answered."""
    model = opened(tmp_path / "champion", threshold=-1.0)
    folder = furnished(model, tmp_path / "space")
    told = asked(folder, tmp_path)
    *answers, nothing, broken = told["said"]
    shown = sorted((folder / "examples").iterdir())
    expected = model.predict([path.read_bytes() for path in shown])
    assert len(answers) == len(shown) == space.EXAMPLES
    for (sentence, shares), one in zip(answers, expected, strict=True):
        assert shares == pytest.approx(dict(one.probabilities), abs=1e-5)
        none = f"None of these. The likeliest of them would be {one.label}."
        assert sentence == (none if one.unknown else one.label)
    assert {one.unknown for one in expected} == {True, False}
    assert nothing == "Give a picture first."
    assert broken == "This file is not a picture that can be opened."
    assert told["title"] == "patterns"
    assert told["text"] == (
        "It knows 3 things: apple, sky and grass. What looks like none of them is said to be none "
        r"of these, as are 5% of pictures that are one. BROKEN: accuracy 0.1 on \*ten\* is no "
        "better than guessing (0.1). The examples are pictures of the validation part: the model "
        "did not learn from them, but was chosen by them."
    )


def test_the_folder_is_a_space(tmp_path: Path) -> None:
    """The hub reads how to run it and under which terms; large files are kept its way."""
    card = '---\nlicense: "cc-by-4.0"\ntags:\n- bakeoff\n---\n\n# patterns\n'
    folder = furnished(opened(tmp_path / "champion", None, card), tmp_path / "space")
    assert sorted(path.name for path in folder.iterdir()) == [
        *(".gitattributes", "MODEL_CARD.md", "README.md", "about.json", "app.py", "examples"),
        *("model.json", "model.onnx", "predict.py", "requirements.txt"),
    ]
    header = (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1].splitlines()
    assert {"sdk: gradio", "app_file: app.py", 'license: "cc-by-4.0"'} <= set(header)
    assert 'title: "patterns"' in header
    needed = (folder / "requirements.txt").read_text(encoding="utf-8").split()
    assert needed == [
        *("gradio>=6,<7", "numpy>=1.26,<3", "onnxruntime>=1.20,<2", "pillow>=11,<14"),
    ]
    assert "*.onnx filter=lfs" in (folder / ".gitattributes").read_text(encoding="utf-8")
    assert (folder / "MODEL_CARD.md").read_text(encoding="utf-8") == card


def test_pictures_that_were_given(tmp_path: Path) -> None:
    """Golden pictures of one's own are not said to be of the validation part."""
    model = opened(tmp_path / "champion", None)
    model.record = replace(model.record, data={**model.record.data, "goldens": "own"})
    folder = furnished(model, tmp_path / "space")
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    assert about["text"].endswith(
        " The examples are none of the pictures that the model learnt from or was measured on."
    )


def test_pictures_are_shown_only_if_asked(tmp_path: Path) -> None:
    """Without examples no picture leaves the champion, and none is spoken of."""
    model = opened(tmp_path / "champion", None)
    folder = furnished(model, tmp_path / "space", examples=False)
    assert not (folder / "examples").exists()
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    assert about["text"] == (
        "It knows 3 things: apple, sky and grass. Whatever it is shown, it answers with one of "
        r"them. BROKEN: accuracy 0.1 on \*ten\* is no better than guessing (0.1)."
    )
    assert "license: unknown" in (folder / "README.md").read_text(encoding="utf-8")


def test_examples_come_out_of_an_archive(tmp_path: Path) -> None:
    """A champion in one file has its goldens inside of it."""
    whole = opened(tmp_path / "champion", None)
    packed = archive.pack(whole.path, tmp_path / "one.bakeoff")
    folder = furnished(opening.open(packed), tmp_path / "space")
    shown = sorted((folder / "examples").iterdir())
    assert len(shown) == space.EXAMPLES
    assert all(
        path.read_bytes() == (whole.path / "goldens" / path.name).read_bytes() for path in shown
    )


def test_the_page_stays_short() -> None:
    """Whoever publishes it can read it first."""
    page = Path(space.__file__).parent / "alone" / "app.py"
    assert len(page.read_text(encoding="utf-8").splitlines()) < 80
