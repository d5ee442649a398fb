"""A policy tuned by a reward, held to a frozen reference: write rising sequences. Headline: mean reward."""

from copy import deepcopy
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.engine.job import Deployable, Expect, Headline, Job, Recipe
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys.answers import Numbers

TOKENS, LENGTH = 8, 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    width: int = 32
    samples: int = 64
    penalty: float = 0.05
    passes: int = 2
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=400, rate=5e-3, precision="fp32", optim=OptimConfig(clip_norm=1.0)
        )
    )


class Writer(nn.Module):
    """Logits of the next token from those before it; the first follows a start mark."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(TOKENS + 1, width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, TOKENS)

    def forward(self, before: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embed(before))[0])  # (B, T) -> (B, T, V)


@dataclass
class Parts:
    policy: Writer
    reference: Writer  # no Optim owns it: it stays as it is, in eval mode
    optim: Optim


def build(config, run):
    policy = run.place(Writer(config.width))
    reference = deepcopy(policy).requires_grad_(False)
    return Parts(policy, reference, Optim(policy, config.train))


def reward_of(text: Tensor) -> Tensor:
    """The share of steps that rise."""
    return (text[:, 1:] > text[:, :-1]).float().mean(1)


def log_chances(model: nn.Module, text: Tensor) -> Tensor:
    """The log-probability of each token given those before it: (B, T)."""
    before = F.pad(text[:, :-1], (1, 0), value=TOKENS)
    logs = model(before).float().log_softmax(2)
    return logs.gather(2, text[:, :, None]).squeeze(2)  # (B, T, V) -> (B, T)


@torch.no_grad()
def write(model: nn.Module, count: int, rng: torch.Generator) -> Tensor:
    text = torch.full((count, 1), TOKENS, device=rng.device)
    for _ in range(LENGTH):
        chance = model(text)[:, -1].float().softmax(1)
        text = torch.cat([text, torch.multinomial(chance, 1, generator=rng)], dim=1)
    return text[:, 1:]


def stream(config, parts, run):
    while True:
        with torch.no_grad():
            text = write(parts.policy, config.samples, run.rng("write"))
            old, kept = log_chances(parts.policy, text), log_chances(parts.reference, text)
            score = reward_of(text) - config.penalty * (old - kept).sum(1)
            advantage = (score - score.mean()) / (score.std() + 1e-6)
        yield {"text": text, "old": old, "advantage": advantage, "reward": reward_of(text)}


def loss_of(config, parts, batch):
    ratio = (log_chances(parts.policy, batch["text"]) - batch["old"]).exp()  # (B, T)
    gain = batch["advantage"][:, None]
    each = -torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean(1)
    return Loss(each.sum(), len(each), {"reward": batch["reward"].sum()})


def step(config, parts, batch, run):
    for _ in range(config.passes):
        run.update(parts.optim, lambda piece: loss_of(config, parts, piece), batch)


def evaluate(config, parts, run, split):
    return {"reward": reward_of(write(parts.policy, 500, run.rng("write"))).mean().item()}


def baseline(config, parts):
    rng = torch.Generator(next(parts.reference.parameters()).device).manual_seed(0)
    return {"reward": reward_of(write(parts.reference, 500, rng)).mean().item()}


def deploy(config, parts):
    return Deployable(
        module=parts.policy,
        example={"before": torch.arange(LENGTH).repeat(2, 1)},
        axes={"before": {0: "batch", 1: "length"}},
        causal="length",
        read=lambda raw: {"before": torch.as_tensor([[TOKENS, *raw]])},
        answer=lambda output, raw: Numbers(output["output"][0, -1].softmax(0).tolist()),
    )


def smoke() -> Recipe:
    """At random under half of the steps rise; six of eight tokens can rise at every step."""
    return Recipe(Config(), Expect(value=0.8, minutes=0.3, overfit_share=0.0))


JOB = Job(
    name="toy_preference",
    headline=Headline("reward"),
    recipes={"smoke": smoke},
    build=build,
    stream=stream,
    step=step,
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
