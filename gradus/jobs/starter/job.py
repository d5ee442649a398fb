"""starter: one label a point. Headline: accuracy on the test split."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.data.batches import Batches
from gradus.engine.job import Deployable, Headline, Job, Split, forever, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run

from .data import mean_and_deviation, spirals
from .recipes import RECIPES, Config


class Perceptron(nn.Module):
    """Two hidden layers on a normalised point."""

    def __init__(self, width: int, *, mean: list[float], deviation: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.layers = nn.Sequential(
            nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2)
        )

    def forward(self, point: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
        return self.layers((point - self.mean) / self.deviation)


@dataclass
class Parts:
    """Everything with state: what is saved, and restored when a run is resumed."""

    model: Perceptron
    optim: Optim
    train: Batches


@dataclass(frozen=True)
class Spiral:
    """The answer for one point."""

    label: int
    probability: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def draw(self) -> None:
        """A number needs no picture."""


def build(config: Config, run: Run) -> Parts:
    """What is derived from data goes through ``run.decide``: a finished run needs no data to open."""

    def points() -> dict[str, Tensor]:
        return run.place(spirals("train", count=config.train_points, noise=config.noise))

    mean, deviation = run.decide(
        "normalise", lambda: mean_and_deviation(points()["point"]), "fitted on train only"
    )
    model = run.place(Perceptron(config.width, mean=mean, deviation=deviation))
    batches = Batches(points, batch=config.train.batch, seed=config.train.seed)
    return Parts(model, Optim(model, config.train), batches)


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """A sum and its count: the engine divides."""
    logits = parts.model(batch["point"])
    hits = (logits.argmax(1) == batch["label"]).sum()
    return Loss(F.cross_entropy(logits, batch["label"], reduction="sum"), len(logits), {"accuracy": hits})


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """Accuracy on a split."""
    data = run.place(spirals(split, count=config.test_points, noise=config.noise))
    return {"accuracy": (parts.model(data["point"]).argmax(1) == data["label"]).float().mean().item()}


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """The label of the nearer class mean."""
    train = spirals("train", count=config.train_points, noise=config.noise)
    test = spirals("test", count=config.test_points, noise=config.noise)
    means = torch.stack([train["point"][train["label"] == label].mean(0) for label in (0, 1)])
    nearest = torch.cdist(test["point"], means).argmin(1)
    return {"accuracy": (nearest == test["label"]).float().mean().item()}


def read(raw: Any) -> dict[str, Tensor]:
    """A raw input, an array of two numbers, as a batch of one."""
    if not isinstance(raw, np.ndarray) or raw.shape != (2,):
        raise InputError(
            "GR-DATA-043",
            where="an input",
            wanted="an array of two numbers",
            got=f"an array of shape {raw.shape}" if isinstance(raw, np.ndarray) else str(raw),
            remedy="Give a .npy file with one point, or an .npz file with an array a point.",
        )
    return {"point": torch.from_numpy(raw.astype(np.float32))[None]}


def deploy(config: Config, parts: Parts) -> Deployable:
    """A raw input is a pair of numbers."""

    def answer(output: dict[str, Tensor], raw: Any) -> Spiral:
        probability, label = output["output"][0].softmax(0).max(0)
        return Spiral(int(label), float(probability))

    return Deployable(
        module=parts.model,
        example={"point": torch.tensor([[0.1, 0.2], [-0.5, 0.4]])},
        axes={"point": {0: "batch"}},
        read=read,
        answer=answer,
    )


JOB = Job(
    name="starter",
    headline=Headline("accuracy"),
    recipes=RECIPES,
    build=build,
    stream=forever("train"),
    step=supervised(loss),
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
