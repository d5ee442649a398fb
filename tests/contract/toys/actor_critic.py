"""An actor-critic whose stream acts in a corridor: walk to the lit cell. Headline: mean return."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.engine.job import Deployable, Expect, Headline, Job, Recipe
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys.answers import Number

CELLS, LONGEST, DISCOUNT, LAMBDA = 8, 16, 0.95, 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    width: int = 32
    places: int = 32
    horizon: int = 8
    passes: int = 2
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=150, rate=5e-3, precision="fp32", optim=OptimConfig(clip_norm=1.0)
        )
    )


class ActorCritic(nn.Module):
    """Three logits (left, stay, right) and a value, from where one stands and which cell is lit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * CELLS, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.head = nn.Linear(width, 4)

    def forward(self, seen: Tensor) -> Tensor:
        return self.head(self.body(seen))


class Corridors:
    """Many corridors side by side; their state is saved with the run."""

    def __init__(self, count: int, rng: torch.Generator) -> None:
        self.cell = torch.randint(CELLS, (count,), generator=rng, device=rng.device)
        self.lit = torch.randint(CELLS, (count,), generator=rng, device=rng.device)
        self.clock = torch.zeros_like(self.cell)

    def look(self) -> Tensor:
        return torch.cat([F.one_hot(self.cell, CELLS), F.one_hot(self.lit, CELLS)], dim=1).float()

    def act(self, action: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Reward and end of episode for each corridor; where one ended, another begins."""
        self.cell = (self.cell + action - 1).clamp(0, CELLS - 1)
        self.clock = self.clock + 1
        reached = self.cell == self.lit
        ended = reached | (self.clock >= LONGEST)
        fresh = Corridors(len(action), rng)
        self.cell = torch.where(ended, fresh.cell, self.cell)
        self.lit = torch.where(ended, fresh.lit, self.lit)
        self.clock = torch.where(ended, 0, self.clock)
        return reached.float() - 0.05, ended

    def state_dict(self):
        return {"cell": self.cell, "lit": self.lit, "clock": self.clock}

    def load_state_dict(self, state):
        self.cell, self.lit, self.clock = state["cell"].clone(), state["lit"].clone(), state["clock"].clone()


@dataclass
class Parts:
    model: ActorCritic
    optim: Optim
    corridors: Corridors


def build(config, run):
    model = run.place(ActorCritic(config.width))
    return Parts(model, Optim(model, config.train), Corridors(config.places, run.rng("start")))


@torch.no_grad()
def collect(config, parts, run):
    """A horizon of every corridor, with generalised advantages (Schulman et al. 2016, equation 16)."""
    rows, rng = [], run.rng("act")
    for _ in range(config.horizon):
        seen = parts.corridors.look()
        out = parts.model(seen)
        chance = out[:, :3].softmax(1)
        action = torch.multinomial(chance, 1, generator=rng).squeeze(1)
        reward, ended = parts.corridors.act(action, run.rng("corridors"))
        rows.append(
            (
                seen,
                action,
                chance.gather(1, action[:, None]).log().squeeze(1),
                out[:, 3],
                reward,
                ended.float(),
            )
        )
    seen, action, chance, value, reward, ended = (
        torch.stack(column) for column in zip(*rows, strict=True)
    )  # (T, N)
    following, ahead = (
        parts.model(parts.corridors.look())[:, 3],
        torch.zeros(config.places, device=run.device),
    )
    advantage = torch.zeros_like(reward)
    for t in reversed(range(config.horizon)):
        surprise = reward[t] + DISCOUNT * following * (1 - ended[t]) - value[t]
        ahead = surprise + DISCOUNT * LAMBDA * (1 - ended[t]) * ahead
        advantage[t], following = ahead, value[t]
    names = {
        "seen": seen,
        "action": action,
        "chance": chance,
        "advantage": advantage,
        "goal": advantage + value,
    }
    return {name: tensor.flatten(0, 1) for name, tensor in names.items()}  # (T, N, ...) -> (T N, ...)


def stream(config, parts, run):
    while True:
        yield collect(config, parts, run)


def loss_of(config, parts, batch):
    out = parts.model(batch["seen"]).float()
    logs = out[:, :3].log_softmax(1)
    ratio = (logs.gather(1, batch["action"][:, None]).squeeze(1) - batch["chance"]).exp()
    gain = torch.minimum(ratio * batch["advantage"], ratio.clamp(0.8, 1.2) * batch["advantage"])
    entropy = -(logs.exp() * logs).sum(1)
    each = -gain + 0.5 * (out[:, 3] - batch["goal"]).square() - 0.01 * entropy
    return Loss(each.sum(), len(each), {"entropy": entropy.sum()})


def step(config, parts, batch, run):
    for _ in range(config.passes):
        run.update(parts.optim, lambda piece: loss_of(config, parts, piece), batch)


def evaluate(config, parts, run, split):
    return {"return": mean_return(lambda seen: parts.model(seen)[:, :3].argmax(1), run.rng("corridors"))}


def baseline(config, parts):
    rng = torch.Generator().manual_seed(0)
    return {"return": mean_return(lambda seen: torch.randint(3, (len(seen),), generator=rng), rng)}


def mean_return(policy, rng) -> float:
    """Undiscounted return of the first episode in each of 200 corridors."""
    corridors = Corridors(200, rng)
    total, alive = torch.zeros(200), torch.ones(200)
    for _ in range(LONGEST):
        reward, ended = corridors.act(policy(corridors.look()), rng)
        total += alive * reward.cpu()
        alive *= 1 - ended.float().cpu()
    return total.mean().item()


def deploy(config, parts):
    return Deployable(
        module=parts.model,
        example={"seen": torch.zeros(2, 2 * CELLS)},
        axes={"seen": {0: "batch"}},
        read=lambda raw: {"seen": F.one_hot(torch.as_tensor(raw), CELLS).float().reshape(1, 2 * CELLS)},
        answer=lambda output, raw: Number(float(output["output"][0, :3].argmax() - 1)),
    )


def smoke() -> Recipe:
    """Walking straight there is worth about 0.85; wandering at random loses."""
    return Recipe(Config(), Expect(value=0.75, minutes=0.3, overfit_share=0.9))


JOB = Job(
    name="toy_actor_critic",
    headline=Headline("return"),
    recipes={"smoke": smoke},
    build=build,
    stream=stream,
    step=step,
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
