"""Processes: several of them train one game, started by torchrun on one machine or on many.

    torchrun --nproc_per_node=2 script.py

starts the script twice with RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT in the environment. `processes`
reads these; without them there is one process, and the same script runs alone.
"""

import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from tussle import checks
from tussle.game import Point
from tussle.records import record, static

LAUNCHED = ("RANK", "WORLD_SIZE")
NEEDED = (*LAUNCHED, "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
BACKENDS = {"cpu": "gloo", "cuda": "nccl"}


@record
class Place:
    """Where a process stands among those that train together.

    Attributes:
        rank: its number, from 0.
        world: how many there are.
        device: what it computes on.
    """

    rank: int = static(default=0)
    world: int = static(default=1)
    device: torch.device = static(default=torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether it is the one that writes files and shows progress."""
        return self.rank == 0


@contextmanager
def processes(device: str | None = None, timeout: float = 1800.0) -> Iterator[Place]:
    """Join the processes that torchrun started, and leave them at the end of the context.

    Args:
        device: `cpu` (messages through gloo) or `cuda` (through nccl, one device for each process of a machine); None
            for `cuda` where there is one.
        timeout: seconds after which a process that waits for another gives up.

    Yields:
        where this process stands; without torchrun rank 0 of 1.

    Raises:
        ValueError: if the environment or the device is not what it must be.

    Example:
        >>> with processes("cpu") as place:
        ...     print(place.rank, place.world, place.first)
        0 1 True
    """
    checks.positive("timeout", timeout)
    rank, world, local = environment(os.environ)
    place = Place(rank, world, _device(device, local))
    if world == 1:
        yield place
        return
    backend = BACKENDS[place.device.type]
    own = place.device if backend == "nccl" else None
    wait = datetime.timedelta(seconds=timeout)
    dist.init_process_group(backend, rank=rank, world_size=world, timeout=wait, device_id=own)
    try:
        yield place
    finally:
        dist.destroy_process_group()


def environment(variables: Mapping[str, str]) -> tuple[int, int, int]:
    """Return rank, number of processes and rank on this machine as torchrun writes them; 0, 1, 0 without torchrun.

    Args:
        variables: the environment.

    Raises:
        ValueError: if a variable is missing, is no whole number, or does not fit the others.
    """
    if not any(name in variables for name in LAUNCHED):
        return 0, 1, 0
    missing = [name for name in NEEDED if name not in variables]
    if missing:
        message = (
            f"the environment lacks {', '.join(missing)}; {', '.join(NEEDED)} must all be set; start the script with "
            "torchrun --nproc_per_node=2 script.py."
        )
        raise ValueError(message)
    rank, world, local = (_whole(name, variables[name]) for name in NEEDED[:3])
    if not rank < world or not local < world:
        message = (
            f"`RANK` is {rank} and `LOCAL_RANK` {local} for a `WORLD_SIZE` of {world}; both must be below it; let "
            "torchrun set them."
        )
        raise ValueError(message)
    return rank, world, local


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        message = f"`{name}` is {text!r}; it must be a whole number; let torchrun set it."
        raise ValueError(message)
    return int(text)


def _device(name: str | None, local: int) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        name = "cuda" if count else "cpu"
    if checks.choice("device", name, BACKENDS) == "cpu":
        return torch.device("cpu")
    if local >= count:
        message = (
            f"`device` is 'cuda' for process {local} of a machine with {count} CUDA device(s); every process must have "
            "its own; lower --nproc_per_node or give 'cpu'."
        )
        raise ValueError(message)
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def anyone(flag: bool, device: torch.device | str = "cpu", group: Any = None) -> bool:
    """Say whether any process raises the flag, the same on all: a run that is to stop stops everywhere at once.

    Args:
        flag: this process's own.
        device: where the message lives (a CUDA device under nccl).
        group: the processes; None for all.

    Example:
        >>> anyone(True)
        True
    """
    if not dist.is_initialized():
        return flag
    seen = torch.tensor(int(flag), device=device)
    dist.all_reduce(seen, dist.ReduceOp.MAX, group=group)
    return bool(seen)


def check_equal(point: Point, group: Any = None, name: str = "start") -> None:
    """Check that all processes hold the same point, bit for bit; if not, all of them raise.

    Args:
        point: the players' vectors.
        group: the processes; None for all.
        name: what the point is called in an error.

    Raises:
        ValueError: if it differs between processes.
    """
    if not dist.is_initialized():
        return
    for player, x in enumerate(point):
        lengths = _from_all(torch.tensor(len(x), device=x.device), group)
        if int(lengths.min()) != int(lengths.max()):
            message = (
                f"`{name}` of player {player} has {', '.join(map(str, lengths.tolist()))} numbers on the processes; "
                "all must hold the same vector; make the networks with the same options everywhere."
            )
            raise ValueError(message)
        first = x.detach().clone()
        dist.broadcast(first, group=group, group_src=0)
        wrong = _from_all(((first != x) & ~(first.isnan() & x.isnan())).sum(), group)
        if int(wrong.max()) > 0:
            message = (
                f"`{name}` of player {player} differs between processes: process {int(wrong.argmax())} has "
                f"{int(wrong.max())} of {len(x)} number(s) that are not those of process 0; all must hold the same "
                "vector; make the networks from the same seed, or load the same checkpoint."
            )
            raise ValueError(message)


def _from_all(x: Tensor, group: Any) -> Tensor:
    """Return a number of every process, in their order."""
    found = [torch.zeros_like(x) for _ in range(dist.get_world_size(group))]
    dist.all_gather(found, x, group=group)
    return torch.stack(found)
