"""Tables with a time column, as they are in the file.

A file is a table of text (see ``rows``) or Parquet, a row a moment. Times are dates, dates with a time of
day, or whole numbers; those with a zone are put into UTC. A table in long form has a column that names the
series of each row. What is left out is counted in the notes; ``mending`` puts rows in order.
Letters: T rows, C columns.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gradus.core.errors import InputError, UsageError
from gradus.data.rows import read_table

TIME_NAMES = ("date", "time", "datetime", "timestamp", "ds")
FORMATS = ("%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f")
OTHER_FORMATS = tuple(
    f"{date}{time}"
    for date in (
        *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%Y%m%d"),
        *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y"),
    )
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
FORM = "a date such as 2026-01-31 14:00"
ZONE = r"(?:Z|[+-]\d{2}:?\d{2})$"
SHOWN = 3  # places that a note names
TRIED = 100  # texts that a format is tried on before it is on all
KEPT = 20  # bad cells of a column that are told one by one

Moments = Int64[np.ndarray, "T"]
Counted = Literal["line", "row"]


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
    faults: tuple[InputError, ...] = ()
    """The first bad cells of each column, of all series of the table, in the first of them."""
    counted: Counted = "line"
    """What ``rows`` counts."""


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
    about = [f"{name} holds {_about_text(table, name)}." for name in texts]
    notes += about
    numbers = form.numbers or tuple(c for c in others if c not in texts)
    if not numbers:
        raise _refused(
            table,
            "GR-SERIES-002",
            "a column of numbers beside the time",
            "none",
            " ".join(about) or "Add one.",
        )
    values = np.stack([_numbers(table, name) for name in numbers], axis=1)
    names = table.texts(form.series) if form.series else np.full(len(times), "", dtype=object)
    if table.bad.all():
        fault = table.faults[0]
        got = f"none; {fault.where}: wanted {fault.wanted}, got {fault.got}"
        raise _refused(table, "GR-SERIES-002", "a row that can be read", got, fault.remedy)
    faults = (*table.narrow, *table.faults)
    if table.bad.any():
        first = "; ".join(fault.where.removeprefix(f"{path}, ") for fault in table.faults[:SHOWN])
        notes.append(f"{int(table.bad.sum())} rows with a bad cell are left out, {first} first.")
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
                faults,
                table.counted,
            )
        )
        notes, faults = [], ()  # said once
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
    faults: list[InputError]
    table: Any = None
    """The table of text that this is made of."""

    @property
    def counted(self) -> Counted:
        return "line" if self.table is not None else "row"

    @property
    def narrow(self) -> tuple[InputError, ...]:
        """The first rows that have another number of cells, which are left out already."""
        return self.table.faults[:KEPT] if self.table is not None else ()

    def refuse(self, bad: Bool[np.ndarray, "T"], column: str, code: str, wanted: str, remedy: str) -> None:
        """Raise InputError for the first row of these, unless bad rows are left out."""
        for row in np.flatnonzero(bad)[:KEPT].tolist():
            fault = InputError(
                code,
                where=f"{self.where}, {self.counted} {self.rows[row]}, column {column}",
                wanted=wanted,
                got=repr("" if (cell := self.frame[column][row]) is None else str(cell)[:60]),
                remedy=remedy,
            )
            if not self.skip_bad:
                raise fault
            self.faults.append(fault)
        self.bad[bad] = True

    def texts(self, column: str) -> np.ndarray:
        import polars

        return self.frame[column].cast(polars.String).fill_null("").to_numpy().astype(object)


def _text(path: Path, form: Form) -> _Cells:
    """A table of text."""
    table = read_table(path, skip_bad=form.skip_bad)
    ((_, lines),) = table.origins
    counted = all(name == f"column {place}" for place, name in enumerate(table.columns, start=1))
    notes = ["The first line holds numbers: columns are counted."] if counted else []
    if table.faults:
        notes.append(f"{len(table.faults)} rows are left out, {table.faults[0].where} first.")
    bad = np.zeros(len(lines), dtype=np.bool_)
    return _Cells(
        str(path),
        table.columns,
        table.cells,
        lines.astype(np.int64),
        tuple(notes),
        bad,
        form.skip_bad,
        [],
        table,
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
    return _Cells(str(path), tuple(frame.columns), frame, rows, (), bad, form.skip_bad, [])


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
    if is_text.any() and _is_text(table, column):
        remedy = f"It holds {_about_text(table, column)}; or name the columns of numbers with --data.targets."
    table.refuse(is_text, column, "GR-SERIES-004", "a finite number", remedy)
    return values


def _is_text(table: _Cells, column: str) -> bool:
    """Whether a column has texts, and none of them is a number."""
    import polars

    cells = table.frame[column].cast(polars.String).drop_nulls()
    return len(cells) > 0 and cells.cast(polars.Float64, strict=False).count() == 0


def _about_text(table: _Cells, column: str) -> str:
    """What a column of text may be, and the setting that reads it so."""
    import polars

    name, texts = quote(column), table.frame[column].cast(polars.String).drop_nulls().str.strip_chars()
    texts = texts.filter(texts != "")
    if texts.str.contains(r"^[+-]?\d+,\d+$").all():
        return "numbers with a decimal comma, to be written with a point"
    if texts.str.contains(r"^[+-]?\d{1,3}([,'. ]\d{3})+([.,]\d+)?$").all():
        return "numbers with marks between thousands, to be written without"
    if texts.str.contains(r"^\d{4}[-/]\d\d[-/]\d\d").all():
        return f"times, which --data.time {name} reads"
    if fitting := formats_of(texts):
        return f'times, which --data.time {name} --data.time-format "{fitting[0]}" reads'
    return f"names: --data.series {name} where of series, --data.static {name} where each series has one"


def _one_value(table: _Cells, column: str, mine: Int64[np.ndarray, "S"], name: str) -> str:
    """The one text that a static column has for a series; InputError where there are two."""
    texts = table.texts(column)[mine]
    other = np.flatnonzero(texts != texts[0])
    if len(other):
        raise InputError(
            "GR-SERIES-005",
            where=f"{table.where}, {table.counted} {table.rows[mine[other[0]]]}, column {column}",
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
        return _microseconds(table, column, _with_a_year(parsed), f"a time of the format {form}"), True
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
    forms = (_with_a_year(plain.str.strptime(polars.Datetime("us"), form, strict=False)) for form in FORMATS)
    parsed = max(forms, key=lambda parsed: parsed.count())
    if parsed.count() == 0 and (fitting := formats_of(texts)):
        remedy = " or ".join(f'--data.time-format "{form}"' for form in fitting)
        _refuse_times(table, column, parsed.is_null().to_numpy(), FORM, f"Give {remedy}.")
    return _microseconds(table, column, parsed) - shift


def formats_of(texts: Any) -> list[str]:
    """The usual formats other than ISO 8601 that all of these texts have."""
    import polars

    def fits(some: Any, form: str) -> bool:
        times = _with_a_year(some.str.strptime(polars.Datetime("us"), form, strict=False))
        return len(some) > 0 and times.count() == len(some)

    return [form for form in OTHER_FORMATS if fits(texts.head(TRIED), form) and fits(texts, form)]


def _with_a_year(parsed: Any) -> Any:
    """Times without those of the first millennium: strptime takes 03.04.24 for a day of the year 24."""
    import polars

    frame = polars.select(polars.when(parsed.dt.year() >= 1000).then(parsed))
    return frame.to_series()


def _microseconds(table: _Cells, column: str, parsed: Any, wanted: str = FORM) -> Moments:
    """Parsed times as numbers; what is none is bad."""
    _refuse_times(table, column, parsed.is_null().to_numpy(), wanted)
    return parsed.dt.timestamp("us").fill_null(0).to_numpy().copy()


def _refuse_times(
    table: _Cells,
    column: str,
    bad: Bool[np.ndarray, "T"],
    wanted: str,
    remedy: str = "Mend the cell; say --data.time-format where all times have another format.",
) -> None:
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
