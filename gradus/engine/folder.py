"""The run folder: what is in it, how it is begun, opened and finished.

``config.json plan.json env.json journal.jsonl metrics.json report.html figures/ checkpoints/step-N/``
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gradus import __version__
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError, UsageError
from gradus.core.facts import Found, Listeners, Saved
from gradus.core.files import made_folder, naming, read_object, write_json
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import World, environment, pick_device
from gradus.engine.job import Job, optims_of
from gradus.engine.journal import Journal, cut_journal, read_journal, without_nan
from gradus.engine.loop import Training, load_weights, prepare
from gradus.engine.plan import Plan
from gradus.engine.probes import settle
from gradus.engine.run import Run

Watch = Callable[[Listeners], None]
BEGUN_WITH = ("checkpoints", "config.json", "env.json", "journal.jsonl", "plan.json", ".lock")


@dataclass(frozen=True, slots=True)
class Opened:
    """A run, ready to be evaluated, asked or shown: averaged weights in place, nothing left to do."""

    job: Job
    config: Any
    parts: Any
    run: Run
    step: int


def begin(folder: Path, *, reference: str, recipe: str, config: Any) -> None:
    """Make a run folder that holds a config; UsageError if there is a run in it already."""
    check(config)
    _refuse_taken(folder)
    with naming(folder):
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    write_json(folder / "env.json", environment())
    settled = {"job": reference, "recipe": recipe, "gradus": __version__, "config": to_json(config)}
    write_json(folder / "config.json", settled)


@contextmanager
def new_run(folder: Path, *, reference: str, recipe: str, config: Any) -> Iterator[None]:
    """``begin``, and the end of it: a run that failed before its first step is taken away again.

    Its data could not be read, say, or its model not be built: what it left would be of no use, and in the
    way of the next try. Whatever else is in the folder stays.
    """
    with made_folder(folder):
        _refuse_taken(folder)
        try:
            begin(folder, reference=reference, recipe=recipe, config=config)
            yield
        except Exception:
            _forget_untrained(folder)
            raise
        _forget_untrained(folder)  # where other processes train, a failure is no exception here


def _refuse_taken(folder: Path) -> None:
    """Raise UsageError where there is a run, or checkpoints that a new one would go on from."""
    if (folder / "config.json").exists() or Checkpoints(folder / "checkpoints").steps():
        raise UsageError(
            "GR-RUN-009",
            where=f"--out {folder}",
            wanted="a folder without a run",
            got="a run",
            remedy=f"Go on with `gradus resume {folder}`, or give another --out.",
        )


def _forget_untrained(folder: Path) -> None:
    """Take away what ``new_run`` made, unless a checkpoint or the journal speaks of a step."""
    journal = read_journal(folder / "journal.jsonl")
    if any(Checkpoints(folder / "checkpoints").steps()) or any(row["step"] for row in journal):
        return
    with suppress(InputError), _alone(folder, World(), patience_seconds=0.0):  # never what another trains
        for name in BEGUN_WITH:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def header(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run; InputError where there is no run, or not all that one needs."""
    if not (folder / "config.json").is_file():
        raise InputError(
            "GR-RUN-010",
            where=str(folder),
            wanted="a run folder with a config.json",
            got="a folder without one" if folder.is_dir() else "no such folder",
            remedy="Give the path that `gradus train` printed.",
        )
    return read_object(folder / "config.json", "job", "recipe", "gradus", "config")


def config_of(folder: Path, job: Job) -> Any:
    """A run's config as its job's own dataclass; UsageError names a setting that cannot be."""
    content = header(folder)
    recipe = job.recipes.get(content["recipe"]) or next(iter(job.recipes.values()))
    config = from_json(type(recipe().config), content["config"], str(folder / "config.json"))
    check(config, f"{folder / 'config.json'}.")
    return config


def execute(
    job: Job,
    folder: Path,
    *,
    steps: int | None = None,
    world: World | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Train the run in ``folder`` from wherever it stands to its end; returns what ``metrics.json`` holds.

    With ``steps`` the end is another one, and ``config.json`` says so from the next checkpoint on.
    """
    world = world or World()
    config = config_of(folder, job)
    if steps is not None:
        config = replace(config, train=replace(config.train, steps=steps))
    longer = to_json(config)
    with _alone(folder, world), ExitStack() as stack:
        checkpoints = Checkpoints(folder / "checkpoints")
        stack.callback(checkpoints.wait)  # the run is let go of when the last write is over
        device = pick_device(config.train.device)
        if world.rank > 0:
            world.wait()  # what is timed is settled by one process for all
        plan = _plan_of(folder, checkpoints)
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
            if steps is not None:
                run.listeners.add(Saved, lambda fact: _extend(folder, longer))
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
    checkpoints = Checkpoints(folder / "checkpoints")
    plan = _plan_of(folder, checkpoints)
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
    load_weights(parts, state, where=checkpoints.folder)
    for optim in optims_of(parts):
        optim.swap_average()
        optim.average = {}
    run.step = state["run"]["step"]
    return Opened(job, config, parts, run, run.step)


def _plan_of(folder: Path, checkpoints: Checkpoints) -> Plan:
    """The plan of a run. One that has saved anything must have it: what it decides is not decided twice."""
    if checkpoints.steps():
        read_object(folder / "plan.json")
    return Plan.read(folder / "plan.json")


def _extend(folder: Path, config: dict[str, Any]) -> None:
    """Let ``config.json`` hold the config of a longer run, which is no longer complete."""
    content = header(folder)
    if content["config"] != config:
        (folder / "metrics.json").unlink(missing_ok=True)
        write_json(folder / "config.json", content | {"config": config})


def _result(
    job: Job, config: Any, training: Training, metrics: dict[str, float], *, recipe: str
) -> dict[str, Any]:
    """The content of ``metrics.json``."""
    chance = metrics.get(job.headline.chance)
    with torch.no_grad():
        baseline = job.baseline(config, training.parts)
    return {
        "job": job.name,
        "recipe": recipe,
        "headline": job.headline.name,
        "direction": "higher" if job.headline.higher else "lower",
        "value": metrics[job.headline.name],
        "baseline": baseline[job.headline.name],
        **({} if chance is None else {"chance": chance}),
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
def _alone(folder: Path, world: World, *, patience_seconds: float = 5.0) -> Iterator[None]:
    """Hold the run for this process: two that train one run would damage it."""
    if world.rank > 0:
        yield
        return
    with naming(folder):
        lock = (folder / ".lock").open("w")
    with lock:
        deadline = time.monotonic() + patience_seconds  # a killed run lets go at once, not instantly
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
