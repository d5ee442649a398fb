"""gradus resume: go on exactly where a run was stopped, or extend a finished one."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import carry_out, print_result
from gradus.cli.processes import spread
from gradus.core.configs import to_json
from gradus.core.errors import UsageError
from gradus.core.files import read_json, write_json
from gradus.engine import folder
from gradus.engine.devices import join_world
from gradus.engine.job import Job
from gradus.jobs import find


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
    devices: int = 1
    """Processes that share every batch (torchrun)."""
    train: TrainArguments = TrainArguments()


def run(given: list[str]) -> int:
    """Resume; exit status 0 when the run is complete, also if it was before."""
    asked = arguments.parse(Arguments, given, verb="resume")
    out = asked.folder
    job = find(folder.header(out)["job"])
    world = join_world()
    if asked.train.steps is not None and world.rank == 0:
        extend(job, out, asked.train.steps)
    world.wait()
    if asked.devices > 1 and world.size == 1:
        return spread(asked.devices, ["resume", str(out)])
    if (out / "metrics.json").exists() and (
        out / "report.html"
    ).exists():  # early stopping ends a run as well
        print_result(read_json(out / "metrics.json"))
        print(f"\nrun {out} is complete; extend it with --train.steps N")
        return 0
    return carry_out(job, out, world)


def extend(job: Job, out: Path, steps: int) -> None:
    """Give the run a later last step; UsageError if it is not later."""
    config = folder.config_of(out, job)
    if steps <= config.train.steps:
        raise UsageError(
            "GR-RUN-013",
            where="--train.steps",
            wanted=f"more than the run's {config.train.steps} steps",
            got=str(steps),
            remedy="Give a larger number, or train anew.",
        )
    longer = replace(config, train=replace(config.train, steps=steps))
    write_json(out / "config.json", folder.header(out) | {"config": to_json(longer)})
    (out / "metrics.json").unlink(missing_ok=True)  # the run is no longer complete
