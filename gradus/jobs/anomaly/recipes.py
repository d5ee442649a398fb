"""Whole configs of anomaly detectors, and what to expect of them."""

from collections.abc import Callable

from gradus.engine.job import Expect, Recipe
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.anomaly.config import Config
from gradus.jobs.anomaly.data import DataConfig
from gradus.models.autoencoder import AutoencoderConfig


def nsl_kdd() -> Recipe:
    """Network connections: 12,104 normal ones train, 1,345 set the threshold, the official 22,544 test."""
    config = Config(
        data=DataConfig(source="nsl_kdd"),
        model=AutoencoderConfig(swap=0.15),
        train=TrainConfig(steps=3000, batch=256, rate=2e-3, precision="fp32"),
    )
    return Recipe(config, Expect(value=0.965, minutes=1, first_loss=(30, 120)))


def folder() -> Recipe:
    """Your own rows (--data PATH): a table or a folder of tables, with labels or without."""
    config = Config(
        data=DataConfig(source="folder"),
        model=AutoencoderConfig(swap=0.15),
        train=TrainConfig(
            steps=3000, batch=128, rate=2e-3, precision="fp32", optim=OptimConfig(clip_norm=10.0)
        ),
    )
    return Recipe(config, Expect(value=0.5, minutes=2))


def smoke() -> Recipe:
    """Columns that go together, made in memory, and rows where they do not."""
    config = Config(
        data=DataConfig(source="correlated", count=1200),
        model=AutoencoderConfig(widths=(48, 24), latent_width=6),
        train=TrainConfig(steps=400, batch=64, rate=3e-3, precision="fp32"),
    )
    return Recipe(config, Expect(value=0.97, minutes=0.2, first_loss=(7, 13)))


RECIPES: dict[str, Callable[[], Recipe]] = {"nsl_kdd": nsl_kdd, "folder": folder, "smoke": smoke}
