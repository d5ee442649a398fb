"""gradus train: a recipe, with settings replaced, from raw data to a run folder with a report."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gradus.cli import arguments
from gradus.cli.finish import carry_out
from gradus.cli.processes import spread
from gradus.core.configs import Count, check, settings
from gradus.core.errors import UsageError
from gradus.engine import folder
from gradus.engine.devices import join_world, num_processes
from gradus.jobs import resolve


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Train a recipe, evaluate it against its baseline, and write a run folder."""

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="JOB[/RECIPE]")]
    """Job, and recipe if not the job's first: image_classification/digits."""
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
        return explain(given)
    asked, rest = arguments.parse_some(Arguments, given, verb="train")
    check(asked)
    reference, job, recipe = resolve(asked.target)
    config = with_data(job.recipes[recipe]().config, asked.data, skip_bad=asked.skip_bad)
    config = arguments.override(config, rest, verb=f"train {asked.target}")
    out = asked.out or _default_folder(f"{job.name}-{recipe}")
    world = join_world()
    with ExitStack() as stack:
        if world.rank == 0:
            stack.enter_context(folder.new_run(out, reference=reference, recipe=recipe, config=config))
        world.wait()
        if asked.devices > 1 and world.size == 1:
            return spread(asked.devices, ["resume", str(out)])
        return carry_out(job, out, world)


def _default_folder(name: str) -> Path:
    if num_processes() > 1:
        raise UsageError(
            "GR-CLI-007",
            where="gradus train under torchrun",
            wanted="--out, so that every process finds the same folder",
            got="none",
            remedy="Give --out, or let `gradus train --devices N` start the processes.",
        )
    return Path("runs") / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


def explain(given: list[str]) -> int:
    """``gradus train --help``; with a job also every setting of its recipe, and of the model it is given."""
    given = [token for token in given if token not in arguments.HELP]
    targets = [token for token in given[:1] if not token.startswith("-")]
    config = None
    if targets:
        _, job, recipe = resolve(targets[0])
        config = arguments.of_kinds(job.recipes[recipe]().config, given[1:])
    arguments.show_help(Arguments, config, verb=" ".join(["train", *targets]))
    return 0


def with_data(config: Any, data: str | None, *, skip_bad: bool = False) -> Any:
    """``config`` with its data read from ``data``; UsageError if its recipe reads no path."""
    given = [*(["--data.path", data] if data is not None else []), *(["--data.skip-bad"] if skip_bad else [])]
    if given and "data.path" not in dict(settings(config)):
        raise UsageError(
            "GR-CLI-006",
            where=" ".join(given).replace(".path", "").replace("data.skip", "skip"),
            wanted="a recipe that reads data from a path",
            got="one that makes its own",
            remedy="Leave it out, or choose another recipe (`gradus jobs`).",
        )
    return arguments.override(config, given, verb="--data")
