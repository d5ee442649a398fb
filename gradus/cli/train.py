"""gradus train: a recipe, with settings replaced, from raw data to a run folder with a report."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import carry_out
from gradus.cli.processes import spread
from gradus.cli.recipes import choose, explain
from gradus.core.configs import Count, check
from gradus.core.errors import UsageError
from gradus.engine import folder
from gradus.engine.devices import join_world, num_processes


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
    out = asked.out or _default_folder(f"{chosen.job.name}-{chosen.recipe}")
    world, begun = join_world(), False
    try:
        with ExitStack() as stack:
            if world.rank == 0:
                new = folder.new_run(
                    out, reference=chosen.reference, recipe=chosen.recipe, config=chosen.config
                )
                stack.enter_context(new)
                begun = True
            world.wait()
            if asked.devices > 1 and world.size == 1:
                return spread(asked.devices, ["resume", str(out)])
            return carry_out(chosen.job, out, world)
    finally:
        if begun and not (out / "config.json").exists():
            print(f"run {out} is taken away again: it failed before its first step", flush=True)


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
