"""gradus evaluate: the scores of a trained run, again or on other data."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gradus.cli import arguments
from gradus.cli.finish import open_named, tell_changes
from gradus.cli.recipes import with_data
from gradus.core.errors import UsageError
from gradus.core.files import json_line
from gradus.data.manifest import Keys
from gradus.engine import folder
from gradus.engine.job import Split
from gradus.engine.loop import measure
from gradus.jobs import job_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Score a trained run on its test split, or on other data."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run folder that `gradus train` printed."""
    data: str | None = None
    """Other data in the same layout; all of it is scored."""
    split: Split | None = None
    """The part to score; default test, and all with --data."""
    json: bool = False
    """Print the scores as JSON."""
    job: str | None = None
    """The folder or module of the job, where the run is of a job of your own."""
    strict: bool = False
    """Refuse a run whose newest (or best) checkpoint is damaged, instead of using another and saying so."""


def run(given: list[str]) -> int:
    """Score and print."""
    asked = arguments.parse(Arguments, given, verb="evaluate")
    job = job_of(asked.folder, asked.job)
    config = with_data(folder.config_of(asked.folder, job), asked.data)
    opened = open_named(
        asked.folder, job=asked.job, strict=asked.strict, config=config, own_data=asked.data is None
    )
    split = asked.split or ("all" if asked.data else "test")
    metrics = measure(job, opened.config, opened.parts, opened.run, split=split)
    if split == "all":
        _tell_trained_on(opened)
    else:
        tell_changes(opened)
    if not metrics:
        raise UsageError(
            "GR-CLI-006",
            where=f"--split {split}",
            wanted="a split that the data of the run have",
            got="none of that name",
            remedy="Choose another: train, validation, test or all.",
        )
    if asked.json:
        print(json_line({"split": split, "step": opened.step, "metrics": metrics}))
        return 0
    print(f"{job.name}, step {opened.step}, split {split}")
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        print(f"{name.ljust(width)} {value:8.4f}" + ("  (headline)" if name == job.headline.name else ""))
    return 0


def _tell_trained_on(opened: folder.Opened) -> None:
    """Say on standard error how many of the items that were scored the run was trained on."""
    manifest, items = opened.run.manifest, opened.job.items
    if manifest is None or items is None:
        return
    scored = Keys.together(items(opened.config, opened.parts).splits.values())
    if known := manifest.holds(scored):
        said = f"{known:,} of the {len(scored):,} items scored were trained on"
        print(f"note GR-RUN-019: {said}; --split test leaves them out", file=sys.stderr)
