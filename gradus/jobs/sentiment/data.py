"""Texts for a classifier: where they come from, how they are split, and what is measured before step 1."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import InputError, UsageError
from gradus.data.clean import CleanConfig, clean
from gradus.data.manifest import Manifest
from gradus.data.sources import locate
from gradus.data.splits import folds, hold_out, refuse_unknown_fold
from gradus.data.texts import (
    Fields,
    Items,
    Text,
    Texts,
    TextSet,
    drop_repeated,
    gather,
    label_tensor,
    read_sst,
    read_table,
    read_texts,
)
from gradus.data.tokenise import Cut
from gradus.data.translate import Translations, with_translations
from gradus.data.vocabulary import UNKNOWN
from gradus.engine.job import Split
from gradus.engine.kept import Kept
from gradus.engine.run import Run
from gradus.jobs.sentiment.reader import Columns, Reader
from gradus.jobs.sentiment.sentences import sentences

Part = Split | Literal["learnt"]
"""A split, or the training split and its translations."""
Source = Literal["folder", "sst2", "sst5", "airline", "sentences"]
SST5 = ("very negative", "negative", "neutral", "positive", "very positive")
SST2 = ("negative", "positive")
LEAST_SENTENCES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which texts, and how they are split."""

    source: Source = "folder"
    """A set that gradus knows, or folder: your own texts in any of the layouts."""
    path: str | None = None
    """The table, JSON lines or class folder; for a known set, where its files are."""
    text_column: str = "text"
    """The column of a table, or the field of JSON lines, that holds the text."""
    label_column: str = "label"
    """The one that holds the label."""
    labels: Literal["one", "several"] = "one"
    """Whether a text has one label or any number of them."""
    label_separator: str = ";"
    """What stands between several labels in a cell."""
    validation: Fraction = 0.1
    """Share of the training texts held out for validation, where the set has no such split."""
    test: Fraction = 0.2
    """Share of all texts held out for the test, where the set has no such split."""
    folds: Whole = 0
    """Folds of a cross-validation over all texts; 0 keeps the splits."""
    fold: Whole = 0
    """Which fold is the test split, counted from 0."""
    repeated: Literal["drop", "keep"] = "drop"
    """What is done with training texts that the validation or the test split has as well."""
    skip_bad: bool = False
    """Leave lines out that cannot be used, and count them, instead of stopping."""
    count: Count = 800
    """Training sentences that the source sentences makes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The texts in their final splits, and those that were dropped from each for being in a later one."""

    texts: TextSet
    dropped: dict[str, Texts]


@lru_cache(maxsize=2)  # probes build a job several times; a set is read once
def load(config: DataConfig, classes: tuple[str, ...] | None = None) -> Loaded:
    """The texts of a config in their final splits: train, test, and validation unless its share is 0.

    With the ``classes`` of a trained run nothing need be left to train on.
    """
    refuse_unknown_fold(config.fold, folds=config.folds)
    read = _read(config, classes)
    splits = dict(read.splits)
    if config.folds:
        splits = _fold(Texts.together(splits.values()), config, read.classes)
    if "train" in splits and "test" not in splits and config.test > 0:
        splits |= _divide(splits["train"], "test", config, read.classes)
    if "train" in splits and "validation" not in splits and config.validation > 0:
        splits |= _divide(splits["train"], "validation", config, read.classes)
    if classes is None:
        _refuse_missing(splits, config)
    dropped = dict[str, Texts]()
    if config.repeated == "drop":
        splits, dropped = drop_repeated(splits)
        if "train" in splits and not len(splits["train"]):
            raise InputError(
                "GR-TEXT-013",
                where=str(config.path or config.source),
                wanted="training texts that no other split has",
                got="none",
                remedy="Check the splits, or give --data.repeated keep.",
            )
    return Loaded(replace(read, splits=splits), dropped)


def _refuse_missing(splits: dict[str, Texts], config: DataConfig) -> None:
    """Raise UsageError where the data have nothing to train on, or nothing to test on."""
    if "train" not in splits or "test" not in splits:
        raise UsageError(
            "GR-TEXT-017",
            where=f"--data {config.path}" if config.path else "--data",
            wanted="texts to train on and texts to test on",
            got=f"only the split {' and '.join(splits)}",
            remedy="Add the missing split, or leave the splits out and give --data.test a share.",
        )


def _read(config: DataConfig, classes: tuple[str, ...] | None, *, known_only: bool = False) -> TextSet:
    """The texts as their source splits them; classes of known sets get their names.

    ``known_only`` passes over texts that cannot be used, and those of classes that are not known.
    """
    where = config.path or config.source
    known = {"sst2": SST2, "sst5": SST5}.get(config.source)
    numbers = tuple(str(place) for place in range(len(known))) if known else classes
    items = items_of(config)
    if known_only:
        items = (i for i in items if isinstance(i, Text) and set(i.labels) <= set(numbers or i.labels))
    found = gather(items, where=where, skip_bad=config.skip_bad, classes=numbers)
    if known is None:
        return found
    named = {
        split: replace(part, labels=[tuple(known[int(one)] for one in labels) for labels in part.labels])
        for split, part in found.splits.items()
    }
    return replace(found, splits=named, classes=known)


def items_of(config: DataConfig) -> Items:
    """The items of a source, in the order of its files."""
    if config.source == "sentences":
        return _sentences(config)
    separator = config.label_separator if config.labels == "several" else None
    fields = Fields(text=config.text_column, label=config.label_column, separator=separator)
    if config.source in ("sst2", "sst5"):
        return read_sst(locate("sst", config.path), "binary" if config.source == "sst2" else "fine")
    if config.source == "airline":
        place = locate("twitter_airline", config.path)
        return read_table(place / "Tweets.csv.gz" if place.is_dir() else place, fields)
    if config.path is None:
        raise UsageError(
            "GR-DATA-041",
            where="--data",
            wanted="a .csv, .tsv or .jsonl file, or a folder with a folder a class",
            got="none",
            remedy="Give --data PATH.",
        )
    return read_texts(Path(config.path).expanduser(), fields)


def _sentences(config: DataConfig) -> Items:
    if config.path is not None:
        raise UsageError(
            "GR-CLI-006",
            where=f"--data {config.path}",
            wanted="a recipe that reads texts from a path",
            got="one on sentences, which is no file",
            remedy="Leave --data out, or use the recipe sentiment/folder.",
        )
    if config.count < LEAST_SENTENCES:
        raise UsageError(
            "GR-CONFIG-003",
            where="--data.count",
            wanted=f"a number at least {LEAST_SENTENCES} for the source sentences",
            got=str(config.count),
            remedy="Give a larger one.",
        )
    return sentences(config.count)


def _strata(texts: Texts, config: DataConfig, classes: tuple[str, ...]) -> Tensor:
    """What a split keeps the mix of: the classes, or nothing where a text may have several."""
    if config.labels == "several":
        return torch.zeros(len(texts), dtype=torch.int64)
    return label_tensor(texts.labels, classes, several=False)


def _divide(texts: Texts, name: str, config: DataConfig, classes: tuple[str, ...]) -> dict[str, Texts]:
    """A share of the training texts, the same of each class, as a split of its own."""
    share = config.test if name == "test" else config.validation
    kept, taken = hold_out(_strata(texts, config, classes), share=share, name=name, classes=classes)
    return {"train": texts.select(kept.tolist()), name: texts.select(taken.tolist())}


def _fold(texts: Texts, config: DataConfig, classes: tuple[str, ...]) -> dict[str, Texts]:
    strata = _strata(texts, config, classes)
    cut = folds(strata, count=config.folds, seed=0, stratify=config.labels == "one", classes=classes)
    train, test = cut[config.fold]
    return {"train": texts.select(train.tolist()), "test": texts.select(test.tolist())}


def survey(config: DataConfig, cleaning: CleanConfig) -> dict[str, Any]:
    """What a run must know of its texts to be opened again, and what should be known before it is trained."""
    found = load(config)
    splits, classes = found.texts.splits, found.texts.classes
    counts = dict.fromkeys(classes, 0)
    for labels in splits["train"].labels:
        for label in labels:
            counts[label] += 1
    empty = {s: sum(not clean(t, cleaning).strip() for t in part.texts) for s, part in splits.items()}
    return {
        "classes": list(classes),
        "counts": list(counts.values()),
        "texts": {split: len(part) for split, part in splits.items()},
        "dropped_as_in_a_later_split": {split: len(part) for split, part in found.dropped.items()},
        "skipped": list(found.texts.skipped),
        "empty_after_cleaning": {split: count for split, count in empty.items() if count},
        "median_letters": median(len(text) for text in splits["train"].texts),
    }


class TextSplits:
    """The texts of a run by split, on its device; they are read when a split is first asked for."""

    def __init__(
        self,
        config: DataConfig,
        *,
        classes: list[str],
        reader: Reader,
        run: Run,
        translations: Translations = (),
    ) -> None:
        self.config, self.classes, self.reader, self.device = config, classes, reader, run.device
        self.translations = translations
        known = tuple(classes)
        self._kept = Kept(
            run,
            divided=lambda: load(config, known).texts.splits,
            undivided=lambda: Texts.together(_read(config, known, known_only=True).splits.values()),
            everything=lambda: Texts.together(_read(config, known).splits.values()),
            left_out=lambda: Texts.together(load(config, known).dropped.values()).keyed(),
        )
        self._cut: dict[str, Cut] = {}
        self._placed: dict[str, Columns] = {}

    def texts(self, split: Part) -> Texts | None:
        """The texts as they were written; None where there is no such split."""
        if split == "learnt":
            return with_translations(self._kept.of("train"), self.translations)
        return self._kept.of(split)

    def manifest(self) -> Manifest:
        """The keys of all texts, by split."""
        return self._kept.manifest()

    def cut(self, split: Part) -> Cut:
        """The texts of a split, which there is, as tokens."""
        split = self._same(split)
        if split not in self._cut:
            texts = self.texts(split)
            assert texts is not None
            self._cut[split] = self.reader.cut(texts.texts)
        return self._cut[split]

    def _same(self, split: Part) -> Part:
        """Without translations, what is learnt is the training split."""
        return "train" if split == "learnt" and not self.translations else split

    def columns(self, split: Part) -> Columns:
        """What the reader makes of the texts, and ``label``; empty where there is no such split."""
        split = self._same(split)
        if split not in self._placed:
            texts = self.texts(split)
            self._placed[split] = self._encoded(split, texts) if texts else {}
        return self._placed[split]

    def _encoded(self, split: Part, texts: Texts) -> Columns:
        label = label_tensor(texts.labels, self.classes, several=self.config.labels == "several")
        columns = self.reader.columns(self.cut(split)) | {"label": label}
        return {name: column.to(self.device) for name, column in columns.items()}


def about_words(splits: TextSplits, names: Iterable[Split]) -> dict[str, Any]:
    """How many tokens of each split are unknown, and how many texts are cut."""
    reader = splits.reader
    numbers = {name: splits.cut(name).encode(reader.tokeniser.vocabulary) for name in names}
    return {
        "known": len(reader.tokeniser.vocabulary),
        "unknown_share": {
            s: round((n.values == UNKNOWN).double().mean().item(), 4) for s, n in numbers.items()
        },
        "texts_cut": {s: int((n.lengths > reader.longest).sum()) for s, n in numbers.items()},
        "median_tokens": median(numbers["train"].lengths.tolist()),
    }
