"""A look at one's own series before training: times, gaps, duplicates, missing values, constant columns."""

from pathlib import Path

import numpy as np

from gradus.data.calendar import season_of, shown, worded
from gradus.data.series import Form, Raw, TimeFaults, read_series, time_faults
from gradus.engine.job import Panel
from gradus.jobs.forecasting.data import locate_file

SHOWN = 10


def examine(path: str) -> list[Panel]:
    """What is in the table at ``path``, bad rows left out and counted; InputError where it is none."""
    raws = read_series(locate_file(Path(path)), Form(skip_bad=True, skip_texts=True))
    raw = raws[0]
    faults = time_faults(raw.times, dated=raw.dated)
    rows = raw.rows[np.argsort(raw.times, kind="stable")]
    ordered = np.sort(raw.times)
    begin, end = shown(ordered[[0, -1]], dated=raw.dated)
    season = season_of(faults.step)
    return [
        Panel(
            title="Series",
            sentence=f"{len(raw.rows)} rows from {begin} to {end}, a row every {worded(faults.step)}; "
            f"season {season if season > 1 else 'unknown: give --data.season'}.",
            columns=("column", "least", "mean", "largest", "deviation", "missing"),
            rows=[_column(raw, place) for place in range(len(raw.columns))],
        ),
        *_about_times(faults, raw, rows),
        _about_values(raw),
        Panel(title="Notes", sentence=" ".join(raw.notes) or "None."),
    ]


def _column(raw: Raw, place: int) -> tuple[str, ...]:
    values = raw.values[:, place]
    there = values[~np.isnan(values)]
    if len(there) == 0:
        return (raw.columns[place], "", "", "", "", str(len(values)))
    numbers = (there.min(), there.mean(), there.max(), there.std())
    return (raw.columns[place], *(f"{n:.5g}" for n in numbers), str(len(values) - len(there)))


def _about_times(faults: TimeFaults, raw: Raw, rows: np.ndarray) -> list[Panel]:
    """What is wrong with the times, and the treatment that there is."""
    step = worded(faults.step)
    return [
        _places("Times that go back", raw.rows[faults.unsorted], "--data.mend.order sort"),
        _places("Times that are there twice", rows[faults.duplicates], "--data.mend.duplicates first"),
        _places(
            "Gaps",
            rows[faults.gaps],
            f"{faults.num_missing} steps of {step} are missing before these rows; --data.mend.gaps hold",
        ),
        _places("Irregular steps", rows[faults.irregular], "--data.mend.gaps ignore"),
    ]


def _places(title: str, rows: np.ndarray, remedy: str) -> Panel:
    return Panel(
        title=title,
        sentence=f"{len(rows)} rows; {remedy} trains on them." if len(rows) else "None.",
        columns=("row",),
        rows=[(int(row),) for row in rows[:SHOWN]],
    )


def _about_values(raw: Raw) -> Panel:
    """Columns that are of no use as they are."""
    missing = np.isnan(raw.values)
    constant = [
        name
        for place, name in enumerate(raw.columns)
        if len(set(raw.values[~missing[:, place], place].tolist())) <= 1
    ]
    said = [f"Constant columns, which cannot be forecast: {', '.join(constant)}."] if constant else []
    if missing.any():
        said.append(f"{int(missing.sum())} values are missing; --data.mend.missing hold trains on them.")
    row, column = np.nonzero(missing)
    return Panel(
        title="Values",
        sentence=" ".join(said) or "No constant column and no missing value.",
        columns=("row", "column"),
        rows=[(int(raw.rows[r]), raw.columns[c]) for r, c in list(zip(row, column, strict=True))[:SHOWN]],
    )
