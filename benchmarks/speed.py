"""How well and how fast a recipe trains from scratch, beside the machine's own matrix rate.

    python benchmarks/speed.py cifar10                          # validation only
    python benchmarks/speed.py cifar10 --seeds 3 --val 500 --open-test

The clock counts training: steps, evaluations and checkpoints, not loading, packing or import. The
rate is that of products of square matrices in the numbers that training uses, on as many threads,
measured before and after each training; seconds are also given as they would be at 800 GFLOP/s,
which is what makes figures of unlike machines comparable. The test part is opened once, after the
last seed, and the opening is on record in the ledger.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bakeoff.data.dataset import Dataset, load
from bakeoff.evaluation.intervals import accuracy
from bakeoff.recipes import get
from bakeoff.runs.execute import execute
from bakeoff.runs.ledger import open_test
from bakeoff.runs.reopen import predict
from bakeoff.runs.run import Run
from bakeoff.spec.split import SplitPlan
from bakeoff.training.device import Device, choose

STATED = 800e9
"""Operations per second to which times are brought."""

_SIDE = 2048
_FOR = 3.0


def matrix_rate(device: Device) -> float:
    """Operations per second in products of square matrices: the median over some seconds."""
    one, two = (torch.randn(_SIDE, _SIDE, device=device.place).to(device.dtype) for _ in range(2))
    took, until = [], time.perf_counter() + _FOR
    while time.perf_counter() < until:
        began = time.perf_counter()
        one @ two
        device.synchronise()
        took.append(time.perf_counter() - began)
    return 2 * _SIDE**3 / statistics.median(took)


def trained(recipe: str, dataset: Dataset, seed: int, out: Path, device: Device) -> Run:
    """One seed; its line is printed."""
    before, cpu = matrix_rate(device), _cpu()
    execute(get(recipe), dataset, out, seed=seed, device=device, tta=True)
    cpu, after = _cpu() - cpu, matrix_rate(device)
    run = Run(path=out)
    result = run.result()
    seconds, rate = result["seconds"]["train"], (before + after) / 2
    print(
        f"seed {seed}: {seconds:6.1f} s of training ({cpu:.0f} s of processor), matrices at "
        f"{before / 1e9:.0f} and {after / 1e9:.0f} GFLOP/s, so {seconds * rate / STATED:.0f} s at "
        f"{STATED / 1e9:.0f}; validation {result['accuracy']:.4f} plain, "
        f"{result['tta']['accuracy']:.4f} in {result['tta']['views']} views",
        flush=True,
    )
    return run


def tested(runs: Sequence[Run], dataset: Dataset, device: Device) -> None:
    """Open the test part, once, for all seeds."""
    opened = open_test(
        dataset, token=uuid.uuid4().hex, why="benchmarks/speed.py", where=runs[0].path
    )
    print(f"This test set has been opened {opened.times} times on this machine.")
    for name, views in (("plain", False), ("in several views", True)):
        found = [predict(run, dataset, "test", views=views, device=device) for run in runs]
        rows = [one.correct for one in found]
        each = [float(row.mean()) for row in rows]
        whole = accuracy(np.stack(rows))
        print(
            f"test, {name}: mean {whole.value:.4f} ({whole.low:.4f} to {whole.high:.4f}; "
            f"{whole.n:,} pictures, {len(runs)} seeds): " + ", ".join(f"{one:.4f}" for one in each)
        )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the machine, then each seed, then the test if it is to be opened."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="what `bakeoff train` takes")
    parser.add_argument("--recipe", default="speed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--val", type=int, help="validation pictures, kept out of training")
    parser.add_argument("--open-test", action="store_true")
    given = parser.parse_args()
    device = choose()
    device.apply()
    dataset = load(given.data, plan=SplitPlan(val=given.val))
    print(
        f"{platform.machine()}, {device.threads} threads of {os.cpu_count()} processors, PyTorch "
        f"{torch.__version__}, {device.dtype}; {given.recipe} on {len(dataset.split.train):,} "
        f"pictures, {len(dataset.split.val):,} to validate"
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            trained(given.recipe, dataset, seed, Path(folder) / str(seed), device)
            for seed in range(given.first_seed, given.first_seed + given.seeds)
        ]
        if given.open_test:
            tested(runs, dataset, device)


if __name__ == "__main__":
    main()
