"""Series put in order: which times and values are refused, and what each treatment does."""

import numpy as np
import pytest

from gradus.core.errors import GradusError
from gradus.data.calendar import HOUR, Step
from gradus.data.mending import Mending, mended, time_faults
from gradus.data.series import Form, read_series

HOURS = [f"2026-01-0{1 + hour // 24} {hour % 24:02d}:00" for hour in range(40)]


def table(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["date,a,b", *rows]) + "\n")
    return path


def hourly(count):
    return [f"{time},{place},{place / 2}" for place, time in enumerate(HOURS[:count])]


def refused(code, *words):
    return pytest.raises(GradusError, match=".*".join([*words, code]))


def raw_of(tmp_path, places, values=None):
    """A table with the hours at these places."""
    values = values or [str(place) for place in places]
    rows = [f"{HOURS[place]},{value},1" for place, value in zip(places, values, strict=True)]
    (raw,) = read_series(table(tmp_path, rows), Form())
    return raw


@pytest.mark.parametrize(
    ("places", "code", "row"),
    [
        ([0, 1, 3, 2, 4, 5], "GR-SERIES-010", 5),
        ([0, 1, 2, 2, 3, 4], "GR-SERIES-011", 5),
        ([0, 1, 2, 5, 6, 7], "GR-SERIES-013", 5),
    ],
)
def test_times_out_of_order_are_refused_by_row(tmp_path, places, code, row):
    with refused(code, f"line {row}"):
        mended(raw_of(tmp_path, places), Mending())


def test_sorting_counts(tmp_path):
    series = mended(raw_of(tmp_path, [0, 1, 3, 2, 4]), Mending(order="sort"))
    assert series.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert series.notes == ("1 rows were out of order: sorted.",)


@pytest.mark.parametrize(("treatment", "value"), [("first", 7), ("last", 9), ("mean", 8)])
def test_duplicates_are_kept_as_asked(tmp_path, treatment, value):
    raw = raw_of(tmp_path, [0, 1, 1, 2, 3], values=["0", "7", "9", "2", "3"])
    series = mended(raw, Mending(duplicates=treatment))
    assert series.values[:, 0].tolist() == [0, value, 2, 3]
    assert "1 rows of a time that was there" in series.notes[0]


def test_gaps_are_held_or_ignored(tmp_path):
    raw = raw_of(tmp_path, [0, 1, 2, 5, 6])
    held = mended(raw, Mending(gaps="hold"))
    assert held.values[:, 0].tolist() == [0, 1, 2, 2, 2, 5, 6]
    assert np.diff(held.times).tolist() == [HOUR] * 6
    assert "2 steps are missing in 1 gaps" in held.notes[0]
    ignored = mended(raw, Mending(gaps="ignore"))
    assert ignored.values[:, 0].tolist() == [0, 1, 2, 5, 6]


def test_irregular_steps_are_refused_or_counted_as_rows(tmp_path):
    rows = [*hourly(5), "2026-01-01 05:20,5,1", "2026-01-01 06:00,6,1"]
    (raw,) = read_series(table(tmp_path, rows), Form())
    for gaps in ("error", "hold"):
        with refused("GR-SERIES-012", "line 7"):
            mended(raw, Mending(gaps=gaps))
    series = mended(raw, Mending(gaps="ignore"))
    assert len(series.times) == 7
    assert "1 rows are irregular" in series.notes[0]


def test_missing_values_are_refused_or_held(tmp_path):
    raw = raw_of(tmp_path, [0, 1, 2, 3], values=["0", "", "NaN", "3"])
    with refused("GR-SERIES-014", "line 3", "column a", "2 missing"):
        mended(raw, Mending())
    series = mended(raw, Mending(missing="hold"))
    assert series.values[:, 0].tolist() == [0, 0, 0, 3]
    assert "2 missing values" in series.notes[0]
    with refused("GR-SERIES-014", "line 2", "to begin with"):
        mended(raw_of(tmp_path, [0, 1, 2], values=["", "1", "2"]), Mending(missing="hold"))


def test_what_is_known_ahead_may_go_on_alone(tmp_path):
    rows = [*hourly(4), *(f"{HOURS[place]},,{place / 2}" for place in (4, 5))]
    (raw,) = read_series(table(tmp_path, rows), Form())
    series = mended(raw, Mending(), known=("b",))
    assert series.num_seen == 4
    assert series.values[:, 1].tolist() == [place / 2 for place in range(6)]
    with refused("GR-SERIES-014", "column a"):
        mended(raw, Mending())


def test_faults_are_found_whatever_the_order():
    times = np.array([0, 2, 1, 1, 7, 3, 10]) * HOUR
    faults = time_faults(times, dated=True)
    assert faults.step == Step("microseconds", HOUR)
    assert faults.unsorted.tolist() == [2, 5]
    assert faults.duplicates.tolist() == [2]
    assert faults.num_missing == 3 + 2
