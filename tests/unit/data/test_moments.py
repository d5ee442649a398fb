"""Times of tables: forms, zones, numbers since 1970, and what is no time."""

import re
from datetime import UTC, date, datetime

import numpy as np
import polars
import pytest

from gradus.data.calendar import DAY, HOUR
from gradus.data.moments import EPOCHS
from gradus.data.series import Form, read_series
from tests.unit.data.made_series import parquet, refused, table

UNITS = [name for name in EPOCHS if name != "%s"]
MIDNIGHT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2026-01-01", "2026-01-02"], None),
        (["2026/01/01", "2026/01/02"], None),
        (["2026-01-01T00:00:00", "2026-01-02T00:00:00"], None),
        (["2026-01-01 00:00:00.000", "2026-01-02 00:00:00"], None),
        (["2026-01-01T02:00:00+02:00", "2026-01-01T19:00:00-0500"], None),
        (["2026-01-01T00:00Z", "2026-01-02T00:00Z"], None),
        (["01.01.2026", "02.01.2026"], "%d.%m.%Y"),
        (["01.01.2026 02:00 +0200", "02.01.2026 00:00 +0000"], "%d.%m.%Y %H:%M %z"),
    ],
)
def test_times_in_many_forms(tmp_path, texts, form):
    path = table(tmp_path, [f"{text},1,2" for text in texts])
    (raw,) = read_series(path, Form(time_format=form))
    midnight = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    assert raw.times.tolist() == [midnight, midnight + DAY]
    zones = "+" in texts[0] or "Z" in texts[0]
    assert any("UTC" in note for note in raw.notes) == zones


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("dtype", [polars.Int64, polars.Float64, polars.String, polars.UInt64])
def test_numbers_since_1970_are_dates_where_the_settings_say_so(tmp_path, unit, dtype):
    times = polars.Series([(MIDNIGHT + step * 3600) * EPOCHS[unit] for step in (0, 1)])
    path = parquet(tmp_path, times.cast(dtype))
    (raw,) = read_series(path, Form(time_format=unit))
    assert (raw.times.tolist(), raw.dated) == ([MIDNIGHT * 10**6, MIDNIGHT * 10**6 + HOUR], True)
    assert raw.notes == (f"Times of date are read as {unit} since 1970, in UTC.",)
    if dtype == polars.Float64:
        with refused("GR-SERIES-007", "row 1, column date", f"Give --data.time-format {unit}"):
            read_series(path, Form())
        return
    (raw,) = read_series(path, Form())
    assert (raw.times.tolist(), raw.dated) == (times.to_list(), False)
    assert f"look like {unit} since 1970 and are taken as plain numbers" in raw.notes[0]
    assert f"--data.time-format {unit} reads them as dates" in raw.notes[0]


def test_times_that_look_like_another_unit_are_told(tmp_path):
    path = parquet(tmp_path, [MIDNIGHT, MIDNIGHT + 3600])
    (raw,) = read_series(path, Form(time_format="milliseconds"))
    assert raw.notes == (
        "Times of date are read as milliseconds since 1970, in UTC.",
        "They look like seconds, which --data.time-format seconds reads.",
    )


def test_times_since_1970_that_are_none_are_named(tmp_path):
    for odd in (None, 10**17):  # nothing, and the year three thousand million
        with refused("GR-SERIES-007", "row 2, column date", "a number of seconds since 1970"):
            read_series(parquet(tmp_path, [MIDNIGHT, odd]), Form(time_format="seconds"))
    (raw,) = read_series(parquet(tmp_path, [MIDNIGHT, MIDNIGHT + 60]), Form(time_format="%s"))
    assert np.diff(raw.times).tolist() == [60 * 10**6]


def test_whole_numbers_in_parquet_may_be_dates_of_a_format(tmp_path):
    (raw,) = read_series(parquet(tmp_path, [20260101, 20260102]), Form(time_format="%Y%m%d"))
    assert raw.times.tolist() == [MIDNIGHT * 10**6, MIDNIGHT * 10**6 + DAY]


@pytest.mark.parametrize(
    ("first", "second", "form"),
    [
        ("13.01.2026", "14.01.2026", "%d.%m.%Y"),
        ("13/01/26", "14/01/26", "%d/%m/%y"),
        ("01/13/2026 02:00 PM", "01/13/2026 03:00 PM", "%m/%d/%Y %I:%M %p"),
        ("13-Jan-2026", "14-Jan-2026", "%d-%b-%Y"),
    ],
)
def test_the_format_of_other_times_is_named_and_reads_them(tmp_path, first, second, form):
    path = table(tmp_path, [f"{first},1", f"{second},2"], head="date,a")
    with refused("GR-SERIES-007", "line 2, column date", re.escape(f'--data.time-format "{form}"')):
        read_series(path, Form())
    (raw,) = read_series(path, Form(time_format=form))
    assert datetime.fromtimestamp(raw.times[0] / 1e6, tz=UTC).date() == date(2026, 1, 13)


def test_a_year_of_two_digits_is_not_one_of_the_first_century(tmp_path):
    path = table(tmp_path, ["03-04-24,1", "03-04-25,2"], head="date,a")
    for form in (None, "%Y-%m-%d", "%d-%m-%Y"):
        with refused("GR-SERIES-007", "line 2, column date"):
            read_series(path, Form(time_format=form))


def test_months_are_dates(tmp_path):
    (raw,) = read_series(table(tmp_path, ["2026-01,1", "2026-02,2"], head="date,a"), Form())
    assert np.diff(raw.times).tolist() == [31 * 24 * HOUR]
