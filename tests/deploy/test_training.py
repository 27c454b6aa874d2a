"""The examples for clusters say what torchrun and Bakeoff understand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from torch.distributed.run import get_args_parser

from bakeoff.cli.app import app
from tests.deploy.manifests import DEPLOY, document, required

JOB = "training/pytorchjob.yaml"
SLURM = DEPLOY / "training" / "slurm.sh"

STUBS = {
    "scontrol": 'test "$*" = "show hostnames node[1-2]" && printf "node1\\nnode2\\n"',
    "srun": 'printf "%s\\n" "$@"',
}


def understood(words: list[str]) -> tuple[Any, list[str]]:
    """What torchrun makes of its words, and what it starts."""
    given = get_args_parser().parse_args(words)
    assert given.module and given.training_script == "bakeoff"
    verb, *rest = given.training_script_args
    assert verb == "train"
    train: Any = typer.main.get_command(app)
    known = {name for one in train.commands["train"].params for name in one.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known
    return given, rest


def submitted(tmp_path: Path, *words: str) -> list[str]:
    """What the script has srun start, on two machines of four GPUs."""
    for name, text in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    told = {"SLURM_JOB_ID": "71234", "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NNODES": "2"}
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", SLURM, *words],
        env={**os.environ, **told, "SLURM_GPUS_ON_NODE": "4", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_slurm(tmp_path: Path) -> None:
    """All machines meet at the first, and the run is begun or gone on with; options are passed on
    as they were given."""
    bound, starter, *words = submitted(tmp_path, "/data/my photos", "cnn3", "/runs/1", "--tta")
    assert (bound, starter) == ("--kill-on-bad-exit=0", "torchrun")
    given, rest = understood(words)
    assert (given.nnodes, given.nproc_per_node, given.max_restarts) == ("2", "4", 3)
    assert (given.rdzv_backend, given.rdzv_endpoint) == ("c10d", "node1:21234")
    assert rest == ["/data/my photos", "cnn3", "--out", "/runs/1", "--resume", "--tta"]


def test_slurm_wants_three_words(tmp_path: Path) -> None:
    """With fewer nothing is started."""
    with pytest.raises(AssertionError, match="unbound variable"):
        submitted(tmp_path, "/data/photos", "cnn3")


def test_kubeflow() -> None:
    """The operator's own name for the container, an elastic job without a master, and a run that
    every start goes on with, on a volume that all share."""
    spec = document(JOB)["spec"]
    (kind,) = spec["pytorchReplicaSpecs"]
    pod = spec["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (kind, container["name"]) == ("Worker", "pytorch")
    policy = spec["elasticPolicy"]
    assert policy["minReplicas"] <= spec["pytorchReplicaSpecs"]["Worker"]["replicas"]
    assert policy["rdzvBackend"] == "c10d"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == spec["nprocPerNode"]
    starter, *words = container["command"]
    assert starter == "torchrun"
    _, rest = understood(words)
    assert "--resume" in rest
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert set(mounts.values()) == set(volumes)
    (out,) = (Path(word.removeprefix("--out=")) for word in rest if word.startswith("--out="))
    assert "persistentVolumeClaim" in volumes[mounts[str(out.parent)]]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_the_pods_of_the_job_keep_to_their_schema(version: str) -> None:
    """Also inside of a kind whose own schema is not at hand."""
    spec = document(JOB)["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec}
    required("kubernetes_validate").validate(pod, version, strict=True)
