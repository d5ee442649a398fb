"""gradus check: hold a job to the contract."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.engine.contract import CHECKS, examine
from gradus.jobs import find


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Hold a job to the contract, on its smallest recipe."""

    job: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="JOB")]
    """A job of ours, the folder of your own, or a module that exports JOB."""


def run(given: list[str]) -> int:
    """Print a line a check; exit status 1 if the job breaks one."""
    asked = arguments.parse(Arguments, given, verb="check")
    width = max(map(len, CHECKS))
    broken = 0
    for outcome in examine(find(asked.job)):
        broken += not outcome.passed
        mark = "holds " if outcome.passed else "BROKEN"
        print(
            f"{mark}  {outcome.name.ljust(width)}  {outcome.seconds:5.1f} s  {outcome.sentence}", flush=True
        )
    print(f"{len(CHECKS) - broken} of {len(CHECKS)} checks hold")
    return 1 if broken else 0
