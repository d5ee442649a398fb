"""Tables of series: what is read, what is refused and where, and what each treatment does."""

import gzip
from datetime import UTC, datetime, timedelta

import numpy as np
import polars
import pytest

from gradus.core.errors import GradusError, InputError
from gradus.data.calendar import DAY, HOUR, Step
from gradus.data.series import Form, Mending, mended, read_series, time_faults

HOURS = [f"2026-01-0{1 + hour // 24} {hour % 24:02d}:00" for hour in range(40)]


def table(tmp_path, rows, *, head="date,a,b", name="t.csv"):
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def hourly(count=40):
    return [f"{time},{place},{place / 2}" for place, time in enumerate(HOURS[:count])]


def refused(code, *words):
    return pytest.raises(GradusError, match=".*".join([*words, code]))


# -- reading ---------------------------------------------------------------------------------------------


def test_a_sound_table_is_read_as_it_is(tmp_path):
    (raw,) = read_series(table(tmp_path, hourly()), Form())
    assert raw.columns == ("a", "b")
    assert raw.dated
    assert raw.values[:, 1].tolist() == [place / 2 for place in range(40)]
    series = mended(raw, Mending())
    assert series.step == Step("microseconds", HOUR)
    assert (series.num_seen, series.notes) == (40, ())
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert series.times[0] == begin.timestamp() * 1e6


def test_gzip_tabs_and_parquet_say_the_same(tmp_path):
    path = table(tmp_path, hourly())
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "t.tsv").write_text(path.read_text().replace(",", "\t"))
    frame = polars.read_csv(path, try_parse_dates=True)
    frame.write_parquet(tmp_path / "t.parquet")
    frame.with_columns(polars.col("date").cast(polars.String)).write_parquet(tmp_path / "texts.parquet")
    (wanted,) = read_series(path, Form())
    for name in ("t.csv.gz", "t.tsv", "t.parquet", "texts.parquet"):
        (raw,) = read_series(tmp_path / name, Form())
        np.testing.assert_array_equal(raw.times, wanted.times)
        np.testing.assert_array_equal(raw.values, wanted.values)


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


def test_whole_numbers_are_times_and_rows_are_counted_without_any(tmp_path):
    (raw,) = read_series(table(tmp_path, ["5,1,2", "10,1,2"]), Form())
    assert (raw.times.tolist(), raw.dated) == ([5, 10], False)
    (raw,) = read_series(table(tmp_path, ["5,1", "6,2"], head="x,y"), Form())
    assert (raw.times.tolist(), raw.columns) == ([0, 1], ("x", "y"))
    assert any("counted" in note for note in raw.notes)
    (tmp_path / "bare.csv").write_text("1,2\n3,4\n")
    (raw,) = read_series(tmp_path / "bare.csv", Form())
    assert raw.values.tolist() == [[1, 2], [3, 4]]


def test_a_long_table_is_several_series(tmp_path):
    rows = [
        f"2026-01-0{day},{name},{day},{kind}" for day in (1, 2, 3) for name, kind in (("x", "s"), ("y", "t"))
    ]
    path = table(tmp_path, rows, head="date,shop,sold,kind")
    raws = read_series(path, Form(series="shop", static=("kind",)))
    assert [(raw.name, raw.static, raw.values[:, 0].tolist()) for raw in raws] == [
        ("x", ("s",), [1, 2, 3]),
        ("y", ("t",), [1, 2, 3]),
    ]
    assert raws[1].rows.tolist() == [3, 5, 7]


# -- what is refused -------------------------------------------------------------------------------------


def test_a_bad_date_far_down_is_named(tmp_path):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [f"{begin + timedelta(hours=hour):%Y-%m-%d %H:%M},{hour}" for hour in range(42_000)]
    rows[41_233 - 2] = "2030-13-45 00:00,1"  # the header is row 1
    with refused("GR-SERIES-007", "row 41233, column date", "2030-13-45"):
        read_series(table(tmp_path, rows, head="date,a"), Form())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["x,1,2", "2026-01-02,1,2"], ("row 2, column date", "'x'", "GR-SERIES-007")),
        (["2026-01-01,1,2", ",1,2"], ("row 3, column date", "GR-SERIES-007")),
        (["2026-01-01,1,2", "2026-01-02 11:00,1,2"], ("row 3, column date", "GR-SERIES-007")),
        (
            ["2026-01-01T00:00Z,1,2", "2026-01-01T01:00,1,2"],
            ("row 3, column date", "a zone", "GR-SERIES-006"),
        ),
        (["2026-01-01,1,2", "2026-01-02,1,dear"], ("row 3, column b", "'dear'", "GR-SERIES-004")),
        (["2026-01-01,1,2", "2026-01-02,1,inf"], ("row 3, column b", "GR-SERIES-004")),
        (["2026-01-01,1,2", "2026-01-02,1"], ("line 3", "GR-ROWS-004")),
        ([], ("GR-ROWS-002",)),
    ],
)
def test_bad_cells_are_named(tmp_path, rows, words):
    with pytest.raises(InputError, match=".*".join(words)):
        read_series(table(tmp_path, rows), Form())


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    whole = gzip.compress("\n".join(["date,a,b", *hourly()]).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "no.csv.gz").write_bytes(b"date,a\n")
    (tmp_path / "no.parquet").write_bytes(b"date,a\n2026-01-01,1\n")
    polars.DataFrame({"date": [1, 2], "a": [1.0, 2.0]}).write_parquet(tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-20])
    polars.DataFrame({"date": [], "a": []}).write_parquet(tmp_path / "none.parquet")
    for name, code in {
        "empty.csv": "GR-ROWS-001",
        "cut.csv.gz": "GR-TEXT-001",
        "no.csv.gz": "GR-TEXT-001",
        "no.parquet": "GR-SERIES-003",
        "cut.parquet": "GR-SERIES-003",
        "none.parquet": "GR-SERIES-002",
    }.items():
        with pytest.raises(InputError, match=f"{name}.*{code}"):
            read_series(tmp_path / name, Form())


def test_parquet_cells_are_named(tmp_path):
    polars.DataFrame({"date": [1, 2], "a": ["3", "dear"]}).write_parquet(tmp_path / "t.parquet")
    with refused("GR-SERIES-004", "row 2, column a", "dear"):
        read_series(tmp_path / "t.parquet", Form())
    polars.DataFrame({"date": [1, None], "a": [1.0, 2.0]}).write_parquet(tmp_path / "t.parquet")
    with refused("GR-SERIES-007", "row 2, column date"):
        read_series(tmp_path / "t.parquet", Form())


def test_columns_that_are_not_there(tmp_path):
    path = table(tmp_path, hourly())
    with refused("GR-SERIES-001", "column price"):
        read_series(path, Form(numbers=("price",)))
    with refused("GR-SERIES-002", "column of numbers"):
        read_series(table(tmp_path, ["2026-01-01"], head="date"), Form())
    with refused("GR-SERIES-008", "year"):
        read_series(path, Form(time_format="%H:%M"))
    rows = ["2026-01-01,x,1", "2026-01-02,x,2"]
    with refused("GR-SERIES-005", "row 3, column kind"):
        read_series(
            table(tmp_path, rows, head="date,shop,kind"),
            Form(series="shop", static=("kind",), numbers=("kind",)),
        )


# -- times -----------------------------------------------------------------------------------------------


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
    with refused(code, f"row {row}"):
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
        with refused("GR-SERIES-012", "row 7"):
            mended(raw, Mending(gaps=gaps))
    series = mended(raw, Mending(gaps="ignore"))
    assert len(series.times) == 7
    assert "1 rows are irregular" in series.notes[0]


def test_missing_values_are_refused_or_held(tmp_path):
    raw = raw_of(tmp_path, [0, 1, 2, 3], values=["0", "", "NaN", "3"])
    with refused("GR-SERIES-014", "row 3", "column a", "2 missing"):
        mended(raw, Mending())
    series = mended(raw, Mending(missing="hold"))
    assert series.values[:, 0].tolist() == [0, 0, 0, 3]
    assert "2 missing values" in series.notes[0]
    with refused("GR-SERIES-014", "row 2", "to begin with"):
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
