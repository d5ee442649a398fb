"""gradus data: the sets that gradus knows, fetching them, and a look at one's own data."""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from gradus.cli import arguments
from gradus.cli.main import printable
from gradus.cli.recipes import OWN_DATA, choose, explain
from gradus.core.configs import nearest
from gradus.core.errors import InputError, UsageError
from gradus.data.fetch import fetch
from gradus.data.source_table import SOURCES
from gradus.data.sources import cache_folder, locate, source_named
from gradus.engine.job import Panel
from gradus.engine.probes import first_batch

MOST_ROWS = 20  # of a table; what is wrong in one way is often wrong a thousand times


@dataclass(frozen=True, kw_only=True, slots=True)
class ListArguments:
    """List the public data sets that gradus knows, and where each is on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchArguments:
    """Download a data set into the user's cache, verified; a stopped download goes on."""

    name: Annotated[str, tyro.conf.Positional]
    """A name from `gradus data list`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckArguments:
    """Look at data as training would read them: what is there, what is wrong, and the settings that help.

    It takes the settings of the recipe, as `gradus train` does. Exit status 0: training can read the data.
    """

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="JOB[/RECIPE]")]
    """The job that the data are for, and the recipe if not the one called folder."""
    data: str | None = None
    """Your own data: a file or folder in the layout that the recipe reads."""
    skip_bad: bool = False
    """Ask whether training would begin without the items that cannot be read; all are listed either way."""


def run(given: list[str]) -> int:
    """List, fetch or check."""
    actions = {"list": show, "fetch": download, "check": look}
    action = given[0] if given else "--help"
    if action in arguments.HELP:
        print("usage: gradus data list | fetch NAME | check JOB[/RECIPE] --data PATH")
        return 0
    if action not in actions:
        raise UsageError(
            "GR-CLI-001",
            where="gradus data",
            wanted="list, fetch or check",
            got=repr(action),
            remedy=nearest(action, list(actions)),
        )
    return actions[action](given[1:])


def show(given: list[str]) -> int:
    """Print the table of sources."""
    arguments.parse(ListArguments, given, verb="data list")
    table = Table(box=None, header_style="bold")
    for column in ("name", "what", "licence", "here"):
        table.add_column(column, overflow="fold")
    for name, source in SOURCES.items():
        table.add_row(name, source.title, source.licence, _place(name))
    Console().print(table)
    return 0


def _place(name: str) -> str:
    """Where a set is on this machine."""
    if not SOURCES[name].files:
        return "installed"
    try:
        return str(locate(name))
    except InputError:
        return f"no: gradus data fetch {name}" if all(f.url for f in SOURCES[name].files) else "no"


def download(given: list[str]) -> int:
    """Fetch one source, with a bar for each file."""
    asked = arguments.parse(FetchArguments, given, verb="data fetch")
    source = source_named(asked.name)
    place = cache_folder() / source.name
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress:
        tasks = {file.name: progress.add_task(file.name, total=file.num_bytes) for file in source.files}
        fetch(
            source,
            place,
            progress=lambda name, done, total: progress.update(tasks[name], completed=done),
        )
    print(place)
    return 0


def look(given: list[str]) -> int:
    """Print what the job finds in the data, then raise what training would stop with, if it would."""
    if arguments.wants_help(given):
        return explain(CheckArguments, given, verb="data check", default=OWN_DATA)
    asked, rest = arguments.parse_some(CheckArguments, given, verb="data check")
    chosen = choose(
        asked.target, rest, data=asked.data, skip_bad=asked.skip_bad, verb="data check", default=OWN_DATA
    )
    job, config = chosen.job, chosen.config
    if job.examine is None:
        raise UsageError(
            "GR-CLI-006",
            where=f"gradus data check {asked.target}",
            wanted="a job that examines data from a path",
            got="one that makes its own",
            remedy="Choose another job (`gradus jobs`).",
        )
    for panel in job.examine(config):
        _print(panel)
    sys.stdout.flush()  # what follows may be an error
    first_batch(job, config)
    print("Training: it can read these data with these settings.")
    return 0


def _print(panel: Panel) -> None:
    """A panel's sentence, and its table."""
    print(printable(f"{panel.title}: {panel.sentence}", most=2000))
    if panel.rows:
        table = Table(box=None, header_style="bold")
        for column in panel.columns:
            table.add_column(column, overflow="fold")
        for row in panel.rows[:MOST_ROWS]:
            table.add_row(*(printable(str(cell)) for cell in row))
        Console().print(table)
        if len(panel.rows) > MOST_ROWS:
            print(f"and {len(panel.rows) - MOST_ROWS:,} more")
