"""Series for a forecaster: which, where they come from, and how they are read."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator
from gradus.data.calendar import HOUR, Cycle, Step, times_at
from gradus.data.indicators import Beside
from gradus.data.mending import Mending, Series, mended
from gradus.data.notation import Decimal, Notation
from gradus.data.series import Form, Raw, read_series
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
    """Format of the times as of strptime, or seconds (milliseconds, ...) since 1970; default ISO 8601."""
    decimal: Decimal = "point"
    """Whether numbers in texts are written 1.5, or with a decimal comma: 1,5."""
    thousands: bool = False
    """Read the other of the two as a mark between thousands: 1,234.5, or with a decimal comma 1.234,5."""
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
    """Of each target: sma ema rsi macd bollinger momentum roc volatility atr stochastic obv; or so: rsi_7."""
    high: str | None = None
    """Column of the highest price of each step, which atr and stochastic read."""
    low: str | None = None
    """Column of the lowest price of each step."""
    volume: str | None = None
    """Column of the volume of each step, which obv reads."""
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


def path_of(config: DataConfig) -> Path:
    """The file that a config reads; InputError where it is none."""
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
    raws = read_raws(path, config, targets=targets)
    return [mended(raw, config.mend, known=config.known) for raw in raws]


def read_raws(path: Path, config: DataConfig, *, targets: tuple[str, ...] = ()) -> list[Raw]:
    """The series in a file as they are there."""
    raws = read_series(path, form_of(config, targets=targets))
    if config.source == "exchange_rate" and len(raws[0].columns) == len(CURRENCIES):
        raws = [replace(raw, columns=CURRENCIES) for raw in raws]
    return raws


def form_of(config: DataConfig, *, targets: tuple[str, ...] = ()) -> Form:
    """Which columns of a table are what."""
    wanted = targets or config.targets
    numbers = (*wanted, *config.past, *config.known, *beside_of(config).values()) if wanted else ()
    if config.source == "exchange_rate":
        numbers = ()
    return Form(
        time=config.time,
        time_format=config.time_format,
        series=config.series,
        numbers=tuple(dict.fromkeys(numbers)),
        static=config.static,
        skip_bad=config.skip_bad,
        notation=notation_of(config),
    )


def notation_of(config: DataConfig) -> Notation:
    """How the numbers of a table are written."""
    return Notation(config.decimal, config.thousands)


def beside_of(config: DataConfig) -> dict[Beside, str]:
    """The columns that are read beside the price, by what they are."""
    named: dict[Beside, str | None] = {"high": config.high, "low": config.low, "volume": config.volume}
    return {part: name for part, name in named.items() if name is not None}


def waves(rows: int) -> Series:
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
