"""Tables with a time column, as they are in the file.

A file is a table of text (see ``rows``) or Parquet, a row a moment. Times are dates, dates with a time of
day, numbers since 1970 or whole numbers; those with a zone are put into UTC. A table in long form has a
column that names the series of each row. What is left out is counted in the notes; ``mending`` puts rows in
order.
Letters: T rows, C columns.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np
from jaxtyping import Float64, Int64

from gradus.core.errors import InputError
from gradus.data.cells import Cells, Counted, cells_of_parquet, cells_of_text, has_texts
from gradus.data.moments import Moments, epoch_of, formats_of, times_of
from gradus.data.notation import PLAIN, Notation, about_notations, notations_of, numbers_of

TIME_NAMES = ("date", "time", "datetime", "timestamp", "ds")
SHOWN = 3  # places that a note names


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """Which columns of a table are what."""

    time: str | None = None
    """None: the one called date, time, datetime, timestamp or ds, and without one the rows are counted."""
    time_format: str | None = None
    """Of strptime, such as %d.%m.%Y %H:%M, or a unit of time since 1970; None: the formats of ISO 8601."""
    series: str | None = None
    """The column that names the series of a row."""
    numbers: tuple[str, ...] = ()
    """The columns to read; none: all others."""
    static: tuple[str, ...] = ()
    """Columns of text with one value a series."""
    skip_bad: bool = False
    """Leave out rows with a cell that is no time or no number, and count them."""
    skip_texts: bool = False
    """Leave out columns without a single number, or of another notation, and name them."""
    notation: Notation = PLAIN
    """How numbers in texts are written."""


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


def read_series(path: Path, form: Form) -> list[Raw]:
    """The series of a table, in the order of their first rows.

    InputError names the file, row and column of what is no time, no number, or out of place.
    """
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    cells = cells_of_parquet if is_parquet else cells_of_text
    table = cells(path, skip_bad=form.skip_bad, notation=form.notation)
    there = set(table.columns)
    for name in (form.time, form.series, *form.numbers, *form.static):
        if name is not None and name not in there:
            raise InputError(
                "GR-SERIES-001",
                where=str(path),
                wanted=f"the column {name}",
                got=f"the columns {', '.join(table.columns)[:200]}",
                remedy="Name the columns in the settings as the table does, or mend its first line.",
            )
    if form.series:
        nameless = table.texts(form.series) == ""
        table.refuse(nameless, form.series, "GR-SERIES-009", "the name of a series", "Name it in each row.")
    time = form.time or next((c for c in table.columns if c.lower() in TIME_NAMES), None)
    notes = list(table.notes)
    if time is None:
        times, dated = np.arange(len(table.rows)), False
        dates = [f"; {name} holds times, which --data.time {quote(name)} reads" for name in table.dates]
        notes.append(f"There is no time column: rows are counted{''.join(dates)}.")
    else:
        times, dated = times_of(table, time, form.time_format, notes)
    not_numbers = {time, form.series, *form.static}
    others = [c for c in table.columns if c not in not_numbers]
    texts = {c: _about_text(table, c) for c in others if form.skip_texts and _is_text(table, c)}
    about = [f"{name} holds {said}." for name, said in texts.items()]
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
    for name, column in zip(numbers, values.T, strict=True):
        if time is None and (np.diff(column) > 0).all() and (unit := epoch_of(column)):
            setting = f"--data.time {quote(name)} --data.time-format {unit}"
            notes.append(f"{name} looks like {unit} since 1970: {setting} takes it for the times.")
    if table.bad.all():
        fault = table.faults[0]
        got = f"none; {fault.where}: wanted {fault.wanted}, got {fault.got}"
        raise _refused(table, "GR-SERIES-002", "a row that can be read", got, fault.remedy)
    faults = (*table.narrow, *table.faults)
    if table.bad.any():
        first = "; ".join(fault.where.removeprefix(f"{path}, ") for fault in table.faults[:SHOWN])
        notes.append(f"{int(table.bad.sum())} rows with a bad cell are left out, {first} first.")
    raws = []
    texts_of = {column: table.texts(column) for column in form.static}
    for name, mine in table.groups(form.series):
        static = tuple(_one_value(table, column, some, mine, name) for column, some in texts_of.items())
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


def _numbers(table: Cells, column: str) -> Float64[np.ndarray, "T"]:
    """A column of numbers, NaN where one is missing; a text, or an infinite number, is bad."""
    import polars

    if table.frame[column].dtype.is_numeric() or table.frame[column].dtype == polars.Boolean:
        values = table.frame[column].cast(polars.Float64).fill_null(math.nan).to_numpy().copy()
        is_bad = np.isinf(values)
    else:
        values, is_bad = numbers_of(table.cells(column), table.notation)
        is_bad |= np.isinf(values)
    remedy = (
        "Mend the cell, leave it empty where the value is missing, or name the columns with --data.targets."
    )
    if is_bad.any() and _is_text(table, column):
        remedy = f"It holds {_about_text(table, column)}; or name the columns of numbers with --data.targets."
    table.refuse(is_bad, column, "GR-SERIES-004", "a finite number", remedy)
    return values


def _is_text(table: Cells, column: str) -> bool:
    """Whether a column has texts, and none of them is a number; or all are, in another notation."""
    cells = table.cells(column)
    values, is_text = numbers_of(cells, table.notation)
    return bool(is_text.any() and (np.isnan(values).all() or notations_of(cells)))


def _about_text(table: Cells, column: str) -> str:
    """What a column of text may be, and the setting that reads it so."""
    if not has_texts(kind := table.frame[column].dtype):
        return f"values of the type {kind}, to be written as numbers or texts"
    name, texts = quote(column), table.cells(column)
    texts = texts.filter(texts != "")
    if notations := notations_of(texts):
        odd = numbers_of(texts, table.notation)[1]
        return about_notations(notations, cell=texts[int(odd.argmax())])
    if texts.str.contains(r"^[+-]?\d{1,3}(['. ]\d{3})+([.,]\d+)?$").all():
        return "numbers with marks between thousands, to be written without"
    if texts.str.contains(r"^\d{4}[-/]\d\d[-/]\d\d").all():
        return f"times, which --data.time {name} reads"
    if fitting := formats_of(texts):
        return f'times, which --data.time {name} --data.time-format "{fitting[0]}" reads'
    return f"names: --data.series {name} where of series, --data.static {name} where each series has one"


def _one_value(table: Cells, column: str, texts: np.ndarray, mine: Int64[np.ndarray, "S"], name: str) -> str:
    """The one text that a static column has for a series; InputError where there are two."""
    texts = texts[mine]
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


def _refused(table: Cells, code: str, wanted: str, got: str, remedy: str) -> InputError:
    return InputError(code, where=table.where, wanted=wanted, got=got, remedy=remedy)
