"""What a run must know of its series to be opened again, measured on the training rows alone."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float64

from gradus.core.errors import InputError, UsageError
from gradus.data.calendar import Step, season_of, worded
from gradus.engine.job import Split
from gradus.jobs.forecasting.data import DataConfig
from gradus.jobs.forecasting.inputs import Columns, Part, load, static_kinds
from gradus.jobs.forecasting.splits import bounds_of, count_windows, past_rows, starts_of

MOST_NAMES = 1000  # of series, in the plan
SHOWN = 5  # series that are too short, by name


def survey(config: DataConfig) -> dict[str, Any]:
    """What a run must know of its data to be opened again, measured on the training rows alone."""
    if config.fold >= max(1, config.folds):
        raise UsageError(
            "GR-CONFIG-003",
            where="--data.fold",
            wanted=f"a number below --data.folds {config.folds}" if config.folds else "--data.folds as well",
            got=str(config.fold),
            remedy="Count folds from 0.",
        )
    parts, columns = load(config)
    bounds = [bounds_of(part, config) for part in parts]
    train = [part.inputs[:first] for part, (first, _, _) in zip(parts, bounds, strict=True)]
    counts = count_windows(parts, config, bounds)
    season = config.season or season_of(parts[0].series.step)
    targets = len(columns.targets)
    _refuse_constant(train, columns, parts[0].series.where)
    mean, std = _statistics([_changes(rows, targets, config) for rows in train], config.scale)
    known_mean, known_std = _statistics(
        [part.known[:first] for part, (first, _, _) in zip(parts, bounds, strict=True)], config.scale
    )
    levels = np.concatenate([rows[:, :targets] for rows in train])
    reach = season if any(len(rows) > season for rows in train) else 1
    naive = np.concatenate([np.abs(rows[reach:, :targets] - rows[:-reach, :targets]) for rows in train])
    notes = [note for part in parts for note in part.series.notes]
    notes += _oddities(parts, train, columns) + _too_short(parts, config, bounds)
    if cut_off := sum(part.series.num_seen - len(part.inputs) for part in parts):
        notes.append(f"{cut_off} rows at the beginning have no indicators yet: left out.")
    return {
        "targets": list(columns.targets),
        "inputs": list(columns.inputs),
        "known": list(columns.known),
        "static": static_kinds(parts, config),
        "series": [part.series.name for part in parts][:MOST_NAMES],
        "steps": [asdict(step) for step in dict.fromkeys(part.series.step for part in parts)],
        "season": season,
        "mean": mean,
        "std": std,
        "known_mean": known_mean,
        "known_std": known_std,
        "level_mean": levels.mean(axis=0).tolist(),
        "level_std": np.maximum(levels.std(axis=0), 1e-12).tolist(),
        "naive_error": naive.mean(axis=0).clip(1e-12).tolist(),
        "rows": sum(len(part.inputs) for part in parts),
        "windows": counts,
        "notes": notes,
    }


def _statistics(pieces: Sequence[np.ndarray], scale: str) -> tuple[list[float], list[float]]:
    """What is taken off each column and what it is divided by; a column of one value is divided by 1."""
    rows = np.concatenate(pieces)
    if scale == "none":
        return [0.0] * rows.shape[1], [1.0] * rows.shape[1]
    if scale == "min_max":
        low, size = rows.min(axis=0), np.ptp(rows, axis=0)
    else:
        low, size = rows.mean(axis=0), rows.std(axis=0)
    return low.tolist(), np.where(size > 1e-12, size, 1.0).tolist()


def _oddities(parts: Sequence[Part], train: Sequence[np.ndarray], columns: Columns) -> list[str]:
    """What is no fault and should be known: inputs that never change, series with steps of their own."""
    notes = []
    constant = np.ptp(np.concatenate(train), axis=0) == 0
    if constant.any():
        names = ", ".join(name for name, is_so in zip(columns.inputs, constant, strict=True) if is_so)
        notes.append(f"Inputs that never change in training: {names}.")
    return notes + about_steps(part.series.step for part in parts)


def about_steps(steps: Iterable[Step]) -> list[str]:
    """What to say of the steps of several series: nothing where they are the same."""
    different = dict.fromkeys(map(worded, steps))
    said = f"Series have different steps: {', '.join(different)}; each row is taken as a step."
    return [said] if len(different) > 1 else []


def _too_short(
    parts: Sequence[Part], config: DataConfig, bounds: Sequence[tuple[int, int, int]]
) -> list[str]:
    """What to say of series in which no split has a window."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    names = [
        part.series.name
        for part, bound in zip(parts, bounds, strict=True)
        if not any(len(starts_of([part], config, [bound], split)) for split in splits)
    ]
    if not names:
        return []
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return [
        f"Too short for a window of {past_rows(config)} and {config.horizon} rows, neither learnt from nor "
        f"scored: {', '.join(names[:SHOWN])}{more}."
    ]


def _refuse_constant(train: Sequence[np.ndarray], columns: Columns, where: str) -> None:
    """Raise InputError for a target of one value: there is nothing to forecast, and no scale."""
    rows = np.concatenate(train)
    for place, name in enumerate(columns.targets):
        if np.ptp(rows[:, place]) == 0:
            raise InputError(
                "GR-SERIES-015",
                where=f"{where}, column {name}",
                wanted="values that change in the training rows",
                got=f"{rows[0, place]:g} in all {len(rows)}",
                remedy="Leave the column out: name the others with --data.targets.",
            )


def _changes(
    rows: Float64[np.ndarray, "T F"], targets: int, config: DataConfig
) -> Float64[np.ndarray, "N F"]:
    """The inputs as a network takes them: with log_returns a row less."""
    if config.transform == "none":
        return rows
    return np.concatenate([np.diff(np.log(rows[:, :targets]), axis=0), rows[1:, targets:]], axis=1)
