"""What is on pictures, by the model beside this file: python predict.py PICTURE..."""

import argparse, json, os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # Else it reports its use to its makers.
import onnxruntime

HERE, OUTPUTS = Path(__file__).parent, ["probabilities", "scores"]
MODEL = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
SESSION = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])


def read(path):
    side, keep, pad = MODEL["size"], MODEL["keep"], MODEL["fit"] == "pad"
    image = Image.open(path, formats=MODEL["formats"])
    shrink = (max(image.size) if pad else min(image.size) * keep) / (side * 2)
    power = max(power for power in (1, 2, 4, 8) if power <= max(1, shrink))
    image.draft(None, tuple(max(1, length // power) for length in image.size))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image) * (65535 if image.mode == "F" else 1)
        shift = 0 if image.mode == "I" and values.max() <= 255 else 8
        image = Image.fromarray((values.astype(np.uint32) >> shift).astype(np.uint8))
    elif image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    kept = [min(image.size) * keep] * 2 if MODEL["fit"] == "crop" else image.size
    box = tuple((n + sign * part) / 2 for sign in (-1, 1) for n, part in zip(image.size, kept))
    size = [max(1, round(n * (side / max(image.size)))) if pad else side for n in image.size]
    shrinks = (max(image.size) if pad else min(kept)) >= side
    image = image.convert("RGB").resize(size, MODEL["filters"][shrinks], box=box)
    whole = Image.new("RGB", (side, side), tuple(MODEL["fill"]))
    whole.paste(image, tuple((side - length) // 2 for length in size))
    return np.asarray(whole)


def predict(path):
    (shares,), (scores,) = SESSION.run(OUTPUTS, {"pictures": read(path)[None]})
    answer = dict(sorted(zip(MODEL["classes"], shares.tolist()), key=lambda one: -one[1]))
    raised = scores.astype(float) / (1 if MODEL["unknown"] == "energy" else MODEL["temperature"])
    total = np.logaddexp.reduce(raised)
    strange = -total if MODEL["unknown"] == "energy" else -np.expm1(raised.max() - total)
    unknown = None if MODEL["threshold"] is None else not strange <= MODEL["threshold"]
    return {"label": next(iter(answer)), "unknown": unknown, "probabilities": answer}


if __name__ == "__main__":
    parser, code = argparse.ArgumentParser(description=__doc__), 0
    parser.add_argument("picture", nargs="+")
    for path in parser.parse_args().picture:
        try:
            found = predict(path)
        except Exception as error:  # Decoders raise almost anything on damaged files.
            found, code = {"error": f"{type(error).__name__}: {error}"}, 1
        print(json.dumps({"picture": path, **found}, ensure_ascii=False))
    parser.exit(code)
