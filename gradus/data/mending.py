"""Series put in order: times checked, rows mended only as far as the settings allow.

Whatever is mended is counted in the notes.
Letters: T rows, C columns.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from gradus.core.errors import InputError
from gradus.data.calendar import Step, places_of, step_of, times_at, worded
from gradus.data.moments import Moments
from gradus.data.series import Raw


@dataclass(frozen=True, kw_only=True, slots=True)
class Mending:
    """What is done about a table that is not in order; each "error" stops and names the row."""

    order: Literal["error", "sort"] = "error"
    """Times that go back: sort the rows."""
    duplicates: Literal["error", "first", "last", "mean"] = "error"
    """Rows of one time: keep the first or the last of them, or their mean."""
    gaps: Literal["error", "hold", "ignore"] = "error"
    """Missing or irregular times: hold fills gaps with what was before them; ignore counts rows as steps."""
    missing: Literal["error", "hold"] = "error"
    """Missing values: hold repeats the one before."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series in order: a row a step, nothing missing; columns known ahead may go on for some rows."""

    name: str
    where: str
    times: Moments
    dated: bool
    step: Step
    columns: tuple[str, ...]
    values: Float64[np.ndarray, "T C"]
    num_seen: int
    """Rows of which every column is there."""
    static: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def place(self) -> str:
        """The file, and the name of the series where that has one."""
        return f"{self.where}, series {self.name}" if self.name else self.where


@dataclass(frozen=True, slots=True)
class TimeFaults:
    """What is wrong with the times of a series; the places are those of rows after sorting."""

    step: Step
    unsorted: Int64[np.ndarray, "_"]
    """Rows that are earlier than the one before them, as they come."""
    duplicates: Int64[np.ndarray, "_"]
    """Rows of the time of the row before them."""
    irregular: Int64[np.ndarray, "_"]
    """Rows that no whole number of steps leads to."""
    gaps: Int64[np.ndarray, "_"]
    """Rows with steps missing before them."""
    num_missing: int
    """Steps in all gaps."""


def time_faults(times: Moments, *, dated: bool) -> TimeFaults:
    """Look at times, whatever their order."""
    unsorted = np.flatnonzero(np.diff(times) < 0) + 1
    ordered = np.sort(times, kind="stable")
    same = np.diff(ordered) == 0
    step = step_of(ordered, dated=dated)
    places, on_grid = places_of(ordered, step)
    skipped = np.diff(places) - 1
    is_gap = (skipped > 0) & on_grid[1:] & on_grid[:-1]
    return TimeFaults(
        step,
        unsorted,
        np.flatnonzero(same) + 1,
        np.flatnonzero(~on_grid),
        np.flatnonzero(is_gap) + 1,
        int(skipped[is_gap].sum()),
    )


def mended(raw: Raw, mending: Mending, *, known: tuple[str, ...] = ()) -> Series:
    """A series in order, by the treatments that the settings allow.

    InputError names the rows of whatever they do not allow, and a value missing at the very beginning.
    """
    notes = list(raw.notes)
    order = np.argsort(raw.times, kind="stable")
    faults = time_faults(raw.times, dated=raw.dated)
    if len(faults.unsorted):
        _allow(raw, raw.rows[faults.unsorted], mending.order, "GR-SERIES-010", "times that go forward",
               "one earlier than the row before", "--data.mend.order sort")  # fmt: skip
        notes.append(f"{len(faults.unsorted)} rows were out of order: sorted.")
    times, values, rows = raw.times[order], raw.values[order], raw.rows[order]
    if len(faults.duplicates):
        _allow(raw, rows[faults.duplicates], mending.duplicates, "GR-SERIES-011", "each time once",
               "the time of another row", "--data.mend.duplicates first (or last, or mean)")  # fmt: skip
        times, values, rows = _without_duplicates(times, values, rows, mending.duplicates)
        notes.append(f"{len(faults.duplicates)} rows of a time that was there: {mending.duplicates} kept.")
        faults = time_faults(times, dated=raw.dated)
    step = faults.step
    if len(faults.irregular) and mending.gaps != "ignore":
        _allow(
            raw,
            rows[faults.irregular],
            "error",
            "GR-SERIES-012",
            f"steps of {worded(step)}",
            "a time between two of them",
            "--data.mend.gaps ignore, which takes each row as a step",
        )
    if len(faults.gaps) or len(faults.irregular):
        if mending.gaps == "error":
            _allow(raw, rows[faults.gaps], "error", "GR-SERIES-013", f"a row every {worded(step)}",
                   f"{faults.num_missing} steps missing in {len(faults.gaps)} gaps, one before this row",
                   "--data.mend.gaps hold (or ignore)")  # fmt: skip
        found = f"{faults.num_missing} steps are missing in {len(faults.gaps)} gaps"
        if mending.gaps == "hold":
            times, values, rows = _held(times, values, rows, step)
            notes.append(f"{found}: filled with the values before them.")
        else:
            irregular = f" and {len(faults.irregular)} rows are irregular" if len(faults.irregular) else ""
            notes.append(f"{found}{irregular}: each row is taken as a step of {worded(step)}.")
    values, num_seen = _without_missing(raw, values, rows, mending, known, notes)
    return Series(raw.name, raw.where, times, raw.dated, step, raw.columns, values, num_seen, raw.static,
                  tuple(notes))  # fmt: skip


def _allow(
    raw: Raw, rows: Int64[np.ndarray, "_"], treatment: str, code: str, wanted: str, got: str, remedy: str
) -> None:
    """Raise InputError for the first of these rows unless a treatment was chosen."""
    if treatment != "error":
        return
    more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
    series = f", series {raw.name}" if raw.name else ""
    raise InputError(
        code,
        where=f"{raw.where}{series}, {raw.counted} {rows[0]}",
        wanted=wanted,
        got=f"{got}{more}",
        remedy=f"Mend the table, or train with {remedy}.",
    )


def _without_duplicates(
    times: Moments, values: Float64[np.ndarray, "T C"], rows: Int64[np.ndarray, "T"], treatment: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row a time: the first or the last of them in the file, or the mean of what is not missing."""
    unique, first, counts = np.unique(times, return_index=True, return_counts=True)
    if treatment == "mean":
        total, seen = np.zeros((len(unique), values.shape[1])), np.zeros((len(unique), values.shape[1]))
        group = np.repeat(np.arange(len(unique)), counts)
        np.add.at(total, group, np.nan_to_num(values))
        np.add.at(seen, group, ~np.isnan(values))
        mean = np.divide(total, seen, out=np.full_like(total, np.nan), where=seen > 0)
        return unique, mean, rows[first]
    chosen = first if treatment == "first" else first + counts - 1
    return unique, values[chosen], rows[chosen]


def _held(
    times: Moments, values: Float64[np.ndarray, "T C"], rows: Int64[np.ndarray, "T"], step: Step
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row for every step, those that were missing with the values before them: nothing looks ahead."""
    places, _ = places_of(times, step)
    whole = np.arange(places[-1] + 1)
    before = np.searchsorted(places, whole, side="right") - 1
    return times_at(int(times[0]), step, whole), values[before], rows[before]


def _without_missing(
    raw: Raw,
    values: Float64[np.ndarray, "T C"],
    rows: Int64[np.ndarray, "T"],
    mending: Mending,
    known: tuple[str, ...],
    notes: list[str],
) -> tuple[np.ndarray, int]:
    """Values without NaN, and how many rows have all columns: those known ahead may go on alone."""
    seen_columns = [place for place, name in enumerate(raw.columns) if name not in known]
    there = ~np.isnan(values[:, seen_columns]).all(axis=1)
    ahead = bool(known) and bool(there.any())
    num_seen = int(np.flatnonzero(there)[-1]) + 1 if ahead else len(values)
    missing = np.isnan(values)
    missing[num_seen:, seen_columns] = False
    if missing.any():
        row, column = np.argwhere(missing)[0]
        place = np.array([rows[row]])
        _allow(raw, place, mending.missing, "GR-SERIES-014", f"a value in column {raw.columns[column]}",
               f"none, one of {int(missing.sum())} missing values", "--data.mend.missing hold")  # fmt: skip
        if missing[0].any():
            _allow(raw, rows[:1], "error", "GR-SERIES-014",
                   f"a value in column {raw.columns[int(missing[0].argmax())]} to begin with",
                   "none, and none before it to hold", "a table that begins later")  # fmt: skip
        last = np.where(missing, 0, np.arange(len(values))[:, None])
        held = np.take_along_axis(values, np.maximum.accumulate(last, axis=0), axis=0)
        values = np.where(missing, held, values)
        notes.append(f"{int(missing.sum())} missing values: the ones before them are held.")
    return values, num_seen
