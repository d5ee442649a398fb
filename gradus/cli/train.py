"""gradus train: a recipe, with settings replaced, from raw data to a run folder with a report."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import carry_out, naming_interrupted
from gradus.cli.main import complain
from gradus.cli.processes import spread
from gradus.cli.recipes import Chosen, choose, explain, with_whole_paths
from gradus.core.configs import Count, check
from gradus.core.errors import UsageError
from gradus.engine.claim import Claim
from gradus.engine.devices import World, joined_world, num_processes
from gradus.engine.folder import new_run
from gradus.jobs import TABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Train a recipe, evaluate it against its baseline, and write a run folder."""

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="JOB[/RECIPE]")]
    """Job and recipe, such as image_classification/digits. A bare job means its first recipe, or with --data
    its recipe folder."""
    data: str | None = None
    """Your own data: a file or folder in the layout that the recipe reads."""
    out: Path | None = None
    """The run folder to make; default runs/JOB-RECIPE-TIME."""
    skip_bad: bool = False
    """Leave items out that cannot be read, list and count them, instead of stopping."""
    devices: Count = 1
    """Processes that share every batch (torchrun)."""


def run(given: list[str]) -> int:
    """Train; exit status 0 when the run is complete."""
    if arguments.wants_help(given):
        return explain(Arguments, given, verb="train")
    asked, rest = arguments.parse_some(Arguments, given, verb="train")
    check(asked)
    chosen = choose(asked.target, rest, data=asked.data, skip_bad=asked.skip_bad, verb="train")
    places = _places(asked.out, f"{chosen.job.name}-{chosen.recipe}")
    with joined_world(complain) as world:
        if world.rank > 0:
            world.wait()
            return carry_out(chosen.job, next(places), world)
        return _carried_out(asked, chosen, places, world)


def _carried_out(asked: Arguments, chosen: Chosen, places: Iterator[Path], world: World) -> int:
    """Train a new run, here or in processes that share it; one that failed before its first step is gone."""
    claim = None
    try:
        with ExitStack() as stack:
            claim = stack.enter_context(_begun(chosen, places))
            world.wait()
            if asked.devices == 1 or world.size > 1:
                return carry_out(chosen.job, claim.folder, world, claim=claim)
            claim.release()
            named = [] if chosen.reference in TABLE else ["--job", chosen.reference]
            with naming_interrupted(claim.folder):
                return spread(asked.devices, ["resume", str(claim.folder), *named], run=claim.folder)
    finally:
        if claim and not (claim.folder / "config.json").exists():
            print(f"run {claim.folder} is taken away again: it failed before its first step", flush=True)


@contextmanager
def _begun(chosen: Chosen, places: Iterator[Path]) -> Iterator[Claim]:
    """A new run in the first of these places that no other run has; UsageError where it is the only one."""
    config = with_whole_paths(chosen.config)
    with ExitStack() as stack:
        taken: UsageError | None = None
        for out in places:
            new = new_run(out, reference=chosen.reference, recipe=chosen.recipe, config=config)
            try:
                claim = stack.enter_context(new)
                break
            except UsageError as error:
                if error.code != "GR-RUN-009":
                    raise
                taken = error
        else:
            assert taken is not None, "there is a place"
            raise taken
        yield claim


def _places(out: Path | None, name: str) -> Iterator[Path]:
    """Where the run may be made: where the user says, or named by the time, and numbered if that is taken."""
    if out is not None:
        return iter([out])
    if num_processes() > 1:
        raise UsageError(
            "GR-CLI-007",
            where="gradus train under torchrun",
            wanted="--out, so that every process finds the same folder",
            got="none",
            remedy="Give --out, or let `gradus train --devices N` start the processes.",
        )
    timed = Path("runs") / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    return chain([timed], (timed.with_name(f"{timed.name}-{number}") for number in range(2, 1000)))
