"""The inputs of predict: the past that a forecast is made from, out of a table or an array."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from gradus.core.errors import GradusError, InputError
from gradus.data.calendar import Step, calendar_features, shown, times_at
from gradus.data.mending import Series, mended
from gradus.data.series import Raw
from gradus.jobs.forecasting.data import DataConfig, locate_file, notation_of, read_raws
from gradus.jobs.forecasting.inputs import encoded, with_features, wrong_columns
from gradus.jobs.forecasting.splits import past_rows, trained_step
from gradus.jobs.forecasting.survey import MOST_NAMES

SHOWN = 5  # names of series in a remark


@dataclass(frozen=True, slots=True)
class History:
    """The last rows of one series, the times of them, and the times that are forecast."""

    series: str
    """Its name, empty where a table is one series."""
    past: Float64[np.ndarray, "L F"]
    known: Float64[np.ndarray, "A K"]
    static: list[float]
    times: list[str]
    times_ahead: list[str]


def read_history(raw: Any, config: DataConfig, about: dict[str, Any]) -> History:
    """The past in a series, a table of one (its path) or an array (rows, columns), as the training saw it.

    InputError where it is too short, has other columns, or does not say what is known ahead.
    """
    match raw:
        case Series():
            series = raw
        case np.ndarray():
            series = _of_array(raw, about)
        case _:
            series = _of_file(Path(raw), config, about)
    targets = tuple(about["targets"])
    (part,), columns = with_features([series], config, targets=targets)
    if list(columns.inputs) != about["inputs"]:
        raise wrong_columns(series.where, about["inputs"], list(columns.inputs))
    need, have = past_rows(config), len(part.inputs)
    if have < need:
        raise InputError(
            "GR-SERIES-050",
            where=series.place,
            wanted=f"a history of at least {need} rows",
            got=str(have) if have == series.num_seen else f"{have}, after those without indicators yet",
            remedy="Give a longer history.",
        )
    step = trained_step(series, about) if series.dated else series.step
    ahead = times_at(int(part.times[-1]), step, np.arange(1, config.horizon + 1))
    both = np.concatenate([part.times[-need:], ahead])
    texts = shown(both, dated=series.dated)
    return History(
        series.name,
        part.inputs[-need:],
        _known(part.known, len(part.inputs), series, config, ahead),
        encoded(series.static, about["static"], notation=notation_of(config), where=series.place),
        texts[:need],
        texts[need:],
    )


def series_inside(
    path: Path, config: DataConfig, about: dict[str, Any]
) -> Iterator[tuple[str, Series | GradusError]]:
    """Each series of a table with its name there; one that is not in order as the error that says so."""
    for raw in _raws(path, config, about):
        name = f"{path}, series {raw.name}" if raw.name else str(path)
        try:
            yield name, mended(raw, config.mend, known=config.known)
        except GradusError as error:
            yield name, error


def unknown_series(series: Sequence[str], about: dict[str, Any]) -> list[str]:
    """What to say of series that the training had not; nothing where it does not know all that it had."""
    named = [name for name in series if name]
    strangers = [name for name in named if name not in about["series"]]
    if not strangers or len(about["series"]) == MOST_NAMES:
        return []
    return [
        f"{len(strangers)} of {len(named)} series were not in the training: "
        f"{', '.join(strangers[:SHOWN])}{', ...' if len(strangers) > SHOWN else ''}"
    ]


def _raws(path: Path, config: DataConfig, about: dict[str, Any]) -> list[Raw]:
    """The series of a table as they are there, with the columns of the training."""
    locate_file(path)
    targets = tuple(about["targets"])
    counted = targets[0].startswith("column ")  # no names: only the number of columns tells them apart
    found = read_raws(path, config, targets=() if counted else targets)
    if counted and list(found[0].columns) != list(targets):
        raise wrong_columns(str(path), targets, found[0].columns)
    return found


def _of_file(path: Path, config: DataConfig, about: dict[str, Any]) -> Series:
    """The one series in a file."""
    found = _raws(path, config, about)
    if len(found) != 1:
        raise InputError(
            "GR-SERIES-051",
            where=str(path),
            wanted="one series",
            got=f"{len(found)}",
            remedy="Give one series of it at a time; gradus predict answers for each of them.",
        )
    return mended(found[0], config.mend, known=config.known)


def _of_array(raw: np.ndarray, about: dict[str, Any]) -> Series:
    """An array as a series; its last row is now."""
    targets = tuple(about["targets"])
    fits = raw.ndim == 2 and raw.dtype.kind in "fiu" and len(raw) > 0 and bool(np.isfinite(raw).all())
    if not fits or raw.shape[1] != len(targets):
        raise InputError(
            "GR-SERIES-052",
            where="an array",
            wanted=f"finite numbers of shape (rows, {len(targets)})",
            got=f"{raw.dtype} of shape {raw.shape}" + ("" if fits or raw.ndim != 2 else ", or not finite"),
            remedy="Give the columns of the training, in their order.",
        )
    step = Step("numbers", 1)
    times = np.arange(1 - len(raw), 1)
    return Series("", "an array", times, False, step, targets, raw.astype(float), len(raw), (), ())


def _known(
    known: Float64[np.ndarray, "A K"], num_seen: int, series: Series, config: DataConfig, ahead: np.ndarray
) -> Float64[np.ndarray, "N K"]:
    """What is known over the past and the horizon; the calendar of times ahead needs no file."""
    wanted = known[num_seen - config.input_steps :]
    in_file = known[num_seen : num_seen + config.horizon]
    if len(in_file) == config.horizon:
        return wanted[: config.input_steps + config.horizon]
    if config.known:
        raise InputError(
            "GR-SERIES-053",
            where=series.place,
            wanted=f"{config.horizon} rows after the history with {', '.join(config.known)}",
            got=str(len(in_file)),
            remedy="Add rows with their times and what is known; leave the other columns empty.",
        )
    past = known[num_seen - config.input_steps : num_seen]
    if not config.calendar:
        return np.zeros((config.input_steps + config.horizon, 0))
    features, _ = calendar_features(ahead, config.calendar)
    return np.concatenate([past, features])
