"""gradus report: write the report of a run again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import report_of
from gradus.jobs import job_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Write report.html of a run again, from its journal, scores and weights."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run folder that `gradus train` printed."""


def run(given: list[str]) -> int:
    """Write the report and print its path."""
    asked = arguments.parse(Arguments, given, verb="report")
    print(report_of(job_of(asked.folder), asked.folder))
    return 0
