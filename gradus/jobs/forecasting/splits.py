"""Splits in time, and the windows of a run in tensors on its device."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.data.calendar import DAY, Step, worded
from gradus.data.manifest import Manifest
from gradus.data.mending import Series
from gradus.data.windows import Span, as_places, cut, rolled, starts_in, windows
from gradus.engine.job import Split
from gradus.engine.run import Run
from gradus.jobs.forecasting.data import DataConfig, beside_of, notation_of
from gradus.jobs.forecasting.inputs import Columns, Part, encoded, load, wrong_columns
from gradus.jobs.forecasting.kept import Bounds, Opened, manifest_of, opened
from gradus.metrics.forecast import naive_forecasts

ETT_ROWS = (8640, 11520, 14400)  # 12, 4 and 4 months of hours; what comes after is not used


def past_rows(config: DataConfig) -> int:
    """Rows before a forecast that it is made from: a return needs the row before it."""
    return config.input_steps + (config.transform == "log_returns")


def bounds_of(part: Part, config: DataConfig) -> Bounds:
    """Where validation and test begin and test ends, in rows of a part."""
    shift = part.series.num_seen - len(part.inputs)
    count = part.series.num_seen
    if config.folds:
        first, second, stop = rolled(
            count, validation=config.validation, test=config.test, folds=config.folds, fold=config.fold
        )
    elif config.borders:
        first, second = (_place(part.series, border) for border in config.borders)
        stop = count
        if first > second:
            raise _bad_border(config.borders, "the earlier of the two first")
    elif config.source == "ett_h1" and count >= ETT_ROWS[-1]:
        first, second, stop = ETT_ROWS
    else:
        first, second = cut(count, validation=config.validation, test=config.test)
        stop = count
    return max(0, first - shift), max(0, second - shift), max(0, stop - shift)


def _place(series: Series, border: str) -> int:
    """The first row at or after a border; UsageError where it is no time."""
    try:
        time = int(np.datetime64(border, "us").astype(np.int64)) if series.dated else int(border)
    except ValueError as error:
        wanted = "two times such as 2026-01-31" if series.dated else "two whole numbers"
        raise _bad_border((border,), wanted) from error
    return int(np.searchsorted(series.times[: series.num_seen], time))


def _bad_border(borders: Sequence[str], wanted: str) -> UsageError:
    return UsageError(
        "GR-SERIES-046",
        where="--data.borders",
        wanted=wanted,
        got=", ".join(map(repr, borders)),
        remedy="Write the times at which validation and test begin, as ISO 8601 does.",
    )


def starts_of(
    parts: Sequence[Part], config: DataConfig, bounds: Sequence[Bounds], split: Split
) -> Int64[Tensor, "N"]:
    """Where the windows of a split begin, in the rows of all parts end to end."""
    ranges, offset = [], 0
    for part, (first, second, stop) in zip(parts, bounds, strict=True):
        whole = Span(offset, offset + len(part.inputs))
        span = {
            "train": Span(0, first),
            "validation": Span(first, second),
            "test": Span(second, stop),
            "all": Span(0, len(part.inputs)),
        }[split]
        ranges.append(
            starts_in(
                Span(offset + span.first, offset + span.stop),
                series=whole,
                past=past_rows(config),
                horizon=config.horizon,
                borrows=split in ("validation", "test"),
            )
        )
        offset = whole.stop
    return as_places(ranges)


def count_windows(parts: Sequence[Part], config: DataConfig, bounds: Sequence[Bounds]) -> dict[str, int]:
    """Windows by split; InputError where a split that was asked for has none."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    counts: dict[str, int] = {split: len(starts_of(parts, config, bounds, split)) for split in splits}
    rows = [max(b - a for a, b in pairs) for pairs in zip(*(_spans(each) for each in bounds), strict=True)]
    for (split, count), have in zip(counts.items(), rows, strict=True):
        need = past_rows(config) + config.horizon if split == "train" else config.horizon
        if count == 0 and (have > 0 or split != "validation"):
            raise InputError(
                "GR-SERIES-016",
                where=f"{parts[0].series.where}, split {split}",
                wanted=f"at least {need} rows in a series, for one window",
                got=str(have),
                remedy="Give a longer history, or smaller --data.input-steps and --data.horizon.",
            )
    return counts


def _spans(bounds: tuple[int, int, int]) -> tuple[tuple[int, int], ...]:
    first, second, stop = bounds
    return (0, first), (first, second), (second, stop)


def trained_step(series: Series, about: Mapping[str, Any]) -> Step:
    """The step of the training that a series of dates has; a few weekdays, or months, look like days.

    InputError where it has none of them.
    """
    trained = [Step(**one) for one in about["steps"]]
    least = {"weekdays": DAY, "months": 28 * DAY}
    if len(series.times) < 2:
        return trained[0]
    for step in trained:
        loosely = series.step.unit == "microseconds" and series.step.count >= least.get(step.unit, math.inf)
        if step == series.step or loosely:
            return step
    raise InputError(
        "GR-SERIES-054",
        where=series.place,
        wanted=f"a row every {' or '.join(map(worded, trained))}, as in the training",
        got=f"one every {worded(series.step)}",
        remedy="Give a row for each step of the training.",
    )


def inputs_of(batch: Mapping[str, Tensor]) -> list[Tensor]:
    """What a forecaster takes of a batch, in its order."""
    return [batch[name] for name in ("past", "known", "static") if name in batch]


class SeriesSplits:
    """The series of a run end to end in tensors on its device, read when a split is first asked for."""

    def __init__(self, config: DataConfig, *, about: dict[str, Any], run: Run) -> None:
        self.config, self.about, self.device = config, about, run.device
        self._run = run
        self._opened: Opened | None = None
        self.parts: list[Part] = []
        self._inputs = self._known = self._static = torch.empty(0)
        self._owners = torch.empty(0)
        self._starts: dict[Split, Tensor] = {}

    def starts(self, split: Split) -> Int64[Tensor, "N"]:
        """Where the windows of a split begin; none where there is no such split.

        InputError where rows of the run are gone, or others came between them.
        """
        if split not in self._starts:
            self._read()
            bounds = [(0, 0, 0)] * len(self.parts) if split == "all" else self._bounds()
            self._starts[split] = starts_of(self.parts, self.config, bounds, split).to(self.device)
        return self._starts[split]

    def batch(self, starts: Int64[Tensor, "B"]) -> dict[str, Tensor]:
        """Windows: ``past`` (B, L, F), ``future`` (B, H, C), and what is known ahead or static."""
        self._read()
        config = self.config
        past, horizon, targets = past_rows(config), config.horizon, len(self.about["targets"])
        future = windows(self._inputs[:, :targets], steps=horizon)[starts + past]
        batch = {"past": windows(self._inputs, steps=past)[starts], "future": future}
        if self._known.shape[1] or self._static.shape[1]:
            steps = config.input_steps + horizon
            batch["known"] = windows(self._known, steps=steps)[starts + past - config.input_steps]
        if self._static.shape[1]:
            batch["static"] = self._static[self._owners[starts]]
        return batch

    def owners(self, starts: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """The place of the series that each window is of."""
        self._read()
        return self._owners[starts]

    def time_after(self, start: int) -> tuple[int, Part]:
        """The row of its part that the first forecast of a window is for, and the part."""
        row = start
        for part in self.parts:
            if row < len(part.inputs):
                return row + past_rows(self.config), part
            row -= len(part.inputs)
        raise IndexError(start)

    def naive(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The naive forecasts of a batch."""
        past = batch["past"][:, :, : len(self.about["targets"])]
        return naive_forecasts(past, horizon=self.config.horizon, season=self.about["season"])

    def manifest(self) -> Manifest:
        """The keys of all rows, by split."""
        if self._run.manifest:
            return self._now().manifest
        parts = self._load(self.config)[0]
        return manifest_of(parts, [bounds_of(part, self.config) for part in parts], self._looked_at())

    def _load(self, config: DataConfig) -> tuple[list[Part], Columns]:
        return load(config, tuple(self.about["targets"]))

    def _looked_at(self) -> list[str]:
        """The columns of the table that the run knows."""
        beside = beside_of(self.config).values()
        return list(dict.fromkeys([*self.about["targets"], *self.config.past, *self.config.known, *beside]))

    def _own(self) -> DataConfig:
        """The data of a run that is opened again: none of its rows is among those that cannot be read."""
        return replace(self.config, skip_bad=True) if self._run.own_data else self.config

    def _now(self) -> Opened:
        """What there is now of a run that is opened again."""
        if self._opened is None:
            self._opened = opened(self._load(self._own())[0], self._looked_at(), self._run)
        return self._opened

    def _bounds(self) -> list[Bounds]:
        """Where validation and test begin and test ends in each part."""
        kept = self._now() if self._run.manifest else None
        if kept and kept.fault:
            raise kept.fault
        return kept.bounds if kept and kept.bounds else [bounds_of(part, self.config) for part in self.parts]

    def _read(self) -> None:
        if self.parts:
            return
        parts, columns = self._load(self._own() if self._run.manifest else self.config)
        if self._run.manifest:
            parts = self._now().parts
            if not parts:
                raise self._now().fault or AssertionError("a run without a row")
        if list(columns.inputs) != self.about["inputs"] or list(columns.known) != self.about["known"]:
            raise wrong_columns(parts[0].series.where, self.about["inputs"], list(columns.inputs))
        for part in parts:
            if part.series.dated:
                trained_step(part.series, self.about)
        kinds = self.about["static"]
        notation = notation_of(self.config)
        static = [
            encoded(part.series.static, kinds, notation=notation, where=part.series.place) for part in parts
        ]
        self._inputs = self._placed(np.concatenate([part.inputs for part in parts]))
        self._known = self._placed(np.concatenate([part.known[: len(part.inputs)] for part in parts]))
        self._static = torch.tensor(static, dtype=torch.float32, device=self.device).view(len(parts), -1)
        lengths = torch.tensor([len(part.inputs) for part in parts])
        self._owners = torch.arange(len(parts)).repeat_interleave(lengths).to(self.device)
        self.parts = parts

    def _placed(self, values: np.ndarray) -> Float[Tensor, "T F"]:
        return torch.from_numpy(values).float().to(self.device)
