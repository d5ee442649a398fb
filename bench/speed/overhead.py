"""Microseconds a step that gradus adds to a hand-written loop: same model, data path, optimizer and schedule.

The engine runs whole: journal, progress line and ten checkpoints are on. The three loops are timed in
turn (A B C A B C ...) and medians are compared. Lightning's Trainer is timed beside them where it is
installed.

    python bench/speed/overhead.py [--steps 3000] [--rounds 7]
"""

import argparse
import contextlib
import json
import logging
import math
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from gradus.cli.progress import Line
from gradus.data.batches import Batches
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import environment
from gradus.engine.job import Deployable, Headline, Job, forever, supervised
from gradus.engine.journal import Journal
from gradus.engine.loop import Training
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from gradus.engine.settings import TrainConfig

ITEMS, INPUTS, CLASSES, BATCH, RATE = 4096, 64, 10, 64, 1e-3


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(INPUTS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )


def items() -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    image = torch.randn(ITEMS, INPUTS, generator=made)
    return {"image": image, "label": (image @ torch.randn(INPUTS, CLASSES, generator=made)).argmax(1)}


@dataclass(frozen=True, kw_only=True)
class Config:
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass
class Parts:
    model: nn.Module
    optim: Optim
    train: Batches


def build(config: Config, run: Run) -> Parts:
    model = perceptron()
    return Parts(model, Optim(model, config.train), Batches(items(), batch=BATCH, seed=0))


def loss(config: Config, parts: Parts, batch: dict[str, torch.Tensor]) -> Loss:
    logits = parts.model(batch["image"])
    return Loss(F.cross_entropy(logits, batch["label"], reduction="sum"), len(logits))


def evaluate(config: Config, parts: Parts, run: Run, split: str) -> dict[str, float]:
    return {"accuracy": 0.0}  # the hand-written loop scores nothing either


def deploy(config: Config, parts: Parts) -> Deployable:
    raise AssertionError("this benchmark deploys nothing")


JOB = Job(
    name="overhead",
    headline=Headline("accuracy"),
    recipes={},
    build=build,
    stream=forever("train"),
    step=supervised(loss),
    evaluate=evaluate,
    baseline=lambda config, parts: {"accuracy": 1 / CLASSES},
    deploy=deploy,
)


def with_gradus(steps: int) -> float:
    config = Config(train=TrainConfig(steps=steps, batch=BATCH, rate=RATE, precision="fp32"))
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        run = Run(config.train, device=torch.device("cpu"), folder=Path(place))
        training = Training(JOB, config, run, checkpoints=Checkpoints(Path(place) / "checkpoints"))
        journal = Journal(Path(place) / "journal.jsonl")
        journal.listen(run.listeners)
        line = Line(JOB.headline)
        line.live = False
        line.listen(run.listeners)
        start = time.perf_counter()
        training.train()
        seconds = time.perf_counter() - start
        journal.close()
    return seconds


def by_hand(steps: int) -> float:
    model = perceptron().train()
    batches = Batches(items(), batch=BATCH, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    start = time.perf_counter()
    for step in range(steps):
        batch = batches.next_batch()
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        F.cross_entropy(model(batch["image"]), batch["label"]).backward()
        optimizer.step()
    return time.perf_counter() - start


def with_lightning(steps: int) -> float:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = perceptron()

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            value = F.cross_entropy(self.model(batch["image"]), batch["label"])
            self.log("loss", value)
            return value

        def configure_optimizers(self) -> dict[str, object]:
            optimizer = torch.optim.AdamW(self.parameters(), lr=RATE, weight_decay=0.0, fused=True)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            batches = Batches(items(), batch=BATCH, seed=0)
            while True:
                yield batches.next_batch()

    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        trainer = lightning.Trainer(
            max_steps=steps,
            accelerator="cpu",
            default_root_dir=place,
            enable_model_summary=False,
            enable_progress_bar=False,
            logger=lightning.pytorch.loggers.CSVLogger(place),
            log_every_n_steps=max(1, steps // 100),
        )
        loader = torch.utils.data.DataLoader(Endless(), batch_size=None)
        module = Module()
        start = time.perf_counter()
        trainer.fit(module, loader)
        return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--steps", type=int, default=3000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument(
        "--threads", type=int, default=1, help="of torch; a step this small gains nothing from more"
    )
    options.add_argument("--out", type=Path, help="write the record to this file")
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    loops = {"hand-written": by_hand, "gradus": with_gradus}
    try:
        import lightning  # noqa: F401

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        loops["lightning"] = with_lightning
    except ImportError:
        print("lightning is not installed: it is left out", file=sys.stderr)
    for loop in loops.values():
        loop(200)
    times = {name: [] for name in loops}
    for _ in range(asked.rounds):
        for name, loop in loops.items():
            times[name].append(loop(asked.steps) / asked.steps * 1e6)
    medians = {name: statistics.median(column) for name, column in times.items()}
    for name, median in medians.items():
        added = statistics.median(a - b for a, b in zip(times[name], times["hand-written"], strict=True))
        low, high = min(times[name]), max(times[name])
        print(f"{name:13s} {median:7.1f} us a step ({low:.1f} to {high:.1f}), adds {added:6.1f}")
    if asked.out:
        record = {"microseconds_a_step": times, "medians": medians, "steps": asked.steps, **environment()}
        asked.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
