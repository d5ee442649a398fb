"""Whole configs of image classifiers, and what to expect of them."""

from collections.abc import Callable

from gradus.data.augment import AugmentConfig
from gradus.engine.job import Expect, Recipe
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.image_classification.config import Config
from gradus.jobs.image_classification.data import DataConfig
from gradus.models.convnet import ConvnetConfig


def smoke() -> Recipe:
    """Four quarters, one the odd one out, made in memory. Proves the machinery, not the model."""
    config = Config(
        data=DataConfig(source="quarters", channels=1, side=16),
        model=ConvnetConfig(widths=(8, 16), dense_width=32, dropout=0.1),
        augment=AugmentConfig(noise_std=0.05, translate_fraction=0.1),
        train=TrainConfig(steps=120, batch=32, rate=3e-3, precision="fp32", optim=OptimConfig(ema=0.95)),
    )
    return Recipe(config, Expect(value=0.95, minutes=0.5, first_loss=(1.2, 1.6)))


RECIPES: dict[str, Callable[[], Recipe]] = {"smoke": smoke}
