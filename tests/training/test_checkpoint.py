"""Checkpoints: whole or not at all, and the last good one is never lost."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bakeoff.spec.errors import CheckpointError
from bakeoff.spec.training import SGD, Adam, Linear, Muon, Optimiser, RMSProp
from bakeoff.training import chance, checkpoint
from bakeoff.training.averaging import Average, Lookahead
from bakeoff.training.checkpoint import LoopState, checkpoints, load, load_newest, save
from bakeoff.training.optimisers import updater
from bakeoff.training.schedules import factor, place
from tests.training.tiny import equal, network, step

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
]


def state(number: int = 1, size: int = 6) -> LoopState:
    """A small state that tells its step."""
    return LoopState(
        step=number,
        tensors={
            "network": {"weight": torch.full((size,), float(number))},
            "optimiser": {"momentum/weight": torch.arange(size) + number},
        },
        scalars={"epoch": number, "best": 0.1 + 0.2, "name": "ä"},
    )


def newest(folder: Path) -> int:
    """Step of the newest checkpoint that is whole."""
    loaded = load_newest(folder)
    assert loaded is not None
    return loaded.state.step


def bits(tensor: Tensor) -> bytes:
    """What the tensor holds, NaN and signed zeros included."""
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def test_round_trip_of_every_type(tmp_path: Path) -> None:
    """Tensors of all types and shapes come back bit by bit: NaN, tied and channels-last ones,
    empty ones and single numbers."""
    tensors = {
        str(dtype): torch.randint(0, 2 if dtype == torch.bool else 100, (3, 5)).to(dtype)
        for dtype in DTYPES
    }
    tensors["odd"] = torch.tensor([float("nan"), -0.0, float("inf"), 1e-45])
    tensors["odd16"] = tensors["odd"].bfloat16()
    tensors["filters"] = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    tensors["tied"] = tensors["filters"]
    tensors["part"] = tensors["filters"][1:3, ::2]
    tensors["empty"], tensors["single"] = torch.zeros(0, 3), torch.tensor(7.5)
    tensors["trained"] = torch.nn.Parameter(torch.randn(3))
    scalars = {"big": 2**63, "fine": 0.1, "list": [None, True, "x"], "deep": {"a": [1.5e-300]}}
    save(tmp_path, LoopState(step=7, tensors={"all": tensors}, scalars=scalars))
    loaded = load_newest(tmp_path)
    assert loaded is not None
    assert loaded.refused == ()
    assert loaded.state.step == 7
    assert loaded.state.scalars == scalars
    found = loaded.state.tensors["all"]
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert bits(found[name]) == bits(tensor.detach()), name


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    """Older ones go once a new one is whole; nothing else is left in the folder."""
    for number in (1, 2, 30, 200):
        path = save(tmp_path, state(number))
        assert path.name == f"step-{number:09d}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000030", "step-000000200"]
    save(tmp_path, state(201), keep=1)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-000000201"]
    assert load_newest(tmp_path / "nothing") is None


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    """Half a checkpoint and half a removed one are never read, and go with the next save."""
    for name in (".step-000000009.0123abcd.making", ".step-000000001.0123abcd.aside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "network.safetensors").write_bytes(b"half")
    assert load_newest(tmp_path) is None
    save(tmp_path, state(2))
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000002"]


def test_scalars_that_json_cannot_say_are_ours_to_mend(tmp_path: Path) -> None:
    """NaN has no JSON: it is refused when saved, not found missing when loaded."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        save(tmp_path, LoopState(step=1, tensors={}, scalars={"loss": float("nan")}))
    assert list(tmp_path.iterdir()) == []


def test_a_life_given_up_is_forgotten(tmp_path: Path) -> None:
    """After going back, the next checkpoint replaces those of later steps and of its own, and
    the one that was gone back to stays."""
    for number in (10, 20):
        save(tmp_path, state(number))
    save(tmp_path, state(15))
    assert [p.name for p in checkpoints(tmp_path)] == ["step-000000015", "step-000000010"]
    other = LoopState(step=15, tensors={"network": {"weight": torch.zeros(2)}}, scalars={})
    save(tmp_path, other)
    assert set(load(tmp_path / "step-000000015").tensors) == {"network"}
    assert newest(tmp_path) == 15


FILES = ["network.safetensors", "optimiser.safetensors", "scalars.json", "manifest.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["first", "middle", "last", "cut", "longer", "missing", "empty"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, harm: str) -> None:
    """Whatever is wrong with whichever file, it is named, and the checkpoint before is used."""
    save(tmp_path, state(1))
    path = save(tmp_path, state(2)) / name
    data = bytearray(path.read_bytes())
    if harm == "cut":
        path.write_bytes(data[:-3])
    elif harm == "longer":
        path.write_bytes(data + b"0")
    elif harm == "missing":
        path.unlink()
    elif harm == "empty":
        path.write_bytes(b"")
    else:
        data[{"first": 0, "middle": len(data) // 2, "last": -1}[harm]] ^= 1
        path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        load(path.parent)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("This checkpoint is not used.")
    loaded = load_newest(tmp_path)
    assert loaded is not None
    assert loaded.state.step == 1
    assert loaded.refused == (str(caught.value),)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """No single bit of any file can change unnoticed."""
    path = save(tmp_path, state(1, size=1))
    for name in FILES:
        file = path / name
        whole = file.read_bytes()
        for offset in range(len(whole)):
            flipped = bytearray(whole)
            flipped[offset] ^= 1 << (offset % 8)
            file.write_bytes(flipped)
            with pytest.raises(CheckpointError):
                load(path)
        file.write_bytes(whole)
    assert load(path).step == 1


def test_messages(tmp_path: Path) -> None:
    """What is wrong is said in one sentence each."""
    path = save(tmp_path, state(1))
    weights = path / "network.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1])
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{weights} should hold {len(data)} bytes, but is {len(data) - 1}. "
        "This checkpoint is not used."
    )
    weights.write_bytes(data[:-1] + b"#")
    with pytest.raises(CheckpointError) as caught:
        load(path)
    flipped = f"{weights} has other bytes than were written. This checkpoint is not used."
    assert str(caught.value) == flipped
    with pytest.raises(CheckpointError) as caught:
        load_newest(tmp_path)
    assert str(caught.value) == (
        f"every checkpoint in {tmp_path} is damaged: {flipped} Delete the folder and start again."
    )
    weights.unlink()
    weights.mkdir()
    with pytest.raises(CheckpointError, match=r"cannot be read \(Is a directory\)"):
        load(path)
    (path / "manifest.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"manifest\.json is not what was written"):
        load(path)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of another form is whole, but not for us."""
    monkeypatch.setattr(checkpoint, "SCHEMA", 2)
    path = save(tmp_path, state(1))
    monkeypatch.setattr(checkpoint, "SCHEMA", 1)
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path / 'manifest.json'}: schema must be 1, the version this Bakeoff reads, but is 2. "
        "Go on with the Bakeoff that wrote it, or start again."
    )


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("call", range(13))
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "no permission, or a read-only disk"),
        (errno.EIO, "(Input/output error)"),
    ],
)
def test_a_refusal_at_any_point_leaves_the_last_one_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, code: int, words: str, number: int
) -> None:
    """Whichever call of the system's fails, the checkpoints from before are whole, and either the
    new one is too or nothing of it is left; also when a step is saved for the second time."""
    save(tmp_path, state(1))
    save(tmp_path, state(2))
    calls = 0

    def failing(real: object) -> object:
        def tried(*args: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise OSError(code, os.strerror(code))
            return real(*args, **named)  # type: ignore[operator]

        return tried

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "mkdir"), (Path, "open"), (os, "fsync"), (Path, "rename")):
            patch.setattr(owner, name, failing(getattr(owner, name)))
        try:
            save(tmp_path, state(number))
        except CheckpointError as error:
            assert str(error) == (
                f"the checkpoint in {tmp_path} cannot be written"
                f"{'' if code == errno.EIO else ':'} {words}. "
                "The last one before it is intact: mend this, and go on with --resume."
            )
        else:
            assert calls <= call, "the failure was not noticed"
    assert newest(tmp_path) in (2, number)
    assert len([load(path) for path in checkpoints(tmp_path)]) >= 2
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    save(tmp_path, state(4))
    assert newest(tmp_path) == 4


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux namespaces")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a file system of half a megabyte the second, larger checkpoint fails and the first is
    still whole."""
    code = (
        "import sys, torch; from pathlib import Path\n"
        "from bakeoff.spec.errors import CheckpointError\n"
        "from bakeoff.training.checkpoint import LoopState, load_newest, save\n"
        "folder = Path(sys.argv[1])\n"
        "def state(n, size):\n"
        "    return LoopState(step=n, tensors={'network': {'w': torch.ones(size)}}, scalars={})\n"
        "save(folder, state(1, 1000))\n"
        "try: save(folder, state(2, 10**6))\n"
        "except CheckpointError as error: print(error)\n"
        "print(load_newest(folder).state.step, [p.name for p in folder.iterdir()])\n"
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    shell = f'mount -t tmpfs -o size=512k none {disk} && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", shell, "sh", sys.executable, "-c", code, str(disk)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in run.stderr or "mount" in run.stderr:
        pytest.skip(f"no small file system can be made here: {run.stderr.strip()}")
    assert run.stdout.splitlines() == [
        f"the checkpoint in {disk} cannot be written: the disk is full. "
        "The last one before it is intact: mend this, and go on with --resume.",
        "1 ['step-000000001']",
    ], run.stderr


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A process that only saves is killed again and again; what it leaves is always whole."""
    code = (
        "import sys, torch; from pathlib import Path\n"
        "from bakeoff.training.checkpoint import LoopState, load_newest, save\n"
        "folder = Path(sys.argv[1])\n"
        "loaded = load_newest(folder)\n"
        "step = loaded.state.step if loaded else 0\n"
        "print(step, len(loaded.refused) if loaded else 0, flush=True)\n"
        "while True:\n"
        "    step += 1\n"
        "    tensors = {'network': {'w': torch.full((20000,), float(step))}}\n"
        "    save(folder, LoopState(step=step, tensors=tensors, scalars={}))\n"
        "    print('.', flush=True)\n"
    )
    draw = random.Random(5)
    last = 0
    for _ in range(3):
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            step, refused = map(int, process.stdout.readline().split())
            assert refused == 0
            assert step >= last
            process.stdout.readline()
            time.sleep(draw.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        last = newest(tmp_path)
        assert last > step
    for path in checkpoints(tmp_path):
        loaded = load(path)
        assert torch.equal(loaded.tensors["network"]["w"], torch.full((20000,), loaded.step))


def test_a_state_is_what_it_was_when_saved(tmp_path: Path) -> None:
    """Training on after a save changes nothing on disk or in what was loaded."""
    weight = torch.ones(3)
    save(tmp_path, LoopState(step=1, tensors={"network": {"w": weight}}, scalars={}))
    weight.add_(1)
    loaded = load(tmp_path / "step-000000001")
    assert loaded.tensors["network"]["w"].tolist() == [1, 1, 1]
    loaded.tensors["network"]["w"].add_(5)
    assert load(tmp_path / "step-000000001").tensors["network"]["w"].tolist() == [1, 1, 1]


LOOPS: list[Optimiser] = [SGD(rate=0.05), Adam(), RMSProp(momentum=0.5), Muon(rate=0.05)]


@pytest.mark.parametrize("spec", LOOPS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("broken_at", [1, 4])
def test_all_parts_together_go_on_bit_by_bit(
    tmp_path: Path, spec: Optimiser, broken_at: int
) -> None:
    """Weights, optimiser, averages and random numbers (there is dropout), through the disk and
    into new objects: the end is that of the unbroken run, bit by bit."""
    ends = []
    for broken in (False, True):
        chance.seed(11)
        net = network()
        updates, average, ahead = updater(net, spec), Average(net, 0.9), Lookahead(net, every=2)
        for number in range(7):
            if broken and number == broken_at:
                tensors, scalars = chance.capture()
                parts = {
                    "network": net.state_dict(),
                    "optimiser": updates.tensors(),
                    "average": average.tensors(),
                    "lookahead": ahead.tensors(),
                    "random": tensors,
                }
                counts = {"average": average.updates, "lookahead": ahead.steps, "random": scalars}
                save(tmp_path, LoopState(step=number, tensors=parts, scalars=counts))
                chance.seed(12)
                net = network(seed=13)
                updates, average = updater(net, spec), Average(net, 0.9)
                ahead = Lookahead(net, every=2)
                loaded = load_newest(tmp_path)
                assert loaded is not None
                found, said = loaded.state.tensors, loaded.state.scalars
                net.load_state_dict(dict(found["network"]))
                updates.load(found["optimiser"])
                average.load(found["average"], said["average"])
                ahead.load(found["lookahead"], said["lookahead"])
                chance.restore(found["random"], said["random"])
            step(net, updates, number, factor(Linear(warmup=0.3), place(number, 7)))
            average.update()
            ahead.update()
        ends.append({**net.state_dict(), "draw": torch.tensor(np.random.random())})
        ends[-1].update({f"average {n}": t.clone() for n, t in average.tensors().items()})
    assert equal(ends[0], ends[1])
