"""A page that says what is on a picture. It needs what requirements.txt names: python app.py"""

import json
import os
from pathlib import Path

# Before it is imported: it would report to its makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio
import predict

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "about.json").read_text(encoding="utf-8"))
EXAMPLES = sorted(str(path) for path in (HERE / "examples").glob("*"))


def answer(path):
    if path is None:
        raise gradio.Error("Give a picture first.")
    try:
        found = predict.predict(path)
    except Exception as error:
        # Decoders raise almost anything on damaged files.
        raise gradio.Error("This file is not a picture that can be opened.") from error
    sentence = found["label"]
    if found["unknown"]:
        sentence = f"None of these. The likeliest of them would be {sentence}."
    return sentence, found["probabilities"]


page = gradio.Interface(
    fn=answer,
    inputs=gradio.Image(
        # The file as it came: it is opened as the pictures were that the model learnt from.
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        label="Picture",
        height=320,
    ),
    outputs=[
        gradio.Textbox(label="What is on it"),
        gradio.Label(label="Probability of each class", num_top_classes=10, show_heading=False),
    ],
    title=ABOUT["title"],
    description=ABOUT["text"],
    examples=EXAMPLES or None,
    cache_examples=False,
    flagging_mode="never",
    api_name="predict",
)

if __name__ == "__main__":
    page.launch()
