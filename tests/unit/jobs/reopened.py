"""Runs that are begun on some data and opened again on what has become of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradus.data.manifest import MANIFEST, Manifest
from gradus.engine.job import Job
from gradus.engine.plan import Plan
from gradus.engine.run import Run


@dataclass
class Opened:
    """A run with its parts."""

    config: Any
    run: Run
    parts: Any


@dataclass
class Begun:
    """A run that was begun, with what its folder keeps of it."""

    job: Job
    opened: Opened
    folder: Path

    def again(self, config: Any = None, *, own_data: bool = True) -> Opened:
        """The run on the data of now; another ``config`` may name others."""
        return _built(
            self.job,
            config or self.opened.config,
            folder=self.folder,
            plan=Plan.read(self.folder / "plan.json"),
            own_data=own_data,
        )

    def splits(self, opened: Opened | None = None) -> dict[str, list[int]]:
        """The keys of each split, as the run was begun or as it is now."""
        found = (
            self.job.items(opened.config, opened.parts) if opened else Manifest.read(self.folder / MANIFEST)
        )
        return {split: part.keys.tolist() for split, part in found.splits.items()}

    def name(self, split: str, place: int = 0) -> str:
        """Where an item of a split was when the run was begun."""
        return Manifest.read(self.folder / MANIFEST).splits[split].names[place]

    def said(self, opened: Opened) -> list[str]:
        """What a person is told of the data of now."""
        self.splits(opened)
        return opened.run.manifest.found.sentences()


def begin(job: Job, config: Any, folder: Path) -> Begun:
    """Begin a run as training does before its first step."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = _built(job, config, folder=folder)
    opened.run.keep(job.items(config, opened.parts))
    opened.run.plan.write(folder / "plan.json")
    return Begun(job, opened, folder)


def _built(job: Job, config: Any, **given: Any) -> Opened:
    run = Run(config.train, device=torch.device("cpu"), **given)
    return Opened(config, run, job.build(config, run))
