"""What processes that train one network together cost beside one.

    python benchmarks/together.py cifar10 cnn3 --subset 5000 --processes 1 2 --epochs 3

Every process has one thread, so that sharing the work is all that changes; batches are the same.
Where the machine has other work, or fewer processors than processes, the wall says little. What
counts is the processor time of all processes' steps together, evaluations and start apart: what it
grows by is what talking costs, and N processors cannot be faster than N over that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff.data.dataset import load
from bakeoff.recipes import get
from bakeoff.runs.execute import execute
from bakeoff.runs.run import Run
from bakeoff.spec.split import SplitPlan
from bakeoff.spec.training import Budget
from bakeoff.training.device import choose
from bakeoff.training.events import Event, Stepped
from bakeoff.training.team import from_environment


def take_part(given: argparse.Namespace) -> None:
    """One process's training, and what its steps took, a row for each look at the clock."""
    rows: list[dict[str, float]] = []
    seen: dict[str, float] = {"cpu": time.process_time(), "stage": 0, "step": 0}

    def listen(event: Event) -> None:
        cpu = time.process_time()
        if isinstance(event, Stepped):
            steps = event.step - (seen["step"] if event.stage == seen["stage"] else 0)
            took = {"cpu": cpu - seen["cpu"], "wall": event.seconds}
            rows.append({"steps": steps, "pictures": event.pictures, **took})
            seen.update(stage=event.stage, step=event.step)
        seen["cpu"] = time.process_time()

    device = replace(choose("cpu", joint_norms=given.sync_batch_norm), threads=1)
    dataset = load(given.data, plan=SplitPlan(subset=given.subset))
    budget = Budget(epochs=given.epochs)
    folder = Path(given.into)
    execute(get(given.recipe), dataset, folder / "run", budget=budget, device=device, listen=listen)
    (folder / f"{from_environment().rank}.json").write_text(json.dumps(rows))


def together(processes: int, folder: Path) -> list[list[dict[str, float]]]:
    """The rows of each process of a team of so many."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = str(processes)
    team = {"WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "OMP_NUM_THREADS": "1"}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, __file__, *sys.argv[1:], "--into", str(folder)]
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
    members = [subprocess.Popen(command, env={**os.environ, **team, **place, **r}) for r in ranks]
    codes = [member.wait() for member in members]
    if any(codes):
        sys.exit("one of them failed")
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]


def measured(processes: int) -> dict[str, Any]:
    """Rates of a team of so many, after the first steps, which also set things up."""
    with tempfile.TemporaryDirectory() as name:
        rows = together(processes, Path(name))
        loss = Run(path=Path(name) / "run").result()["loss"]
    steps = sum(row["steps"] for row in rows[0][1:])
    pictures = sum(row["pictures"] for row in rows[0][1:])
    cpu = sum(row["cpu"] for one in rows for row in one[1:])
    wall = statistics.median(row["wall"] / row["steps"] for row in rows[0][1:])
    return {"rate": pictures / cpu, "cpu": cpu / steps, "wall": wall, "loss": loss}


def main() -> None:
    """Print the machine, then a line for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="what `bakeoff train` takes")
    parser.add_argument("recipe")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--subset", type=int)
    parser.add_argument("--sync-batch-norm", action="store_true")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.into:
        take_part(given)
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, PyTorch {torch.__version__}, gloo, "
        f"one thread a process; {given.recipe} on {given.data}, {given.epochs:g} epochs"
    )
    first = None
    for processes in given.processes:
        one = measured(processes)
        first = first or one
        print(
            f"{processes} process{'es' if processes > 1 else ''}: {one['rate']:7.0f} pictures in a "
            f"second of processor ({one['rate'] / first['rate']:.2f}), a step "
            f"{1e3 * one['cpu']:.1f} ms of processor and {1e3 * one['wall']:.1f} ms on the wall; "
            f"validation loss {one['loss']:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
