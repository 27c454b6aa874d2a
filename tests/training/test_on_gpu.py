"""The parts of training on an NVIDIA GPU; skipped where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bakeoff.spec.image import Augment
from bakeoff.spec.network import Network
from bakeoff.spec.training import SGD, Adam, AdamW, Muon, Optimiser, RMSProp
from bakeoff.training import chance
from bakeoff.training.averaging import Average, Lookahead
from bakeoff.training.capacity import find_batch
from bakeoff.training.checkpoint import LoopState, load, save
from bakeoff.training.clock import Clock
from bakeoff.training.device import choose, noting_inexact
from bakeoff.training.loss import cross_entropy
from bakeoff.training.muon import orthogonal
from bakeoff.training.optimisers import Updater, updater
from tests.training.jobs import TINY, job, stage
from tests.training.test_transfers import CHANGES, leg, settled
from tests.training.tiny import network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

ALL: list[Optimiser] = [SGD(rate=0.05), Adam(), AdamW(), RMSProp(), Muon(renormalise=True)]


def move(net: nn.Module, updates: Updater, number: int) -> None:
    """One step in bf16, its pictures made on the GPU."""
    drawn = torch.Generator("cuda").manual_seed(number)
    pictures = torch.randn(64, 3, 16, 16, generator=drawn, device="cuda")
    targets = torch.randint(0, 5, (64,), generator=drawn, device="cuda")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        scores = net(pictures.contiguous(memory_format=torch.channels_last))
    updates.clear()
    cross_entropy(scores, targets, total=64).backward()  # type: ignore[no-untyped-call]
    updates.clip(5.0)
    updates.step(0.5)


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_saved_and_gone_on_with_bit_by_bit(tmp_path: Path, spec: Optimiser) -> None:
    """Weights, optimiser, averages and random numbers through the disk: the same end, on the GPU,
    with exactness as `choose` sets it up; and torch names nothing that it cannot repeat."""
    device = choose()
    device.apply()
    ends: list[dict[str, Tensor]] = []
    found: set[str] = set()
    for broken in (False, True):
        chance.seed(1)
        net = device.laid_out(network())
        updates = updater(net, spec, dtype=device.dtype)
        average, ahead = Average(net, 0.9), Lookahead(net, every=2)
        for number in range(6):
            if broken and number == 3:
                random, generators = chance.capture()
                parts = {"weights": net.state_dict(), "optimiser": updates.tensors()}
                parts |= {"average": average.tensors(), "slow": ahead.tensors(), "random": random}
                path = save(tmp_path, LoopState(step=3, tensors=parts, scalars={"r": generators}))
                chance.seed(2)
                net = device.laid_out(network(seed=3))
                updates = updater(net, spec, dtype=device.dtype)
                state = load(path)
                net.load_state_dict(dict(state.tensors["weights"]))
                updates.load(state.tensors["optimiser"])
                average, ahead = Average(net, 0.9), Lookahead(net, every=2)
                average.load(state.tensors["average"], 3)
                ahead.load(state.tensors["slow"], 3)
                chance.restore(state.tensors["random"], state.scalars["r"])
            with noting_inexact(found):
                move(net, updates, number)
            ahead.update()
            average.update()
        ends.append({**net.state_dict(), **{f"a {n}": t for n, t in average.tensors().items()}})
    assert found == set()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_a_step_never_waits(spec: Optimiser) -> None:
    """Forward, backward, clipping, the optimiser's step and the averages ask nothing of the GPU
    that the processor would have to wait for."""
    device = choose()
    net = device.laid_out(network())
    updates, average = updater(net, spec, dtype=device.dtype), Average(net, 0.9)
    move(net, updates, 0)
    average.update()
    torch.cuda.set_sync_debug_mode("error")
    try:
        move(net, updates, 1)
        average.update()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_a_whole_step_never_waits(spec: Optimiser, change: Augment) -> None:
    """Neither do drawing a batch, moving its numbers over, changing and shrinking its pictures."""
    everything: dict[str, Any] = {"clip": 1.0, "average": 0.9, "lookahead": 2, "size": 6}
    only = stage(optimiser=spec, balance="weights", label_smoothing=0.1, **everything)
    device = choose()
    made = settled(leg(only, change, device=device, network=Network(rows=TINY)))
    torch.cuda.set_sync_debug_mode("error")
    try:
        made.reach(0.5)
        made.step(0.5)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_batch_that_fits_is_found() -> None:
    """The GPU's own word is taken for what does not fit, and its memory is given back."""
    made = job(stage(batch=8), device=choose(), network=Network(rows=TINY))
    found = find_batch(made, 0, most=16, why="No more are asked for.")
    assert [tried.size for tried in found.tried] == [8, 16]
    assert all(tried.memory for tried in found.tried)


def test_inexact_operations_are_named() -> None:
    """An operation that adds up in any order is named by torch, and noted."""
    choose().apply()
    found: set[str] = set()
    images = torch.rand(2, 3, 8, 8, device="cuda", requires_grad=True)
    with warnings.catch_warnings(), noting_inexact(found):
        larger = nn.functional.interpolate(images, size=(11, 13), mode="bicubic")
        larger.sum().backward()  # type: ignore[no-untyped-call]
    assert len(found) == 1, found
    assert "bicubic" in found.pop()


def test_orthogonal_as_on_the_processor() -> None:
    """Newton–Schulz in bf16 on the GPU is near fp32 on the processor."""
    matrices = torch.randn(3, 64, 200)
    coefficients = (3.4445, -4.775, 2.0315)
    wanted = orthogonal(matrices, iterations=3, coefficients=coefficients, dtype=torch.float32)
    got = orthogonal(matrices.cuda(), iterations=3, coefficients=coefficients, dtype=torch.bfloat16)
    assert float((got.float().cpu() - wanted).norm() / wanted.norm()) < 0.02


def test_the_clock_waits_for_the_gpu() -> None:
    """Work that the GPU has in hand when a span ends belongs to that span."""
    device = choose()
    clock = Clock(synchronise=device.synchronise)
    large = torch.randn(8192, 8192, device="cuda")
    with clock.span("warm-up"):
        _ = large @ large
    with clock.span("train"):
        for _ in range(20):
            _ = large @ large
    with clock.span("after"):
        pass
    # Twenty products of 8192³ take 0.02 s at 1,000 TFLOP/s; to ask for them takes far less.
    assert clock.seconds("train") > 0.01
    assert clock.seconds("after") < clock.seconds("train") / 5


def test_apply_on_a_gpu() -> None:
    """The settings are made before the first product, and the same bits come out twice."""
    code = (
        "import os, torch; from bakeoff.training.device import choose\n"
        "device = choose(); device.apply()\n"
        "assert device.place.type == 'cuda' and not device.keeps_memory\n"
        "assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'\n"
        "assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark\n"
        "assert torch.get_float32_matmul_precision() == 'high'\n"
        "choose(precision='full', deterministic=False).apply()\n"
        "assert torch.get_float32_matmul_precision() == 'highest'\n"
        "assert torch.backends.cudnn.benchmark and not torch.backends.cudnn.deterministic\n"
    )
    run = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(run, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
