"""Notations of numbers: what each reads, what it leaves a text, and which of them would read a column."""

import math

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data.notation import (
    NOTATIONS,
    PLAIN,
    Notation,
    about_notations,
    notations_of,
    number,
    numbers_of,
    unit_of,
)

COMMA, MARKS, BOTH = Notation("comma"), Notation(thousands=True), Notation("comma", thousands=True)


@given(st.text(alphabet="0123456789+-.,eE_xinfatyNA ?/", max_size=9), st.sampled_from(NOTATIONS))
@settings(max_examples=400, deadline=None)
def test_a_column_reads_a_cell_as_the_cell_alone_is_read(text, notation):
    values, is_text = numbers_of(polars.Series([text.strip()]), notation)
    alone = number(text, notation)
    assert is_text[0] == (alone is None)
    np.testing.assert_array_equal(values[0], math.nan if alone is None else alone)


@given(st.floats(allow_nan=False), st.sampled_from(NOTATIONS))
@settings(deadline=None)
def test_a_number_that_is_written_is_read_again(value, notation):
    assert number(notation.written(value), notation) == value


@given(st.floats(-1e12, 1e12), st.sampled_from([MARKS, BOTH]))
@settings(deadline=None)
def test_marks_between_thousands_change_no_number(value, notation):
    grouped = f"{value:,.3f}"  # as Python writes thousands
    if notation.decimal == "comma":
        grouped = grouped.replace(",", " ").replace(".", ",").replace(" ", ".")
    assert number(grouped, notation) == float(f"{value:.3f}")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000.0), ("Infinity", math.inf), ("-inf", -math.inf), ("1e999", math.inf), (".5", 0.5)],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("text", ["", " ", "NaN", "NA", "n/a", "null", "None", "?"])
def test_missing_numbers(text, notation):
    assert math.isnan(number(text, notation))


@pytest.mark.parametrize("text", ["1_000", "0x10", "1,5", "abc", "\u0661", "--1", "1e", "1,234", "1,234.5"])
def test_texts_that_are_no_numbers(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "values"),  # as read by PLAIN, COMMA, MARKS and BOTH
    [
        ("1.5", (1.5, None, 1.5, None)),
        ("-1,5e-3", (None, -0.0015, None, -0.0015)),
        (",5", (None, 0.5, None, 0.5)),
        ("12", (12, 12, 12, 12)),
        ("1,234", (None, 1.234, 1234, 1.234)),
        ("1.234", (1.234, None, 1.234, 1234)),
        ("1.234,5", (None, None, None, 1234.5)),
        ("1,234.5", (None, None, 1234.5, None)),
        ("+1.234.567", (None, None, None, 1234567)),
        ("0.123", (0.123, None, 0.123, None)),
        ("12.34", (12.34, None, 12.34, None)),
        ("1.2345", (1.2345, None, 1.2345, None)),
        ("1234.567,8", (None, None, None, None)),
        ("1,5,6", (None, None, None, None)),
        ("1 234,5", (None, None, None, None)),
    ],
)
def test_each_notation_reads_its_own(text, values):
    assert tuple(number(text, notation) for notation in (PLAIN, COMMA, MARKS, BOTH)) == values


@pytest.mark.parametrize(
    ("texts", "fitting"),
    [
        (["1.5", "2", "na"], [PLAIN]),
        (["1,5", "2", ""], [COMMA]),
        (["1,234", "2"], [COMMA, MARKS]),
        (["1.234,5", "7,25"], [BOTH]),
        (["1", "2"], [PLAIN, COMMA]),
        (["1,5", "2.5"], []),
        (["", "na"], []),
        (["1,5"] * 150 + ["shop"], []),
    ],
)
def test_the_notations_that_would_read_a_column_are_found(texts, fitting):
    assert notations_of(polars.Series(texts)) == fitting


def test_what_a_column_may_be_is_said_with_how_it_would_be_read():
    said = about_notations([COMMA, MARKS], cell="1,234")
    assert said == (
        "numbers with a decimal comma, which --data.decimal comma reads (1,234 is 1.234) or numbers with a "
        "decimal point and marks between thousands, which --data.decimal point --data.thousands reads "
        "(1,234 is 1234)"
    )


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["12.30 €", "1.234,50 €", "", "NA", "-3€"], "€"),
        (["$5", "-$1,234.50", "$ 7"], "$"),
        (["18 %", "2.5%"], "%"),
        (["-5 °C", "+20 °C"], "°C"),
        (["3 kg", "4 g"], None),
        (["3 kg", "4"], None),
        (["Q1", "Q2"], None),
        (["1st", "2nd"], None),
        (["2026-01-01", "2026-01-02"], None),
        (["08:59", "09:00"], None),
        (["10.0.0.1", "10.0.0.2"], None),
        (["1.5", "2"], None),
        (["", "NA"], None),
        ([], None),
    ],
)
def test_a_unit_is_what_all_numbers_of_a_column_have_beside_them(texts, unit):
    assert unit_of(polars.Series(texts, dtype=polars.String)) == unit
