"""Pictures for a classifier: where they come from, how they are split, and what is measured before step 1."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator
from gradus.data.layouts import read_source
from gradus.data.leaks import find_leaks
from gradus.data.manifest import Manifest
from gradus.data.picture_sets import Pictures, PictureSet, reform
from gradus.data.pictures import Channels, Fit, PictureForm, channel_statistics, read_picture, resize
from gradus.data.source_table import SOURCES
from gradus.data.sources import locate
from gradus.data.splits import folds, hold_out, refuse_unknown_fold
from gradus.data.synthetic import QUARTERS, four_quarters
from gradus.engine.job import Split
from gradus.engine.kept import Kept
from gradus.engine.run import Run

Source = Literal["folder", "digits", "mnist", "fashion_mnist", "cifar10", "cifar10_subset", "quarters"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which pictures, in what form, and how they are split."""

    source: Source = "folder"
    """A set that gradus knows, or folder: your own pictures in any of the layouts."""
    path: str | None = None
    """The folder, table, zip or array file; for a known set, where its files are."""
    channels: Channels = 3
    """1 reads pictures as grey, 3 as red, green and blue."""
    side: Count | None = None
    """Pixels along each side after reading; without it all pictures must have one size."""
    fit: Fit = "crop"
    """How another shape becomes a square: its middle, all of it with bars, or stretched."""
    validation: Fraction = 0.1
    """Share of the training pictures held out for validation, where the set has no such split."""
    test: Fraction = 0.2
    """Share of all pictures held out for the test, where the set has no such split."""
    folds: Whole = 0
    """Folds of a cross-validation over all pictures; 0 keeps the splits."""
    fold: Whole = 0
    """Which fold is the test split, counted from 0."""
    skip_bad: bool = False
    """Leave broken pictures out, and count them, instead of stopping."""
    count: Count = 400
    """Pictures that the source quarters makes."""


@lru_cache(maxsize=2)  # probes build a job several times; a set is decoded once
def load(config: DataConfig, classes: tuple[str, ...] | None = None) -> PictureSet:
    """The pictures of a config in their final splits: train, test, and validation unless its share is 0.

    With the ``classes`` of a trained run nothing need be left to train on.
    """
    refuse_unknown_fold(config.fold, folds=config.folds)
    read = _read(config, classes)
    splits = dict(read.splits)
    if config.folds:
        splits = _fold(Pictures.together(splits.values()), config)
    elif classes is None:
        _refuse_missing(splits, config)
    if "train" in splits and "test" not in splits and config.test > 0:
        splits |= _divide(splits["train"], "test", config.test)
    if "train" in splits and "validation" not in splits and config.validation > 0:
        splits |= _divide(splits["train"], "validation", config.validation)
    return replace(read, splits=splits)


def _refuse_missing(splits: dict[str, Pictures], config: DataConfig) -> None:
    """Raise where the data have nothing to train on, or nothing to test on."""
    if "train" not in splits:
        raise InputError(
            "GR-DATA-019",
            where=str(config.path),
            wanted="pictures to train on",
            got=f"only the split {' and '.join(splits)}",
            remedy="Add the training split, or leave the splits out: pictures are then divided by class.",
        )
    if "test" not in splits and config.test == 0:
        raise UsageError(
            "GR-CONFIG-003",
            where="--data.test",
            wanted="a number above 0, as the data have no test split of their own",
            got="0",
            remedy="Give the share of the pictures to hold out, or a test split.",
        )


def _read(config: DataConfig, classes: tuple[str, ...] | None) -> PictureSet:
    """The pictures as their source splits them."""
    form = PictureForm(channels=config.channels, side=config.side, fit=config.fit)
    if config.source in ("digits", "quarters") and config.path is not None:
        raise UsageError(
            "GR-CLI-006",
            where=f"--data {config.path}",
            wanted="a recipe that reads pictures from a path",
            got=f"one on {config.source}, which is no file",
            remedy="Leave --data out, or use the recipe image_classification/folder.",
        )
    if config.source == "digits":
        return digits(form)
    if config.source == "quarters":
        return _quarters(config)
    if config.source == "folder" and config.path is None:
        raise UsageError(
            "GR-DATA-041",
            where="--data",
            wanted="a folder, table, zip or array file of pictures",
            got="none",
            remedy="Give --data PATH.",
        )
    path = locate(config.source, config.path) if config.source in SOURCES else Path(str(config.path))
    return read_source(config.source, path, form, skip_bad=config.skip_bad, classes=classes)


def digits(form: PictureForm) -> PictureSet:
    """The 1797 8x8 digits of scikit-learn: the first half trains; the second, by others, tests."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = (found.images * (255 / 16)).round().astype(np.uint8)[..., None]  # (N, 8, 8) -> (N, 8, 8, 1)
    images = reform(grey, form, where="digits")
    labels, half = torch.from_numpy(found.target).long(), len(images) // 2
    classes = tuple(str(digit) for digit in range(10))

    def part(first: int, last: int) -> Pictures:
        names = [f"digit {place}" for place in range(first, last)]
        return Pictures(images[first:last], labels[first:last], classes, names)

    return PictureSet({"train": part(0, half), "test": part(half, len(images))})


def _quarters(config: DataConfig) -> PictureSet:
    """The synthetic twin: one quarter is the odd one out, brighter or darker: no linear rule finds it."""
    side = 16 if config.side is None else config.side
    least = 2 * len(QUARTERS)  # half of them test: one of each class
    for name, value, wanted in (("side", side, 2), ("count", config.count, least)):
        if value < wanted:
            raise UsageError(
                "GR-CONFIG-003",
                where=f"--data.{name}",
                wanted=f"a number at least {wanted} for the source quarters",
                got=str(value),
                remedy="Give a larger one.",
            )
    counts = {"train": config.count, "validation": config.count // 2, "test": config.count // 2}
    splits = {}
    for seed, (split, count) in enumerate(counts.items()):
        bright = four_quarters(count, side, seed=seed, channels=config.channels)
        inverted = torch.rand(count, 1, 1, 1, generator=generator("quarters", seed)) < 0.5
        splits[split] = replace(bright, images=torch.where(inverted, 255 - bright.images, bright.images))
    return PictureSet(splits)


def _divide(pictures: Pictures, name: str, share: float) -> dict[str, Pictures]:
    """A share of the training pictures, the same of each class, as a split of its own."""
    kept, taken = hold_out(pictures.labels, share=share, name=name, classes=pictures.classes)
    return {"train": pictures.select(kept), name: pictures.select(taken)}


def _fold(pictures: Pictures, config: DataConfig) -> dict[str, Pictures]:
    cut = folds(pictures.labels, count=config.folds, seed=0, classes=pictures.classes)
    train, test = cut[config.fold]
    return {"train": pictures.select(train), "test": pictures.select(test)}


def survey(config: DataConfig) -> dict[str, Any]:
    """What a run must know of its data to be opened again, and what should be known before it is trained."""
    found = load(config)
    train = found.splits["train"]
    mean, std = channel_statistics(train.images)
    leaks = find_leaks(found.splits)
    return {
        "classes": list(train.classes),
        "shape": list(train.images.shape[1:]),
        "mean": mean.tolist(),
        "std": std.clamp(min=1 / 255).tolist(),  # a channel of one value has no deviation to divide by
        "counts": train.labels.bincount(minlength=len(train.classes)).tolist(),
        "pictures": {split: len(part.images) for split, part in found.splits.items()},
        "duplicates_across_splits": {"exact": len(leaks.exact), "near": len(leaks.near)},
        "skipped": list(found.skipped),
        "notes": list(found.notes),
    }


class PictureSplits:
    """The pictures of a run by split, on its device; they are read when a split is first asked for."""

    def __init__(self, config: DataConfig, *, about: dict[str, Any], run: Run) -> None:
        self.device = run.device
        self.classes: list[str] = about["classes"]
        self.shape: tuple[int, int, int] = tuple(about["shape"])
        classes = tuple(self.classes)

        def whole(config: DataConfig) -> Pictures:
            return Pictures.together(_read(config, classes).splits.values())

        self._kept = Kept(
            run,
            divided=lambda: load(config, classes).splits,
            undivided=lambda: whole(replace(config, skip_bad=True)),
            everything=lambda: whole(config),
        )
        self._placed: dict[str, dict[str, Tensor]] = {}

    def tensors(self, split: Split) -> dict[str, Tensor]:
        """``image`` as 8-bit values and ``label``; empty where there is no such split."""
        if split not in self._placed:
            found: Pictures | None = self._kept.of(split)
            self._placed[split] = (
                {"image": found.images.to(self.device), "label": found.labels.to(self.device)}
                if found
                else {}
            )
        return self._placed[split]

    def manifest(self) -> Manifest:
        """The keys of all pictures, by split."""
        return self._kept.manifest()


def as_float(image: Tensor) -> Float[Tensor, "B C H W"]:
    """Pictures in [0, 1]."""
    return image.float() / 255 if image.dtype == torch.uint8 else image


def read_input(raw: Any, config: DataConfig, *, shape: tuple[int, int, int]) -> UInt8[Tensor, "1 C H W"]:
    """One input of predict (a path, the bytes of a file, an array) in the form of the training pictures."""
    channels, height, width = shape
    values = _values(raw, channels)
    if values.shape[:2] != (height, width):
        if height != width:
            raise InputError(
                "GR-DATA-042",
                where=_name(raw),
                wanted=f"a picture of {width} x {height} pixels, as in training",
                got=f"{values.shape[1]} x {values.shape[0]}",
                remedy="Scale the picture, or train with --data.side.",
            )
        values = resize(values, height, fit=config.fit)
    return torch.from_numpy(values.transpose(2, 0, 1).copy())[None]  # (H, W, C) -> (1, C, H, W)


def picture_of(raw: Any) -> Image.Image:
    """An input of predict as a picture to be looked at."""
    return Image.fromarray(_values(raw, 3))


def _values(raw: Any, channels: int) -> UInt8[np.ndarray, "H W C"]:
    """An input as 8-bit values; arrays are read as pictures are, numbers up to 1 as shares of white."""
    assert channels in (1, 3)
    if isinstance(raw, np.ndarray):
        return _from_array(raw, channels)
    source = raw if isinstance(raw, bytes) else Path(raw)
    return read_picture(source, name=_name(raw), channels=channels)


def _from_array(values: np.ndarray, channels: int) -> UInt8[np.ndarray, "H W C"]:
    got = f"{values.dtype} of shape {values.shape}"
    if values.ndim == 2:
        values = values[:, :, None]
    fits = values.ndim == 3 and values.shape[2] in (1, 3) and min(values.shape) > 0
    if values.dtype.kind == "f" and values.size:
        low, high = values.min(), values.max()
        fits = fits and bool(low >= 0 and high <= 1)  # false for NaN as well
        got += f" with values from {low:g} to {high:g}"
    if not fits or (values.dtype != np.uint8 and values.dtype.kind != "f"):
        raise InputError(
            "GR-DATA-043",
            where=_name(values),
            wanted="8-bit values, or finite numbers from 0 to 1, of shape (H, W) or (H, W, 1 or 3)",
            got=got,
            remedy="Convert the array.",
        )
    if values.dtype != np.uint8:
        values = (values * 255).round().astype(np.uint8)
    if values.shape[2] == channels:
        return values
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    return np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(*values.shape[:2], channels)


def _name(raw: Any) -> str:
    return "an array" if isinstance(raw, np.ndarray) else "bytes" if isinstance(raw, bytes) else str(raw)
