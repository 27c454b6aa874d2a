"""README.md of a champion: a model card in the form that Hugging Face reads.

Written from the record alone, so that a card can be made again, and says nothing that is not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bakeoff.champion.crowning.card_numbers import calibration, classes, headline
from bakeoff.champion.crowning.card_unknown import unknown
from bakeoff.champion.crowning.card_weights import learnt, travelling
from bakeoff.champion.record import Record
from bakeoff.evaluation.phrases import count, listed
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.image import Preprocess
from bakeoff.spec.recipe import Recipe

__all__ = ["card"]

Facts = Mapping[str, Any]

_SPECIAL = re.compile(r"[\\`*\[\]<>|#~$]|\b_|_\b|(?<=\W)_(?=\W)")


def card(record: Record, recipe: Recipe, *, files: Sequence[str], terms: str | None) -> str:
    """The card. `files` are the names of what lies beside it, `terms` its licence by the name that
    Hugging Face gives it."""
    parts = [
        _header(record, terms),
        [f"# {record.name}, of {_plain(record.data['name'])}", ""],
        [f"> ⚠ {_plain(note)}\n>" for note in record.notes] + [""] * bool(record.notes),
        _what(record, recipe),
        ["## Numbers", "", *headline(record), ""],
        ["## Classes", "", *classes(record), ""],
        ["## Calibration", "", *calibration(record), ""],
        ["## None of these", "", *unknown(record), ""],
        _data(record),
        _preprocessing(recipe.preprocess),
        _training(record, recipe),
        _limits(record),
        ["## What travels with it", "", *travelling(record), ""],
        _use(record, files),
    ]
    return "\n".join(line for part in parts for line in part)


def _header(record: Record, terms: str | None) -> list[str]:
    """What machines read. Every text is JSON, which YAML reads as it stands."""
    lines = ["---"]
    lines += [f"license: {json.dumps(terms or 'unknown')}"]
    lines += ["library_name: bakeoff", "pipeline_tag: image-classification"]
    lines += ["tags:", "- image-classification", "- bakeoff"]
    measured = record.metrics["measured"]
    if measured is not None:
        split = "test" if measured["part"] == "test" else "validation"
        shipped = measured["shipped"]
        lines += [
            "model-index:",
            f"- name: {json.dumps(record.name)}",
            "  results:",
            "  - task:",
            "      type: image-classification",
            "    dataset:",
            f"      name: {json.dumps(record.data['name'], ensure_ascii=False)}",
            f"      type: {json.dumps(record.data['name'], ensure_ascii=False)}",
            f"      split: {split}",
            "    metrics:",
            "    - type: accuracy",
            f"      value: {shipped['accuracy']['value']:.4f}",
            "    - type: f1",
            "      name: F1, macro",
            f"      value: {shipped['macro_f1']['value']:.4f}",
        ]
    return [*lines, "---", ""]


def _what(record: Record, recipe: Recipe) -> list[str]:
    verdict = record.data["verdict"]
    shown = listed(record.classes, 12)
    lines = [
        f"An image classifier: {_sentence(recipe.note)} It sorts pictures into "
        f"{count(len(record.classes), 'class')}: "
        f"{_plain(shown)}.",
        "",
    ]
    if verdict:
        lines += [f"**{_plain(verdict)}**", ""]
    return lines


def _data(record: Record) -> list[str]:
    data = record.data
    sizes = ", ".join(f"{name} {number:,}" for name, number in data["sizes"].items())
    lines = [
        "## Data",
        "",
        f"{_plain(data['name'])}, digest `{record.digests['data'][:16]}`; pictures by part: "
        f"{sizes}. Near-duplicates are kept on one side of a split where the parts are cut here.",
        "",
    ]
    if data["leaked"] is not None:
        leaked = data["leaked"]
        lines += [
            f"Of the pictures that were measured, {leaked:,} have a copy, exact or near, among "
            "those that were learnt from."
            if leaked
            else "No picture that was measured has a copy among those that were learnt from.",
            "",
        ]
    opened = data["opened"]
    if opened is None:
        return [*lines, "The test part is sealed.", ""]
    told = "The test part was opened once, for these numbers."
    if opened > 1:
        told = (
            f"The test part was opened for these numbers, and had been opened "
            f"{count(opened - 1, 'time')} before: {opened:,} times in all."
        )
    return [*lines, told, ""]


def _preprocessing(preprocess: Preprocess) -> list[str]:
    size = preprocess.size
    ways = {
        "crop": "the longer side is cut",
        "pad": "the shorter side is filled",
        "stretch": "the picture is stretched",
    }
    kept = f", of which {preprocess.keep:g} of the shorter side are kept" * (preprocess.keep != 1)
    return [
        "## Preprocessing",
        "",
        f"Any picture is brought to {size}×{size} pixels in red, green and blue: "
        f"{ways[preprocess.fit]}{kept}, filter {preprocess.interpolation}. Normalised with mean "
        f"{_numbers(preprocess.mean)} and deviation {_numbers(preprocess.std)} on the scale 0 to "
        "1. All of it happens on opening a picture: give files as they are.",
        "",
    ]


def _training(record: Record, recipe: Recipe) -> list[str]:
    environment = record.environment
    libraries = ", ".join(f"{name} {found}" for name, found in environment["libraries"].items())
    how = "Fitted, without stages. " * bool(record.data["weights"]["learnt"])
    if not isinstance(recipe.network, Estimator):
        epochs = sum(stage.epochs for stage in recipe.stages)
        stages = count(len(recipe.stages), "stage")
        how = f"{stages}, at most {epochs:g} epochs in all. "
    return [
        "## Training",
        "",
        f"Recipe `{record.name}` (all of it in `recipe.json`, digest "
        f"`{record.digests['recipe'][:16]}`), seed {record.seed}. {how}"
        f"{learnt(record)} Made on "
        f"{environment['device']['place']} in {environment['device']['dtype']}; {libraries}; "
        f"{environment['system']}, Python {environment['python']}.",
        "",
    ]


def _limits(record: Record) -> list[str]:
    lines = [
        "It was measured on pictures that were drawn like those it learnt from. Of pictures from "
        "elsewhere (another camera, another season, other people) nothing is known, and accuracy "
        "is as a rule lower.",
        "Every answer is one of its classes. Pictures of something else are recognised only as far "
        "as is said under *None of these*.",
        "Intervals tell how far chance in pictures and seeds reaches. They do not cover that the "
        "data itself may be unlike what it will be used on.",
    ]
    return ["## Limits", "", *_bullets(lines), ""]


def _use(record: Record, files: Sequence[str]) -> list[str]:
    graph = (
        "`model.onnx` (with `weights.safetensors` beside it) runs in ONNX Runtime without torch."
        if "model.onnx" in files
        else "It has no `model.onnx`: " + _plain(str(record.data["no_onnx"]))
    )
    return [
        "## Use",
        "",
        "```",
        "pip install bakeoff",
        "bakeoff predict CHAMPION PICTURES…",
        "```",
        "",
        "```python",
        "import bakeoff",
        "",
        'model = bakeoff.open("CHAMPION")',
        'print(model.predict("picture.jpg"))',
        "```",
        "",
        "Opening it verifies every file by `manifest.json` and replays the golden pictures: a copy "
        "that answers otherwise than this one did is refused. The SHA-256 of `manifest.json` is "
        f"the champion's digest. {graph}",
        "",
        f"Made {record.made} by Bakeoff {record.bakeoff}; code `{record.digests['code'][:16]}`.",
        "",
    ]


def _sentence(note: str) -> str:
    """A recipe's note with a full stop, whoever wrote it."""
    told = _plain(note) or "a recipe of its own"
    return told if told.endswith((".", "!", "?")) else f"{told}."


def _bullets(texts: Iterable[str]) -> list[str]:
    return [f"- {text}" for text in texts]


def _numbers(values: Sequence[float] | None) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values or ()) + ")"


def _plain(text: str) -> str:
    """`text` as it is: nothing in it is markup, and it is one line."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
