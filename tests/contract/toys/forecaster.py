"""A recurrent forecaster: the next value of a noisy wave from a window of its past. Headline: mse."""

from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor, nn

from gradus.core.randomness import generator
from gradus.data.batches import Batches
from gradus.engine.job import Deployable, Expect, Headline, Job, Recipe, forever, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys.answers import Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    window: int = 24
    width: int = 24
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=300,
            batch=32,
            rate=1e-2,
            precision="fp32",
            warmup=10,
            optim=OptimConfig(clip_norm=1.0, ema=0.95),
        )
    )


class Forecaster(nn.Module):
    """A GRU over the window, and a line from its last state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(1, width, batch_first=True)
        self.drop = nn.Dropout(0.05)
        self.head = nn.Linear(width, 1)

    def forward(self, past: Tensor) -> Tensor:
        states, _ = self.recurrent(past[:, :, None])  # (B, T) -> (B, T, 1) -> (B, T, D)
        return past[:, -1] + self.head(self.drop(states[:, -1])).squeeze(1)  # (B, D) -> (B,)


@dataclass
class Parts:
    model: Forecaster
    optim: Optim
    train: Batches
    splits: dict[str, dict[str, Tensor]]


@cache
def windows(window: int) -> dict[str, dict[str, Tensor]]:
    """The series cut in time order, each part scaled by the first part's statistics."""
    time = torch.arange(1200.0)
    series = (
        (time / 6).sin() + 0.5 * (time / 17).sin() + 0.1 * torch.randn(1200, generator=generator(0, "wave"))
    )
    series = (series - series[:800].mean()) / series[:800].std()
    pieces = {"train": series[:800], "validation": series[800:1000], "test": series[1000:]}
    rolled = {name: piece.unfold(0, window + 1, 1) for name, piece in pieces.items()}
    return {name: {"past": rows[:, :-1], "next": rows[:, -1]} for name, rows in rolled.items()}


def build(config, run):
    splits = run.place(windows(config.window))
    model = run.place(Forecaster(config.width))
    return Parts(
        model,
        Optim(model, config.train),
        Batches(splits["train"], batch=config.train.batch, seed=config.train.seed),
        splits,
    )


def loss(config, parts, batch):
    error = (parts.model(batch["past"]) - batch["next"]).square()
    return Loss(error.sum(), len(error))


def evaluate(config, parts, run, split):
    data = parts.splits[split]
    return {"mse": (parts.model(data["past"]) - data["next"]).square().mean().item()}


def baseline(config, parts):
    data = parts.splits["test"]
    return {"mse": (data["past"][:, -1] - data["next"]).square().mean().item()}


def deploy(config, parts):
    example = {"past": parts.splits["test"]["past"][:2]}
    return Deployable(
        module=parts.model,
        example=example,
        axes={"past": {0: "batch"}},
        read=lambda raw: {"past": torch.as_tensor(raw, dtype=torch.float32).reshape(1, config.window)},
        answer=lambda output, raw: Number(output["output"].item()),
    )


def smoke() -> Recipe:
    """A wave of two periods with noise of standard deviation 0.1."""
    return Recipe(Config(), Expect(value=0.05, minutes=0.2, first_loss=(0.01, 1.0)))


JOB = Job(
    name="toy_forecaster",
    headline=Headline("mse", higher=False),
    recipes={"smoke": smoke},
    build=build,
    stream=forever("train"),
    step=supervised(loss),
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
