"""A run as a job sees it: the step, named randomness, placement, updates, and a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.core.facts import Backpropagated, Found, Halt, Listeners, Updated
from gradus.core.randomness import generator, seed_from
from gradus.data.manifest import MANIFEST, Keys, Manifest
from gradus.engine.devices import World
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.plan import Plan
from gradus.engine.settings import Precision, TrainConfig

Batch = Mapping[str, Any]
T = TypeVar("T")
PLAIN: AbstractContextManager[None] = nullcontext()
MOST_INVERSES = 1000  # counts of tokens vary from batch to batch: what is kept of them is bounded


class Run:
    """What the engine lends to a job: five verbs and the step.

    ``step``, ``rng(name)``, ``place(value)``, ``update(optim, loss_of, batch)``, ``log(name, total, count)``
    and ``decide(name, value, reason)``. Autocast, micro-batches, several devices and running out of memory
    live in ``update`` and nowhere else. ``folder`` is None for a scratch run that writes nothing.

    With ``own_data`` False other data are read in the place of those that the run was begun with.
    """

    def __init__(
        self,
        train: TrainConfig,
        *,
        device: torch.device,
        plan: Plan | None = None,
        folder: Path | None = None,
        world: World | None = None,
        own_data: bool = True,
    ) -> None:
        self.train, self.device, self.folder = train, device, folder
        self.own_data = own_data
        self.plan = plan or Plan()
        self._remembers = "items" in self.plan.decisions
        self.world = world or World()
        self.listeners = Listeners()
        self.halt: Halt | None = None
        self.step = 0
        self.micro_batches = train.micro_batches
        self.precision: Precision = "fp32"
        self._autocast: torch.autocast | None = None
        self._generators: dict[str, torch.Generator] = {}
        self._purpose = "train"
        self._inverses: dict[tuple[float, torch.dtype], Tensor] = {}
        self._sums: dict[str, tuple[list[Tensor], list[Any]]] = {}
        torch.manual_seed(seed_from(train.seed, "global"))

    # -- the verbs of a job ------------------------------------------------------------------------------

    def rng(self, name: str) -> torch.Generator:
        """The generator called ``name``, on the run's device; evaluation has its own of each name."""
        if name not in self._generators:
            self._generators[name] = generator(self.train.seed, self._purpose, name, device=self.device)
        return self._generators[name]

    def place(self, value: T) -> T:
        """A module, a tensor, or a dict of them, on the run's device."""
        if isinstance(value, nn.Module | Tensor):
            return value.to(self.device)  # type: ignore[return-value]
        if isinstance(value, dict):
            return {key: self.place(item) for key, item in value.items()}  # type: ignore[return-value]
        return value

    def decide(self, name: str, value: T | Callable[[], T], reason: str) -> T:
        """A number derived from data, with its reason; a run that is opened again has it in its plan."""
        return self.plan.decide(name, value, reason)

    @cached_property
    def manifest(self) -> Manifest | None:
        """The items of a run that is opened again, read when they are first asked for; None for a new one."""
        if not self._remembers or self.folder is None:
            return None
        return Manifest.read(
            self.folder / MANIFEST, sha256_wanted=self.plan.decisions["items"]["value"]["sha256"]
        )

    def keep(self, items: Manifest) -> None:
        """Let a new run remember which items each of its splits has."""
        assert self.folder is not None, "a scratch run remembers nothing"
        digest = items.write(self.folder / MANIFEST)
        counts = {split: len(keys) for split, keys in items.splits.items()}
        self.decide("items", {**counts, "sha256": digest}, f"as read before the first step; see {MANIFEST}")

    def arrange(self, now: Keys) -> dict[str, np.ndarray] | None:
        """Where the items of each split of the run are among all items that its data hold now.

        None where the run has no say in it: it is a new one, or these are other data, without any item of it.
        """
        if self.manifest is None:
            return None
        places = self.manifest.arrange(now).places
        is_other = not self.own_data and not any(map(len, places.values()))
        return None if is_other else places

    def log(self, name: str, total: Tensor | float, count: float | Tensor = 1) -> None:
        """Add to the sums behind the next line of the journal, which shows their quotient."""
        if name not in self._sums:
            self._sums[name] = ([], [])
        totals, counts = self._sums[name]
        totals.append(total.detach() if isinstance(total, Tensor) else torch.tensor(float(total)))
        counts.append(count)

    def update(
        self, optim: Optim, loss_of: Callable[[Batch], Loss], batch: Batch, *, whole: bool = False
    ) -> None:
        """Move ``optim``'s parameters once along the gradient of ``loss_of(batch)``.

        ``whole`` says that the batch cannot be split (contrastive losses, statistics over the batch).
        """
        while True:
            optim.begin()
            pieces = 1 if whole else self.micro_batches * self.world.size
            try:
                self._accumulate(optim, loss_of, batch, pieces)
                break
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                self._use_smaller_pieces(batch, pieces, whole=whole, cause=error)
        optim.unscale()
        if self.listeners.wants(Backpropagated):
            self.tell(Backpropagated(self.step, optim))
        optim.step(self.step)
        if self.listeners.wants(Updated):
            self.tell(Updated(self.step, optim))

    # -- inside update -----------------------------------------------------------------------------------

    def _accumulate(self, optim: Optim, loss_of: Callable[[Batch], Loss], batch: Batch, pieces: int) -> None:
        """Leave in ``optim``'s parameters the gradient of the batch's total over its count."""
        if pieces == 1 and self.world.size == 1:
            loss = self._forward(optim, loss_of, batch)
            optim.backward(loss.total, self._inverse(loss.count, loss.total))
            return
        # Sums are divided by a guess at the whole count at once (half precision overflows otherwise) and by
        # what the guess missed at the end, when every piece and every process has been counted.
        guess: Any = None
        counted: Any = 0
        for piece in _split(batch, pieces, self.world):
            loss = self._forward(optim, loss_of, piece)
            guess = (loss.count + (loss.count == 0)) * pieces if guess is None else guess
            counted = counted + loss.count
            optim.backward(loss.total, self._inverse(guess, loss.total))
        self._settle(optim, guess, counted, pieces)

    def _inverse(self, count: Any, total: Tensor) -> Tensor:
        """One over a count as a tensor like ``total``; those of plain numbers are kept, for they recur."""
        if isinstance(count, Tensor):
            inverse: Tensor = _divisor(count).reciprocal()
            return inverse.to(total.dtype)
        key = (count, total.dtype)
        if len(self._inverses) > MOST_INVERSES:
            self._inverses.clear()
        if key not in self._inverses:
            self._inverses[key] = torch.tensor(1.0 / _divisor(count), dtype=total.dtype, device=total.device)
        return self._inverses[key]

    def _settle(self, optim: Optim, guess: Any, counted: Any, pieces: int) -> None:
        """Sum over the processes, and divide by the true count where the guess was another."""
        if self.world.size > 1:
            # Every process must divide alike: gradients travel as sums.
            factor = 0.0 if guess is None else guess
            if optim.gradients():
                torch._foreach_mul_(optim.gradients(), factor)
            total = torch.as_tensor(counted, dtype=torch.float32, device=self.device).reshape(1).clone()
            optim.share(self.world, total)
            guess, counted = 1.0, total[0]
        if isinstance(counted, Tensor) or isinstance(guess, Tensor) or guess != counted:
            torch._foreach_mul_(optim.gradients(), guess / _divisor(counted))

    def _forward(self, optim: Optim, loss_of: Callable[[Batch], Loss], piece: Batch) -> Loss:
        """One forward pass in the run's precision, its sums logged."""
        with self._arithmetic():
            loss = loss_of(piece)
        self.log(optim.prefix + "loss", loss.total, loss.count)
        for name, total in loss.notes.items():
            self.log(optim.prefix + name, total, loss.count)
        return loss

    def _use_smaller_pieces(self, batch: Batch, pieces: int, *, whole: bool, cause: Exception) -> None:
        """Halve the pieces after running out of memory; InputError where one item is already too much."""
        rows = rows_of(batch)
        if whole or pieces >= rows:
            raise InputError(
                "GR-RUN-004",
                where=f"step {self.step}",
                wanted="memory for a batch that cannot be split"
                if whole
                else "memory for one item at a time",
                got=f"out of memory with {max(1, rows // pieces)} items",
                remedy="Give a smaller --train.batch, a smaller model, or a device with more memory.",
            ) from cause
        self.micro_batches *= 2
        self._sums.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        pieces = self.micro_batches
        said = f"Out of memory at step {self.step}: batches of {rows} are now computed in {pieces} pieces"
        self.tell(Found(self.step, "GR-RUN-005", f"{said}; the update stays the same."))

    def tell(self, fact: Any) -> None:
        """Tell a fact, within a step or around training; who wants to halt is heard when a step is whole."""
        try:
            self.listeners.tell(fact)
        except Halt as halt:
            self.halt = halt

    # -- the engine's side -------------------------------------------------------------------------------

    def use_precision(self, precision: Precision, optims: list[Optim]) -> None:
        """Compute forward passes in ``precision`` from now on."""
        self.precision = precision
        if precision == "fp32":
            return
        dtype = torch.bfloat16 if precision == "bf16" else torch.float16
        self._autocast = torch.autocast(self.device.type, dtype)
        for optim in optims:
            optim.scaler = torch.amp.GradScaler(self.device.type) if precision == "fp16" else None

    def _arithmetic(self) -> AbstractContextManager[Any]:
        """The run's precision; nothing where it holds already, for an autocast cannot be entered twice."""
        if self._autocast is None or torch.is_autocast_enabled(self.device.type):
            return PLAIN
        return self._autocast

    def due(self, what: str) -> bool:
        """Whether ``evaluate`` or ``log`` falls on this step: every so many, and on the last."""
        share, every = (10, self.train.evaluate_every) if what == "evaluate" else (100, self.train.log_every)
        every = every or max(1, self.train.steps // share)
        return self.step % every == 0 or self.step == self.train.steps

    def drain(self) -> dict[str, float]:
        """The means since the last call, of what was counted: the one wait for the device."""
        if self.world.size > 1:
            self._sum_over_processes()
        means = {name: _quotient(totals, counts) for name, (totals, counts) in self._sums.items()}
        self._sums.clear()
        return {name: mean for name, mean in means.items() if mean is not None}

    def _sum_over_processes(self) -> None:
        for name in self.world.union(list(self._sums)):  # a process without rows has logged nothing
            totals, counts = self._sums.get(name, ([], []))
            pair = torch.stack([_sum(totals, self.device), _sum(counts, self.device)])
            self.world.sum_([pair])
            self._sums[name] = ([pair[0]], [pair[1]])

    @contextmanager
    def aside(self, purpose: str) -> Iterator[None]:
        """Randomness of its own for evaluation and the like: training goes on as if it had not happened."""
        kept = self._generators, self._purpose, self._sums
        self._generators, self._purpose, self._sums = {}, purpose, {}
        devices = [self.device] if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(seed_from(self.train.seed, purpose))
                with self._arithmetic():
                    yield
        finally:
            self._generators, self._purpose, self._sums = kept

    def state_dict(self) -> dict[str, Any]:
        """The state of every generator, and how batches are split."""
        states = {f"rng.{name}": made.get_state() for name, made in self._generators.items()}
        states["global"] = torch.get_rng_state()
        if self.device.type == "cuda":
            states["global_cuda"] = torch.cuda.get_rng_state(self.device)
        return {"states": states, "micro_batches": self.micro_batches, "step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        self.step, self.micro_batches = state["step"], state["micro_batches"]
        for name, value in state["states"].items():
            if name.startswith("rng."):
                self.rng(name.removeprefix("rng.")).set_state(value)
        torch.set_rng_state(state["states"]["global"])
        if self.device.type == "cuda" and "global_cuda" in state["states"]:
            torch.cuda.set_rng_state(state["states"]["global_cuda"], self.device)


def rows_of(batch: Batch) -> int:
    """How many items a batch holds: the first dimension of its first tensor."""
    return next((len(value) for value in batch.values() if isinstance(value, Tensor)), 1)


def _split(batch: Batch, pieces: int, world: World) -> Iterator[Batch]:
    """This process's pieces of a batch, equal runs of rows and none empty; a whole batch is everyone's."""
    if pieces == 1:
        yield batch
        return
    rows = rows_of(batch)
    each = pieces // world.size
    for piece in range(world.rank * each, (world.rank + 1) * each):
        first, last = rows * piece // pieces, rows * (piece + 1) // pieces
        if last > first:
            yield {k: v[first:last] if isinstance(v, Tensor) else v for k, v in batch.items()}


def _divisor(count: Any) -> Any:
    """A count to divide by; a batch with nothing to learn from has a zero gradient, not an undefined one."""
    return count.clamp(min=1e-12) if isinstance(count, Tensor) else count or 1


def _sum(values: list[Any], device: torch.device) -> Tensor:
    if any(isinstance(value, Tensor) for value in values):
        return torch.stack([torch.as_tensor(v, dtype=torch.float32, device=device) for v in values]).sum()
    return torch.tensor(float(sum(values)), device=device)


def _quotient(totals: list[Tensor], counts: list[Any]) -> float | None:
    total = _sum(totals, totals[0].device).item()
    count = _sum(counts, totals[0].device).item()
    return total / count if count else None


def out_of_memory(error: Exception) -> bool:
    """Whether torch ran out of memory; the CPU's allocator says so only in words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
