"""Whole configs of image classifiers, and what to expect of them."""

from collections.abc import Callable

from gradus.data.augment import AugmentConfig
from gradus.engine.job import Expect, Recipe
from gradus.engine.schedules import Polynomial
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.image_classification.config import Config
from gradus.jobs.image_classification.data import DataConfig
from gradus.models.convnet import ConvnetConfig
from gradus.models.quicknet import QuicknetConfig


def smoke() -> Recipe:
    """Four quarters, one the odd one out, made in memory. Proves the machinery, not the model."""
    config = Config(
        data=DataConfig(source="quarters", channels=1, side=16),
        model=ConvnetConfig(widths=(8, 16), dense_width=32, dropout=0.1),
        augment=AugmentConfig(noise_std=0.05, translate_fraction=0.1),
        train=TrainConfig(steps=120, batch=32, rate=3e-3, precision="fp32", optim=OptimConfig(ema=0.95)),
    )
    return Recipe(config, Expect(value=0.95, minutes=0.5, first_loss=(1.2, 1.6)))


def digits() -> Recipe:
    """8x8 digits of scikit-learn: 898 train, 899 by other writers test; nothing to download."""
    config = Config(
        data=DataConfig(source="digits", channels=1, validation=0.0),
        model=QuicknetConfig(
            enlarge=2, stem_width=32, widths=(64, 128), num_blocks=(1, 1), pooling="both", dropout=0.2
        ),
        members=4,
        augment=AugmentConfig(
            rotate_degrees=12.0,
            shear_degrees=11.0,
            scale_range=(0.87, 1.15),
            aspect_range=(0.8, 1.25),
            translate_fraction=1 / 16,
        ),
        train=TrainConfig(
            steps=420,
            batch=64,
            rate=1e-2,
            schedule=Polynomial(),
            warmup=63,
            precision="bf16",
            optim=OptimConfig(betas=(0.9, 0.99), weight_decay=0.05, ema=0.98),
        ),
        label_smoothing=0.05,
        views=("affine",),
    )
    return Recipe(config, Expect(value=0.988, minutes=0.7, first_loss=(2.1, 2.6)))


def fashion_mnist() -> Recipe:
    """Articles of clothing, 28x28: 55,000 train, 5,000 select, the official 10,000 test."""
    epoch = 429
    config = Config(
        data=DataConfig(source="fashion_mnist", channels=1, validation=1 / 12),
        model=QuicknetConfig(),
        augment=AugmentConfig(
            flip_horizontal=True, crop_padding_pixels=2, erase_probability=0.25, erase_area_range=(0.02, 0.2)
        ),
        train=TrainConfig(
            steps=16 * epoch,
            batch=128,
            rate=0.15,
            schedule=Polynomial(),
            warmup=3 * epoch,
            precision="bf16",
            evaluate_every=5 * epoch,
            optim=OptimConfig(algorithm="nesterov", weight_decay=5e-4, ema=0.998),
        ),
        label_smoothing=0.05,
        views=("flip", "shift"),
    )
    return Recipe(config, Expect(value=0.940, minutes=10, first_loss=(2.1, 2.6)))


def cifar10() -> Recipe:
    """Animals and vehicles, 32x32 in colour: the official 50,000 and 10,000."""
    config = _cifar(DataConfig(source="cifar10", validation=0.1), epoch=351, epochs=10)
    return Recipe(config, Expect(value=0.88, minutes=15, first_loss=(2.1, 2.6)))


def cifar10_subset() -> Recipe:
    """Every fifth picture of CIFAR-10, as JPEG files: 9,000 train, 1,000 select, 2,000 test."""
    config = _cifar(DataConfig(source="cifar10_subset", validation=0.1), epoch=70, epochs=50)
    return Recipe(config, Expect(value=0.82, minutes=10, first_loss=(2.1, 2.6)))


def _cifar(data: DataConfig, *, epoch: int, epochs: int) -> Config:
    return Config(
        data=data,
        model=QuicknetConfig(widths=(64, 128, 256)),
        augment=AugmentConfig(
            flip_horizontal=True, crop_padding_pixels=4, cutmix_alpha=1.0, mix_probability=0.5
        ),
        train=TrainConfig(
            steps=epochs * epoch,
            batch=128,
            rate=0.1,
            schedule=Polynomial(),
            warmup=epochs * epoch // 5,
            precision="bf16",
            optim=OptimConfig(algorithm="nesterov", weight_decay=5e-4, ema=0.995),
        ),
        label_smoothing=0.1,
    )


def folder() -> Recipe:
    """Your own pictures (--data PATH): a folder or zip by class, a table, or arrays."""
    config = Config(
        data=DataConfig(source="folder", side=64),
        model=QuicknetConfig(widths=(64, 128, 128, 256), num_blocks=(0, 1, 1, 0)),
        augment=AugmentConfig(
            flip_horizontal=True, crop_padding_pixels=6, rotate_degrees=8.0, brightness=0.2, contrast=0.2
        ),
        train=TrainConfig(
            steps=2000,
            batch=64,
            rate=2e-3,
            warmup=200,
            keep="best",
            optim=OptimConfig(weight_decay=0.05, ema=0.99, clip_norm=1.0),
        ),
        label_smoothing=0.05,
        views=("flip",),
    )
    return Recipe(config, Expect(value=0.5, minutes=15))


RECIPES: dict[str, Callable[[], Recipe]] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar10_subset": cifar10_subset,
    "folder": folder,
    "smoke": smoke,
}
