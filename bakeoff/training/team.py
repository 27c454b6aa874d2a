"""The processes that train one network together. One process is a team of one."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from bakeoff.spec.errors import SpecError, TeamError

__all__ = ["Team", "from_environment", "joined"]

_CPU = torch.device("cpu")

_BUCKET = 32 * 2**20
"""Bytes of gradients that travel at once: enough to keep the line busy, and no second copy of
them all."""

_OFTEN = 0.02
"""Seconds between two looks at who has come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """Who this process is among those that share the work, and how they talk.

    All of them must make the same calls in the same order. Alone, every call is as good as none.
    """

    rank: int = 0
    world: int = 1

    local_rank: int = 0
    """Rank among the processes on this machine."""

    local_world: int = 1
    """How many of them are on this machine."""

    place: torch.device = _CPU
    """Where messages start and arrive: a process's own device with NCCL, the CPU with gloo."""

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the sum of all processes' gradients.

        Each divides its loss by the pictures of the whole step beforehand: the sum is then the
        gradient of the mean, also where the shares are not equal. A process that had no pictures
        takes part with zeros.
        """
        if self.world == 1:
            return
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in wanted:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self._in_buckets([p.grad for p in wanted if p.grad is not None], distributed.all_reduce)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.world > 1:
            self._in_buckets([tensor], distributed.all_reduce)
        return tensor

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the mean over all, in place: for running statistics."""
        if self.world > 1:
            held = [tensor for tensor in tensors if tensor.is_floating_point()]
            self._in_buckets(held, distributed.all_reduce)
            torch._foreach_div_(held, self.world)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process what the leader has, in place: for first weights."""
        if self.world > 1:
            self._in_buckets(list(tensors), lambda piece: distributed.broadcast(piece, src=0))

    def tell(self, value: Any) -> Any:
        """What the leader gave, in every process; JSON, for decisions and measurements."""
        if self.world == 1:
            return value
        said = json.dumps(value).encode() if self.leads else b""
        length = torch.tensor([len(said)], dtype=torch.int64, device=self.place)
        distributed.broadcast(length, src=0)
        text = torch.zeros(int(length), dtype=torch.uint8, device=self.place)
        if self.leads:
            text.copy_(torch.frombuffer(bytearray(said), dtype=torch.uint8))
        distributed.broadcast(text, src=0)
        return json.loads(bytes(text.tolist()))

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """All processes' tensors by rank, in every process. They may differ in length."""
        if self.world == 1:
            return [tensor]
        mine = tensor.detach().to(self.place).contiguous()
        lengths = torch.zeros(self.world, dtype=torch.int64, device=self.place)
        lengths[self.rank] = len(mine)
        distributed.all_reduce(lengths)
        # Collectives want equal shapes: the shorter ones are filled up, and cut again.
        longest = int(lengths.max())
        filled = mine.new_zeros((longest, *mine.shape[1:]))
        filled[: len(mine)] = mine
        found = [torch.empty_like(filled) for _ in range(self.world)]
        distributed.all_gather(found, filled)
        cut = zip(found, lengths.tolist(), strict=True)
        return [piece[:length].to(tensor.device) for piece, length in cut]

    def everyones(self, tensor: Tensor) -> Tensor:
        """All processes' tensors of one shape, by rank, in every process. Asks nothing of the
        device."""
        if self.world == 1:
            return tensor[None]
        mine = tensor.detach().to(self.place).contiguous()
        found = [torch.empty_like(mine) for _ in range(self.world)]
        distributed.all_gather(found, mine)
        return torch.stack(found).to(tensor.device)

    def any(self, flag: bool) -> bool:
        """Whether any process says yes, such as to stopping."""
        if self.world == 1:
            return flag
        raised = torch.tensor([int(flag)], device=self.place)
        distributed.all_reduce(raised)
        return int(raised) > 0

    def wait(self) -> None:
        """Until all have come here."""
        if self.world > 1:
            distributed.barrier()

    def _in_buckets(self, tensors: list[Tensor], talk: Callable[[Tensor], object]) -> None:
        """Send `tensors` some at a time as one flat piece, and write back what comes."""
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in bucket]).to(self.place)
            talk(flat)
            pieces = torch.split(flat, [tensor.numel() for tensor in bucket])
            for tensor, piece in zip(bucket, pieces, strict=True):
                tensor.detach().copy_(piece.view(tensor.shape))


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Runs of tensors of one type, in order, as large as a bucket may be."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        full = size + tensor.nbytes > _BUCKET
        if bucket and (full or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket


def from_environment(environment: Mapping[str, str] = os.environ) -> Team:
    """The place in the team that torchrun's variables give this process; alone without them."""
    if "RANK" not in environment:
        return Team()
    world = _number(environment, "WORLD_SIZE", 1)
    rank = _number(environment, "RANK", 0, world - 1)
    local_world = _number(environment, "LOCAL_WORLD_SIZE", 1, world)
    local_rank = _number(environment, "LOCAL_RANK", 0, local_world - 1)
    return Team(rank=rank, world=world, local_rank=local_rank, local_world=local_world)


def _number(
    environment: Mapping[str, str], name: str, lowest: int, highest: int | None = None
) -> int:
    found = environment.get(name)
    if found is not None and found.isdecimal():
        number = int(found)
        if number >= lowest and (highest is None or number <= highest):
            return number
    upward = "or more" if highest is None else f"to {highest}"
    raise SpecError(
        f"the environment variable {name}",
        f"must be {lowest} {upward}",
        "missing" if found is None else found,
        "torchrun sets RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE; unset RANK to run alone.",
    )


@contextmanager
def joined(
    team: Team, place: torch.device, *, patience: timedelta = timedelta(minutes=30)
) -> Iterator[Team]:
    """The team with its lines open, for the time of this block.

    A process that loses the others, or waits longer than `patience` for them, gives up with an
    error.
    """
    if team.world == 1:
        yield team
        return
    try:
        with _lines(team, place, patience) as joint:
            yield joint
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        raise TeamError(
            f"the team of {team.world} processes",
            # What follows the first sentence is advice on torch.
            f"fell apart ({str(error).splitlines()[0].partition('. ')[0]})",
            suggestion="Look for the one that ended first; then give the same command with --out "
            "and --resume.",
        ) from error


@contextmanager
def _lines(team: Team, place: torch.device, patience: timedelta) -> Iterator[Team]:
    gpu = place.type == "cuda"
    distributed.init_process_group(
        "nccl" if gpu else "gloo",
        store=_meeting_place(team, patience),
        rank=team.rank,
        world_size=team.world,
        timeout=patience,
        device_id=place if gpu else None,
    )
    try:
        yield Team(
            rank=team.rank,
            world=team.world,
            local_rank=team.local_rank,
            local_world=team.local_world,
            place=place if gpu else _CPU,
        )
    finally:
        distributed.destroy_process_group()


def _meeting_place(team: Team, patience: timedelta) -> Store:
    """Where the processes find each other's addresses, and none of those that were there before.

    torchrun keeps one store for all its starts, in which gloo would find the dead; and its count of
    starts differs from machine to machine. So the leader numbers them, and tells who is there now.
    """
    found = next(rendezvous("env://", team.rank, team.world, timeout=patience))[0]
    store = PrefixStore("bakeoff", found)
    number = _led(store, team, patience) if team.leads else _followed(store, team)
    return PrefixStore(number, store)


def _led(store: Store, team: Team, patience: timedelta) -> str:
    number = str(store.add("starts", 1))
    until = time.monotonic() + patience.total_seconds()
    told: set[str] = set()
    while store.add(f"{number}/agreed", 0) < team.world - 1:
        if time.monotonic() > until:
            raise distributed.DistStoreError(f"not all came within {patience}")
        for rank in range(1, team.world):
            if store.check([f"here/{rank}"]):
                # Maybe of one that is dead: its successor gives another name.
                name = store.get(f"here/{rank}").decode()
                if name not in told:
                    store.set(f"answer/{name}", number)
                    told.add(name)
        time.sleep(_OFTEN)
    return number


def _followed(store: Store, team: Team) -> str:
    name = uuid.uuid4().hex
    store.set(f"here/{team.rank}", name)
    number: str = store.get(f"answer/{name}").decode()
    store.add(f"{number}/agreed", 1)
    return number
