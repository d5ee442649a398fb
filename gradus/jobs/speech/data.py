"""Recordings for a recogniser: where they come from, how they are split, what is measured before step 1."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from gradus.data.manifest import NOTHING, Keys, Manifest
from gradus.data.ragged import Ragged
from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.sound_layouts import TABLE, Columns
from gradus.data.sound_sets import Clips, SoundSet, read_sound_set
from gradus.data.sounds import at_rate, not_finite, read_sound
from gradus.data.source_table import SOURCES
from gradus.data.sources import locate
from gradus.data.spectra import Spectra, SpectraConfig
from gradus.data.splits import folds, grouped_folds, refuse_unknown_fold
from gradus.engine.job import Split
from gradus.engine.kept import Kept
from gradus.engine.run import Run
from gradus.jobs.speech.joining import duplicates, join, joined_from, placed
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
    train_also: tuple[str, ...] = ()
    """Further folders or zips, in any of the layouts, whose recordings are all trained on and never scored:
    synthetic speech, another corpus."""
    path_column: str = "path"
    """The column of a table of transcripts that names the sound, from the folder of the table."""
    text_column: str = "text"
    """The one that holds the transcript."""
    speaker_column: str = "speaker"
    """The one that says who speaks, if there is one."""
    split_column: str = "split"
    """The one that says train, validation or test, if there is one."""
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

    @property
    def columns(self) -> Columns:
        """What a table of transcripts calls its columns."""
        return Columns(
            path=self.path_column,
            text=self.text_column,
            speaker=self.speaker_column,
            split=self.split_column,
        )


@lru_cache(maxsize=2)  # probes build a job several times; a set is decoded once
def load(config: DataConfig) -> SoundSet:
    """The recordings of a config in their final splits: train, test, and validation unless its share is 0."""
    refuse_unknown_fold(config.fold, folds=config.folds)
    read = read_all(config)
    further = read_further(config)
    _refuse_idle_columns(config, [read, *further.values()])
    splits = dict(read.splits)
    left_out = NOTHING
    if config.folds:
        splits = _fold(Clips.together(splits.values()), config)
    if config.test_on_train:
        left_out = Keys.together(part.keyed() for split, part in splits.items() if split != "train")
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
    found = replace(read, splits=splits, left_out=left_out)
    for path, more in further.items():  # after every division: nothing of them is held out
        found = join(found, path, more)
    return found


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
    return _read(path, config)


def read_further(config: DataConfig) -> dict[str, SoundSet]:
    """The sets that are trained on as well, by their paths, as they are split."""
    return {path: _read(Path(path), config) for path in config.train_also}


def _read(path: Path, config: DataConfig) -> SoundSet:
    return read_sound_set(
        path, rate_hz=config.rate_hz, case=config.case, skip_bad=config.skip_bad, columns=config.columns
    )


def _refuse_idle_columns(config: DataConfig, read: list[SoundSet]) -> None:
    """Raise UsageError where columns are named and none of the sets is a table that has some."""
    given = [kind for kind, column in asdict(config.columns).items() if column != kind]
    if given and all(one.layout != TABLE for one in read):
        raise UsageError(
            "GR-CONFIG-003",
            where=f"--data.{given[0]}-column",
            wanted="a table of transcripts, whose columns have names",
            got=f"recordings in the layout of {read[0].layout or config.source}",
            remedy="Leave it out.",
        )


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


def _each_once(config: DataConfig) -> dict[str, Clips]:
    """The splits, but for a test split that is the training split."""
    splits = load(config).splits
    return {split: part for split, part in splits.items() if split != "test" or not config.test_on_train}


def _all_of(config: DataConfig, *, further: bool) -> Clips:
    """All recordings of a set, and those of the sets that are trained on as well."""
    parts = list(read_all(config).splits.values())
    for path, more in read_further(config).items() if further else ():
        parts.append(placed(Clips.together(more.splits.values()), path))
    return Clips.together(parts)


# -- before step 1 ---------------------------------------------------------------------------------------


def survey(
    config: DataConfig,
    *,
    features: Sequence[SpectraConfig],
    strides: tuple[int, ...],
    augment: SoundAugmentConfig,
    merges: int,
) -> dict[str, Any]:
    """What a run must know of its data to be opened again, and what should be known before it is trained."""
    found = load(config)
    train = found.splits["train"]
    spelling = Spelling.learn(train.texts, merges=merges)
    spectra = Spectra(features[0], rate_hz=config.rate_hz)
    short = too_short(train, spelling, spectra, strides=strides, fastest=augment.fastest)
    if short and not config.skip_bad:
        raise _refused(train, short)
    return {
        "spelling": spelling.to_plan(),
        "scales": [scale_of(train, Spectra(one, rate_hz=config.rate_hz)) for one in features],
        "recordings": {split: len(part) for split, part in found.splits.items()},
        "hours": {
            split: round(len(part.sounds.values) / config.rate_hz / 3600, 4)
            for split, part in found.splits.items()
        },
        "trained_also": {path: len(joined_from(train, path)) for path in config.train_also},
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


# -- during a run ----------------------------------------------------------------------------------------


class SpokenSplits:
    """The recordings of a run by split; they are read when a split is first asked for."""

    def __init__(self, config: DataConfig, *, about: dict[str, Any], run: Run) -> None:
        self.config, self.device = config, run.device
        self.spelling = Spelling.of_plan(about["spelling"])
        self._too_short = set(about["too_short"])
        self._kept = Kept(
            run,
            divided=lambda: _each_once(config),
            undivided=lambda: _all_of(replace(config, skip_bad=True), further=True),
            everything=lambda: _all_of(config, further=False),
            left_out=lambda: load(config).left_out,
        )

    def clips(self, split: Split) -> Clips | None:
        """The recordings of a split; None where there is none."""
        if split == "test" and self.config.test_on_train:
            return self._tested()
        found: Clips | None = self._kept.of(split)
        if found is None or split != "train" or not self._too_short:
            return found
        return found.select([i for i, is_short in enumerate(self._are_short(found)) if not is_short])

    def _tested(self) -> Clips:
        """The training recordings without those from elsewhere."""
        train: Clips = self._kept.of("train")
        further = {place for path in self.config.train_also for place in joined_from(train, path)}
        return train.select([i for i in range(len(train)) if i not in further]) if further else train

    def _are_short(self, clips: Clips) -> list[bool]:
        """Which training recordings are too short, by what they were called when the run began."""
        begun = self._kept.run.manifest
        train = begun.splits["train"] if begun else NOTHING
        keys = {key for key, name in zip(train.keys, train.names, strict=True) if name in self._too_short}
        pairs = zip(clips.names, clips.keyed().keys, strict=True)
        return [name in self._too_short or key in keys for name, key in pairs]

    def manifest(self) -> Manifest:
        """The keys of all recordings, by split."""
        return self._kept.manifest()

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
