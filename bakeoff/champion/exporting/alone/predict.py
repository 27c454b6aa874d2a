"""What is on pictures, by the model beside this file: python predict.py PICTURE..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE, OUTPUTS = Path(__file__).parent, ["probabilities", "scores"]
MODEL = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
SESSION = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])


def colours(picture):
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture) * (65535 if picture.mode == "F" else 1)
        shift = 0 if picture.mode == "I" and values.max() <= 255 else 8
        picture = Image.fromarray((values.astype(np.uint32) >> shift).astype(np.uint8))
    elif "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert("RGB")


def read(path):
    side, keep, pad = MODEL["size"], MODEL["keep"], MODEL["fit"] == "pad"
    picture = Image.open(path, formats=MODEL["formats"])
    shrink = (max(picture.size) if pad else min(picture.size) * keep) / (side * 2)
    power = max(power for power in (1, 2, 4, 8) if power <= max(1, shrink))
    picture.draft(None, tuple(max(1, length // power) for length in picture.size))
    picture = colours(ImageOps.exif_transpose(picture))
    (width, height), kept = picture.size, min(picture.size) * keep
    left, top, scale = (width - kept) / 2, (height - kept) / 2, side / max(width, height)
    box = (left, top, left + kept, top + kept) if MODEL["fit"] == "crop" else (0, 0, width, height)
    size = tuple(max(1, round(n * scale)) for n in (width, height)) if pad else (side, side)
    if picture.size != size or box != (0, 0, *size):
        shrinks = scale <= 1 if pad else min(box[2] - box[0], box[3] - box[1]) >= side
        kinds = Image.Resampling.__members__ | {"AREA": Image.Resampling(4 if shrinks else 2)}
        picture = picture.resize(size, kinds[MODEL["interpolation"].upper()], box=box)
    whole = Image.new("RGB", (side, side), tuple(MODEL["fill"]))
    whole.paste(picture, tuple((side - length) // 2 for length in size))
    return np.asarray(whole)


def predict(path):
    (shares,), (scores,) = SESSION.run(OUTPUTS, {"pictures": read(path)[None]})
    ranked = sorted(zip(shares.tolist(), MODEL["classes"]), key=lambda one: -one[0])
    answer, method = {name: share for share, name in ranked}, MODEL["unknown"]
    raised = scores.astype(float) / (1 if method == "energy" else MODEL["temperature"])
    total = np.logaddexp.reduce(raised)
    strange = -total if method == "energy" else -np.expm1(raised.max() - total)
    unknown = method is not None and not strange <= MODEL["threshold"]
    return {"label": ranked[0][1], "unknown": unknown, "probabilities": answer}


for path in sys.argv[1:] if __name__ == "__main__" else []:
    print(json.dumps({"picture": path, **predict(path)}, ensure_ascii=False))
