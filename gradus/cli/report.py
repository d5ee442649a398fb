"""gradus report: write the report of a run again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import open_named, report_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Write report.html of a run again, from its journal, scores and weights."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run folder that `gradus train` printed."""
    job: str | None = None
    """The folder or module of the job, where the run is of a job of your own."""
    strict: bool = False
    """Refuse a run whose newest (or best) checkpoint is damaged, instead of using another and saying so."""


def run(given: list[str]) -> int:
    """Write the report and print its path."""
    asked = arguments.parse(Arguments, given, verb="report")
    opened = open_named(asked.folder, job=asked.job, strict=asked.strict)
    print(report_of(opened, asked.folder))
    return 0
