"""Tables of series: what is read, and what is refused and where."""

import gzip
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars
import pytest

from gradus.core.errors import InputError
from gradus.data.calendar import DAY, HOUR, Step
from gradus.data.mending import Mending, mended
from gradus.data.notation import Notation
from gradus.data.series import Form, read_series
from tests.unit.data.made_series import parquet, refused, table

HOURS = [f"2026-01-0{1 + hour // 24} {hour % 24:02d}:00" for hour in range(40)]


def hourly(count=40):
    return [f"{time},{place},{place / 2}" for place, time in enumerate(HOURS[:count])]


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
    rows[41_233 - 2] = "2030-13-45 00:00,1"  # the header is line 1
    with refused("GR-SERIES-007", "line 41233, column date", "2030-13-45"):
        read_series(table(tmp_path, rows, head="date,a"), Form())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["x,1,2", "2026-01-02,1,2"], ("line 2, column date", "'x'", "GR-SERIES-007")),
        (["2026-01-01,1,2", ",1,2"], ("line 3, column date", "GR-SERIES-007")),
        (["2026-01-01,1,2", "2026-01-02 11:00,1,2"], ("line 3, column date", "GR-SERIES-007")),
        (
            ["2026-01-01T00:00Z,1,2", "2026-01-01T01:00,1,2"],
            ("line 3, column date", "a zone", "GR-SERIES-006"),
        ),
        (["2026-01-01,1,2", "2026-01-02,1,dear"], ("line 3, column b", "'dear'", "GR-SERIES-004")),
        (["2026-01-01,1,2", "2026-01-02,1,inf"], ("line 3, column b", "GR-SERIES-004")),
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


MIDNIGHT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def test_numbers_since_1970_under_another_name_are_noted(tmp_path):
    path = parquet(tmp_path, [(MIDNIGHT + step) * 1000 for step in (0, 60)], name="stamp t")
    (raw,) = read_series(path, Form())
    assert raw.columns == ("stamp t", "a")
    assert raw.notes[1:] == (
        "stamp t looks like milliseconds since 1970: --data.time 'stamp t' --data.time-format milliseconds "
        "takes it for the times.",
    )
    (raw,) = read_series(path, Form(time="stamp t", time_format="milliseconds"))
    assert (raw.columns, raw.dated) == (("a",), True)


@pytest.mark.parametrize(
    "times",
    [
        [date(2026, 1, 1), date(2026, 1, 2)],
        polars.Series([datetime(2026, 1, 1), datetime(2026, 1, 2)]).cast(polars.Datetime("ns")),
        polars.Series([datetime(2026, 1, 1), datetime(2026, 1, 2)]).dt.replace_time_zone("Asia/Tokyo"),
    ],
)
def test_dates_in_parquet_keep_their_type_and_ask_for_their_name(tmp_path, times):
    (raw,) = read_series(parquet(tmp_path, times), Form())
    assert (np.diff(raw.times).tolist(), raw.dated) == ([DAY], True)
    path = parquet(tmp_path, times, name="when")
    with refused("GR-SERIES-004", "row 1, column when", "times, which --data.time when reads"):
        read_series(path, Form())
    (same,) = read_series(path, Form(time="when"))
    assert same.times.tolist() == raw.times.tolist()
    (counted,) = read_series(path, Form(numbers=("a",)))
    assert counted.notes == (
        "There is no time column: rows are counted; when holds times, which --data.time when reads.",
    )


@pytest.mark.parametrize(
    "odd",
    [
        [[1], [2]],
        [{"x": 1}, {"x": 2}],
        [b"\xff", b"\xfe"],
        [timedelta(hours=1), timedelta(hours=2)],
        [time(1), time(2)],
        polars.Series([2**63, 2**63 + 1], dtype=polars.UInt64),
        [True, False],
    ],
)
def test_columns_of_other_types_are_refused_by_name(tmp_path, odd):
    with refused("GR-SERIES-007", "row 1, column date", "wanted .*, got"):
        read_series(parquet(tmp_path, odd), Form())
    kind = polars.Series(odd).dtype
    path = parquet(tmp_path, [date(2026, 1, 1), date(2026, 1, 2)], odd=odd)
    if kind.is_numeric() or kind == polars.Boolean:
        (raw,) = read_series(path, Form())
        assert raw.columns == ("a", "odd")
        return
    with refused("GR-SERIES-004", "column odd", "--data.targets"):
        read_series(path, Form())
    (raw,) = read_series(path, Form(skip_texts=True))
    assert raw.columns == ("a",)
    assert any(note.startswith("odd holds ") for note in raw.notes)
    (raw,) = read_series(path, Form(numbers=("a",)))
    assert raw.columns == ("a",)


def test_columns_that_are_not_there(tmp_path):
    path = table(tmp_path, hourly())
    with refused("GR-SERIES-001", "column price"):
        read_series(path, Form(numbers=("price",)))
    with refused("GR-SERIES-002", "column of numbers"):
        read_series(table(tmp_path, ["2026-01-01"], head="date"), Form())
    with refused("GR-SERIES-008", "year"):
        read_series(path, Form(time_format="%H:%M"))
    for form in ("%Y%m%d%H", "%d.%m.%Y %H:%Q"):
        with refused("GR-SERIES-008", form):
            read_series(path, Form(time_format=form))
    nameless = table(tmp_path, ["2026-01-01,x,1", "2026-01-02,,2"], head="date,shop,n")
    with refused("GR-SERIES-009", "line 3, column shop"):
        read_series(nameless, Form(series="shop"))
    (kept,) = read_series(nameless, Form(series="shop", skip_bad=True))
    assert (kept.name, len(kept.times)) == ("x", 1)
    rows = ["2026-01-01,x,1", "2026-01-02,x,2"]
    with refused("GR-SERIES-005", "line 3, column kind"):
        read_series(
            table(tmp_path, rows, head="date,shop,kind"),
            Form(series="shop", static=("kind",), numbers=("kind",)),
        )


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"1,5"', r"decimal comma, which --data.decimal comma reads \(1,5 is 1.5\)"),
        ('"1,500.25"', r"which --data.decimal point --data.thousands reads \(1,500.25 is 1500.25\)"),
        ("1 500", "between thousands, to be written without"),
        ("2026-01-31", "times, which --data.time b reads"),
        ("shop", "--data.series b"),
    ],
)
def test_a_column_of_text_is_refused_with_what_it_may_be(tmp_path, cell, said):
    with refused("GR-SERIES-004", "line 2, column b", said):
        read_series(table(tmp_path, [f"2026-01-01,1,{cell}", f"2026-01-02,1,{cell}"]), Form())


def test_numbers_are_read_in_the_notation_of_the_settings(tmp_path):
    rows = ["2026-01-01;1,5;1.200,5", "2026-01-02;2;900", "2026-01-03;;7,0"]
    path = table(tmp_path, rows, head="date;a;b")
    (raw,) = read_series(path, Form(notation=Notation("comma", thousands=True)))
    np.testing.assert_array_equal(raw.values, [[1.5, 1200.5], [2, 900], [np.nan, 7]])
    with refused("GR-SERIES-004", "line 2, column a", "decimal comma, which --data.decimal comma reads"):
        read_series(path, Form())  # not "mend the cell": all cells of the column are numbers so
    with refused("GR-SERIES-004", "line 2, column b", "--data.decimal comma --data.thousands"):
        read_series(path, Form(notation=Notation("comma")))
    with refused("GR-SERIES-004", "line 2, column a", "which --data.decimal point reads"):
        read_series(
            table(tmp_path, ["2026-01-01;1.5", "2026-01-02;2"], head="date;a"),
            Form(notation=Notation("comma")),
        )
    frame = polars.DataFrame({"date": [1, 2], "a": ["1,5", "na"], "b": [1.5, 2.0]})
    frame.write_parquet(tmp_path / "t.parquet")
    (raw,) = read_series(tmp_path / "t.parquet", Form(notation=Notation("comma")))
    np.testing.assert_array_equal(raw.values, [[1.5, 1.5], [np.nan, 2.0]])


def test_bad_cells_are_kept_with_their_places(tmp_path):
    rows = ["2026-01-01,1,2", "2026-01-02,x,2", "2026-01-03,1", "soon,1,y", "2026-01-05,1,2"]
    (raw,) = read_series(table(tmp_path, rows), Form(skip_bad=True))
    places = [fault.where.partition(", ")[2] for fault in raw.faults]
    assert places == ["line 4", "line 5, column date", "line 3, column a", "line 5, column b"]
    assert "line 5, column date; line 3, column a; line 5, column b first" in raw.notes[-1]
