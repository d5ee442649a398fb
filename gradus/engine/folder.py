"""The run folder: what is in it, how it is begun, opened and finished.

``config.json plan.json env.json journal.jsonl manifest.safetensors metrics.json report.html figures/
checkpoints/step-N/``
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gradus import __version__
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError
from gradus.core.facts import Found, Listeners, Saved
from gradus.core.files import naming, read_object, read_typed, without_nan, write_json
from gradus.data.manifest import MANIFEST
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.claim import HEADER, Claim, claimed, held, tidy
from gradus.engine.devices import World, environment, pick_device
from gradus.engine.job import Job, optims_of
from gradus.engine.journal import Journal, cut_journal, read_journal
from gradus.engine.loop import Training, prepare
from gradus.engine.plan import Plan
from gradus.engine.probes import settle
from gradus.engine.run import Run
from gradus.engine.state import fitting, load_weights, refuse_edited, refuse_other_plan

Watch = Callable[[Listeners], None]
RESULT = {  # of metrics.json, as far as it is read again
    **dict.fromkeys(("job", "recipe", "headline", "direction", "device", "precision"), str),
    **dict.fromkeys(("value", "baseline", "seconds"), float),
    **dict.fromkeys(("metrics", "baseline_metrics"), dict[str, float]),
    "steps": int,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A run, ready to be evaluated, asked or shown: averaged weights in place, nothing left to do."""

    job: Job
    config: Any
    parts: Any
    run: Run
    step: int
    damaged: tuple[str, ...] = ()
    """Checkpoints that were passed over, and why: these may not be the weights that the run should use."""


def begin(folder: Path, *, reference: str, recipe: str, config: Any) -> None:
    """Make a run folder that holds a config; UsageError if there is anything in it already."""
    check(config)
    with claimed(folder):
        _write_config(folder, reference=reference, recipe=recipe, config=config)


@contextmanager
def new_run(folder: Path, *, reference: str, recipe: str, config: Any) -> Iterator[Claim]:
    """``begin``, and the end of it: a run that failed before its first step is taken away again.

    Its data could not be read, say, or its model not be built: what it left would be of no use, and in the
    way of the next try. Whatever else is in the folder stays. One that was interrupted can be resumed.
    """
    check(config)
    with claimed(folder) as claim:
        try:
            _write_config(folder, reference=reference, recipe=recipe, config=config)
            yield claim
        except KeyboardInterrupt:
            if not (folder / "config.json").exists():
                claim.forget_untrained()
            raise
        except BaseException:
            claim.forget_untrained()
            raise
        claim.forget_untrained()  # where other processes train, a failure is no exception here


def _write_config(folder: Path, *, reference: str, recipe: str, config: Any) -> None:
    """What is there before anything is read: the config first, for with it a killed run can be resumed."""
    content = {"job": reference, "recipe": recipe, "gradus": __version__, "config": to_json(config)}
    write_json(folder / "config.json", content)
    write_json(folder / "env.json", environment())
    with naming(folder):
        (folder / "checkpoints").mkdir()


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
    content = read_object(folder / "config.json", *HEADER)
    for name in ("job", "recipe"):
        if not isinstance(content[name], str):
            raise InputError(
                "GR-RUN-003",
                where=f"{folder / 'config.json'}, {name}",
                wanted="a name",
                got=repr(content[name])[:80],
                remedy="Restore the file from a backup.",
            )
    return content


def read_result(folder: Path) -> dict[str, Any]:
    """What ``metrics.json`` of a finished run says; InputError where it is not as gradus writes it."""
    return read_typed(folder / "metrics.json", RESULT)


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
    claim: Claim | None = None,
    strict: bool = False,
) -> dict[str, Any]:
    """Train the run in ``folder`` from wherever it stands to its end; returns what ``metrics.json`` holds.

    With ``steps`` the end is another one, and ``config.json`` says so from the next checkpoint on. ``claim``
    says that the caller holds the folder already. ``strict`` refuses to go on from an older checkpoint than
    the last.
    """
    world = world or World()
    config = config_of(folder, job)
    if steps is not None:
        config = replace(config, train=replace(config.train, steps=steps))
    longer = None if steps is None else to_json(config)
    with ExitStack() as stack:
        if world.rank == 0 and claim is None:
            stack.enter_context(held(folder))
        checkpoints = Checkpoints(folder / "checkpoints")
        stack.callback(checkpoints.wait)  # the run is let go of when the last write is over
        training, told = _set_up(job, config, folder, checkpoints, world, strict=strict)
        if world.rank == 0:
            journal = _journal(training, folder, longer=longer, watch=watch)
            stack.callback(journal.close)
        for fact in told:
            training.run.tell(fact)
        _tell_damage(checkpoints.damaged, training.run)
        passed_over = len(checkpoints.damaged)
        training.train()
        metrics = training.finish()
        _tell_damage(checkpoints.damaged[passed_over:], training.run)
        if strict:
            refuse_damage(checkpoints.damaged, where=folder)
        result = _result(job, training.config, training, metrics)
        if world.rank == 0:
            write_json(folder / "metrics.json", without_nan(result))
        world.wait()
    return result


def _set_up(
    job: Job, config: Any, folder: Path, checkpoints: Checkpoints, world: World, *, strict: bool
) -> tuple[Training, list[Found]]:
    """A training with its plan and its first checkpoint on disk, and what is to be told of it."""
    device = pick_device(config.train.device)
    state = checkpoints.load()  # by every process before the first one saves anything
    if state is None and any(row["step"] for row in read_journal(folder / "journal.jsonl")):
        checkpoints.damaged.append("all checkpoints are missing, so the run begins again")
    if strict:
        refuse_damage(checkpoints.damaged, where=folder)
    if world.rank > 0:
        world.wait()  # what is timed is settled by one process for all
        plan = Plan.read(folder / "plan.json")
    else:
        tidy(folder)
        plan = _plan_of(folder, checkpoints)
    if state is not None:
        refuse_other_plan(state, plan, where=checkpoints.folder)
    told = _use_threads(plan)
    config = settle(job, config, plan, device=device)
    if world.rank == 0:
        plan.write(folder / "plan.json")
        world.wait()
    run = Run(config.train, device=device, plan=plan, folder=folder, world=world)
    recipe = header(folder)["recipe"]
    training = Training(job, config, run, checkpoints=checkpoints, state=state, recipe=recipe)
    told += _know_items(training, folder)
    if world.rank == 0:
        plan.write(folder / "plan.json")
    if not training.restored:
        training.save()  # what build did once (public weights read) is never done again
        checkpoints.wait()
    return training, told


def _journal(
    training: Training, folder: Path, *, longer: dict[str, Any] | None, watch: Watch | None
) -> Journal:
    """The journal of a run up to where it stands, which goes on; and whoever else listens."""
    listeners = training.run.listeners
    cut_journal(folder / "journal.jsonl", training.run.step)
    journal = Journal(folder / "journal.jsonl")
    journal.listen(listeners)
    if longer is not None:
        listeners.add(Saved, lambda fact: _extend(folder, longer))
    if watch:
        watch(listeners)
    return journal


def _use_threads(plan: Plan) -> list[Found]:
    """Compute with as many threads as the run began with: another number sums in another order."""
    here = torch.get_num_threads()
    threads = plan.decide("threads", here, "as torch found them; another number gives other bits")
    if threads == here:
        return []
    torch.set_num_threads(threads)
    said = f"The run goes on with the {threads} threads that it began with, not {here}"
    return [Found(0, "GR-RUN-021", f"{said}: another number gives other bits.")]


def _know_items(training: Training, folder: Path) -> list[Found]:
    """Keep which items each split of a new run has; of one that goes on, what has changed among them.

    Raises InputError where items that it needs are gone or others: it cannot go on as if nothing were.
    """
    job, run = training.job, training.run
    if job.items is None or (run.manifest is None and training.restored):
        return []
    items = job.items(training.config, training.parts)
    if run.manifest is None:
        if run.world.rank == 0:
            run.keep(items)
        return []
    found = run.manifest.found
    assert found is not None, "the items of a run that goes on are arranged"
    if found.lost("train", "validation", "test"):
        raise InputError(
            "GR-RUN-019",
            where=str(folder),
            wanted="the data that the run was begun with",
            got="; ".join(found.sentences()),
            remedy="Restore the data, or train anew on those of now.",
        )
    return [Found(run.step, "GR-RUN-019", f"{sentence}.") for sentence in found.sentences()]


def refuse_damage(sentences: Sequence[str], *, where: Path) -> None:
    """Raise InputError where checkpoints were passed over."""
    if sentences:
        raise InputError(
            "GR-RUN-006",
            where=str(where),
            wanted="the weights that the run should use, as --strict asks",
            got="; ".join(sentences),
            remedy="Restore the checkpoint from a backup, or leave --strict out to use another.",
        )


def open_run(
    job: Job, folder: Path, *, config: Any = None, which: str | None = None, own_data: bool = True
) -> Opened:
    """A run's parts with the weights that it kept, from its plan and a checkpoint; data are not read.

    ``own_data`` says whether those that ``config`` names are the data of the run, or others.
    """
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
    refuse_other_plan(state, plan, where=checkpoints.folder)
    device = pick_device(config.train.device)
    config = settle(job, config, plan, device=device)
    refuse_edited(state, config, where=checkpoints.folder)
    config = replace(config, train=replace(config.train, compile=False))
    run = Run(config.train, device=device, plan=plan, folder=folder, own_data=own_data)
    parts = job.build(config, run)
    prepare(parts, run)
    load_weights(parts, state, where=checkpoints.folder)
    for optim in optims_of(parts):
        optim.swap_average()
        optim.average = {}
    with fitting(checkpoints.folder, "run"):
        run.step = int(state["run"]["step"])
    return Opened(job, config, parts, run, run.step, tuple(checkpoints.damaged))


def _plan_of(folder: Path, checkpoints: Checkpoints) -> Plan:
    """The plan of a run. One that has saved anything must have it: what it decides is not decided twice.

    One that has not, nor a manifest, repeats another with its plan: it makes a manifest of its own.
    """
    if checkpoints.steps():
        read_object(folder / "plan.json")
    plan = Plan.read(folder / "plan.json")
    if not checkpoints.steps() and not (folder / MANIFEST).exists():
        plan.decisions.pop("items", None)
    return plan


def _extend(folder: Path, config: dict[str, Any]) -> None:
    """Let ``config.json`` hold the config of a longer run, which is no longer complete."""
    content = header(folder)
    if content["config"] != config:
        (folder / "metrics.json").unlink(missing_ok=True)
        write_json(folder / "config.json", content | {"config": config})


def _result(job: Job, config: Any, training: Training, metrics: dict[str, float]) -> dict[str, Any]:
    """The content of ``metrics.json``."""
    chance = metrics.get(job.headline.chance)
    with torch.no_grad():
        baseline = job.baseline(config, training.parts)
    return {
        "job": job.name,
        "recipe": training.recipe,
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
        run.listeners.tell(Found(run.step, "GR-RUN-006", f"{sentence} and was passed over."))
