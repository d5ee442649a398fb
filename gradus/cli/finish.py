"""Carrying a run out and telling its end: scores beside the baseline, the report, what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradus.cli.progress import following
from gradus.core.errors import InputError
from gradus.engine import folder
from gradus.engine.devices import World, leave_world
from gradus.engine.job import Job
from gradus.engine.run import out_of_memory
from gradus.ship.report import write_report


def carry_out(job: Job, out: Path, world: World, *, steps: int | None = None) -> int:
    """Train the run in ``out`` to its end, or to another one, score it, report it; exit status 0."""
    if world.rank > 0:
        folder.execute(job, out, steps=steps, world=world)
        leave_world()
        return 0
    print(f"run {out}", flush=True)
    with following(job.headline) as line, enough_memory(out):
        result = folder.execute(job, out, steps=steps, world=world, watch=line.listen)
    leave_world()
    report = report_of(job, out)
    print_result(result)
    print(f"\nreport    {report}")
    print(f"predict   gradus predict {out} INPUT...")
    print(f"go on     gradus resume {out} --train.steps {2 * result['steps']}")
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


def report_of(job: Job, out: Path) -> Path:
    """Write the report of a run, with the panels that its job adds."""
    opened = folder.open_run(job, out)
    return write_report(out, panels=job.panels(opened.config, opened.parts, opened.run))


def print_result(result: dict[str, Any]) -> None:
    """Scores on the test split, each beside the baseline's where it has one."""
    baseline = result["baseline_metrics"]
    width = max(len(name) for name in result["metrics"])
    print(f"\n{'on the test split'.ljust(width)}      run  baseline")
    for name, value in result["metrics"].items():
        beside = _shown(baseline[name]) if name in baseline else ""
        mark = "  (headline)" if name == result["headline"] else ""
        print(f"{name.ljust(width)} {_shown(value)} {beside}{mark}".rstrip())


def _shown(value: float | None) -> str:
    """Four digits; a score that is no number is null in metrics.json."""
    return f"{'undefined' if value is None else format(value, '.4f'):>9}"
