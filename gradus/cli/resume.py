"""gradus resume: go on exactly where a run was stopped, or extend a finished one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import carry_out, naming_interrupted, print_result
from gradus.cli.main import complain
from gradus.cli.processes import spread
from gradus.core.configs import Count, check
from gradus.core.errors import UsageError
from gradus.engine import folder
from gradus.engine.devices import joined_world
from gradus.jobs import job_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainArguments:
    """What may change when a run goes on."""

    steps: int | None = None
    """A new last step, beyond the old one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Go on exactly where a run was stopped; with --train.steps, extend it."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run folder that `gradus train` printed."""
    devices: Count = 1
    """Processes that share every batch (torchrun)."""
    job: str | None = None
    """The folder or module of the job, where the run is of a job of your own."""
    strict: bool = False
    """Refuse a run whose newest (or best) checkpoint is damaged, instead of using another and saying so."""
    train: TrainArguments = TrainArguments()


def run(given: list[str]) -> int:
    """Resume; exit status 0 when the run is complete, also if it was before."""
    asked = arguments.parse(Arguments, given, verb="resume")
    check(asked)
    out, steps = asked.folder, asked.train.steps
    job = job_of(out, asked.job)
    planned = folder.config_of(out, job).train.steps
    if steps is not None and steps <= planned:
        raise UsageError(
            "GR-RUN-013",
            where="--train.steps",
            wanted=f"more than the run's {planned} steps",
            got=str(steps),
            remedy="Give a larger number, or train anew.",
        )
    if steps is None and (out / "metrics.json").exists() and (out / "report.html").exists():
        print_result(folder.read_result(out))
        print(f"\nrun {out} is complete; extend it with --train.steps N")  # early stopping ends a run as well
        return 0
    with joined_world(complain) as world:
        if asked.devices == 1 or world.size > 1:
            return carry_out(job, out, world, steps=steps, strict=asked.strict)
    extended = [] if steps is None else ["--train.steps", str(steps)]
    named = [] if asked.job is None else ["--job", asked.job]
    strict = ["--strict"] if asked.strict else []
    with naming_interrupted(out):
        return spread(asked.devices, ["resume", str(out), *extended, *named, *strict], run=out)
