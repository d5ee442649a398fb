"""A GAN with two optimizers: six Gaussians on a ring. Headline: modes that get good samples."""

from dataclasses import dataclass, field
from functools import partial
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.engine.job import Deployable, Expect, Headline, Job, Recipe
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.schedules import Constant
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys.answers import Numbers

MODES, LATENT, SPREAD = 6, 4, 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    width: int = 64
    critic: OptimConfig = field(default_factory=lambda: OptimConfig(betas=(0.0, 0.99)))
    generator: OptimConfig = field(
        default_factory=lambda: OptimConfig(betas=(0.0, 0.99), ema=0.99, rate_scale=0.5)
    )
    penalty: float = 0.05
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=1500, batch=128, rate=2e-3, precision="fp32", schedule=Constant()
        )
    )


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    layers = [nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


@dataclass
class Parts:
    critic: nn.Sequential
    generator: nn.Sequential
    optim_critic: Optim
    optim_generator: Optim


def build(config, run):
    critic = run.place(perceptron(2, config.width, 1))
    maker = run.place(perceptron(LATENT, config.width, 2))
    return Parts(
        critic,
        maker,
        Optim(critic, config.train, config=config.critic, name="critic"),
        Optim(maker, config.train, config=config.generator, name="generator"),
    )


def centres() -> Tensor:
    angle = torch.arange(MODES) * 2 * pi / MODES
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def stream(config, parts, run):
    while True:
        rng, count = run.rng("ring"), config.train.batch
        mode = torch.randint(MODES, (count,), generator=rng, device=run.device)
        noise = torch.randn(count, 2, generator=rng, device=run.device)
        latent = torch.randn(count, LATENT, generator=run.rng("latent"), device=run.device)
        yield {"real": run.place(centres())[mode] + SPREAD * noise, "latent": latent}


def critic_loss(config, parts, batch):
    real = batch["real"].requires_grad_()
    score = parts.critic(real).squeeze(1)
    slope = torch.autograd.grad(score.sum(), real, create_graph=True)[0]
    fake = parts.critic(parts.generator(batch["latent"]).detach()).squeeze(1)
    each = F.softplus(-score) + F.softplus(fake) + config.penalty * slope.square().sum(1)
    return Loss(each.sum(), len(each))


def generator_loss(config, parts, batch):
    each = F.softplus(-parts.critic(parts.generator(batch["latent"])).squeeze(1))
    return Loss(each.sum(), len(each))


def step(config, parts, batch, run):
    run.update(parts.optim_critic, partial(critic_loss, config, parts), batch)
    run.update(parts.optim_generator, partial(generator_loss, config, parts), batch)


def modes_covered(samples: Tensor) -> float:
    """Modes that at least a third of their fair share of samples falls near (four standard deviations)."""
    near = torch.cdist(samples, centres().to(samples)) < 4 * SPREAD
    return float((near.float().mean(0) > 1 / (3 * MODES)).sum())


def evaluate(config, parts, run, split):
    latent = torch.randn(1000, LATENT, generator=run.rng("latent"), device=run.device)
    return {"modes": modes_covered(parts.generator(latent).float())}


def baseline(config, parts):
    return {"modes": modes_covered(torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)))}


def deploy(config, parts):
    return Deployable(
        module=parts.generator,
        example={"latent": torch.zeros(2, LATENT)},
        axes={"latent": {0: "batch"}},
        read=lambda raw: {"latent": torch.as_tensor(raw, dtype=torch.float32).reshape(1, LATENT)},
        answer=lambda output, raw: Numbers(output["output"][0].tolist()),
    )


def smoke() -> Recipe:
    """Six modes; a generator that collapses finds one or two."""
    return Recipe(Config(), Expect(value=6, minutes=0.5, first_loss=(1.2, 1.6), overfit_share=0.6))


JOB = Job(
    name="toy_gan",
    headline=Headline("modes"),
    recipes={"smoke": smoke},
    build=build,
    stream=stream,
    step=step,
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
)
