"""Times of a table as whole numbers: dates in many forms, numbers since 1970, plain counts.

Letters: T rows.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from gradus.core.errors import UsageError
from gradus.data.cells import Cells, has_texts

FORMATS = ("%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f")
OTHER_FORMATS = tuple(
    f"{date}{time}"
    for date in (
        *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%Y%m%d"),
        *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y"),
    )
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
EPOCHS = {"%s": 1, "seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
NAMES_OF_EPOCHS = {per_second: name for name, per_second in EPOCHS.items()}
EPOCH = (10**8, 10**11)  # numbers that are likely to be seconds since 1970: from 1973 on
LAST_SECOND = 253_402_300_800  # of the year 9999
FORM = "a date such as 2026-01-31 14:00"
ZONE = r"(?:Z|[+-]\d{2}:?\d{2})$"
TRIED = 100  # texts that a format is tried on before it is on all

Moments = Int64[np.ndarray, "T"]


def times_of(table: Cells, column: str, form: str | None, notes: list[str]) -> tuple[Moments, bool]:
    """A column of times as whole numbers, and whether they are dates; InputError names a row without one."""
    import polars

    cells, texts = table.frame[column], table.cells(column)
    if cells.dtype in (polars.Time, polars.Boolean) or not has_texts(cells.dtype):
        remedy = "Name a column of dates with --data.time, or of whole numbers."
        _refuse_times(table, column, np.ones(len(cells), dtype=np.bool_), FORM, remedy)
    if form in EPOCHS:
        notes.append(f"Times of {column} are read as {NAMES_OF_EPOCHS[EPOCHS[form]]} since 1970, in UTC.")
        numbers = cells if cells.dtype.is_numeric() else texts
        times = _since_1970(table, column, numbers, form)
        likely = epoch_of(numbers.cast(polars.Float64, strict=False).fill_null(math.nan).to_numpy())
        if likely not in (None, NAMES_OF_EPOCHS[EPOCHS[form]]):
            notes.append(f"They look like {likely}, which --data.time-format {likely} reads.")
        return times, True
    if form is None and (cells.dtype.is_integer() or texts.str.contains(r"^[+-]?\d{1,19}$").all()):
        whole = cells.cast(polars.Int64, strict=False)
        _refuse_times(table, column, whole.is_null().to_numpy(), "a time, or a whole number below 2^63")
        times = whole.fill_null(0).to_numpy().copy()
        if unit := epoch_of(times):
            notes.append(
                f"Times of {column} look like {unit} since 1970 and are taken as plain numbers, without a "
                f"calendar: --data.time-format {unit} reads them as dates."
            )
        return times, False
    if cells.dtype in (polars.Date, polars.Datetime):
        if cells.dtype == polars.Datetime and cells.dtype.time_zone is not None:
            cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            notes.append(f"Times of {column} are put into UTC.")
        return _microseconds(table, column, cells.cast(polars.Datetime("us"))), True
    if form is not None:
        parsed = _parsed(texts, form)
        if parsed.dtype.time_zone is not None:
            parsed = parsed.dt.replace_time_zone(None)  # strptime with %z gives UTC
            notes.append(f"Times of {column} are put into UTC.")
        return _microseconds(table, column, _with_a_year(parsed), f"a time of the format {form}"), True
    return _iso(table, column, texts, notes), True


def epoch_of(times: np.ndarray) -> str | None:
    """The unit in which all of these are likely to be counted from 1970: seconds, milliseconds, ..."""
    for per_second, unit in NAMES_OF_EPOCHS.items():
        if EPOCH[0] * per_second < times.min() and times.max() < EPOCH[1] * per_second:
            return unit
    return None


def _since_1970(table: Cells, column: str, cells: Any, form: str) -> Moments:
    """Numbers, or texts of numbers, as microseconds since 1970; what is none, or far off, is bad."""
    import polars

    per_second = EPOCHS[form]
    numbers = cells.cast(polars.Float64, strict=False).fill_null(math.nan).to_numpy()
    bad = ~(np.abs(numbers) < LAST_SECOND * per_second)
    _refuse_times(table, column, bad, f"a number of {NAMES_OF_EPOCHS[per_second]} since 1970")
    numbers = np.where(bad, 0.0, numbers)
    whole = cells.cast(polars.Int64, strict=False).fill_null(0).to_numpy()  # beyond what a float holds
    exact = whole * (10**6 // per_second) if per_second <= 10**6 else whole // (per_second // 10**6)
    near = np.rint(numbers * (10**6 / per_second)).astype(np.int64)
    return np.where(whole.astype(np.float64) == numbers, exact, near)


def _iso(table: Cells, column: str, texts: Any, notes: list[str]) -> Moments:
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
    if parsed.count() == 0:
        fitting = [f'"{form}"' for form in formats_of(texts)]
        numbers = texts.cast(polars.Float64, strict=False).fill_null(math.nan).to_numpy()
        fitting += [unit] if (unit := epoch_of(numbers)) else []
        if fitting:
            remedy = " or ".join(f"--data.time-format {form}" for form in fitting)
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


def _microseconds(table: Cells, column: str, parsed: Any, wanted: str = FORM) -> Moments:
    """Parsed times as numbers; what is none is bad."""
    _refuse_times(table, column, parsed.is_null().to_numpy(), wanted)
    return parsed.dt.timestamp("us").fill_null(0).to_numpy().copy()


def _refuse_times(
    table: Cells,
    column: str,
    bad: Bool[np.ndarray, "T"],
    wanted: str,
    remedy: str = "Mend the cell; say --data.time-format where all times have another format.",
) -> None:
    table.refuse(bad, column, "GR-SERIES-007", wanted, remedy)


def _parsed(texts: Any, form: str) -> Any:
    """The times in these texts; UsageError where the format has no year, or is none."""
    import polars

    refused = "" if any(mark in form for mark in ("%Y", "%y", "%F", "%D", "%s", "%c")) else "no year"
    try:
        parsed = texts.str.strptime(polars.Datetime("us"), form, strict=False)
    except polars.exceptions.PolarsError as error:
        refused = refused or str(error).partition("\n")[0][:200]
    if refused:
        raise UsageError(
            "GR-SERIES-008",
            where="--data.time-format",
            wanted="a format of strptime with a year, such as %d.%m.%Y %H:%M",
            got=f"{form!r}: {refused}",
            remedy="Write it as the times in the file are written; hours need minutes beside them.",
        )
    return parsed
