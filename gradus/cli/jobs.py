"""gradus jobs: what there is to train, and what each recipe should reach."""

from dataclasses import dataclass

from gradus.cli import arguments
from gradus.engine.job import scored_for
from gradus.jobs import TABLE, find


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """List jobs, their recipes, and what each recipe expects."""


def run(given: list[str]) -> int:
    """Print each job with a line a recipe."""
    arguments.parse(Arguments, given, verb="jobs")
    for name in TABLE:
        job = find(name)
        print(f"{name}: headline {job.headline.name}")
        width = max(map(len, job.recipes))
        for recipe, make in job.recipes.items():
            expect, headline = make().expect, scored_for(job, recipe).headline
            summary = (make.__doc__ or "").split("\n")[0]
            sign = "at least" if headline.higher else "at most"
            named = "" if headline == job.headline else f"{headline.name} "
            bound = f"{named}{sign} {expect.value:g} in {expect.minutes:g} min"
            print(f"  {name}/{recipe.ljust(width)}  {bound}  {summary}")
        print(f"  the first is the default: gradus train {name}")
    return 0
