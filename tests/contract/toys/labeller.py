"""A sequence labeller on ragged, masked batches: parity of a prefix. Headline: accuracy over tokens."""

from dataclasses import dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.core.randomness import generator
from gradus.data.batches import Batches
from gradus.engine.job import Deployable, Expect, Headline, Job, Recipe, forever, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.settings import TrainConfig
from tests.contract.toys.answers import Numbers

LONGEST = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    width: int = 32
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=300, batch=32, rate=1e-2, precision="fp32")
    )


class Labeller(nn.Module):
    """Embedding, GRU in one direction, two logits a token: neither padding nor future can matter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embed(tokens))[0])  # (B, T) -> (B, T, D) -> (B, T, 2)


@dataclass
class Parts:
    model: Labeller
    optim: Optim
    train: Batches
    splits: dict[str, dict[str, Tensor]]


@cache
def sequences(name: str, count: int) -> dict[str, Tensor]:
    """Random tokens 0, 1, 2 of random length; the label of a place is the parity of the ones up to it."""
    rng = generator(0, "labeller", name)
    tokens = torch.randint(3, (count, LONGEST), generator=rng)
    length = torch.randint(2, LONGEST + 1, (count,), generator=rng)
    mask = torch.arange(LONGEST) < length[:, None]
    return {"tokens": tokens * mask, "label": (tokens == 1).cumsum(1) % 2 * mask, "mask": mask}


def build(config, run):
    splits = {
        name: run.place(sequences(name, n))
        for name, n in {"train": 512, "validation": 128, "test": 128}.items()
    }
    model = run.place(Labeller(config.width))
    return Parts(
        model,
        Optim(model, config.train),
        Batches(splits["train"], batch=config.train.batch, seed=config.train.seed),
        splits,
    )


def loss(config, parts, batch):
    logits, mask = parts.model(batch["tokens"]), batch["mask"]
    each = F.cross_entropy(
        logits.transpose(1, 2), batch["label"], reduction="none"
    )  # (B, T, 2) -> (B, 2, T) -> (B, T)
    hits = ((logits.argmax(2) == batch["label"]) & mask).sum()
    return Loss((each * mask).sum(), mask.sum(), {"accuracy": hits})


def evaluate(config, parts, run, split):
    data = parts.splits[split]
    hits = (parts.model(data["tokens"]).argmax(2) == data["label"]) & data["mask"]
    return {"accuracy": (hits.sum() / data["mask"].sum()).item()}


def baseline(config, parts):
    data = parts.splits["test"]
    share = data["label"][data["mask"]].float().mean().item()
    return {"accuracy": max(share, 1 - share)}


def deploy(config, parts):
    return Deployable(
        module=parts.model,
        example={"tokens": parts.splits["test"]["tokens"][:2]},
        axes={"tokens": {0: "batch", 1: "length"}},
        causal="length",
        read=lambda raw: {"tokens": torch.as_tensor(raw).reshape(1, -1)},
        answer=lambda output, raw: Numbers(output["output"][0].argmax(1).tolist()),
    )


def smoke() -> Recipe:
    """Parity of a prefix: no bag of tokens can do it."""
    return Recipe(Config(), Expect(value=0.95, minutes=0.2, first_loss=(0.6, 0.8)))


JOB = Job(
    name="toy_labeller",
    headline=Headline("accuracy"),
    recipes={"smoke": smoke},
    build=build,
    stream=forever("train"),
    step=supervised(loss),
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
