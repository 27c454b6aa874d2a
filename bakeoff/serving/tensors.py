"""Pictures and numbers as the Open Inference Protocol sends them: named arrays, in JSON or behind
it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.encode import encode
from bakeoff.serving.bodies import decoded, document
from bakeoff.serving.computing import Upload
from bakeoff.serving.problems import Problem, Refused

__all__ = ["HEADER", "Inference", "Tensor", "inference", "wrong"]

HEADER = "inference-header-content-length"
"""How much of a body is JSON, where arrays follow it as they are."""

_ID = 256
"""Characters of a client's id that are given back, at most."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tensor:
    """An array that is sent: rows of numbers, or texts."""

    name: str
    datatype: str
    values: npt.NDArray[Any] | Sequence[str]
    shape: tuple[int, ...]

    def raw(self) -> bytes:
        """As it is sent behind the JSON."""
        if isinstance(self.values, np.ndarray):
            return self.values.tobytes()
        texts = [text.encode("utf-8", "replace") for text in self.values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)

    def to_json(self, size: int | None) -> dict[str, Any]:
        """Its members; of one that is sent behind the JSON, how many bytes that are."""
        told: dict[str, Any] = {
            "name": self.name,
            "datatype": self.datatype,
            "shape": list(self.shape),
        }
        if size is not None:
            return {**told, "parameters": {"binary_data_size": size}}
        values = self.values
        flat = values.ravel().tolist() if isinstance(values, np.ndarray) else list(values)
        return {**told, "data": flat}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Inference:
    """A request in the protocol's words."""

    uploads: list[Upload]
    id: str | None
    """What the client calls it."""

    outputs: tuple[str, ...] | None
    """Names of the arrays that are wanted; None: all of them."""

    binary: frozenset[str] = field(default_factory=frozenset)
    """Names of those that are wanted behind the JSON; "*" is all."""


def wrong(detail: str) -> Refused:
    """A request that breaks the protocol."""
    return Refused(Problem(status=422, detail=detail, kind="protocol"))


def inference(body: bytes, header: str | None, *, most: int) -> Inference:
    """What is asked, with at most `most` pictures. `header` says how long the JSON is."""
    size = _json_size(header, len(body))
    said = document(body[:size])
    if not isinstance(said, dict):
        raise wrong('The request must be a JSON object with "inputs".')
    inputs = said.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise wrong('"inputs" must be a list of one tensor: the pictures.')
    identity = said.get("id")
    if identity is not None and (not isinstance(identity, str) or len(identity) > _ID):
        raise wrong(f'"id" must be a text of at most {_ID} characters.')
    outputs, binary = _outputs(said)
    uploads = _uploads(inputs[0], body[size:], most)
    return Inference(uploads=uploads, id=identity, outputs=outputs, binary=binary)


def _json_size(header: str | None, whole: int) -> int:
    if header is None:
        return whole
    if not header.isascii() or not header.isdecimal() or int(header[:12]) > whole:
        detail = "Inference-Header-Content-Length must be how many bytes of the body are JSON."
        raise Refused(Problem(status=400, detail=detail, kind="protocol"))
    return int(header[:12])


def _outputs(said: dict[str, Any]) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    asked = said.get("outputs")
    binary = {"*"} if _parameters(said).get("binary_data_output") is True else set()
    if asked is None or asked == []:
        return None, frozenset(binary)
    if not isinstance(asked, list) or len(asked) > 16:
        raise wrong('"outputs" must be a list of the tensors that are wanted.')
    names = []
    for one in asked:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise wrong('Each of "outputs" must be an object with a "name".')
        names.append(one["name"])
        if _parameters(one).get("binary_data") is True:
            binary.add(one["name"])
    return tuple(dict.fromkeys(names)), frozenset(binary)


def _uploads(tensor: dict[str, Any], behind: bytes, most: int) -> list[Upload]:
    shape, datatype = _shape(tensor), tensor.get("datatype")
    size = _parameters(tensor).get("binary_data_size")
    if size is not None and size != len(behind):
        raise wrong(f'"binary_data_size" must be the {len(behind)} bytes that follow the JSON.')
    if size is None and behind:
        raise wrong('There are bytes behind the JSON, and no "binary_data_size" that says whose.')
    if datatype == "BYTES":
        _refuse_many(math.prod(shape), most)
        raw = _elements(behind) if size is not None else _texts(tensor)
        contents = [one for _, one in zip(range(most + 1), raw, strict=False)]
        if len(contents) != math.prod(shape):
            raise wrong(f'"shape" {list(shape)} is not that of {len(contents)} elements.')
        if not all(contents):
            raise Refused(Problem(status=422, detail="A picture has no bytes.", kind="empty"))
        return [Upload(content=one) for one in contents]
    if datatype == "UINT8":
        shape = shape if len(shape) == 4 else (1, *shape)
        if len(shape) != 4 or shape[3] != 3:
            raise wrong("Pixels must have the shape [pictures, height, width, 3].")
        _refuse_many(shape[0], most)
        pixels = np.frombuffer(behind, np.uint8) if size is not None else _numbers(tensor)
        if pixels.size != math.prod(shape):
            raise wrong(f'"shape" {list(shape)} is not that of {pixels.size} numbers.')
        # As files: they are decoded, fitted, recorded and kept as any others are.
        return [Upload(content=encode(one, "bmp")) for one in pixels.reshape(shape)]
    raise wrong('"datatype" must be BYTES, for files, or UINT8, for pixels.')


def _shape(tensor: dict[str, Any]) -> tuple[int, ...]:
    said = tensor.get("shape")
    good = isinstance(said, list) and 0 < len(said) <= 4
    if not good or not all(type(one) is int and 0 < one <= 10**8 for one in said or ()):
        raise wrong('"shape" must be a list of one to four numbers above 0.')
    return tuple(said or ())


def _parameters(said: dict[str, Any]) -> dict[str, Any]:
    found = said.get("parameters", {})
    if not isinstance(found, dict):
        raise wrong('"parameters" must be an object.')
    return found


def _refuse_many(count: int, most: int) -> None:
    if count > most:
        detail = f"A request may have {most} picture{'s' * (most > 1)} at most."
        raise Refused(Problem(status=413, detail=detail, kind="pictures"))


def _elements(behind: bytes) -> Iterator[bytes]:
    """What stands behind the JSON: each with its length before it, in four bytes."""
    at = 0
    while at < len(behind):
        length = int.from_bytes(behind[at : at + 4], "little")
        if at + 4 + length > len(behind):
            raise wrong("An element is longer than what follows the JSON.")
        yield behind[at + 4 : at + 4 + length]
        at += 4 + length


def _texts(tensor: dict[str, Any]) -> Iterator[bytes]:
    data = tensor.get("data")
    if not isinstance(data, list):
        raise wrong('"data" must be a list of pictures in base64.')
    for place, one in enumerate(data):
        # A column of texts is sent as lists of one by some clients.
        text = one[0] if isinstance(one, list) and len(one) == 1 else one
        yield decoded(text, f"data[{place}]")


def _numbers(tensor: dict[str, Any]) -> npt.NDArray[np.uint8]:
    try:
        values = np.array(tensor.get("data"))
    except (ValueError, OverflowError, TypeError):
        raise wrong(_PIXELS) from None
    if values.dtype.kind not in "iu" or not values.size or values.min() < 0 or values.max() > 255:
        raise wrong(_PIXELS)
    return values.astype(np.uint8).ravel()


_PIXELS = '"data" must hold whole numbers from 0 to 255.'
