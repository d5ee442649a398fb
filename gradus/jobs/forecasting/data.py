"""Series for a forecaster: where they come from, how time is split, and what is measured before step 1."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator
from gradus.data.calendar import HOUR, Cycle, Step, calendar_features, times_at
from gradus.data.indicators import indicator_features
from gradus.data.rows import number
from gradus.data.series import Form, Mending, Series, mended, read_series
from gradus.data.sources import locate

Source = Literal["file", "ett_h1", "exchange_rate", "stock_orcl", "waves"]
FILES = {
    "ett_h1": "ETTh1.csv",
    "exchange_rate": "exchange_rate.txt.gz",
    "stock_orcl": "orcl-1995-2014.csv",
}
CURRENCIES = ("AUD", "GBP", "CAD", "CHF", "CNY", "JPY", "NZD", "SGD")  # the columns as the paper lists them
JANUARY_2026 = 1_767_225_600_000_000  # microseconds since 1970


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which series, what is forecast of them from what, and how time is split."""

    source: Source = "file"
    """A set that gradus knows, or file: your own table."""
    path: str | None = None
    """The table, as CSV (gzip or not) or Parquet; for a known set, its folder."""
    input_steps: Count = 96
    """Steps of the past that a forecast is made from."""
    horizon: Count = 24
    """Steps ahead to forecast."""
    time: str | None = None
    """Column of the times; default date, time, datetime, timestamp or ds, and else the rows are counted."""
    time_format: str | None = None
    """Format of the times as strptime writes it; default the forms of ISO 8601."""
    series: str | None = None
    """Column that names the series of a row, in a table of many."""
    targets: tuple[str, ...] = ()
    """Columns to forecast; default all that have no other part."""
    past: tuple[str, ...] = ()
    """Columns to learn from that are not forecast."""
    known: tuple[str, ...] = ()
    """Columns known ahead, such as holidays or prices that were announced."""
    static: tuple[str, ...] = ()
    """Columns with one value a series: a number, or a category."""
    calendar: tuple[Cycle, ...] = ()
    """Cycles of the calendar to know ahead."""
    indicators: tuple[str, ...] = ()
    """Technical indicators of each target: sma, ema, rsi, macd, bollinger, momentum, volatility; or rsi_7."""
    transform: Literal["none", "log_returns"] = "none"
    """log_returns learns from the logarithms of ratios of one step and forecasts that of the ratio to now."""
    scale: Literal["standard", "min_max", "none"] = "standard"
    """What inputs are scaled by: mean and deviation, or least and largest value, of the training rows."""
    score: Literal["scaled", "original"] = "scaled"
    """Whether errors are counted in deviations of the training rows, or in the unit of the series."""
    season: Count | None = None
    """Steps of a season, for the seasonal naive forecast and MASE; default by the step: 24 for hours."""
    validation: Fraction = 0.1
    """Share of the rows, before those of the test, to validate on."""
    test: Fraction = 0.2
    """Share of the rows, at the end, to test on."""
    borders: tuple[str, str] | None = None
    """Times at which validation and test begin, in place of the shares."""
    folds: Whole = 0
    """Rolling origins: the test rows in so many blocks, each forecast from all before it; 0 is one block."""
    fold: Whole = 0
    """Which block is the test split, counted from 0."""
    skip_bad: bool = False
    """Leave rows out that cannot be read, and count them; the steps that they leave missing are a gap."""
    mend: Mending = field(default_factory=Mending)
    """What is done about a table that is not in order."""
    rows: Count = 1500
    """Rows that the source waves makes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One series, ready: inputs side by side, targets first."""

    series: Series
    inputs: Float64[np.ndarray, "T F"]
    known: Float64[np.ndarray, "A K"]
    """Goes on beyond the inputs where the file does."""
    times: Int64[np.ndarray, "T"]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the inputs are called, as the file and the features name them."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    known: tuple[str, ...]
    past: tuple[str, ...]
    """Those of the file that are inputs and no targets."""


# -- reading ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)  # probes build a job several times; a table is read once
def load(config: DataConfig, targets: tuple[str, ...] = ()) -> tuple[list[Part], Columns]:
    """The series of a config with all their inputs; ``targets`` are those of a trained run."""
    if config.source == "waves":
        if config.path is not None:
            raise UsageError(
                "GR-CLI-006",
                where=f"--data {config.path}",
                wanted="a recipe that reads series from a path",
                got="one that makes its own",
                remedy="Leave --data out, or use the recipe forecasting/folder.",
            )
        found = [_waves(config.rows)]
    else:
        found = read(_path_of(config), config, targets=targets)
    return with_features(found, config, targets=targets)


def _path_of(config: DataConfig) -> Path:
    if config.source == "file":
        if config.path is None:
            raise UsageError(
                "GR-SERIES-040",
                where="--data",
                wanted="a table with a time column, as CSV or Parquet",
                got="none",
                remedy="Give --data PATH.",
            )
        return locate_file(Path(config.path).expanduser())
    place = locate(config.source, config.path)
    return place / FILES[config.source] if place.is_dir() else place


def locate_file(path: Path) -> Path:
    """A file that is there; InputError where it is none."""
    if not path.is_file():
        raise InputError(
            "GR-SERIES-041",
            where=str(path),
            wanted="a table, as CSV (gzip or not) or Parquet",
            got="a folder" if path.is_dir() else "nothing",
            remedy="Name the file itself; join tables of one set into one, with a column for the series.",
        )
    return path


def read(path: Path, config: DataConfig, *, targets: tuple[str, ...] = ()) -> list[Series]:
    """The series in a file, mended as the settings allow."""
    wanted = targets or config.targets
    numbers = (*wanted, *config.past, *config.known) if wanted else ()
    if config.source == "exchange_rate":
        numbers = ()
    form = Form(
        time=config.time,
        time_format=config.time_format,
        series=config.series,
        numbers=tuple(dict.fromkeys(numbers)),
        static=config.static,
        skip_bad=config.skip_bad,
    )
    raws = read_series(path, form)
    if config.source == "exchange_rate" and len(raws[0].columns) == len(CURRENCIES):
        raws = [replace(raw, columns=CURRENCIES) for raw in raws]
    return [mended(raw, config.mend, known=config.known) for raw in raws]


def _waves(rows: int) -> Series:
    """The synthetic twin: two series of a trend, a day, a week and noise, by the hour."""
    time = np.arange(rows)
    noise = torch.randn(rows, 2, generator=generator(0, "waves"), dtype=torch.float64).numpy()
    day, week = (np.sin(2 * np.pi * time / period)[:, None] for period in (24, 168))
    trend = (time / rows)[:, None]
    values = trend * np.array([2.0, -1.0]) + day * np.array([1.0, 3.0]) + week * np.array([0.5, 1.0])
    step = Step("microseconds", HOUR)
    times = times_at(JANUARY_2026, step, time)
    values = values + noise * np.array([0.2, 0.4])
    return Series("", "waves", times, True, step, ("load", "flow"), values, rows, (), ())


def with_features(
    found: Sequence[Series], config: DataConfig, *, targets: tuple[str, ...] = ()
) -> tuple[list[Part], Columns]:
    """Series with their calendar and indicators; rows without an indicator at the beginning are left out."""
    columns = found[0].columns
    for name in (*config.past, *config.known, *config.targets):
        if name not in columns:
            raise UsageError(
                "GR-SERIES-042",
                where="--data.past, --data.known, --data.targets",
                wanted=f"one of the columns {', '.join(columns)}"[:300],
                got=repr(name),
                remedy="Name a column of the table.",
            )
    others = {*config.past, *config.known}
    chosen = targets or config.targets or tuple(name for name in columns if name not in others)
    if config.calendar and not found[0].dated:
        raise UsageError(
            "GR-SERIES-043",
            where="--data.calendar",
            wanted="a column of dates",
            got="rows that are counted, or times that are plain numbers",
            remedy="Leave the calendar out, or name the column with --data.time and --data.time-format.",
        )
    parts, inputs, known = list[Part](), chosen, config.known
    for series in found:
        part, inputs, known = _part(series, config, chosen)
        parts.append(part)
    return parts, Columns(chosen, inputs, known, config.past)


def _part(
    series: Series, config: DataConfig, targets: tuple[str, ...]
) -> tuple[Part, tuple[str, ...], tuple[str, ...]]:
    """One series with its features, and the names of its inputs."""
    place = {name: series.columns.index(name) for name in (*targets, *config.past, *config.known)}
    seen = series.values[: series.num_seen]
    levels = seen[:, [place[name] for name in targets]]
    if config.transform == "log_returns" or config.indicators:
        _refuse_not_positive(series, levels, targets)
    inputs, names = [levels, seen[:, [place[name] for name in config.past]]], [*targets, *config.past]
    for column, target in enumerate(targets if config.indicators else ()):
        made, labels = indicator_features(levels[:, column], config.indicators)
        inputs.append(made)
        names += [f"{target} {label}" for label in labels]
    known, labels = series.values[:, [place[name] for name in config.known]], config.known
    if config.calendar:
        made, calendar_labels = calendar_features(series.times, config.calendar)
        known, labels = np.concatenate([known, made], axis=1), (*labels, *calendar_labels)
    together = np.concatenate(inputs, axis=1)
    whole = ~np.isnan(together).any(axis=1)
    begin = int(whole.argmax()) if whole.any() else len(together)
    times = series.times[begin : series.num_seen]
    return Part(series, together[begin:], known[begin:], times), tuple(names), labels


def _refuse_not_positive(
    series: Series, levels: Float64[np.ndarray, "T C"], targets: tuple[str, ...]
) -> None:
    if (levels <= 0).any():
        row, column = np.argwhere(levels <= 0)[0]
        raise InputError(
            "GR-SERIES-044",
            where=f"{series.where}, step {row + 1}, column {targets[column]}",
            wanted="values above 0, for logarithms and indicators",
            got=f"{levels[row, column]:g}",
            remedy="Use --data.transform none and no indicators, or mend the value.",
        )


def static_kinds(parts: Sequence[Part], config: DataConfig) -> list[dict[str, Any]]:
    """What each static column is: a number with its scale, or one of some categories."""
    kinds: list[dict[str, Any]] = []
    for place, name in enumerate(config.static):
        texts = [part.series.static[place] for part in parts]
        numbers = np.array([value if (value := number(text)) is not None else np.nan for text in texts])
        if np.isnan(numbers).any():
            kinds.append({"name": name, "categories": sorted(set(texts))})
        else:
            kinds.append({"name": name, "mean": numbers.mean(), "std": numbers.std() or 1.0})
    return kinds


def encoded(static: Sequence[str], kinds: Sequence[dict[str, Any]], *, where: str) -> list[float]:
    """The static columns of a series as numbers; InputError for a category that training had not."""
    values = list[float]()
    for text, kind in zip(static, kinds, strict=True):
        if "categories" not in kind:
            value = number(text)
            values.append((np.nan if value is None else value - kind["mean"]) / kind["std"])
        else:
            values += [float(text == category) for category in kind["categories"]]
        if np.isnan(values[-1]) or ("categories" in kind and text not in kind["categories"]):
            raise InputError(
                "GR-SERIES-045",
                where=f"{where}, column {kind['name']}",
                wanted=f"one of {', '.join(kind.get('categories', ['a number']))}"[:200],
                got=repr(text),
                remedy="Correct it, or train on series of that kind as well.",
            )
    return values


def wrong_columns(where: str, wanted: Sequence[str], got: Sequence[str]) -> InputError:
    """The error for a table that has other columns than the training had."""
    return InputError(
        "GR-SERIES-047",
        where=where,
        wanted=f"the {len(wanted)} columns of the training: {', '.join(wanted)}"[:300],
        got=f"{len(got)}: {', '.join(got)}"[:300],
        remedy="Give the columns that the run was trained on.",
    )
