"""Trains a toy in a process of its own, for tests that kill it or start several of it.

``python -m tests.slow.drive TOY FOLDER SETTINGS`` begins the run in FOLDER, or goes on with it; SETTINGS is
JSON for ``train``. It says ``ready`` when training starts; each process leaves its result in ``rank-N.json``.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradus.core.facts import Listeners, Started
from gradus.engine import folder
from gradus.engine.devices import joined_world
from gradus.engine.job import Job
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from gradus.engine.schedules import Plateau
from gradus.engine.settings import OptimConfig
from tests.contract.toys import TOYS, labeller


def whole_step(config: Any, parts: Any, batch: Any, run: Run) -> None:
    run.update(parts.optim, lambda piece: labeller.loss(config, parts, piece), batch, whole=True)


class Normed(nn.Module):
    """A labeller with statistics, which each process takes from its own rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.labeller, self.norm = labeller.Labeller(width), nn.BatchNorm1d(2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(self.labeller(tokens).transpose(1, 2)).transpose(
            1, 2
        )  # (B, T, 2) -> (B, 2, T) and back


def normed_build(config: Any, run: Run) -> Any:
    parts = labeller.build(config, run)
    model = Normed(config.width)
    return replace(parts, model=model, optim=Optim(model, config.train))


def uneven_stream(config: Any, parts: Any, run: Run) -> Iterator[Any]:
    """In the first process every batch takes as long as another, in the others each item costs its time."""
    for batch in labeller.JOB.stream(config, parts, run):
        time.sleep(1e-3 * (len(batch["tokens"]) if os.environ.get("RANK", "0") != "0" else 32))
        yield batch


JOBS: dict[str, Job] = {
    **TOYS,
    "whole": replace(labeller.JOB, step=whole_step),
    "normed": replace(labeller.JOB, build=normed_build),
    "uneven": replace(labeller.JOB, stream=uneven_stream),
}


def say_ready(listeners: Listeners) -> None:
    listeners.add(Started, lambda fact: print("ready", fact.step, flush=True))


def main(name: str, out: Path, settings: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    job = JOBS[name]
    with joined_world(print) as world:
        if world.rank == 0 and not (out / "config.json").exists():
            config = job.recipes["smoke"]().config
            if "optim" in settings:
                settings["optim"] = OptimConfig(**settings["optim"])
            if settings.get("schedule") == "plateau":
                settings["schedule"] = Plateau(patience=1)
            train = replace(config.train, **({"device": "cpu"} | settings))
            folder.begin(out, reference=name, recipe="smoke", config=replace(config, train=train))
        world.wait()
        result = folder.execute(job, out, world=world, watch=say_ready)
        (out / f"rank-{world.rank}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
