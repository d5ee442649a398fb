"""What a network reads of series: their values, indicators and calendar, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from gradus.core.errors import InputError, UsageError
from gradus.data.calendar import calendar_features
from gradus.data.indicators import Bars, Beside, feature_of, indicator_features
from gradus.data.mending import Series
from gradus.data.notation import Notation, number
from gradus.jobs.forecasting.data import DataConfig, beside_of, notation_of, path_of, read, waves


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
        found = [waves(config.rows)]
    else:
        found = read(path_of(config), config, targets=targets)
    return with_features(found, config, targets=targets)


def with_features(
    found: Sequence[Series], config: DataConfig, *, targets: tuple[str, ...] = ()
) -> tuple[list[Part], Columns]:
    """Series with their calendar and indicators; rows without an indicator at the beginning are left out."""
    columns = found[0].columns
    beside, there = beside_of(config), set(columns)
    for name in (*config.past, *config.known, *config.targets, *beside.values()):
        if name not in there:
            raise UsageError(
                "GR-SERIES-042",
                where="--data.past, --data.known, --data.targets, --data.high, --data.low, --data.volume",
                wanted=f"one of the columns {', '.join(columns)}"[:300],
                got=repr(name),
                remedy="Name a column of the table.",
            )
    others = {*config.past, *config.known, *beside.values()}
    chosen = targets or config.targets or tuple(name for name in columns if name not in others)
    _refuse_unread(beside, config.indicators, chosen)
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
    place = {name: column for column, name in enumerate(series.columns)}
    seen = series.values[: series.num_seen]
    levels = seen[:, [place[name] for name in targets]]
    if config.transform == "log_returns" or config.indicators:
        _refuse_not_positive(series, levels, targets)
    beside = {part: seen[:, place[name]] for part, name in beside_of(config).items()}
    if beside:
        _refuse_contradictions(series, levels[:, 0], beside)
    inputs, names = [levels, seen[:, [place[name] for name in config.past]]], [*targets, *config.past]
    for column, target in enumerate(targets if config.indicators else ()):
        bars = Bars(levels[:, column], **beside)
        made, labels = indicator_features(bars, config.indicators)
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


def _refuse_unread(beside: dict[Beside, str], indicators: Sequence[str], targets: Sequence[str]) -> None:
    """Raise UsageError for a column beside the price that nothing reads, or that is of several targets."""
    needed = {need for name in indicators for need in feature_of(name)[0].needs}
    for part, name in beside.items():
        if part not in needed:
            wanted, got, remedy = "an indicator that reads it", "none", "Leave it out, or ask for one."
        elif len(targets) > 1:
            wanted, got = "one target, the price that it goes with", f"{', '.join(targets)}"[:200]
            remedy = "Name one with --data.targets."
        else:
            continue
        raise UsageError(
            "GR-SERIES-021", where=f"--data.{part} {name}", wanted=wanted, got=got, remedy=remedy
        )


def _refuse_contradictions(
    series: Series, close: Float64[np.ndarray, "T"], beside: dict[Beside, Float64[np.ndarray, "T"]]
) -> None:
    """Raise InputError where a price is above its high or below its low, or a volume below 0."""
    rounding = 1e-6 * np.abs(close)
    for part, values in beside.items():
        odd = {"high": close > values + rounding, "low": close < values - rounding, "volume": values < 0}
        if odd[part].any():
            row = int(odd[part].argmax())
            raise InputError(
                "GR-SERIES-022",
                where=f"{series.place}, step {row + 1}",
                wanted="a volume of 0 or more" if part == "volume" else f"a {part} that is one of the price",
                got=f"{values[row]:g}" if part == "volume" else f"{values[row]:g} beside {close[row]:g}",
                remedy="Name columns of one kind (an adjusted price has adjusted ones), or mend the row.",
            )


def _refuse_not_positive(
    series: Series, levels: Float64[np.ndarray, "T C"], targets: tuple[str, ...]
) -> None:
    if (levels <= 0).any():
        row, column = np.argwhere(levels <= 0)[0]
        raise InputError(
            "GR-SERIES-044",
            where=f"{series.place}, step {row + 1}, column {targets[column]}",
            wanted="values above 0, for logarithms and indicators",
            got=f"{levels[row, column]:g}",
            remedy="Use --data.transform none and no indicators, or mend the value.",
        )


def static_kinds(parts: Sequence[Part], config: DataConfig) -> list[dict[str, Any]]:
    """What each static column is: a number with its scale, or one of some categories."""
    kinds: list[dict[str, Any]] = []
    notation = notation_of(config)
    for place, name in enumerate(config.static):
        texts = [part.series.static[place] for part in parts]
        values = [number(text, notation) for text in texts]
        numbers = np.array([np.nan if value is None else value for value in values])
        if np.isnan(numbers).any():
            kinds.append({"name": name, "categories": sorted(set(texts))})
        else:
            kinds.append({"name": name, "mean": numbers.mean(), "std": numbers.std() or 1.0})
    return kinds


def encoded(
    static: Sequence[str], kinds: Sequence[dict[str, Any]], *, notation: Notation, where: str
) -> list[float]:
    """The static columns of a series as numbers; InputError for a category that training had not."""
    values = list[float]()
    for text, kind in zip(static, kinds, strict=True):
        if "categories" not in kind:
            value = number(text, notation)
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
