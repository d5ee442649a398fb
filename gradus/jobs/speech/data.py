"""Recordings for a recogniser: where they come from, how they are split, what is measured before step 1."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.configs import Count, Fraction, Whole, Within
from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator
from gradus.data.characters import Case, Spelling, steps_needed
from gradus.data.ragged import Ragged
from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.sound_sets import Clips, SoundSet, read_sound_set
from gradus.data.sounds import at_rate, not_finite, read_sound
from gradus.data.source_table import SOURCES
from gradus.data.sources import locate
from gradus.data.spectra import Spectra, SpectraConfig
from gradus.data.splits import folds, grouped_folds, refuse_unknown_fold
from gradus.engine.job import Split
from gradus.jobs.speech.tones import tones

Source = Literal["folder", "fsdd", "ljspeech_32", "tones"]
LEAST_DEVIATION = 1e-3  # of a band that is silent in all training recordings
SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which recordings, at what rate, and how they are split."""

    source: Source = "folder"
    """A set that gradus knows, or folder: your own recordings in any of the layouts."""
    path: str | None = None
    """The folder or zip; for a known set, where its files are."""
    rate_hz: Annotated[int, Within(low=1000, high=192_000)] = 16_000
    """Samples in a second after reading; other rates are resampled and counted."""
    case: Case = "lower"
    """Letters of the transcripts; punctuation is taken off but for apostrophes inside words."""
    validation: Fraction = 0.1
    """Share of the training recordings held out for validation, where the set has no such split."""
    test: Fraction = 0.2
    """Share of all recordings held out for the test, where the set has no such split."""
    test_on_train: bool = False
    """Score the training recordings themselves: whether a model can learn a set at all."""
    folds: Whole = 0
    """Folds of a cross-validation over all recordings, of whole speakers where they are known; 0 is none."""
    fold: Whole = 0
    """Which fold is the test split, counted from 0."""
    skip_bad: bool = False
    """Leave broken recordings and lines out, and count them, instead of stopping."""
    count: Count = 300
    """Training utterances that the source tones makes."""


@lru_cache(maxsize=2)  # probes build a job several times; a set is decoded once
def load(config: DataConfig) -> SoundSet:
    """The recordings of a config in their final splits: train, test, and validation unless its share is 0."""
    refuse_unknown_fold(config.fold, folds=config.folds)
    read = read_all(config)
    splits = dict(read.splits)
    if config.folds:
        splits = _fold(_together(splits), config)
    if config.test_on_train:
        splits = {"train": splits["train"], "test": splits["train"]} if "train" in splits else {}
    if "train" in splits and "test" not in splits and config.test > 0:
        splits |= _divide(splits["train"], "test", config.test)
    if not {"train", "test"} <= splits.keys():
        raise InputError(
            "GR-SOUND-016",
            where=str(config.path),
            wanted="recordings to train on, and others to test on",
            got=f"only the split {' and '.join(read.splits)}",
            remedy="Add the other split, or give --data.test a share above 0.",
        )
    if "validation" not in splits and config.validation > 0 and not config.test_on_train:
        splits |= _divide(splits["train"], "validation", config.validation)
    return replace(read, splits=splits)


def read_all(config: DataConfig) -> SoundSet:
    """The recordings as their source splits them."""
    if config.source == "tones":
        if config.path is not None:
            raise UsageError(
                "GR-CLI-006",
                where=f"--data {config.path}",
                wanted="a recipe that reads recordings from a path",
                got="one on tones, which are no file",
                remedy="Leave --data out, or use the recipe speech/folder.",
            )
        return tones(config.count, rate_hz=config.rate_hz)
    if config.source == "folder" and config.path is None:
        raise UsageError(
            "GR-DATA-041",
            where="--data",
            wanted="a folder or zip of recordings",
            got="none",
            remedy="Give --data PATH.",
        )
    path = locate(config.source, config.path) if config.source in SOURCES else Path(str(config.path))
    return read_sound_set(path, rate_hz=config.rate_hz, case=config.case, skip_bad=config.skip_bad)


def _divide(clips: Clips, name: str, share: float) -> dict[str, Clips]:
    """A share of the training recordings, drawn by chance, as a split of its own."""
    count = round(share * len(clips))
    if not 0 < count < len(clips):
        raise UsageError(
            "GR-CONFIG-003",
            where=f"--data.{name}",
            wanted=f"a share of at least one of the {len(clips)} recordings, and not of all",
            got=f"{share:g}",
            remedy="Give another share, or more recordings.",
        )
    order = torch.randperm(len(clips), generator=generator("speech", name)).tolist()
    return {"train": clips.select(sorted(order[count:])), name: clips.select(sorted(order[:count]))}


def _fold(clips: Clips, config: DataConfig) -> dict[str, Clips]:
    """One fold as the test split: of whole speakers where each recording has one and they suffice."""
    names = sorted(set(clips.speakers))
    speakers = torch.tensor([names.index(speaker) for speaker in clips.speakers])
    if len(names) >= config.folds and all(names):
        cut = grouped_folds(speakers, count=config.folds, seed=0)
    else:
        cut = folds(speakers, count=config.folds, seed=0, stratify=False)
    train, test = cut[config.fold]
    return {"train": clips.select(train.tolist()), "test": clips.select(test.tolist())}


def _together(splits: dict[str, Clips]) -> Clips:
    parts = list(splits.values())
    sounds = [part.sounds[place] for part in parts for place in range(len(part))]
    return Clips(
        Ragged.of(sounds),
        [text for part in parts for text in part.texts],
        [name for part in parts for name in part.names],
        [speaker for part in parts for speaker in part.speakers],
    )


# -- before step 1 ---------------------------------------------------------------------------------------


def survey(
    config: DataConfig,
    *,
    features: SpectraConfig,
    strides: tuple[int, ...],
    augment: SoundAugmentConfig,
    merges: int,
) -> dict[str, Any]:
    """What a run must know of its data to be opened again, and what should be known before it is trained."""
    found = load(config)
    train = found.splits["train"]
    spelling = Spelling.learn(train.texts, merges=merges)
    spectra = Spectra(features, rate_hz=config.rate_hz)
    short = too_short(train, spelling, spectra, strides=strides, fastest=augment.fastest)
    if short and not config.skip_bad:
        raise _refused(train, short)
    return {
        "spelling": spelling.to_plan(),
        **scale_of(train, spectra),
        "recordings": {split: len(part) for split, part in found.splits.items()},
        "hours": {
            split: round(len(part.sounds.values) / config.rate_hz / 3600, 4)
            for split, part in found.splits.items()
        },
        "speakers": {split: sorted(set(part.speakers) - {""}) for split, part in found.splits.items()},
        "unseen_letters": {split: spelling.unknown(part.texts) for split, part in found.splits.items()},
        "too_short": [train.names[place] for place, _, _ in short],
        "duplicates_across_splits": len(duplicates(found)),
        "skipped": list(found.skipped),
        "notes": list(found.notes),
    }


def too_short(
    clips: Clips, spelling: Spelling, spectra: Spectra, *, strides: tuple[int, ...], fastest: float
) -> list[tuple[int, int, int]]:
    """Clips that CTC cannot write at their fastest: their places, the steps they have and those they need."""
    steps = spectra.count((clips.sounds.lengths / fastest).floor().long())
    for stride in strides:
        steps = (steps + stride - 1) // stride
    needed = [steps_needed(tokens) for tokens in spelling.encode(clips.texts)]
    pairs = enumerate(zip(steps.tolist(), needed, strict=True))
    return [(place, has, needs) for place, (has, needs) in pairs if has < needs]


def _refused(clips: Clips, short: list[tuple[int, int, int]]) -> InputError:
    place, has, needs = short[0]
    more = f", and {len(short) - 1} other recordings are too short" if len(short) > 1 else ""
    return InputError(
        "GR-SOUND-020",
        where=clips.names[place],
        wanted=f"{needs} steps to write {clips.texts[place]!r} in, at the fastest speed of training",
        got=f"{has}{more}",
        remedy="Mend its transcript, lower --model.strides or --augment.speed, or give --data.skip-bad.",
    )


def scale_of(clips: Clips, spectra: Spectra) -> dict[str, list[float]]:
    """The ``mean`` of each band over all frames of the clips, and its ``deviation``, which is never 0."""
    mean, deviation = statistics_of(clips, spectra)
    return {"mean": mean.tolist(), "deviation": deviation.clamp(min=LEAST_DEVIATION).tolist()}


def statistics_of(clips: Clips, spectra: Spectra) -> tuple[Float[Tensor, "M"], Float[Tensor, "M"]]:
    """Mean and deviation of each band over all frames of the clips."""
    total, count = torch.zeros(2, spectra.width, dtype=torch.float64), 0
    edge = spectra.num_samples // 2
    for place in range(len(clips)):
        padded = torch.nn.functional.pad(clips.sounds[place][None], (edge, edge))
        frames = spectra.frames(padded)[0].double()
        total[0] += frames.sum(dim=0)
        total[1] += frames.square().sum(dim=0)
        count += len(frames)
    mean, squares = total / count
    return mean.float(), (squares - mean.square()).clamp(min=0).sqrt().float()


def duplicates(found: SoundSet) -> list[tuple[str, str]]:
    """Recordings of other splits that are one of the training split, sample for sample, with its name."""
    train = found.splits["train"]
    known = {_key(train.sounds[place]): train.names[place] for place in range(len(train))}
    return [
        (part.names[place], known[key])
        for split, part in found.splits.items()
        for place in range(len(part))
        if split != "train" and (key := _key(part.sounds[place])) in known
    ]


def _key(sound: Tensor) -> bytes:
    return hashlib.blake2b(sound.numpy().tobytes(), digest_size=16).digest()


# -- during a run ----------------------------------------------------------------------------------------


class SpokenSplits:
    """The recordings of a run by split; they are read when a split is first asked for."""

    def __init__(self, config: DataConfig, *, about: dict[str, Any], device: torch.device) -> None:
        self.config, self.device = config, device
        self.spelling = Spelling.of_plan(about["spelling"])
        self._too_short = set(about["too_short"])

    def clips(self, split: Split) -> Clips | None:
        """The recordings of a split; None where there is none."""
        if split == "all":
            return _together(read_all(self.config).splits)
        found = load(self.config).splits.get(split)
        if found is None or split != "train" or not self._too_short:
            return found
        return found.select([i for i, name in enumerate(found.names) if name not in self._too_short])

    def columns(self) -> dict[str, Ragged | Tensor]:
        """The training recordings as samples and tokens, on the run's device."""
        clips = self.clips("train")
        assert clips is not None
        tokens = [torch.tensor(text) for text in self.spelling.encode(clips.texts)]
        return {"sound": clips.sounds.to(self.device), "text": Ragged.of(tokens).to(self.device)}


def read_input(raw: Any, *, rate_hz: int) -> dict[str, Tensor]:
    """One input of predict (a path, the bytes of a file, an array) as one channel at the training rate."""
    sound = sound_of(raw, rate_hz=rate_hz)
    return {"sound": sound[None], "sound_length": torch.tensor([len(sound)])}


def sound_of(raw: Any, *, rate_hz: int) -> Float[Tensor, "S"]:
    """An input of predict as samples; an array has them at the training rate already."""
    if not isinstance(raw, np.ndarray):
        name = "bytes" if isinstance(raw, bytes) else str(raw)
        return at_rate(read_sound(raw if isinstance(raw, bytes) else Path(raw), name=name), rate_hz)
    if raw.ndim != 1 or raw.dtype.kind != "f" or not raw.size:
        raise InputError(
            "GR-SOUND-021",
            where="an array",
            wanted=f"floats of shape (samples,) at {rate_hz} Hz",
            got=f"{raw.dtype} of shape {raw.shape}",
            remedy="Convert the array, or give a sound file.",
        )
    if not np.isfinite(raw).all():
        place = int(np.flatnonzero(~np.isfinite(raw))[0])
        raise not_finite("an array", place, float(raw[place]))
    return torch.from_numpy(raw.astype(np.float32))
