"""Whole configs of recognisers, and what to expect of them."""

from collections.abc import Callable
from dataclasses import replace

from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.spectra import SpectraConfig
from gradus.engine.job import Expect, Recipe
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.speech.config import Config, DecodeConfig
from gradus.jobs.speech.data import DataConfig
from gradus.models.speech_recurrent import SpeechRecurrentConfig


def smoke() -> Recipe:
    """Words of tones in noise, made in memory. Proves the machinery, not the model."""
    config = Config(
        data=DataConfig(source="tones", rate_hz=4000),
        features=SpectraConfig(bands=16, window_seconds=0.032, hop_seconds=0.016),
        model=SpeechRecurrentConfig(channels=(8,), strides=(2,), width=32, depth=1, dropout=0.0),
        augment=SoundAugmentConfig(band_masks=1, band_mask_width=1, gain_db=3.0),
        train=TrainConfig(
            steps=120, batch=16, rate=1e-2, precision="fp32", warmup=10, optim=OptimConfig(clip_norm=1.0)
        ),
    )
    return Recipe(config, Expect(value=0.1, minutes=0.5, first_loss=(4.5, 6.5)))


def fsdd() -> Recipe:
    """Spoken digits, letter by letter: recordings 0 to 4 of each speaker test, the others train."""
    config = Config(
        data=DataConfig(source="fsdd", rate_hz=8000),
        features=SpectraConfig(bands=24, tail_seconds=0.2),  # more bands would hear a speaker's pitch
        model=SpeechRecurrentConfig(channels=(16, 16, 32), strides=(2, 1, 1), width=96, depth=1, dropout=0.2),
        augment=SoundAugmentConfig(
            speed=(0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2),
            cut_share=0.12,
            margin_seconds=0.25,
            tilt=0.6,
            echo_share=0.3,
            echo_seconds=0.3,
            gain_db=15.0,
            noise_share=0.8,
            noise_snr_db=(5.0, 40.0),
            noise_tilt=0.9,
            warp=0.15,
            time_masks=1,
            band_masks=2,
            band_mask_width=4,
        ),
        decode=DecodeConfig(warps=(0.85, 0.925, 1.0, 1.075, 1.15), beam=8, order=6),
        committee=("pcen",),
        train=TrainConfig(
            steps=2800,
            batch=32,
            rate=3e-3,
            warmup=75,
            precision="fp32",
            optim=OptimConfig(weight_decay=0.01, clip_norm=1.0, ema=0.995),
        ),
    )
    return Recipe(config, Expect(value=0.01, minutes=10))


def fsdd_streaming() -> Recipe:
    """The same digits in one direction, a quarter of a second behind; scored by what a stream writes."""
    config = fsdd().config
    changed = replace(
        config,
        model=replace(config.model, directions="one", width=128, steps_ahead=12),
        augment=replace(config.augment, margin_seconds=0.0, echo_share=0.0, noise_share=0.6, noise_tilt=0.0),
        decode=DecodeConfig(),
        committee=(),
        train=replace(config.train, steps=2600),
    )
    return Recipe(changed, Expect(value=0.05, minutes=10))


def ljspeech() -> Recipe:
    """32 sentences of one reader, scored on themselves: whether the machinery can learn sentences at all."""
    config = Config(
        data=DataConfig(source="ljspeech_32", rate_hz=16_000, test_on_train=True),
        features=SpectraConfig(bands=64),
        model=SpeechRecurrentConfig(channels=(16, 16), strides=(2, 2), width=160, dropout=0.0),
        train=TrainConfig(
            steps=400, batch=8, rate=3e-3, warmup=20, precision="fp32", optim=OptimConfig(clip_norm=1.0)
        ),
    )
    return Recipe(config, Expect(value=0.05, minutes=10))


def folder() -> Recipe:
    """Your own recordings (--data PATH): a published layout, a table, or a .txt beside each sound."""
    config = Config(
        data=DataConfig(rate_hz=16_000),
        features=SpectraConfig(bands=64),
        model=SpeechRecurrentConfig(channels=(32, 32), strides=(2, 2), width=256, depth=3),
        augment=SoundAugmentConfig(
            speed=(0.9, 1.0, 1.1), gain_db=6.0, time_masks=2, time_mask_share=0.05, band_masks=2
        ),
        train=TrainConfig(
            steps=4000,
            batch=16,
            rate=2e-3,
            warmup=200,
            keep="best",
            optim=OptimConfig(weight_decay=0.01, clip_norm=1.0, ema=0.995),
        ),
    )
    return Recipe(config, Expect(value=0.5, minutes=60))


RECIPES: dict[str, Callable[[], Recipe]] = {
    "fsdd": fsdd,
    "fsdd_streaming": fsdd_streaming,
    "ljspeech": ljspeech,
    "folder": folder,
    "smoke": smoke,
}
