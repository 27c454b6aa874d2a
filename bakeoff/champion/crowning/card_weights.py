"""What a model card says of the weights: how many were learnt, whose the others are, and what of
the data lies in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.champion.record import Record
from bakeoff.evaluation.phrases import count, listed

__all__ = ["learnt", "travelling"]

Facts = Mapping[str, Any]


def learnt(record: Record) -> str:
    """Of all numbers those that were learnt, and where the others come from."""
    origin = record.data["weights"]
    total, own, kept = record.weights.parameters, origin["learnt"], origin["kept"]
    if kept is not None:
        pictures = count(kept["pictures"], "training picture")
        told = (
            f"Nothing was learnt: of its {total:,} numbers most are {_form(kept)} of "
            f"{pictures}, kept to be compared with."
        )
    elif not own:
        told = f"None of its {total:,} numbers was learnt here: the classes' names were described."
    elif own < total:
        told = (
            f"{own:,} of {total:,} numbers were learnt here; the others are the backbone's, as "
            "they came."
        )
    else:
        told = f"All {total:,} numbers were learnt."
    halved = " All are kept in half precision." * (record.weights.dtype == "float16")
    return f"{told}{halved}{_backbone(origin['backbone'])}"


def travelling(record: Record) -> list[str]:
    """What of the data whoever gets the champion gets: pictures, and what is in the weights."""
    kept = record.data["weights"]["kept"]
    own = record.data["goldens"] == "own"
    if own and kept is None:
        return [
            "Own pictures; none of the data travels. `goldens/` holds pictures that were given for "
            "it, none of which is in the data. Of the data it keeps statistics alone "
            "(`reference.npz`)."
        ]
    told = [
        "`goldens/` holds pictures that were given for it, none of which is in the data."
        if own
        else "`goldens/` holds a few pictures of the validation part, as they came or made "
        "smaller, with their labels. Whoever gets this champion gets them. Do not pass it on where "
        "those pictures may not be."
    ]
    return told if kept is None else [*told, "", _in_weights(kept)]


def _in_weights(kept: Facts) -> str:
    pictures = count(kept["pictures"], "training picture")
    how = (
        "whoever gets it can look at them"
        if kept["side"]
        else "whoever gets it can tell by them whether a picture was among those, and may restore "
        "something of what they showed"
    )
    return (
        f"`weights.safetensors`, and every export, holds {_form(kept)} of all {pictures}, with "
        f"their labels: {how}. Do not pass it on where the training pictures may not be; a recipe "
        "other than nearest neighbours keeps none of them."
    )


def _form(kept: Facts) -> str:
    side = kept["side"]
    return f"reduced copies ({side}×{side} pixels)" if side else "features"


def _backbone(found: Facts | None) -> str:
    if found is None:
        return ""
    start = f" The backbone is timm's `{found['name']}`, with "
    if found["weights"] == "random":
        return f"{start}random weights: it has learnt from no other pictures."
    if found["weights"] == "file":
        name = found["file"].replace("`", "'")
        return (
            f"{start}the weights of a file that was given, `{name}`: their licence, and what they "
            "were trained on, are not known here."
        )
    place = f" (`{found['place']}`)" if found["place"] else ""
    seen = f", trained on {listed(found['seen'])}" if found["seen"] else ""
    terms = f"timm gives {found['licence']}" if found["licence"] else "timm gives none"
    return f"{start}the weights published for it{place}{seen}; as their licence {terms}."
