"""Whole configs, and what to expect of them. The first is the default; `gradus check` takes smoke."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gradus.core.configs import Count, NotNegative
from gradus.engine.job import Expect, Recipe
from gradus.engine.settings import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting of a run; each can be given on the command line."""

    width: Count = 32
    """Units in each hidden layer."""
    train_points: Count = 1024
    """Points in the training split."""
    test_points: Count = 512
    """Points in the validation and in the test split."""
    noise: NotNegative = 0.02
    """Deviation of the noise on each coordinate."""
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=600, batch=64, rate=1e-2, precision="fp32")
    )


def smoke() -> Recipe:
    """Two spirals that no line divides, in a few seconds."""
    return Recipe(Config(), Expect(value=0.95, minutes=0.5, first_loss=(0.6, 0.85), overfit_share=0.3))


RECIPES: dict[str, Callable[[], Recipe]] = {"smoke": smoke}
