"""An ONNX export as a Gradio Space: a folder with a page, which needs no Bakeoff to run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from bakeoff.champion import archive, goldens
from bakeoff.champion.champion import Champion
from bakeoff.champion.goldens import Golden
from bakeoff.evaluation.cautions import grave
from bakeoff.evaluation.phrases import count, listed

__all__ = ["EXAMPLES", "furnished"]

EXAMPLES = 6
"""Golden pictures that are shown to try, at most."""

_APP = Path(__file__).parent / "alone" / "app.py"
_EXPORT = ("model.onnx", "model.json", "predict.py")
_GRADIO = "6.31.0"
"""The version the page was tried with."""

_NEEDS = ("gradio>=6,<7", "numpy>=1.26,<3", "onnxruntime>=1.20,<2", "pillow>=11,<14")
_LARGE = ("*.jpg", "*.onnx", "*.png", "*.safetensors", "*.webp")
"""What the hub wants to be kept aside."""


def furnished(model: Champion, folder: Path, *, examples: bool) -> Path:
    """Make a Space of a folder that holds the ONNX export and what goes along with it.

    `examples` puts golden pictures on the page. Unless they were given for it, they are of the
    validation part, which whoever publishes the Space publishes: ask for that first.
    """
    assert all((folder / name).exists() for name in _EXPORT), sorted(folder.iterdir())
    shown = _shown(model) if examples else ()
    if shown:
        (folder / "examples").mkdir()
    for golden in shown:
        (folder / "examples" / golden.file).write_bytes(golden.content)
    shutil.copyfile(_APP, folder / _APP.name)
    lines = [f"{pattern} filter=lfs diff=lfs merge=lfs -text" for pattern in _LARGE]
    texts = {
        "about.json": json.dumps(_about(model, len(shown)), indent=2, ensure_ascii=False),
        "requirements.txt": "\n".join(_NEEDS),
        ".gitattributes": "\n".join(lines),
        "README.md": _readme(model, len(shown)),
    }
    if model.card:
        texts["MODEL_CARD.md"] = model.card.rstrip("\n")
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return folder


def _shown(model: Champion) -> tuple[Golden, ...]:
    folder = model.path if model.path.is_dir() else archive.unpacked(model.path)[0]
    return goldens.read(folder, model.classes, str(model.path))[:EXAMPLES]


def _about(model: Champion, examples: int) -> dict[str, str]:
    """What the page says above the picture."""
    classes = _plain(listed(model.classes, 12))
    measured = model.record.unknown
    parts = [f"It knows {count(len(model.classes), 'thing')}: {classes}."]
    if measured is None:
        parts.append("Whatever it is shown, it answers with one of them.")
    else:
        alarms = f"{100 * measured.false_alarms:.3g}%"
        parts.append(
            "What looks like none of them is said to be none of these, "
            f"as are {alarms} of pictures that are one."
        )
    parts += [_plain(_first(note)) for note in grave(model.record.notes, model.name)]
    if examples:
        parts.append(_EXAMPLES[model.record.data.get("goldens") == "own"])
    return {"title": model.name, "text": " ".join(parts)}


def _first(note: str) -> str:
    """A page has room for what is wrong; why, and what helps, is in the card."""
    return re.split(r"(?<=\.)\s+(?=[A-Z])", note, maxsplit=1)[0]


_EXAMPLES = {
    False: "The examples are pictures of the validation part: the model did not learn from them, "
    "but was chosen by them.",
    True: "The examples are none of the pictures that the model learnt from or was measured on.",
}
"""What is said of them, by whether they were given for it."""


def _readme(model: Champion, examples: int) -> str:
    about = _about(model, examples)
    tells = "`MODEL_CARD.md` tells what it was measured to be worth, and what to know before. "
    card = tells if model.card else ""
    lines = [
        "---",
        f"title: {json.dumps(about['title'])}",
        "emoji: 🖼️",
        "colorFrom: blue",
        "colorTo: green",
        "sdk: gradio",
        f"sdk_version: {json.dumps(_GRADIO)}",
        "app_file: app.py",
        f"license: {_terms(model.card)}",
        "pinned: false",
        "---",
        "",
        f"# {about['title']}",
        "",
        about["text"],
        "",
        f"{card}Made by Bakeoff {model.record.bakeoff} from the champion `{model.digest[:16]}`.",
        "",
        "## Run it",
        "",
        "```",
        "pip install -r requirements.txt",
        "python app.py",
        "```",
        "",
        "`python predict.py PICTURE…` answers without a page. Neither needs Bakeoff or a network.",
    ]
    return "\n".join(lines)


def _terms(card: str) -> str:
    """The licence, as the champion's card has it: JSON, and so YAML."""
    found = re.search(r"\A---\n(?:[^\n]*\n)*?license: ([^\n]+)\n", card)
    return found.group(1) if found else "unknown"


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_\[\]<>|#~$])", r"\\\1", " ".join(text.split()))
