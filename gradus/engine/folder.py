"""The run folder: what is in it, how it is begun, opened and finished.

``config.json plan.json env.json journal.jsonl metrics.json report.html figures/ checkpoints/step-N/``
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gradus import __version__
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError, UsageError
from gradus.core.facts import Found, Listeners
from gradus.core.files import naming, read_json, write_json
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import World, environment, pick_device
from gradus.engine.job import Job, optims_of
from gradus.engine.journal import Journal, cut_journal, without_nan
from gradus.engine.loop import Training, load_weights, prepare
from gradus.engine.plan import Plan
from gradus.engine.probes import settle
from gradus.engine.run import Run

Watch = Callable[[Listeners], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A trained run, ready to be evaluated, asked or shown: averaged weights in place, nothing left to do."""

    job: Job
    config: Any
    parts: Any
    run: Run
    step: int


def begin(folder: Path, *, reference: str, recipe: str, config: Any) -> None:
    """Make a run folder that holds a config; UsageError if there is a run in it already."""
    check(config)
    if (folder / "config.json").exists():
        raise UsageError(
            "GR-RUN-009",
            where=f"--out {folder}",
            wanted="a folder without a run",
            got="a run",
            remedy=f"Go on with `gradus resume {folder}`, or give another --out.",
        )
    with naming(folder):
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    write_json(folder / "env.json", environment())
    settled = {"job": reference, "recipe": recipe, "gradus": __version__, "config": to_json(config)}
    write_json(folder / "config.json", settled)


def header(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run; InputError where there is no run."""
    if not (folder / "config.json").is_file():
        raise InputError(
            "GR-RUN-010",
            where=str(folder),
            wanted="a run folder with a config.json",
            got="a folder without one" if folder.is_dir() else "no such folder",
            remedy="Give the path that `gradus train` printed.",
        )
    content: dict[str, Any] = read_json(folder / "config.json")
    return content


def config_of(folder: Path, job: Job) -> Any:
    """A run's config as its job's own dataclass."""
    content = header(folder)
    recipe = job.recipes.get(content["recipe"]) or next(iter(job.recipes.values()))
    return from_json(type(recipe().config), content["config"], "config.json")


def execute(
    job: Job, folder: Path, *, world: World | None = None, watch: Watch | None = None
) -> dict[str, Any]:
    """Train the run in ``folder`` from wherever it stands to its end; returns what ``metrics.json`` holds."""
    world = world or World()
    config = config_of(folder, job)
    with _alone(folder, world), ExitStack() as stack:
        checkpoints = Checkpoints(folder / "checkpoints")
        stack.callback(checkpoints.wait)  # the run is let go of when the last write is over
        device = pick_device(config.train.device)
        if world.rank > 0:
            world.wait()  # what is timed is settled by one process for all
        plan = Plan.read(folder / "plan.json")
        config = settle(job, config, plan, device=device)
        if world.rank == 0:
            plan.write(folder / "plan.json")
            world.wait()
        run = Run(config.train, device=device, plan=plan, folder=folder, world=world)
        recipe = header(folder)["recipe"]
        training = Training(job, config, run, checkpoints=checkpoints, recipe=recipe)
        if not training.restored:
            training.save()  # what build did once (public weights read) is never done again
            checkpoints.wait()
        if world.rank == 0:
            plan.write(folder / "plan.json")
            cut_journal(folder / "journal.jsonl", run.step)
            journal = Journal(folder / "journal.jsonl")
            stack.callback(journal.close)
            journal.listen(run.listeners)
            if watch:
                watch(run.listeners)
        _tell_damage(checkpoints.damaged, run)
        passed_over = len(checkpoints.damaged)
        training.train()
        metrics = training.finish()
        _tell_damage(checkpoints.damaged[passed_over:], run)
        result = _result(job, config, training, metrics, recipe=recipe)
        if world.rank == 0:
            write_json(folder / "metrics.json", without_nan(result))
        world.wait()
    return result


def open_run(job: Job, folder: Path, *, config: Any = None, which: str | None = None) -> Opened:
    """A run's parts with the weights that it kept, from its plan and a checkpoint; data are not read."""
    config = config or config_of(folder, job)
    plan = Plan.read(folder / "plan.json")
    checkpoints = Checkpoints(folder / "checkpoints")
    state = checkpoints.load(which or config.train.keep)
    if state is None:
        raise InputError(
            "GR-RUN-011",
            where=str(folder),
            wanted="a run with a checkpoint",
            got="a run that was stopped before its first one",
            remedy=f"Go on with `gradus resume {folder}`.",
        )
    config = settle(job, config, plan, device=pick_device(config.train.device))
    config = replace(config, train=replace(config.train, compile=False))
    run = Run(config.train, device=pick_device(config.train.device), plan=plan, folder=folder)
    parts = job.build(config, run)
    prepare(parts, run)
    load_weights(parts, state)
    for optim in optims_of(parts):
        optim.swap_average()
        optim.average = {}
    run.step = state["run"]["step"]
    return Opened(job, config, parts, run, run.step)


def _result(
    job: Job, config: Any, training: Training, metrics: dict[str, float], *, recipe: str
) -> dict[str, Any]:
    """The content of ``metrics.json``."""
    with torch.no_grad():
        baseline = job.baseline(config, training.parts)
    return {
        "job": job.name,
        "recipe": recipe,
        "headline": job.headline.name,
        "direction": "higher" if job.headline.higher else "lower",
        "value": metrics[job.headline.name],
        "baseline": baseline[job.headline.name],
        "metrics": metrics,
        "baseline_metrics": baseline,
        "seconds": round(training.clock.seconds(), 2),
        "steps": training.run.step,
        "device": training.run.device.type,
        "precision": training.run.precision,
        "doctor": {"verdict": "not watched"},
    }


def _tell_damage(sentences: list[str], run: Run) -> None:
    for sentence in sentences:
        run.listeners.tell(Found(run.step, "GR-RUN-006", sentence))


@contextmanager
def _alone(folder: Path, world: World) -> Iterator[None]:
    """Hold the run for this process: two that train one run would damage it."""
    if world.rank > 0:
        yield
        return
    with naming(folder):
        lock = (folder / ".lock").open("w")
    with lock:
        deadline = time.monotonic() + 5.0  # a run that was just killed lets go at once, not instantly
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        "GR-RUN-012",
                        where=str(folder),
                        wanted="a run that nothing else is training",
                        got="one that another process holds",
                        remedy="Wait for that process to end, or stop it.",
                    ) from None
                time.sleep(0.05)
        yield
