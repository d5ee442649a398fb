"""Numbers that are measured and not given: precision, learning rate, batch size.

Each probe trains scratch copies, built anew from the config and thrown away: the run itself is never touched,
so there is nothing to roll back. Sources: range test (Smith 2017, arXiv 1506.01186, section 3.3).
"""

import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from gradus.core.errors import GradusError, UsageError
from gradus.engine.job import Job, modules_of, optims_of
from gradus.engine.loop import Learning, prepare
from gradus.engine.plan import Plan
from gradus.engine.run import Batch, Run, out_of_memory, rows_of
from gradus.engine.schedules import Constant

Layouts = list[tuple[str, bool]]
FASTER = 1.15  # a change of arithmetic must pay: within this ratio the plain choice stays
RANGE_STEPS = 100
CALM_STEPS = 10  # at the smallest rates nothing is learnt: these steps show how much the loss scatters
RANGE = (1e-6, 1.0)
TOO_LARGE = ("GR-DATA-040", "GR-RUN-004")  # fewer items than a batch; no memory for one that cannot be split


def settle(job: Job, config: Any, plan: Plan, *, device: torch.device) -> Any:
    """The config with every ``auto`` replaced by a number, decided once and kept in the plan."""
    train = config.train
    probed = replace(config, train=replace(train, compile=False))
    if train.batch == "auto":
        batch, reason = _decided(plan, "batch") or find_batch(job, probed, device)
        train = replace(train, batch=plan.decide("batch", batch, reason))
    if train.rate == "auto":
        rate, reason = _decided(plan, "rate") or range_test(
            job, replace(probed, train=replace(train, compile=False)), device
        )
        train = replace(train, rate=plan.decide("rate", rate, reason))
    if train.precision == "auto":
        known = _decided(plan, "precision")
        (precision, channels_last), reason = (
            ((known[0], plan.decisions["channels_last"]["value"]), known[1])
            if known
            else probe_precision(job, replace(probed, train=replace(train, compile=False)), device)
        )
        plan.decide("precision", precision, reason)
        plan.decide("channels_last", channels_last, reason)
    else:
        plan.decide("precision", train.precision, "given")
        half = train.precision != "fp32"
        plan.decide(
            "channels_last", half, "half precision convolves fastest with channels last" if half else "given"
        )
    return replace(config, train=train)


def _decided(plan: Plan, name: str) -> tuple[Any, str] | None:
    known = plan.decisions.get(name)
    return (known["value"], known["reason"]) if known else None


class Scratch:
    """A copy of a run that takes steps for a measurement and is thrown away."""

    def __init__(self, job: Job, config: Any, device: torch.device, plan: Plan | None = None) -> None:
        self.job, self.config = job, config
        self.run = Run(config.train, device=device, plan=plan)
        self.parts = job.build(config, self.run)
        prepare(self.parts, self.run)
        self.batches = job.stream(config, self.parts, self.run)
        self.learning = Learning(optims_of(self.parts), self.run)

    def step(self) -> int:
        """Take one step; returns how many items it took in."""
        batch = next(self.batches)
        with self.learning:
            self.job.step(self.config, self.parts, batch, self.run)
        self.run.step += 1
        return rows_of(batch)

    def seconds(self) -> float:
        """How long one step takes now."""
        start = time.perf_counter()
        self.step()
        if self.run.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def first_batch(job: Job, config: Any) -> Batch:
    """The batch that training would begin with, from a copy built on the CPU; raises what it would raise."""
    with _fixed_rate(config.train) as train:
        batch = 1 if train.batch == "auto" else train.batch
        plain = replace(train, batch=batch, device="cpu", precision="fp32", compile=False)
        return next(Scratch(job, replace(config, train=plain), torch.device("cpu")).batches)


@contextmanager
def _fixed_rate(train: Any) -> Iterator[Any]:
    """Settings for a probe: an automatic rate stands for a small one, and no schedule moves it."""
    rate = 1e-4 if train.rate == "auto" else train.rate
    yield replace(train, rate=rate, schedule=Constant(), warmup=0, steps=10**9)


def probe_precision(job: Job, config: Any, device: torch.device) -> tuple[tuple[str, bool], str]:
    """The fastest of fp32, fp32 with channels last and bf16 with channels last, timed in turn."""
    layouts: Layouts = [("fp32", False)]
    with _fixed_rate(config.train) as train:
        fixed = replace(config, train=train)
        first = Scratch(job, fixed, device)
        if any(p.ndim == 4 for module in modules_of(first.parts) for p in module.parameters()):
            layouts.append(("fp32", True))
        layouts.append(("bf16", True))
        first.seconds()  # the first step allocates and picks kernels
        scratches, failed = {layouts[0]: first}, ""
        for layout in layouts[1:]:
            try:
                scratch = Scratch(job, fixed, device, _plan_of(*layout))
                scratch.seconds()
                scratches[layout] = scratch
            except RuntimeError as error:  # an operation without a kernel for it
                failed += f"; {_layout_name(*layout)} fails: {str(error).splitlines()[0][:100]}"
        rounds = [[scratch.seconds() for scratch in scratches.values()] for _ in range(5)]
    medians = dict(zip(scratches, map(statistics.median, zip(*rounds, strict=True)), strict=True))
    fastest = min(medians, key=medians.__getitem__)
    chosen = fastest if medians[layouts[0]] / medians[fastest] > FASTER else layouts[0]
    timed = ", ".join(f"{_layout_name(*layout)} {1e3 * t:.2f}" for layout, t in medians.items())
    reason = f"milliseconds a step, median of 5: {timed}; a change must be {FASTER} times faster{failed}"
    return chosen, reason


def _plan_of(precision: str, channels_last: bool) -> Plan:
    plan = Plan()
    plan.decide("precision", precision, "probe")
    plan.decide("channels_last", channels_last, "probe")
    return plan


def _layout_name(precision: str, channels_last: bool) -> str:
    return f"{precision} with channels last" if channels_last else precision


def range_test(job: Job, config: Any, device: torch.device) -> tuple[float, str]:
    """A learning rate from a range test: a tenth of the rate at which the smoothed loss was lowest.

    The rate rises geometrically from 1e-6 to 1 in 100 steps; the answer is one of the rates that ran. A fall
    and a climb count where they are larger than the scatter of the first ten steps.
    """
    with _fixed_rate(config.train) as train:
        scratch = Scratch(job, replace(config, train=train), device)
    rates: list[float] = []
    losses: list[float] = []
    smooth = 0.0
    for place in range(RANGE_STEPS):
        rate = RANGE[0] * (RANGE[1] / RANGE[0]) ** (place / (RANGE_STEPS - 1))
        for optim in optims_of(scratch.parts):
            optim.rate = rate * optim.config.rate_scale
        scratch.step()
        values = scratch.run.drain()
        name = next((n for n in values if n.endswith("loss")), None)
        if name is None:
            continue  # a batch with nothing to learn from
        if not math.isfinite(values[name]):
            break
        smooth = 0.8 * smooth + 0.2 * values[name]
        rates.append(rate)
        losses.append(smooth / (1 - 0.8 ** (len(losses) + 1)))
        calm, low = losses[:CALM_STEPS], min(losses[CALM_STEPS - 1 :], default=losses[-1])
        scatter = max(calm) - min(calm)
        if len(losses) > CALM_STEPS and losses[-1] - low > 2 * (calm[-1] - low) + 3 * scatter + 1e-6:
            break  # it has climbed well above where it began, and not by chance
    if len(losses) < CALM_STEPS or calm[-1] - low <= scatter / 2:
        raise UsageError(
            "GR-CONFIG-005",
            where="--train.rate auto",
            wanted="a loss that falls at some learning rate",
            got=f"no fall between {RANGE[0]:g} and {rates[-1] if rates else RANGE[0]:g}",
            remedy="Give --train.rate a number.",
        )
    lowest = losses.index(low, CALM_STEPS - 1)
    chosen = max((r for r in rates[: lowest + 1] if r <= rates[lowest] / 10), default=rates[0])
    return (
        chosen,
        f"range test: loss fell from {calm[-1]:.3g} to {low:.3g} at {rates[lowest]:.2g}",
    )


def _is_too_large(error: Exception) -> bool:
    """Whether a batch failed for its size: too little memory, or too few data."""
    return out_of_memory(error) or (isinstance(error, GradusError) and error.code in TOO_LARGE)


def find_batch(job: Job, config: Any, device: torch.device) -> tuple[int, str]:
    """The smallest batch within a tenth of the best items a second, among powers of two that ran.

    Sizes stop at what memory holds, and where the data end: a batch that comes back smaller than asked did
    not run.
    """
    speeds: dict[int, float] = {}
    size = 8
    with _fixed_rate(config.train) as train:
        while size <= 4096:
            try:
                scratch = Scratch(job, replace(config, train=replace(train, batch=size)), device)
                if (
                    min(scratch.step(), scratch.step()) < size
                    or scratch.run.micro_batches > train.micro_batches
                ):
                    break
                seconds = statistics.median(scratch.seconds() for _ in range(3))
            except (GradusError, MemoryError, RuntimeError) as error:
                if not _is_too_large(error):
                    raise
                break
            speeds[size] = size / seconds
            if speeds[size] < 0.8 * max(speeds.values()) or seconds > 5.0:
                break
            size *= 2
    if not speeds:
        raise UsageError(
            "GR-CONFIG-006",
            where="--train.batch auto",
            wanted="data for a batch of 8",
            got="fewer, or no memory for them",
            remedy="Give --train.batch a number.",
        )
    chosen = next(size for size, speed in speeds.items() if speed >= 0.9 * max(speeds.values()))
    timed = ", ".join(f"{size}: {speed:.0f}" for size, speed in speeds.items())
    return chosen, f"items a second by batch size: {timed}"
