"""Ask a champion where in a picture it found what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bakeoff.champion.champion import Champion, Picture
from bakeoff.champion.engine import Engine
from bakeoff.champion.explaining.explanation import Explanation
from bakeoff.champion.explaining.maps import METHODS, Mapped, Maps, Method, scaled
from bakeoff.champion.explaining.occlusion import FLAT, occluded
from bakeoff.spec.errors import ArgumentError, one_of

__all__ = ["explain"]


def explain(
    champion: Champion,
    picture: Picture,
    *,
    label: str | None = None,
    method: Method | Literal["auto"] = "auto",
) -> Explanation:
    """Where in a picture, given as to `predict`, a champion finds the class `label`: by default the
    likeliest.

    `method` is by default the best that its engine can do: Grad-CAM or attention in torch,
    occlusion in any other engine, and where nothing in the network has a place.
    """
    pixels = champion.read(picture)
    place = None if label is None else _place(champion.classes, label)
    engine = champion.engine
    maps = _maps(engine, method)
    by: Method = (maps and maps.method) or "occlusion"
    if maps is None or by == "occlusion":
        raw, told, place = occluded(engine, pixels, place)
        heat = scaled(raw, FLAT)
    else:
        told = engine(pixels[None])
        place = int(told.probabilities[0].argmax()) if place is None else place
        heat = scaled(maps(pixels[None], [place])[0])
    return Explanation(
        picture=pixels,
        heat=heat,
        label=champion.classes[place],
        probability=float(told.probabilities[0, place]),
        method=by,
    )


def _place(classes: Sequence[str], label: str) -> int:
    if label not in classes:
        raise ArgumentError(
            "the class", "must be one of the champion's", label, one_of(label, classes)
        )
    return list(classes).index(label)


def _maps(engine: Engine, method: Method | Literal["auto"]) -> Maps | None:
    """What looks inside; None for occlusion. An error where the method cannot be had."""
    if method not in (*METHODS, "auto"):
        known = ("auto", *METHODS)
        raise ArgumentError("the method", "must be a known one", method, one_of(method, known))
    if method == "occlusion":
        return None
    maps = engine.maps if isinstance(engine, Mapped) else None
    if method != "auto" and (maps is None or maps.method != method):
        can = "occlusion" if maps is None or maps.method is None else maps.method
        raise ArgumentError(
            "the method",
            f"must be one that the champion's engine, {engine.name}, has for this network",
            method,
            f"Take {can}, or auto.",
        )
    return maps
