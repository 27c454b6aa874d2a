"""What nodes must have in common with this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bakeoff.data.dataset import load
from bakeoff.runs.cluster.nodes import (
    Needs,
    Node,
    able,
    missing,
    portable,
    refuse_other_versions,
    refuse_unshared,
    refuse_without,
    what_is_there,
)
from bakeoff.spec.errors import DataError, IncompatibleInstallError, SpecError
from tests.pictures import folder_of_digits
from tests.runs.digits import digits
from tests.training.jobs import DEVICE

CUDA = replace(DEVICE, place=torch.device("cuda", 0))


def node(cpus: float = 4, gpus: float = 0) -> Node:
    """A machine."""
    return Node(id="a1", address="10.0.0.1", cpus=cpus, gpus=gpus)


def test_nodes_that_are_large_enough() -> None:
    """A run takes as many processors as it has here, and small nodes are left out."""
    chosen, needs = able([node(0), node(2), node(4)], replace(DEVICE, threads=2), "ray")
    assert [one.cpus for one in chosen] == [2, 4]
    assert needs == Needs(cpus=2, gpus=0)


def test_gpus_share_the_processors() -> None:
    """Each run takes one GPU and its share of the processors, where there are fewest."""
    chosen, needs = able([node(64), node(64, 8), node(16, 4)], CUDA, "ray")
    assert len(chosen) == 2
    assert needs == Needs(cpus=4, gpus=1)


def test_no_gpu() -> None:
    """A GPU that was asked for and is not there is an error before anything runs."""
    with pytest.raises(SpecError) as caught:
        able([node(), node()], CUDA, "ray://head:10001")
    assert str(caught.value) == (
        "--device must be a device that nodes of the cluster have, and none of the 2 at "
        "ray://head:10001 has a GPU to give, but is 'cuda:0'. Give --device cpu, or start nodes "
        "with GPUs."
    )


def test_no_node_is_large_enough() -> None:
    """A run that would wait for ever is not begun."""
    with pytest.raises(SpecError) as caught:
        able([node(0), node(2)], replace(DEVICE, threads=8), "ray")
    assert str(caught.value) == (
        "--on ray must lead to nodes with 8 CPUs, as many as a run has here, and the largest of 2 "
        "has 2. Start larger nodes, or allow this process fewer CPUs, such as with "
        "`taskset -c 0-3 bakeoff run …`."
    )


def test_other_versions() -> None:
    """Each that differs is named, and what is missing."""
    mine = {"Python": "3.11.7", "torch": "2.13.0", "timm": "1.0"}
    told = {"trouble": "", "versions": {"Python": "3.11.7", "torch": "2.12.0"}}
    with pytest.raises(IncompatibleInstallError) as caught:
        refuse_other_versions(node(), told, mine, "ray")
    assert str(caught.value) == (
        "node 10.0.0.1 of --on ray must have the versions of this process, and has torch 2.12.0 "
        "instead of 2.13.0, timm missing instead of 1.0. Install the same on every node, such as "
        "from one image."
    )
    refuse_other_versions(node(), {"trouble": "", "versions": mine}, mine, "ray")


def test_no_bakeoff() -> None:
    """A node without it says so in the words of Python."""
    told = {"trouble": "No module named 'bakeoff'", "versions": {}}
    with pytest.raises(IncompatibleInstallError) as caught:
        refuse_other_versions(node(), told, {}, "ray")
    assert str(caught.value) == (
        "node 10.0.0.1 of --on ray must have the Bakeoff of this process, and cannot import it "
        "(No module named 'bakeoff'). Install the same on every node, such as from one image."
    )


def test_what_a_node_tells(tmp_path: Path) -> None:
    """Its versions, and what it reads where something was written; nothing where it sees none."""
    (tmp_path / "probe").write_text("hello")
    told = what_is_there()(str(tmp_path / "probe"))
    assert told["read"] == "hello"
    assert {"Python", "Bakeoff", "Bakeoff's code", "torch"} <= set(told["versions"])
    assert what_is_there()(str(tmp_path / "none"))["read"] == ""


def test_a_path_that_is_not_shared() -> None:
    """The node that does not see it is named."""
    refuse_unshared(node(), "token", "token", Path("out"))
    with pytest.raises(DataError) as caught:
        refuse_unshared(node(), "", "token", Path("out"))
    assert str(caught.value) == (
        "--out out must lie on a path that all nodes share, and node 10.0.0.1 does not see what is "
        "written there. Give an --out on a network file system that is mounted at the same place "
        "everywhere."
    )


def test_data_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are missing or others are found by reading some; arrays go along."""
    folder_of_digits(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    dataset = portable(load("photos"))
    assert missing(dataset) == ""
    monkeypatch.chdir("/")
    assert missing(dataset) == ""
    assert missing(digits()) == ""
    first = sorted((tmp_path / "photos" / "0").iterdir())[0]
    first.write_bytes(b"another")
    assert missing(dataset) == f"{first} is another picture there"
    first.unlink()
    assert missing(dataset) == f"{first} is missing there"
    with pytest.raises(DataError) as caught:
        refuse_without(node(), missing(dataset), dataset)
    assert str(caught.value) == (
        f"the data of node 10.0.0.1 must be photos at the same path as here, and {first} is "
        "missing there. Put it on a path that all nodes share, or copy it to each."
    )
