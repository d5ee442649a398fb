"""Carrying a run out and telling its end: scores beside the baseline, the report, what to do next."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from signal import SIGINT
from typing import Any

from gradus.cli.main import printable
from gradus.cli.progress import following
from gradus.core.errors import InputError
from gradus.core.files import read_object
from gradus.engine import folder
from gradus.engine.claim import Claim
from gradus.engine.devices import World
from gradus.engine.job import Job
from gradus.engine.run import out_of_memory
from gradus.engine.signals import Interrupted
from gradus.jobs import TABLE, job_of
from gradus.ship.report import SIGNIFICANT, write_report

MOST_NOTES = 5  # plan.json and the report have all


def carry_out(
    job: Job,
    out: Path,
    world: World,
    *,
    steps: int | None = None,
    claim: Claim | None = None,
    strict: bool = False,
) -> int:
    """Train the run in ``out`` to its end, or to another one, score it, report it; exit status 0."""
    if world.rank > 0:
        folder.execute(job, out, steps=steps, world=world, strict=strict)
        return 0
    print(f"run {out}\nreading the data and timing what the plan leaves open", flush=True)
    with following(job.headline) as line, enough_memory(out), naming_interrupted(out):
        result = folder.execute(
            job, out, steps=steps, world=world, watch=line.listen, claim=claim, strict=strict
        )
    report = report_of(folder.open_run(job, out), out)
    print_result(result)
    print_judgement(job, out, result)
    print(f"\nreport    {report}")
    own = naming_job(out)
    print(f"predict   gradus predict {out} INPUT...{own}")
    print(f"go on     gradus resume {out} --train.steps {2 * result['steps']}{own}")
    print(f"run {out}")
    return 0


@contextmanager
def enough_memory(out: Path) -> Iterator[None]:
    """Turn running out of memory into an InputError: outside of a step no smaller pieces help."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise InputError(
            "GR-RUN-004",
            where=str(out),
            wanted="memory for the model, its data and its scores",
            got=str(error).partition("\n")[0][:200],
            remedy="Give a smaller model or --data.side, fewer pictures, or a device with more memory.",
        ) from error


@contextmanager
def naming_interrupted(out: Path) -> Iterator[None]:
    """Let an interruption say how the run is gone on with."""
    try:
        yield
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, Interrupted) else SIGINT
        said = str(stop) or "interrupted"
        raise Interrupted(number, f"{said}; go on with `gradus resume {out}{naming_job(out)}`") from stop


def naming_job(out: Path) -> str:
    """The option that opens a run of a job that is none of gradus; nothing for one of ours."""
    reference = folder.header(out)["job"]
    return "" if reference in (*TABLE, *TABLE.values()) else f" --job {quote(reference)}"


def open_named(
    out: Path, *, job: str | None, strict: bool, config: Any = None, own_data: bool = True
) -> folder.Opened:
    """A run for a verb that asks something of it; what should be known of its weights goes to standard error.

    InputError with ``strict`` where the weights that it should use are damaged.
    """
    opened = folder.open_run(job_of(out, job), out, config=config, own_data=own_data)
    if strict:
        folder.refuse_damage(opened.damaged, where=out)
    for sentence in opened.damaged:
        print(f"note GR-RUN-006: {printable(sentence)}; step {opened.step} is used", file=sys.stderr)
    warn_if_unfinished(opened)
    return opened


def warn_if_unfinished(opened: folder.Opened) -> None:
    """Say on standard error that a run was stopped before its end, whatever is asked of it."""
    run = opened.run.folder
    if run is not None and not (run / "metrics.json").exists():
        steps = f"step {opened.step} of {opened.config.train.steps}"
        print(f"note: {run} is not finished; these are the weights of {steps}", file=sys.stderr)


def report_of(opened: folder.Opened, out: Path) -> Path:
    """Write the report of a run, with the panels that its job adds."""
    panels = opened.job.panels(opened.config, opened.parts, opened.run)
    tell_changes(opened)
    return write_report(out, panels=panels)


def tell_changes(opened: folder.Opened) -> None:
    """Say on standard error how the data of a run have changed, once they have been read."""
    manifest = opened.run.manifest
    for sentence in manifest.found.sentences() if manifest and manifest.found else ():
        print(f"note GR-RUN-019: {printable(sentence)}", file=sys.stderr)


def print_result(result: dict[str, Any]) -> None:
    """Scores on the test split, each beside the baseline's where it has one."""
    baseline = result["baseline_metrics"]
    width = max((len(name) for name in result["metrics"]), default=0)
    print(f"\n{'on the test split'.ljust(width)}      run  baseline")
    for name, value in result["metrics"].items():
        beside = _shown(baseline[name]) if name in baseline else ""
        mark = "  (headline)" if name == result["headline"] else ""
        print(f"{name.ljust(width)} {_shown(value)} {beside}{mark}".rstrip())


def print_judgement(job: Job, out: Path, result: dict[str, Any]) -> None:
    """What the baseline is and whether the run beat it, what its recipe expects, and what was left out."""
    headline, value, naive = job.headline, result["value"], result["baseline"]
    print(f"\nbaseline  {(job.baseline.__doc__ or 'the naive answer').partition(chr(10))[0]}")
    if value is None or (naive is not None and not headline.better(value, naive)):
        advice = "" if value == naive else ": do not use this model"
        print(f"note      {headline.name} is no better than the baseline's{advice}")
    elif not result.get("chance", 0.0) < SIGNIFICANT:
        print(f"note      the difference to the baseline may well be chance (p = {result['chance']:.2g})")
    if result["recipe"] in job.recipes:
        recipe = job.recipes[result["recipe"]]()
        bound, sign = recipe.expect.value, "at least" if headline.higher else "at most"
        is_as_written = folder.config_of(out, job) == recipe.config
        if is_as_written:
            met = value is not None and (value == bound or headline.better(value, bound))
            print(f"expected  {headline.name} {sign} {bound:g}: {'reached' if met else 'missed'}")
    decisions = read_object(out / "plan.json")
    measured = decisions.get("data", {}).get("value")
    notes = measured.get("notes", []) if isinstance(measured, dict) else []
    for note in notes[:MOST_NOTES]:
        print(f"data      {note}")
    skipped = measured.get("skipped", []) if isinstance(measured, dict) else []
    if skipped:
        print(f"left out  {len(skipped)} bad items, listed in {out / 'plan.json'} under data, skipped")


def _shown(value: float | None) -> str:
    """Four digits; a score that is no number is null in metrics.json."""
    return f"{'undefined' if value is None else format(value, '.4f'):>9}"
