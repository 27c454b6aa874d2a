"""Runs made side by side on the machines of a Ray cluster: one task each.

Ray says where there is room and that a node is gone. All else is as at home: a run is its
directory, which lies where all machines see it, and goes on from its last checkpoint wherever it is
begun again.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.data.cache import writing
from bakeoff.data.dataset import Dataset
from bakeoff.data.remote import without_secrets
from bakeoff.runs.board import Happening
from bakeoff.runs.cluster import nodes, via
from bakeoff.runs.cluster.errand import Brought, Errand
from bakeoff.runs.cluster.homing import Homing
from bakeoff.runs.cluster.nodes import Needs, Node
from bakeoff.runs.cluster.tasks import Tasks
from bakeoff.runs.cluster.via import Via
from bakeoff.runs.environment import versions
from bakeoff.runs.folder import Folder
from bakeoff.spec.errors import (
    DataError,
    IncompatibleInstallError,
    MissingExtraError,
    SpecError,
)
from bakeoff.training.device import Device

__all__ = ["Cluster", "joined"]

_KNOCK = 5.0
"""Seconds that an address may take to answer at all."""

_ANSWER = 300.0
"""Seconds that a node may take to answer a question: it imports torch, and reads pictures."""

_ADDRESS = re.compile(r"ray(://\[?[\w.:-]+?\]?:\d{1,5})?")

_TOKEN = "Where the cluster asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH."

_REPORTS = "RAY_USAGE_STATS_ENABLED"

_START = "Start one with `ray start --head` here, or give --on ray://HOST:PORT."


@contextmanager
def joined(where: str, through: Via | None = None) -> Iterator[Cluster]:
    """The cluster at `where`: ray, the one that this machine belongs to or RAY_ADDRESS names; or
    ray://HOST:PORT. Runs are kept `through` a URL while they are made, or else lie on a path that
    all share."""
    if not _ADDRESS.fullmatch(where):
        raise SpecError("--on", "must be ray or ray://HOST:PORT", without_secrets(where))
    with _untold():
        ray = _ray()
        _join(ray, where)
        try:
            yield Cluster(ray, where, through)
        finally:
            ray.shutdown()


class Cluster:
    """Where runs are made."""

    def __init__(self, ray: Any, where: str, through: Via | None = None) -> None:
        self._ray, self._where, self._via = ray, where, through
        self._needs: Needs | None = None
        self._dataset: Any = None

    def ready(self, dataset: Dataset, device: Device, out: Path) -> None:
        """An error where runs on `dataset` into the directory `out` could not be made."""
        found = [_node(one) for one in self._ray.nodes() if one["Alive"]]
        chosen, self._needs = nodes.able(found, device, self._where)
        if self._via is None:
            self._compare(chosen, out)
        else:
            self._compare_versions(chosen, "")
            self._meet(chosen, self._via)
        self._dataset = self._ray.put(nodes.portable(dataset))
        told = self._asked(chosen, nodes.missing, self._dataset)
        for node, missing in zip(chosen, told, strict=True):
            nodes.refuse_without(node, missing, dataset)

    def make(
        self,
        errands: Sequence[Errand],
        *,
        tell: Callable[[Happening], None],
        stop: Callable[[], bool],
    ) -> dict[str, Brought]:
        """How all of them ended, by name; those are missing that never began as `stop` said so."""
        assert self._needs is not None, "not made ready"
        if self._via is not None and errands:
            Homing(via=self._via, folder=Folder(path=errands[0].halt.parent)).remember()
        tasks = Tasks(
            self._ray,
            self._dataset,
            needs=self._needs,
            where=self._where,
            via=self._via,
            tell=tell,
            stop=stop,
        )
        return tasks.make([replace(one, device=_there(one.device)) for one in errands])

    def _compare(self, chosen: Sequence[Node], out: Path) -> None:
        """What is installed, and whether the path is shared."""
        token = uuid.uuid4().hex
        with _written(out, token) as probe:
            read = self._compare_versions(chosen, str(probe))
        for node, one in zip(chosen, read, strict=True):
            nodes.refuse_unshared(node, one, token, out)

    def _compare_versions(self, chosen: Sequence[Node], path: str) -> list[str]:
        """What is installed; and what each reads from a path."""
        told, mine = self._asked(chosen, nodes.what_is_there(), path), versions()
        for node, one in zip(chosen, told, strict=True):
            nodes.refuse_other_versions(node, one, mine, self._where)
        return [one["read"] for one in told]

    def _meet(self, chosen: Sequence[Node], through: Via) -> None:
        """Whether all see behind the URL what the others write there."""
        with via.asking(through) as (asked, folder):
            answers = self._asked(chosen, via.answered, asked)
            for node, answer in zip(chosen, answers, strict=True):
                via.refuse_unreached(node, answer, asked, folder)

    def _asked(self, chosen: Sequence[Node], question: Any, what: Any) -> list[Any]:
        """The answer of each node."""
        strategies = self._ray.util.scheduling_strategies
        put = self._ray.remote(question)
        answers = []
        for node in chosen:
            there = strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
            options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": there}
            answers.append(put.options(**options).remote(what))
        until = time.monotonic() + _ANSWER
        return [
            self._answer(node, answer, max(1.0, until - time.monotonic()))
            for node, answer in zip(chosen, answers, strict=True)
        ]

    def _answer(self, node: Node, answer: Any, patience: float) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(answer, timeout=patience)
        except errors.RayTaskError:
            raise
        except errors.GetTimeoutError:
            trouble = f"must answer, and said nothing for {_ANSWER:.0f} s"
        except errors.RayError as error:
            trouble = f"must answer, and did not ({type(error).__name__})"
        raise DataError(
            f"node {node.address} of --on {self._where}",
            trouble,
            suggestion="Look at `ray status`, and take the node out of the cluster or mend it.",
        ) from None


def _there(device: Device) -> Device:
    """The same on a node, where a task sees no other GPU than the one it was given."""
    return replace(device, place=torch.device("cuda", 0)) if device.place.type == "cuda" else device


def _node(told: dict[str, Any]) -> Node:
    has = told["Resources"]
    return Node(
        id=told["NodeID"],
        address=told["NodeManagerAddress"],
        cpus=has.get("CPU", 0.0),
        gpus=has.get("GPU", 0.0),
    )


@contextmanager
def _written(out: Path, text: str) -> Iterator[Path]:
    """A file in the nearest folder above `out` that is there, or in `out` itself."""
    place = out.absolute()
    folder = next(one for one in (place, *place.parents) if one.is_dir())
    probe = folder / f".bakeoff-{uuid.uuid4().hex[:12]}"
    suggestion = "Free some space there, or give another --out."
    try:
        with writing("the bake-off", folder, suggestion=suggestion):
            probe.write_text(text)
        yield probe
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


@contextmanager
def _untold() -> Iterator[None]:
    """Ray tells its makers how it is used, unless whoever starts it says that it must not: should
    anything be started from here, then it is said."""
    told = os.environ.get(_REPORTS)
    os.environ.setdefault(_REPORTS, "0")
    try:
        yield
    finally:
        if told is None:
            os.environ.pop(_REPORTS, None)


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise MissingExtraError("--on", "ray") from None


def _join(ray: Any, where: str) -> None:
    address = where if where != "ray" else os.environ.get("RAY_ADDRESS", "auto")
    if ":" in address:
        _refuse_silent(address, where)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ray.exceptions.AuthenticationError as error:
        rule = "must lead to a cluster that lets this process in, and it asks for another token"
        raise DataError(f"--on {where}", rule, suggestion=_TOKEN) from error
    except (ConnectionError, TimeoutError, SystemExit) as error:
        # Ray ends the whole process where something answers that is no cluster.
        rule = "must lead to a Ray cluster that lets this process in, and none answers there"
        if address == "auto":
            rule = "must be typed on a machine of a Ray cluster, and none runs here"
        way = _START if address == "auto" else f"{_START} {_TOKEN}"
        raise DataError(f"--on {where}", rule, suggestion=way) from error
    except RuntimeError as error:
        theirs = re.findall(r"(Ray|Python): (\S+)", str(error))
        if len(theirs) != 4:
            raise
        there, here = (
            " and ".join(f"{name} {number}" for name, number in some)
            for some in (theirs[:2], theirs[2:])
        )
        raise IncompatibleInstallError(
            f"--on {where}",
            f"must lead to a cluster with the versions of this process, {here}, and there it is "
            f"{there}",
            suggestion="Install the same on every node, such as from one image.",
        ) from error


def _refuse_silent(address: str, where: str) -> None:
    """An error where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()
    except (OSError, ValueError, OverflowError) as error:
        there = "it" if address == where else address
        why = (getattr(error, "strerror", None) or str(error) or "no answer").lower()
        raise DataError(
            f"--on {where}",
            f"must lead to a Ray cluster, and {there} does not answer ({why})",
            suggestion="Look at the address, and at whether `ray start --head` was typed there.",
        ) from None
