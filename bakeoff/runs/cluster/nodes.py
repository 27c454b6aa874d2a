"""What the nodes of a cluster must have in common with this process, asked before any run begins.

The first question arrives there as a value, as it needs nothing of ours: a node may have another
Bakeoff, or none.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.data.dataset import Dataset
from bakeoff.data.listing import FilePictures
from bakeoff.spec.errors import DataError, IncompatibleInstallError, SpecError
from bakeoff.training.device import Device

__all__ = [
    "Needs",
    "Node",
    "able",
    "missing",
    "portable",
    "refuse_other_versions",
    "refuse_unshared",
    "refuse_without",
    "what_is_there",
]

_SAMPLE = 100
"""Pictures that are compared on each node."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A machine of the cluster."""

    id: str
    address: str
    cpus: float
    gpus: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a run takes of its node."""

    cpus: int
    gpus: int


def able(nodes: Sequence[Node], device: Device, where: str) -> tuple[list[Node], Needs]:
    """The nodes that runs can be made on, and what each of them takes there."""
    if device.place.type == "cuda":
        with_gpus = [node for node in nodes if node.gpus >= 1]
        if not with_gpus:
            raise SpecError(
                "--device",
                f"must be a device that nodes of the cluster have, and none of the {len(nodes)} "
                f"at {where} has a GPU to give",
                str(device.place),
                "Give --device cpu, or start nodes with GPUs.",
            )
        # A fair share of the processors for each GPU, where there are fewest.
        cpus = min(int(node.cpus // node.gpus) for node in with_gpus)
        return with_gpus, Needs(cpus=max(1, cpus), gpus=1)
    large = [node for node in nodes if node.cpus >= device.threads]
    if not large:
        most = max((node.cpus for node in nodes), default=0)
        threads = "1 CPU" if device.threads == 1 else f"{device.threads} CPUs"
        raise SpecError(
            f"--on {where}",
            f"must lead to nodes with {threads}, as many as a run has here, and the largest of "
            f"{len(nodes)} has {most:g}",
            suggestion="Start larger nodes, or allow this process fewer CPUs, such as with "
            "`taskset -c 0-3 bakeoff run …`.",
        )
    return large, Needs(cpus=device.threads, gpus=0)


def what_is_there() -> Callable[[str], dict[str, Any]]:
    """A question to a node: its versions, and what it reads from a file on the path that should
    be shared, if one should."""

    def told(path: str) -> dict[str, Any]:
        try:
            read = Path(path).read_text() if path else ""
        except OSError:
            read = ""
        try:
            there = importlib.import_module("bakeoff.runs.environment")
            found = there.versions()
        except (ImportError, AttributeError) as error:
            return {"read": read, "versions": {}, "trouble": str(error)}
        return {"read": read, "versions": found, "trouble": ""}

    return told


def refuse_other_versions(
    node: Node, told: Mapping[str, Any], mine: Mapping[str, str], where: str
) -> None:
    """An error unless the node has what this process has."""
    way = "Install the same on every node, such as from one image."
    if told["trouble"]:
        raise IncompatibleInstallError(
            f"node {node.address} of --on {where}",
            f"must have the Bakeoff of this process, and cannot import it ({told['trouble']})",
            suggestion=way,
        )
    theirs = told["versions"]
    names = dict.fromkeys((*mine, *theirs))
    differing = [
        f"{name} {theirs.get(name, 'missing')} instead of {mine.get(name, 'none')}"
        for name in names
        if theirs.get(name) != mine.get(name)
    ]
    if differing:
        raise IncompatibleInstallError(
            f"node {node.address} of --on {where}",
            f"must have the versions of this process, and has {', '.join(differing)}",
            suggestion=way,
        )


def portable(dataset: Dataset) -> Dataset:
    """The same with paths that mean the same to another process."""
    pictures = dataset.pictures
    if not isinstance(pictures, FilePictures):
        return dataset
    whole = replace(pictures, root=pictures.root.absolute())
    return replace(dataset, listing=replace(dataset.listing, pictures=whole))


def missing(dataset: Dataset) -> str:
    """What is wrong with the pictures as they are found here; nothing where they are right. Some
    are read, spread over all of them."""
    pictures = dataset.pictures
    if not isinstance(pictures, FilePictures):
        return ""
    count = len(pictures)
    for index in sorted({place * count // _SAMPLE for place in range(_SAMPLE)}):
        try:
            content = pictures.path(index).read_bytes()
        except OSError:
            return f"{pictures.path(index)} is missing there"
        if hashlib.blake2b(content, digest_size=16).digest() != bytes(dataset.scan.digests[index]):
            return f"{pictures.path(index)} is another picture there"
    return ""


def refuse_without(node: Node, found: str, dataset: Dataset) -> None:
    """An error where the node lacks the dataset."""
    if found:
        raise DataError(
            f"the data of node {node.address}",
            f"must be {dataset.name} at the same path as here, and {found}",
            suggestion="Put it on a path that all nodes share, or copy it to each.",
        )


def refuse_unshared(node: Node, read: str, token: str, out: Path) -> None:
    """An error where the node does not see what was written beside the bake-off's directory."""
    if read != token:
        raise DataError(
            f"--out {out}",
            f"must lie on a path that all nodes share, and node {node.address} does not see what "
            "is written there",
            suggestion="Give an --out on a network file system that is mounted at the same place "
            "everywhere.",
        )
