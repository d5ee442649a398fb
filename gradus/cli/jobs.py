"""gradus jobs: what there is to train, and what each recipe should reach."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from gradus.cli import arguments
from gradus.jobs import TABLE, find


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """List jobs, their recipes, and what each recipe expects."""


def run(given: list[str]) -> int:
    """Print the table of jobs and recipes."""
    arguments.parse(Arguments, given, verb="jobs")
    table = Table(box=None, header_style="bold")
    for column in ("train as", "headline", "expects", "within", "what it is"):
        table.add_column(column, overflow="fold")
    for name in TABLE:
        job = find(name)
        for place, (recipe, make) in enumerate(job.recipes.items()):
            expect = make().expect
            sign = "at least" if job.headline.higher else "at most"
            target = f"{name}/{recipe}" + (" (default)" if place == 0 else "")
            summary = (make.__doc__ or "").split("\n")[0]
            table.add_row(
                target, job.headline.name, f"{sign} {expect.value:g}", f"{expect.minutes:g} min", summary
            )
    Console().print(table)
    return 0
