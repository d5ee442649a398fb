"""Tables with a time column: read, checked, and mended only as far as the settings allow.

A file is a table of text (see ``rows``) or Parquet, a row a moment. Times are dates, dates with a time of
day, or whole numbers; those with a zone are put into UTC. A table in long form has a column that names the
series of each row. Whatever is mended is counted in the notes.
Letters: T rows, C columns.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gradus.core.errors import InputError, UsageError
from gradus.data.calendar import Step, places_of, step_of, times_at, worded
from gradus.data.rows import read_table

TIME_NAMES = ("date", "time", "datetime", "timestamp", "ds")
FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f")
ZONE = r"(?:Z|[+-]\d{2}:?\d{2})$"
SHOWN = 3  # places that an error names

Moments = Int64[np.ndarray, "T"]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """Which columns of a table are what."""

    time: str | None = None
    """None: the one called date, time, datetime, timestamp or ds, and without one the rows are counted."""
    time_format: str | None = None
    """Of strptime, such as %d.%m.%Y %H:%M; None: the formats of ISO 8601."""
    series: str | None = None
    """The column that names the series of a row."""
    numbers: tuple[str, ...] = ()
    """The columns to read; none: all others."""
    static: tuple[str, ...] = ()
    """Columns of text with one value a series."""
    skip_bad: bool = False
    """Leave out rows with a cell that is no time or no number, and count them."""
    skip_texts: bool = False
    """Leave out columns without a single number, and name them."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The rows of one series as they are in the file; NaN where a value is missing."""

    name: str
    where: str
    times: Moments
    """Microseconds since 1970 in UTC, or whole numbers."""
    dated: bool
    rows: Int64[np.ndarray, "T"]
    """The line of each row in a text, or its number in a Parquet file."""
    columns: tuple[str, ...]
    values: Float64[np.ndarray, "T C"]
    static: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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


# -- reading ---------------------------------------------------------------------------------------------


def read_series(path: Path, form: Form) -> list[Raw]:
    """The series of a table, in the order of their first rows.

    InputError names the file, row and column of what is no time, no number, or out of place.
    """
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    table = _parquet(path, form) if is_parquet else _text(path, form)
    for name in (form.time, form.series, *form.numbers, *form.static):
        if name is not None and name not in table.columns:
            raise InputError(
                "GR-SERIES-001",
                where=str(path),
                wanted=f"the column {name}",
                got=f"the columns {', '.join(table.columns)[:200]}",
                remedy="Name the columns in the settings as the table does, or mend its first line.",
            )
    time = form.time or next((c for c in table.columns if c.lower() in TIME_NAMES), None)
    notes = list(table.notes)
    if time is None:
        times, dated = np.arange(len(table.rows)), False
        notes.append("There is no time column: rows are counted.")
    else:
        times, dated = _times(table, time, form.time_format, notes)
    others = [c for c in table.columns if c not in (time, form.series, *form.static)]
    texts = [c for c in others if form.skip_texts and _is_text(table, c)]
    if texts:
        notes.append(f"Columns of text: {', '.join(texts)}; name them with --data.series or --data.static.")
    numbers = form.numbers or tuple(c for c in others if c not in texts)
    if not numbers:
        raise _refused(table, "GR-SERIES-002", "a column of numbers beside the time", "none", "Add one.")
    values = np.stack([_numbers(table, name) for name in numbers], axis=1)
    names = table.texts(form.series) if form.series else np.full(len(times), "", dtype=object)
    if table.bad.all():
        raise _refused(table, "GR-SERIES-002", "a row that can be read", "none", "Export the table again.")
    if table.bad.any():
        lines = ", ".join(str(row) for row in table.rows[table.bad][:SHOWN])
        notes.append(f"{int(table.bad.sum())} rows with a bad cell are left out, row {lines} first.")
    raws = []
    for name in dict.fromkeys(names.tolist()):
        mine = np.flatnonzero((names == name) & ~table.bad)
        if len(mine) == 0:
            continue
        static = tuple(_one_value(table, column, mine, name) for column in form.static)
        raws.append(
            Raw(
                name,
                str(path),
                times[mine],
                dated,
                table.rows[mine],
                numbers,
                values[mine],
                static,
                tuple(notes),
            )
        )
        notes = []  # said once
    return raws


@dataclass(frozen=True, slots=True)
class _Cells:
    """A table, whatever its format."""

    where: str
    columns: tuple[str, ...]
    frame: Any
    rows: Int64[np.ndarray, "T"]
    notes: tuple[str, ...]
    bad: Bool[np.ndarray, "T"]
    """Rows to leave out."""
    skip_bad: bool
    table: Any = None

    def refuse(self, bad: Bool[np.ndarray, "T"], column: str, code: str, wanted: str, remedy: str) -> None:
        """Raise InputError for the first row of these, unless bad rows are left out."""
        if self.skip_bad:
            self.bad[bad] = True
        elif bad.any():
            row = int(bad.argmax())
            raise InputError(
                code,
                where=f"{self.where}, row {self.rows[row]}, column {column}",
                wanted=wanted,
                got=repr(str(self.texts(column)[row])[:60]),
                remedy=remedy,
            )

    def texts(self, column: str) -> np.ndarray:
        import polars

        return self.frame[column].cast(polars.String).fill_null("").to_numpy().astype(object)


def _text(path: Path, form: Form) -> _Cells:
    """A table of text."""
    table = read_table(path, skip_bad=form.skip_bad)
    ((_, lines),) = table.origins
    notes = ["The first line holds numbers: columns are counted."] if table.columns[0] == "column 1" else []
    if table.faults:
        notes.append(f"{len(table.faults)} rows are left out, {table.faults[0].where} first.")
    bad = np.zeros(len(lines), dtype=np.bool_)
    return _Cells(
        str(path), table.columns, table.cells, lines.astype(np.int64), tuple(notes), bad, form.skip_bad, table
    )


def _parquet(path: Path, form: Form) -> _Cells:
    """A Parquet file; InputError where it is none."""
    import polars

    try:
        frame = polars.read_parquet(path)
    except (OSError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise InputError(
            "GR-SERIES-003",
            where=str(path),
            wanted="a Parquet file",
            got=(str(error).strip().splitlines() or ["one that cannot be read"])[0][:200],
            remedy="Write the file again, or give it the suffix of what it is.",
        ) from error
    if frame.height == 0:
        raise InputError(
            "GR-SERIES-002", where=str(path), wanted="rows", got="none", remedy="Export the table again."
        )
    rows, bad = np.arange(1, frame.height + 1), np.zeros(frame.height, dtype=np.bool_)
    return _Cells(str(path), tuple(frame.columns), frame, rows, (), bad, form.skip_bad)


def _numbers(table: _Cells, column: str) -> Float64[np.ndarray, "T"]:
    """A column of numbers, NaN where one is missing; a text, or an infinite number, is bad."""
    import polars

    if table.table is not None:
        values, is_text = table.table.numbers(column)
        is_text = is_text | np.isinf(values)
    elif table.frame[column].dtype.is_numeric() or table.frame[column].dtype == polars.Boolean:
        values = table.frame[column].cast(polars.Float64).fill_null(math.nan).to_numpy().copy()
        is_text = np.isinf(values)
    else:
        cells = table.frame[column].cast(polars.String)
        values = cells.cast(polars.Float64, strict=False).fill_null(math.nan).to_numpy().copy()
        is_text = ~np.isfinite(values) & cells.is_not_null().to_numpy()
    remedy = (
        "Mend the cell, leave it empty where the value is missing, or name the columns with --data.targets."
    )
    table.refuse(is_text, column, "GR-SERIES-004", "a finite number", remedy)
    return values


def _is_text(table: _Cells, column: str) -> bool:
    """Whether a column has texts, and none of them is a number."""
    import polars

    cells = table.frame[column].cast(polars.String).drop_nulls()
    return len(cells) > 0 and cells.cast(polars.Float64, strict=False).count() == 0


def _one_value(table: _Cells, column: str, mine: Int64[np.ndarray, "S"], name: str) -> str:
    """The one text that a static column has for a series; InputError where there are two."""
    texts = table.texts(column)[mine]
    other = np.flatnonzero(texts != texts[0])
    if len(other):
        raise InputError(
            "GR-SERIES-005",
            where=f"{table.where}, row {table.rows[mine[other[0]]]}, column {column}",
            wanted=f"{texts[0]!r}, as in the other rows of the series {name}",
            got=repr(str(texts[other[0]])[:60]),
            remedy="A static column has one value a series: mend it, or name it in --data.past instead.",
        )
    return str(texts[0])


def _refused(table: _Cells, code: str, wanted: str, got: str, remedy: str) -> InputError:
    return InputError(code, where=table.where, wanted=wanted, got=got, remedy=remedy)


# -- times -----------------------------------------------------------------------------------------------


def _times(table: _Cells, column: str, form: str | None, notes: list[str]) -> tuple[Moments, bool]:
    """A column of times as whole numbers, and whether they are dates; InputError names a row without one."""
    import polars

    cells = table.frame[column]
    if cells.dtype.is_integer():
        _refuse_times(table, column, cells.is_null().to_numpy(), "a time")
        return cells.fill_null(0).cast(polars.Int64).to_numpy().copy(), False
    if cells.dtype in (polars.Date, polars.Datetime):
        if cells.dtype == polars.Datetime and cells.dtype.time_zone is not None:
            cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            notes.append(f"Times of {column} are put into UTC.")
        return _microseconds(table, column, cells.cast(polars.Datetime("us"))), True
    texts = cells.cast(polars.String).str.strip_chars().fill_null("")
    if form is None and texts.str.contains(r"^[+-]?\d{1,18}$").all():
        return texts.cast(polars.Int64).to_numpy().copy(), False
    if form is not None:
        parsed = texts.str.strptime(polars.Datetime("us"), _checked(form), strict=False)
        if parsed.dtype.time_zone is not None:
            parsed = parsed.dt.replace_time_zone(None)  # strptime with %z gives UTC
            notes.append(f"Times of {column} are put into UTC.")
        return _microseconds(table, column, parsed, f"a time of the format {form}"), True
    return _iso(table, column, texts, notes), True


def _iso(table: _Cells, column: str, texts: Any, notes: list[str]) -> Moments:
    """Dates of ISO 8601, with a blank for the T and slashes for the bars allowed; zones are put into UTC."""
    import polars

    zoned = texts.str.contains(r"\d:\d{2}.*" + ZONE).to_numpy()
    usual = bool(zoned.mean() >= 0.5)
    wanted = f"{'a' if usual else 'no'} zone, as in most rows"
    remedy = "Give every time a zone (Z or +02:00), or none."
    table.refuse(zoned != usual, column, "GR-SERIES-006", wanted, remedy)
    plain = texts.str.replace_all("/", "-").str.replace("T", " ", literal=True)
    shift = np.zeros(len(texts), dtype=np.int64)
    if usual:
        zones = plain.str.extract(f"({ZONE})").str.replace("Z", "+00:00", literal=True)
        digits = zones.str.replace_all(r"[^0-9]", "").cast(polars.Int64).fill_null(0).to_numpy()
        sign = np.where(zones.str.starts_with("-").fill_null(False).to_numpy(), -1, 1)
        shift = sign * (digits // 100 * 60 + digits % 100) * 60_000_000
        plain = plain.str.replace(ZONE, "").str.strip_chars()
        kinds = len(np.unique(shift[zoned]))
        notes.append(f"Times of {column} are put into UTC from {kinds} zone{'s' if kinds > 1 else ''}.")
    forms = (plain.str.strptime(polars.Datetime("us"), form, strict=False) for form in FORMATS)
    return _microseconds(table, column, max(forms, key=lambda parsed: parsed.count())) - shift


def _microseconds(
    table: _Cells, column: str, parsed: Any, wanted: str = "a date such as 2026-01-31 14:00"
) -> Moments:
    """Parsed times as numbers; what is none is bad."""
    _refuse_times(table, column, parsed.is_null().to_numpy(), wanted)
    return parsed.dt.timestamp("us").fill_null(0).to_numpy().copy()


def _refuse_times(table: _Cells, column: str, bad: Bool[np.ndarray, "T"], wanted: str) -> None:
    remedy = "Mend the cell; say --data.time-format where all times have another format."
    table.refuse(bad, column, "GR-SERIES-007", wanted, remedy)


def _checked(form: str) -> str:
    """A format that has a year in it, at least; UsageError where it has none."""
    if not any(mark in form for mark in ("%Y", "%y", "%F", "%D", "%s", "%c")):
        raise UsageError(
            "GR-SERIES-008",
            where="--data.time-format",
            wanted="a format of strptime with a year, such as %d.%m.%Y %H:%M",
            got=repr(form),
            remedy="Write it as the times in the file are written.",
        )
    return form


# -- checks and mending ----------------------------------------------------------------------------------


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
        where=f"{raw.where}{series}, row {rows[0]}",
        wanted=wanted,
        got=f"{got}{more}",
        remedy=f"Mend the table, or give {remedy}.",
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
