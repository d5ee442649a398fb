"""The only training loop, and what surrounds a step: train mode, measuring, saving, stopping early."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from gradus.core.errors import InputError, UsageError
from gradus.core.facts import Ended, Evaluated, Fetched, Found, Halt, Measured, Saved, Started
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import memory_used_bytes
from gradus.engine.job import Headline, Job, Split, modules_of, optims_of, state_of
from gradus.engine.optim import Optim
from gradus.engine.run import Run, rows_of
from gradus.engine.schedules import Plateau
from gradus.engine.signals import Asked, Interrupted, awaited
from gradus.engine.state import (
    fitting,
    load_state,
    load_weights,
    refuse_edited,
    refuse_misshapen,
    settings_of,
)

SAVE_SECONDS = 60.0  # the most training that a kill costs, whatever evaluate_every says


class Learning:
    """Train mode for exactly one step: ``with learning: ...``. Parts that no Optim owns stay in eval mode."""

    def __init__(self, optims: list[Optim], run: Run) -> None:
        self.optims, self.run = optims, run

    def __enter__(self) -> None:
        for optim in self.optims:
            if optim.config.train_last is not None:
                optim.thaw(self.run.step)
            for table in optim.learners:
                table["training"] = True

    def __exit__(self, *_: object) -> None:
        for optim in self.optims:
            for table in optim.learners:
                table["training"] = False


@dataclass(slots=True)
class Best:
    """The best headline on the validation split so far, and how long ago it was."""

    value: float | None = None
    step: int = 0
    waited: int = 0

    def see(self, value: float, *, step: int, headline: Headline) -> bool:
        """Take note of an evaluation; True if none so far is better.

        Of equals the last one is kept, for the losses below a score of whole items still fall; but it is no
        improvement to whoever waits for one.
        """
        improved = self.value is None or headline.better(value, self.value)
        kept = not math.isnan(value) and (improved or value == self.value)
        self.waited = 0 if kept and improved else self.waited + 1
        if kept:
            self.value, self.step = value, step
        return kept


@dataclass(slots=True)
class Clock:
    """Seconds spent training, over all the times that a run was resumed, and since the last line."""

    before: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    lapped: float = field(default_factory=time.perf_counter)
    saved: float = field(default_factory=time.perf_counter)
    lap_step: int = 0

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started


class Training:
    """A run under way: the job's parts, and what the loop remembers beside them."""

    def __init__(
        self,
        job: Job,
        config: Any,
        run: Run,
        *,
        checkpoints: Checkpoints | None = None,
        state: dict[str, Any] | None = None,
        recipe: str = "",
    ) -> None:
        self.job, self.config, self.run, self.checkpoints = job, config, run, checkpoints
        self.recipe = recipe
        self.best = Best()
        self.clock = Clock()
        self.saved_step = -1
        self.parts = job.build(config, run)
        prepare(self.parts, run)
        self.restored = state is not None
        if state is not None and checkpoints is not None:
            self._restore(state, checkpoints)

    def _restore(self, state: dict[str, Any], checkpoints: Checkpoints) -> None:
        """Go on from the state of a checkpoint."""
        where = checkpoints.folder
        refuse_edited(state, self.config, where=where)
        load_state(self.parts, state, where=where)
        with fitting(where, "run"):
            refuse_misshapen(state["run"], {"states": None, "micro_batches": 1, "step": 0})
            self.run.load_state_dict(state["run"])
        with fitting(where, "loop"):
            best, seconds = state["loop"]["best"], state["loop"]["seconds"]
            value = None if best["value"] is None else 0.0
            refuse_misshapen([best, seconds], [{"value": value, "step": 0, "waited": 0}, 0.0])
            self.best = Best(**best)
        if self.run.world.rank == 0:
            checkpoints.mark(last=self.run.step, best=None if value is None else self.best.step)
        self.clock.before, self.clock.lap_step = seconds, self.run.step

    def save(self, *, best: bool = False) -> None:
        """Start writing a checkpoint of this step; InputError where the weights are numbers no more."""
        if self.checkpoints is None or self.run.world.rank > 0:
            return
        if not all(optim.finite() for optim in optims_of(self.parts)):
            raise _not_a_number("weights", "infinite or NaN ones", self.run)
        loop = {
            "best": asdict(self.best),
            "settings": settings_of(self.config),
            "plan": self.run.plan.seal(),
            "seconds": self.clock.seconds(),
        }
        state = state_of(self.parts) | {"run": self.run.state_dict(), "loop": loop}
        self.checkpoints.save(self.run.step, state, best=best)
        self.clock.saved, self.saved_step = time.perf_counter(), self.run.step
        self.run.listeners.tell(Saved(self.run.step))

    def train(self) -> None:
        """Take the remaining steps."""
        job, config, run, steps = self.job, self.config, self.run, self.config.train.steps
        if run.step == 0:
            self._require_validation()
        with awaited() as asked:
            run.tell(Started(run.step, steps, job.name, self.recipe))
            if config.train.warmup >= steps:
                said = f"The warm-up of {config.train.warmup} steps is as long as the run of {steps}"
                said += ": the rate never falls, nor reaches its height."
                run.tell(Found(run.step, "GR-RUN-017", said))
            reason = self._take_steps(asked)
            if asked.number:
                self._leave(asked.number)
            if self.checkpoints:
                self.checkpoints.wait()
        run.world.wait()  # the other processes may read the best one
        run.tell(Ended(run.step, reason, self.clock.seconds()))

    def _take_steps(self, asked: Asked) -> str:
        """Take the remaining steps, or as many as there is time for; why there are no more."""
        job, config, parts, run = self.job, self.config, self.parts, self.run
        batches = job.stream(config, parts, run)
        learning = Learning(optims_of(parts), run)
        try:
            while run.step < config.train.steps and not asked.number:
                batch = next(batches, None)
                if batch is None:
                    raise _ended(run)
                if run.listeners.wants(Fetched):
                    run.tell(Fetched(run.step, batch))
                with learning:
                    job.step(config, parts, batch, run)
                run.step += 1
                if run.due("log") or run.due("evaluate"):
                    self._pause(rows_of(batch))
                if run.halt is not None:
                    raise run.halt
        except Halt as halt:
            if run.step != self.saved_step:
                self.save()
            return str(halt)
        return "all steps taken"

    def _leave(self, number: int) -> None:
        """Save what was learnt, and end the command as a signal asked for."""
        if self.run.step != self.saved_step:
            self.save()
        if self.checkpoints:
            self.checkpoints.wait()
        self.run.tell(Ended(self.run.step, "interrupted", self.clock.seconds()))
        raise Interrupted(number, f"interrupted at step {self.run.step}, which is saved")

    def _require_validation(self) -> None:
        """Raise UsageError where a setting waits for scores on a validation split and there is none."""
        train = self.config.train
        asked = {
            "keep best": train.keep == "best",
            "patience": train.patience is not None,
            "schedule plateau": isinstance(train.schedule, Plateau),
        }
        waiting = [name for name, is_set in asked.items() if is_set]
        if waiting and not self.run.world.of_first(
            measure(self.job, self.config, self.parts, self.run, split="validation")
        ):
            raise UsageError(
                "GR-CONFIG-007",
                where=f"--train.{waiting[0]}",
                wanted="a validation split to score on",
                got="none",
                remedy="Hold some data out (--data.validation 0.1), or use --train.keep last, no patience "
                "and another schedule.",
            )

    def _pause(self, rows: int) -> None:
        """Between two steps: a line for the journal, and what else is due."""
        run, clock = self.run, self.clock
        values = run.drain()
        now = time.perf_counter()
        steps, seconds = run.step - clock.lap_step, now - clock.lapped
        clock.lap_step, clock.lapped = run.step, now
        _refuse_nonfinite(values, run)
        values |= _rates(self.parts)
        values["memory_gib"] = memory_used_bytes(run.device) / 2**30
        speed = rows * steps / max(seconds, 1e-9)
        run.listeners.tell(Measured(run.step, values, clock.seconds(), speed))
        if run.due("evaluate"):
            with scoring(self.parts, run, "settle"):
                self.job.settle(self.config, self.parts, run)
            best = self._validate()
            self.save(best=best)
            self._stop_early()
        elif now - clock.saved > SAVE_SECONDS:
            self.save()
        clock.lapped = time.perf_counter()

    def _validate(self) -> bool:
        """Score the validation split, if there is one; True if the headline is the best so far."""
        run, headline = self.run, self.job.headline
        start = time.perf_counter()
        metrics = run.world.of_first(measure(self.job, self.config, self.parts, run, split="validation"))
        if not metrics:
            return False
        value = metrics[headline.name]
        best = self.best.see(value, step=run.step, headline=headline)
        for optim in optims_of(self.parts):
            optim.observe(value, higher=headline.higher)
        run.listeners.tell(Evaluated(run.step, "validation", metrics, time.perf_counter() - start, best))
        return best

    def _stop_early(self) -> None:
        patience = self.config.train.patience
        if patience is not None and self.best.waited >= patience and self.run.step < self.config.train.steps:
            raise Halt(f"{self.job.headline.name} has not improved for {patience} evaluations")

    def finish(self) -> dict[str, float]:
        """The test scores of the weights that the run keeps: its last, or its best on validation."""
        if self.config.train.keep == "best" and self.checkpoints and self.best.value is not None:
            state = self.checkpoints.load("best")
            assert state is not None, "an evaluation was saved"
            load_weights(self.parts, state, where=self.checkpoints.folder)
        start, run = time.perf_counter(), self.run
        metrics = run.world.of_first(measure(self.job, self.config, self.parts, run, split="test"))
        run.tell(Evaluated(run.step, "test", metrics, time.perf_counter() - start))
        return metrics


def prepare(parts: Any, run: Run) -> None:
    """Give built parts the arithmetic, the memory layout and the compilation that the plan has settled."""
    for module in modules_of(parts):
        module.eval()
        if run.plan.decisions.get("channels_last", {}).get("value"):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for optim in optims_of(parts):
                optim.lay_out()
        if run.train.compile:
            module.compile()
    run.use_precision(run.plan.decisions.get("precision", {}).get("value", "fp32"), optims_of(parts))


def measure(job: Job, config: Any, parts: Any, run: Run, *, split: Split) -> dict[str, float]:
    """The job's scores on a split. Changes nothing."""
    with scoring(parts, run, "evaluate"):
        return job.evaluate(config, parts, run, split)


@contextmanager
def scoring(parts: Any, run: Run, purpose: str) -> Iterator[None]:
    """Averaged weights, no gradients, and randomness of its own."""
    with ExitStack() as stack:
        for optim in optims_of(parts):
            stack.enter_context(optim.averaged())
        stack.enter_context(run.aside(purpose))
        stack.enter_context(torch.no_grad())
        yield


def _rates(parts: Any) -> dict[str, float]:
    """The learning rate and the last gradient norm of each optimizer."""
    values: dict[str, float] = {}
    for optim in optims_of(parts):
        prefix = optim.prefix
        values[f"{prefix}rate"] = max(group["lr"] for group in optim.torch.param_groups)
        if optim.norm is not None:
            values[f"{prefix}gradient_norm"] = optim.norm.item()
    return values


def _refuse_nonfinite(values: dict[str, float], run: Run) -> None:
    """Stop a run whose loss is no number any more; its last checkpoint is from before."""
    for name, value in values.items():
        if name.endswith("loss") and not abs(value) < float("inf"):
            raise _not_a_number(name, str(value), run)


def _not_a_number(name: str, got: str, run: Run) -> InputError:
    run.listeners.tell(Found(run.step, "GR-RUN-008", f"{name}: {got} at step {run.step}"))
    return InputError(
        "GR-RUN-008",
        where=f"step {run.step}",
        wanted=f"finite {name}",
        got=got,
        remedy="Lower --train.rate, set --train.optim.clip-norm 1, or use --train.precision fp32.",
    )


def _ended(run: Run) -> InputError:
    return InputError(
        "GR-RUN-016",
        where=f"step {run.step}",
        wanted="a stream that goes on as long as the run",
        got="one that ended",
        remedy="Let the job's stream begin again after its last batch, or give fewer --train.steps.",
    )
