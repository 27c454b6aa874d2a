"""Pictures as the world sends them: every one gets an answer or a reason, and none an error of
ours."""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bakeoff.serving.computing import Upload
from tests.champion import made
from tests.pictures import photograph
from tests.serving.running import Answer
from tests.serving.shared import PNG, shared
from tests.serving.within import Within

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def service() -> Iterator[Within]:
    """Shared by all."""
    with shared(lanes=1) as one:
        yield one


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """As a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of so many black pixels a side, grey, in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    top = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", top) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def scans(count: int) -> bytes:
    """A JPEG that is decoded over and over."""
    content = encoded(PHOTO, "JPEG", progressive=True)
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * count + content[-2:]


def frames(kind: str) -> bytes:
    """An animation."""
    others = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    return encoded(others[0], kind, save_all=True, append_images=others[1:])


def turned(orientation: int) -> bytes:
    """A photograph that was held in some way."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(PHOTO, "JPEG", exif=exif)


PHOTO = photograph(60, 40)
JPEG = encoded(PHOTO, "JPEG")
GREY16 = Image.fromarray((np.arange(900).reshape(30, 30) * 70).astype(np.uint16))

GOOD = {
    "one pixel": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "a sliver": encoded(Image.new("RGB", (20_000, 1), "red"), "PNG"),
    "a sliver upright": encoded(Image.new("L", (1, 20_000), 7), "JPEG"),
    "gif": frames("GIF"),
    "webp": frames("WEBP"),
    "animated png": frames("PNG"),
    "cmyk": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "sixteen bits": encoded(GREY16, "PNG"),
    "palette and alpha": encoded(PHOTO.convert("RGBA").quantize(9), "PNG", transparency=0),
    "grey and alpha": encoded(PHOTO.convert("LA"), "PNG"),
    "one bit": encoded(PHOTO.convert("1"), "TIFF"),
    "progressive": encoded(PHOTO, "JPEG", progressive=True),
    "upside down": turned(3),
    "no such orientation": turned(99),
    "something after its end": JPEG + b"<script>" * 100,
}
BROKEN = {
    "truncated jpeg": JPEG[: len(JPEG) // 2],
    "truncated png": PNG[: len(PNG) // 2],
    "nothing but a signature": b"\x89PNG\r\n\x1a\n",
    "html": b"<!doctype html><title>404</title>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "zeros": bytes(1000),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "144 megapixels": bomb(12_000),
    "scans without end": scans(5_000),
    "damaged exif": encoded(PHOTO, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"),
    "exif that goes round": encoded(
        PHOTO,
        "JPEG",
        exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x69\x87\x04\0\1\0\0\0\x08\0\0\0" * 9,
    ),
    "too long a side": encoded(Image.new("1", (33_000, 1)), "PNG"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_picture_that_is_unusual(service: Within, name: str) -> None:
    """Whatever can be shown is answered, whatever its type is said to be."""
    for kind in ("image/jpeg", "image/x-anything"):
        answer = service.post("/predict", GOOD[name], kind)
        assert answer.status == 200, answer.body


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/explain"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_picture_that_is_broken(service: Within, name: str, path: str) -> None:
    """What cannot be shown is refused, with the reason, under the client's mistake."""
    answer = service.post(path, BROKEN[name], "image/jpeg")
    assert answer.status == 422, answer.body
    assert answer.json()["type"] == "urn:bakeoff:problem:picture"
    assert answer.json()["detail"].startswith("the picture ")


def test_the_bomb_is_a_bomb() -> None:
    """A hundred kilobytes and a bit say that they are 144 megapixels."""
    assert len(BROKEN["144 megapixels"]) < 200_000


SEEDS = [PNG, JPEG, *GOOD.values()]


def mutated(chance: random.Random) -> bytes:
    """One of the seeds with something wrong in it, most often near its start."""
    content = bytearray(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        reach = chance.choice((32, 256, len(content)))
        at = chance.randrange(max(1, min(reach, len(content))))
        match chance.randrange(6):
            case 0:
                content[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                content[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case 2:
                del content[at : at + chance.randrange(1, 64)]
            case 3:
                content[at:at] = chance.randbytes(chance.randrange(1, 64))
            case 4:
                content[at:at] = content[: chance.randrange(1, 300)]
            case _:
                del content[max(1, at) :]
    return bytes(content)


def memory() -> float:
    """Of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


_TOP = b'--xx\r\nContent-Disposition: form-data; name="p"; filename="a"\r\n\r\n'


def fuzz(service: Within, count: int) -> set[int]:
    """Statuses of so many mutations: several in a form, or one alone, or in a form that has been
    mutated itself."""
    chance = random.Random(7)
    found = set()
    while count > 0:
        contents = [mutated(chance) for _ in range(chance.choice((1, 10, 40)))]
        count -= len(contents)
        body = bytearray(b"".join(_TOP + one + b"\r\n" for one in contents) + b"--xx--\r\n")
        kind = "multipart/form-data; boundary=xx"
        if len(contents) == 1:
            body, kind = bytearray(contents[0]), "application/octet-stream"
        elif len(contents) == 10:
            for _ in range(chance.randrange(3)):
                body[chance.randrange(len(body))] = chance.randrange(256)
        answer = service.post("/predict", bytes(body), kind)
        assert answer.status in (200, 400, 413, 422), (count, answer.body)
        found.add(answer.status)
        if answer.status == 200:
            found |= {one.get("error", {"status": 200})["status"] for one in told(answer)}
    return found


def told(answer: Answer) -> list[dict[str, Any]]:
    """What is said of each picture."""
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_hundreds_of_damaged_pictures(service: Within) -> None:
    """Pictures with bytes changed, missing and added are answered or refused, never more."""
    assert fuzz(service, 400) >= {200, 422}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no way to see its memory")
def test_thousands_of_damaged_pictures(service: Within) -> None:
    """So are thousands, and memory does not grow with them."""
    fuzz(service, 1000)
    before = memory()
    fuzz(service, 5000)
    assert memory() - before < 60
    assert service.service.admission.held == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no way to see its memory")
def test_memory_stays_where_it_is(service: Within) -> None:
    """A crowd of bombs and of large junk takes no more memory than one of each."""
    junk = random.Random(1).randbytes(9_000_000)
    for content in (BROKEN["144 megapixels"], junk):
        service.post("/predict", content)
    before = memory()
    for _ in range(12):
        for content in (BROKEN["144 megapixels"], junk):
            assert service.post("/predict", content).status == 422
    assert memory() - before < 40


@pytest.mark.parametrize("path", ["/predict", "/explain", "/v2/models/patterns/infer"])
def test_nothing_is_left_behind(service: Within, path: str) -> None:
    """A broken picture is forgotten with its answer, not when the collector of cycles comes by:
    until then a crowd of them would fill the memory."""
    body: bytes = BROKEN["zeros"]
    if "infer" in path:
        text = base64.b64encode(body).decode()
        given = {"name": "p", "shape": [1], "datatype": "BYTES", "data": [text]}
        body = json.dumps({"inputs": [given]}).encode()
    service.post(path, body)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert service.post(path, body).status == 422
        # The newest may be in use yet.
        service.ask("GET", "/livez")
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert [one for one in gc.garbage if isinstance(one, Upload | io.BytesIO)] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_nothing_of_this_was_our_mistake(service: Within) -> None:
    """No failure was logged."""
    assert [line for line in service.lines() if line["level"] == "error"] == []
    assert service.post("/predict", made.encoded(made.picture(1, 1))).status == 200
