"""Packs that do not fit into memory: read from disk as they are needed, and no further."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SIDE, COUNT = 128, 2600
"""About 128 MB, of which the file system keeps what was written: next to nothing."""

ROOM = 48 << 20
"""What a process may take on top of what it has when all is imported: less than half of it."""

EPOCHS = """
import resource, sys
import numpy as np
import torch
from bakeoff.data import batches
from bakeoff.data.batches import Batches

torch.set_num_threads(1)
pictures = np.load(sys.argv[1], mmap_mode="r", allow_pickle=False)
count = len(pictures)
made = Batches(
    images=pictures, labels=np.arange(count) % 2, indices=np.arange(count)[::-1].copy(),
    part="train", classes=2, batch=16, shuffle=True,
)
batches.free_memory = lambda device: int(sys.argv[2])
def taken():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (taken() + int(sys.argv[2]),) * 2)
try:
    np.array(pictures)
    print("unlimited")
except MemoryError:
    print(made.is_resident, sum(len(batch.indices) for batch in made.epoch(0)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are Linux's")
def test_an_epoch_of_a_pack_larger_than_memory(tmp_path: Path) -> None:
    """All pictures are seen by a process that cannot hold them: what it maps costs it nothing, and
    of what it takes there is never more than a few batches."""
    path = tmp_path / "pictures.npy"
    shape = (COUNT, SIDE, SIDE, 3)
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    assert path.stat().st_size > 2 * ROOM
    ended = subprocess.run(
        [sys.executable, "-c", EPOCHS, str(path), str(ROOM)],
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    if ended.stdout.strip() == "unlimited":
        pytest.skip("this system does not hold processes to RLIMIT_DATA")
    assert ended.stdout.strip() == f"False {COUNT}", ended.stderr
