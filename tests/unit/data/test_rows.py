"""Tables of rows: what is read, what a cell is, and what is refused."""

import gzip
import time

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError
from gradus.data.notation import Notation
from gradus.data.rows import cells_of, column_names, joined, read_table, separator_of, table_of

LINES = ["size,kind,label", "1.5,a,normal", " 2 , b ,attack", "", ",,", "-3e2,a,normal"]


def test_a_table_is_columns_of_trimmed_texts_with_the_lines_they_came_from():
    table = table_of(LINES, where="t.csv")
    assert table.columns == ("size", "kind", "label")
    assert table.texts("kind").tolist() == ["a", "b", "a"]
    values, is_text = table.numbers("size")
    assert values.tolist() == [1.5, 2.0, -300.0]
    assert not is_text.any()
    assert [table.place(row) for row in range(3)] == ["t.csv, line 2", "t.csv, line 3", "t.csv, line 6"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_with_its_separator_packed_or_not(tmp_path, separator, packed):
    content = "\ufeff" + "\r\n".join(line.replace(",", separator) for line in LINES)
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    assert read_table(path).cells.equals(table_of(LINES, where="t").cells)


def test_a_first_line_with_a_number_in_it_is_a_row():
    table = table_of(["0,tcp,http", "1,udp,dns"], where="t")
    assert table.columns == ("column 1", "column 2", "column 3")
    assert table.texts("column 2").tolist() == ["tcp", "udp"]
    assert table.place(0) == "t, line 1"


def test_quotes_keep_separators_in_a_cell():
    table = table_of(["a,b", '"x, y",1', '"say ""hi""",2'], where="t")
    assert table.texts("a").tolist() == ["x, y", 'say "hi"']
    assert cells_of('1,"a,b", c', separator=",", place="t") == ["1", "a,b", "c"]


cell = st.text(alphabet="ab1.-\"';é ,", max_size=5)


@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_cells_come_back_from_quotes(rows):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    lines = ["first,second", *(",".join(map(quoted, row)) for row in rows)]
    table = table_of(lines, where="t")
    assert table.texts("first").tolist() == [first.strip() for first, _ in rows]
    assert table.texts("second").tolist() == [second.strip() for _, second in rows]


@pytest.mark.parametrize(
    ("lines", "code", "where"),
    [
        ([], "GR-ROWS-001", "t:"),
        (["", " ,, "], "GR-ROWS-001", "t:"),
        (["a,b"], "GR-ROWS-002", "t:"),
        (["a,a", "1,2"], "GR-ROWS-003", "line 1"),
        (["a,b", "1,2", "", "1"], "GR-ROWS-004", "line 4"),
        (["a,b", "1,2,3"], "GR-ROWS-004", "line 2"),
        (["a,b", '1,"2'], "GR-ROWS-005", "line 2"),
    ],
)
def test_what_is_no_table_is_refused_by_its_line(lines, code, where):
    with pytest.raises(InputError, match=where) as error:
        table_of(lines, where="t")
    assert error.value.code == code


def test_bad_rows_are_left_out_and_told():
    table = table_of(["a,b", "1,2", "1", '3,"4', "5,6"], where="t", skip_bad=True)
    assert table.texts("a").tolist() == ["1", "5"]
    assert [fault.where for fault in table.faults] == ["t, line 3", "t, line 4"]
    assert table.place(1) == "t, line 5"


def test_the_column_that_cicids_names_twice_is_let_through():
    table = table_of([" Fwd Header Length, Fwd Header Length", "1,2"], where="t")
    assert table.columns == ("Fwd Header Length", "Fwd Header Length (again)")


def test_joined_tables_keep_the_places_of_their_rows():
    one, two = (
        table_of(["a,b", *(f"{i},x" for i in range(n))], where=name) for name, n in (("1", 3), ("2", 2))
    )
    both = joined([one, two])
    assert both.bounds == [0, 3, 5]
    assert [both.place(row) for row in (2, 3, 4)] == ["1, line 4", "2, line 2", "2, line 3"]
    kept = both.select(np.array([True, False, True, False, True]), faults=())
    assert [kept.place(row) for row in range(3)] == ["1, line 2", "1, line 4", "2, line 3"]
    assert kept.texts("a").tolist() == ["0", "2", "1"]


@pytest.mark.parametrize(
    ("header", "got"), [("a,c", "'b'"), ("b,a", "another order"), ("a,b,c", "3 with 'c'")]
)
def test_tables_of_different_columns_are_not_joined(header, got):
    row = ",".join("1" for _ in header.split(","))
    tables = [table_of(["a,b", "1,2"], where="1"), table_of([header, row], where="2")]
    with pytest.raises(InputError, match=got) as error:
        joined(tables)
    assert error.value.code == "GR-ROWS-006"


def test_the_separator_is_the_one_that_a_line_has_most_of():
    assert [separator_of(line) for line in ("a,b;c,d", "a;b", "a\tb\tc,d", "alone")] == [",", ";", "\t", ","]


def test_a_decimal_comma_separates_only_where_nothing_else_does():
    comma = Notation("comma")
    for line, mark in (("1,5;2,5", ";"), ("a, in m\tb, in s", "\t"), ('"1,5","2,5"', ","), ("a", ",")):
        assert separator_of(line, comma) == mark
    bare = table_of(["1,5;2,5", "3;4,5"], where="t", notation=comma)
    assert bare.columns == ("column 1", "column 2")
    assert [bare.numbers(name)[0].tolist() for name in bare.columns] == [[1.5, 3.0], [2.5, 4.5]]
    both = joined([bare, bare]).select(np.array([True, False, False, True]), faults=())
    assert both.numbers("column 1")[0].tolist() == [1.5, 3.0]


def test_nsl_kdd_is_read_whole(real_data):
    table = read_table(real_data / "nsl_kdd" / "KDDTest+.txt.gz")
    assert (len(table), len(table.columns)) == (22544, 43)
    assert isinstance(table.cells, polars.DataFrame)
    assert (table.texts("column 42") == "normal").sum() == 9711


def test_the_names_of_the_first_and_the_last_column_may_be_empty():
    table = table_of([",a,b", "0,1,2", "1,3,4"], where="t")
    assert table.columns == ("column 1", "a", "b")
    assert table_of(["a,b,", "1,2,"], where="t").columns == ("a", "b", "column 3")
    for first in ("a,,b", ",,", ",1,b"):
        assert table_of([first, "1,2,3"], where="t").columns == ("column 1", "column 2", "column 3")


def test_a_quoted_cell_over_two_lines_is_no_row_and_no_half_row():
    lines = ["a,b", '"x', 'y",1', '5" pipe,2', '"z ""w""",3']
    table = table_of(lines, where="t", skip_bad=True)
    assert table.texts("a").tolist() == ['5" pipe', 'z "w"']
    assert [fault.where for fault in table.faults] == ["t, line 2", "t, line 3"]
    with pytest.raises(InputError, match=r"none but 1 bad ones; t, line 2: wanted 2 cells"):
        table_of(["a,b", "1"], where="t", skip_bad=True)


def test_the_names_of_many_columns_are_looked_at_once():
    """Tens of thousands take less than a second; against a list of those before, each costs as many looks."""
    head = [f"c{place}" for place in range(40_000)]
    before = time.process_time()
    assert column_names([*head, "", "Fwd Header Length", "Fwd Header Length"], where="a.csv") == (
        *head,
        "column 40001",
        "Fwd Header Length",
        "Fwd Header Length (again)",
    )
    with pytest.raises(InputError, match="GR-ROWS-003") as caught:
        column_names([*head, "c7"], where="a.csv, line 1")
    assert caught.value.got == "'c7' as columns 8 and 40001"
    assert time.process_time() - before < 3


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_three_ways(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(end.join([b"size,kind", b"1,a", b'2,"b, c"', b""]))
    table = read_table(path)
    assert table.texts("kind").tolist() == ["a", "b, c"]
    assert table.place(1) == f"{path}, line 3"


@pytest.mark.parametrize("cell", [b"b\rc", b'"b\rc"', b'"b"\r'])
def test_a_carriage_return_within_a_row_is_told(tmp_path, cell):
    path = tmp_path / "a.csv"
    path.write_bytes(b"size,kind,more\n1,a,x\n2," + cell + b",x\n3,d,x\n")
    with pytest.raises(InputError, match=r"line 3.*GR-ROWS-00[45]"):
        read_table(path)
    assert read_table(path, skip_bad=True).texts("size").tolist() == ["1", "3"]


def test_lines_that_are_no_text_can_be_left_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\ncaf\xe9,2\n1\n" + b"x" * 2**21 + b"\n3,4\n")
    with pytest.raises(InputError, match=r"line 3.*GR-TEXT-003"):
        read_table(path)
    table = read_table(path, skip_bad=True)
    assert table.texts("a").tolist() == ["1", "3"]
    assert table.place(1) == f"{path}, line 6"
    told = [(fault.code, fault.where.rpartition(" ")[2]) for fault in table.faults]
    assert told == [("GR-TEXT-003", "3"), ("GR-ROWS-004", "4"), ("GR-TEXT-002", "5")]
    path.write_bytes(b"caf\xe9,b\n1,2\n")
    with pytest.raises(InputError, match=r"line 1.*GR-TEXT-003"):
        read_table(path, skip_bad=True)
