"""Processes that work together: two real ones over gloo, and one alone by the same calls."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed import HashStore  # type: ignore[attr-defined]

from bakeoff.spec.errors import SpecError, TeamError
from bakeoff.spec.training import SGD
from bakeoff.training.loss import cross_entropy
from bakeoff.training.optimisers import updater
from bakeoff.training.team import Team, _followed, _led, from_environment, joined

CPU = torch.device("cpu")


def together(tmp_path: Path, code: str, world: int = 2) -> list[str]:
    """What each of `world` processes that run `code` in one team prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = tmp_path / "script.py"
    script.write_text(
        "import warnings; warnings.simplefilter('error')\n"
        "from datetime import timedelta\n"
        "import hashlib, torch; from torch import nn; torch.set_num_threads(1)\n"
        "from bakeoff.training.team import from_environment, joined\n"
        "patience = timedelta(minutes=2)\n"
        "with joined(from_environment(), torch.device('cpu'), patience=patience) as t:\n"
        + "".join(f"    {line}\n" for line in code.strip().splitlines())
    )
    processes = [
        subprocess.Popen(
            [sys.executable, script],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
                "RANK": str(rank),
                "WORLD_SIZE": str(world),
                "LOCAL_RANK": str(rank),
                "LOCAL_WORLD_SIZE": str(world),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank in range(world)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * world, said
    return [text.strip() for text in said]


CALLS = """
x = torch.arange(3.0) + 10 * t.rank
t.share([x]); print(x.tolist())
print(t.sum(torch.tensor([1.0, t.rank])).tolist())
held = [torch.full((2, 2), 4.0 * t.rank), torch.tensor(t.rank), torch.tensor(2.0).double()]
t.average(held); print([h.tolist() for h in held])
print(t.tell({"steps": [t.rank, None], "text": "ä"}))
print(t.tell(None))
print([p.tolist() for p in t.gather(torch.arange(t.rank * 2 + 1))])
print([list(p.shape) for p in t.gather(torch.ones(2 * t.rank, 3, dtype=torch.bool))])
print(t.everyones(torch.tensor([1.0, t.rank])).tolist())
print(t.any(t.rank == 1), t.any(False), t.leads)
import bakeoff.training.team as team
team._BUCKET = 64
parameters = [nn.Parameter(torch.zeros(n)) for n in (3, 40, 1, 7)]
parameters.append(nn.Parameter(torch.zeros(5, dtype=torch.float64)))
parameters.append(nn.Parameter(torch.zeros(5), requires_grad=False))
for i, p in enumerate(parameters[:5]):
    p.grad = torch.arange(p.numel(), dtype=p.dtype) + 100 * i + t.rank
t.sum_gradients(parameters)
for i, p in enumerate(parameters[:5]):
    assert torch.equal(p.grad, 2 * (torch.arange(p.numel(), dtype=p.dtype) + 100 * i) + 1), i
assert parameters[5].grad is None
t.wait()
"""


def test_two_processes_talk(tmp_path: Path) -> None:
    """Each call does what it says in both: of different lengths, types and values, and with more
    than one bucket of gradients."""
    lines = [
        "[0.0, 1.0, 2.0]",
        "[2.0, 1.0]",
        "[[[2.0, 2.0], [2.0, 2.0]], {rank}, 2.0]",
        "{{'steps': [0, None], 'text': 'ä'}}",
        "None",
        "[[0], [0, 1, 2]]",
        "[[0, 3], [2, 3]]",
        "[[1.0, 0.0], [1.0, 1.0]]",
        "True False {leads}",
    ]
    said = together(tmp_path, CALLS)
    for rank, text in enumerate(said):
        assert text.splitlines() == [line.format(rank=rank, leads=rank == 0) for line in lines]


TRAINING = """
from tests.training.test_team import train
for _ in range(2):
    weights = train(t, cut=4)
    print(hashlib.sha256(weights.numpy().tobytes()).hexdigest(), *weights[:5].tolist())
"""


def train(team: Team, cut: int) -> Tensor:
    """Four steps, the first `cut` pictures of each in the first process; the weights."""
    torch.manual_seed(team.rank)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
    team.share(net.parameters())
    updates = updater(net, SGD())
    chance = torch.Generator().manual_seed(0)
    for total in (7, 7, 7, 3):
        images = torch.randn(total, 3, 8, 8, generator=chance)
        targets = torch.randint(0, 4, (total,), generator=chance)
        mine = slice(0, cut) if team.rank == 0 else slice(cut, None)
        updates.clear()
        # The last step is too small for both: the second process has no pictures in it.
        if len(images[mine]):
            loss = cross_entropy(net(images[mine]), targets[mine], total=total)
            loss.backward()  # type: ignore[no-untyped-call]
        team.sum_gradients(net.parameters())
        updates.step(1.0)
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Both end with the same weights, bit by bit and from run to run; one process that sees all
    pictures ends there too but for rounding."""
    one, other = together(tmp_path, TRAINING)
    assert one == other
    first, second = one.splitlines()
    assert first == second
    wanted = train(Team(), cut=7)[:5].tolist()
    assert [float(word) for word in first.split()[1:]] == pytest.approx(wanted, abs=1e-5)


def test_alone_all_calls_are_as_good_as_none() -> None:
    """A team of one gives back what it was given, and needs no process group."""
    with joined(Team(), CPU) as team:
        assert not torch.distributed.is_initialized()
        assert team.leads
        parameter = nn.Parameter(torch.ones(2))
        parameter.grad = torch.full((2,), 3.0)
        team.sum_gradients([parameter])
        assert parameter.grad.tolist() == [3, 3]
        tensor = torch.ones(3)
        assert team.sum(tensor) is tensor
        assert team.gather(tensor)[0] is tensor
        assert team.everyones(tensor).tolist() == [[1, 1, 1]]
        team.average([tensor])
        team.share([tensor])
        assert tensor.tolist() == [1, 1, 1]
        assert team.tell({"a": 1}) == {"a": 1}
        assert team.any(True)
        assert not team.any(False)
        team.wait()


def test_the_place_in_the_team_is_torchruns() -> None:
    """Without torchrun's variables a process is alone; with them it knows its place."""
    assert from_environment({}) == Team()
    found = from_environment(
        {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    )
    assert found == Team(rank=5, world=8, local_rank=1, local_world=4)
    assert not found.leads


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"RANK": "8"},
            "the environment variable RANK must be 0 to 7, but is '8'. torchrun sets RANK, "
            "WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE; unset RANK to run alone.",
        ),
        ({"WORLD_SIZE": "0"}, "the environment variable WORLD_SIZE must be 1 or more, but is '0'."),
        ({"LOCAL_RANK": "x"}, "the environment variable LOCAL_RANK must be 0 to 3, but is 'x'."),
        (
            {"LOCAL_WORLD_SIZE": None},
            "the environment variable LOCAL_WORLD_SIZE must be 1 to 8, but is 'missing'.",
        ),
        ({"RANK": "-1"}, "RANK must be 0 to 7, but is '-1'."),
        ({"RANK": "²"}, "RANK must be 0 to 7, but is '²'."),
        ({"WORLD_SIZE": "1"}, "RANK must be 0 to 0, but is '5'."),
    ],
)
def test_odd_places_are_refused(change: dict[str, str | None], message: str) -> None:
    """Variables that are missing or make no sense are named, with the way out."""
    given = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", **change}
    environment = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(SpecError) as caught:
        from_environment(environment)
    assert message in str(caught.value)


LOSING = """
import os, sys
if t.rank: os._exit(0)
sys.excepthook = lambda kind, error, trace: (print(kind.__name__, error, flush=True), os._exit(0))
while True: t.wait()
"""


def test_a_process_that_is_lost(tmp_path: Path) -> None:
    """The others end with an error that says how to go on."""
    said = together(tmp_path, LOSING)[0]
    assert said.startswith("TeamError the team of 2 processes fell apart (")
    assert "typically" not in said, "torch's advice"
    assert said.endswith(
        "Look for the one that ended first; then give the same command with --out and --resume."
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("mine"), RuntimeError),
        (torch.distributed.DistNetworkError("no line"), TeamError),
        (RuntimeError("[gloo/pair.cc] closed\nmore"), TeamError),
    ],
)
def test_only_lost_lines_are_the_teams(
    monkeypatch: pytest.MonkeyPatch, error: RuntimeError, kind: type[Exception]
) -> None:
    """An error of the work itself stays what it is."""
    monkeypatch.setattr("torch.distributed.init_process_group", lambda *rest, **named: None)
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: None)
    monkeypatch.setattr("bakeoff.training.team._meeting_place", lambda team, patience: None)
    with pytest.raises(kind) as caught, joined(Team(world=2), CPU):
        raise error
    assert type(caught.value) is kind


def meeting(stores: list[HashStore], ranks: list[int]) -> list[str]:
    """What the processes of one start agree on, each in a thread."""
    minute = timedelta(minutes=2)
    with ThreadPoolExecutor(3) as pool:
        found = [
            pool.submit(_led, store, Team(world=3), minute)
            if rank == 0
            else pool.submit(_followed, store, Team(rank=rank, world=3))
            for store, rank in zip(stores, ranks, strict=True)
        ]
        return [one.result(timeout=120) for one in found]


def test_each_start_meets_at_its_own_place() -> None:
    """What those of an earlier start left in the store, also one that died while it waited, takes
    nobody in."""
    store = HashStore()
    store.set("here/1", "dead")
    assert meeting([store] * 3, [1, 2, 0]) == ["1", "1", "1"]
    assert meeting([store] * 3, [0, 2, 1]) == ["2", "2", "2"]


def test_not_all_come() -> None:
    """The leader does not wait for ever."""
    with pytest.raises(torch.distributed.DistStoreError, match="not all came within 0:00:00"):
        _led(HashStore(), Team(world=2), timedelta(0))
