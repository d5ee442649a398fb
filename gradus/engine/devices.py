"""Where a run computes: the device, its threads, and the processes that share one run."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gradus.core.errors import GradusError, UsageError

T = TypeVar("T")


FOR_EVER = timedelta(days=365)  # how long a process waits for one that evaluates or reports
TELLING = timedelta(seconds=10)
CONNECTION = ("connection", "gloo", "broken pipe", "timed out", "socket")  # words of errors of a lost peer


@dataclass(frozen=True, slots=True)
class World:
    """The processes of one run, as torchrun numbers them: this one's rank, and how many there are."""

    rank: int = 0
    size: int = 1

    def sum_(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one message a data type."""
        for dtype in dict.fromkeys(t.dtype for t in tensors):  # a set has another order in each process
            alike = [t for t in tensors if t.dtype == dtype]
            flat = torch.cat([t.reshape(-1) for t in alike])
            with _ending_with_others():
                dist.all_reduce(flat)
            for t, summed in zip(alike, flat.split([t.numel() for t in alike]), strict=True):
                t.copy_(summed.view_as(t))

    def union(self, names: list[str]) -> list[str]:
        """The names that any process has, in one order for all."""
        gathered: list[list[str]] = [[]] * self.size
        with _ending_with_others():
            dist.all_gather_object(gathered, names)
        return list(dict.fromkeys(name for some in gathered for name in some))

    def of_first(self, value: T) -> T:
        """The first process's value, in all of them: what decides must decide alike."""
        if self.size == 1:
            return value
        box = [value]
        with _ending_with_others():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            with _ending_with_others():
                dist.barrier()


@contextmanager
def _ending_with_others() -> Iterator[None]:
    """End this process quietly where another one has ended, which has said why, or the launcher does."""
    try:
        yield
    except RuntimeError as error:
        is_lost = isinstance(error, dist.DistError) or any(w in str(error).lower() for w in CONNECTION)
        if not is_lost:
            raise
        raise SystemExit(1) from error


def num_processes() -> int:
    """How many processes torchrun started for this run; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def joined_world(tell: Callable[[GradusError], None]) -> Iterator[World]:
    """The processes that torchrun started, or this one alone; they leave together when all are done.

    An error that several of them meet is told by one, while the others wait: the launcher ends them all as
    soon as it sees that one has.

    Threads of a group that is still open when Python ends abort the process: it is closed whatever happens.
    In the end everybody first hears, from the store of the launcher, that all have come so far: a process
    that closed its connections any sooner would take them from others that still wait on them.
    """
    if num_processes() == 1:
        yield World()
        return
    store, rank, size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        yield World(rank, size)
        store.set(f"gradus/done/{rank}", "")
        with _ending_with_others():
            store.wait([f"gradus/done/{other}" for other in range(size)], FOR_EVER)
    except GradusError as error:
        if store.add("gradus/failed", 1) == 1:
            tell(error)
            store.set("gradus/told", "")
        else:
            with suppress(RuntimeError):
                store.wait(["gradus/told"], TELLING)
        raise SystemExit(error.exit_status) from error
    finally:
        dist.destroy_process_group()


def pick_device(wanted: str) -> torch.device:
    """The device that ``train.device`` names; UsageError where there is none of the kind."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "GR-CONFIG-004",
            where="--train.device",
            wanted="a CUDA device that torch can use",
            got="none",
            remedy="Use --train.device cpu, or install a CUDA build of torch and a driver.",
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def environment() -> dict[str, Any]:
    """The machine and the versions that a result depends on, for env.json and the records."""
    packages = ("gradus", "torch", "numpy", "safetensors", "scikit-learn", "pillow")
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in packages},
    }


def _processor() -> str:
    """The processor's name and the vector extensions that decide its speed in bf16."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.processor() or platform.machine()} {capability}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def memory_used_bytes(device: torch.device) -> int:
    """The most memory that the run has held so far: the device's, or this process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
