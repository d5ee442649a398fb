"""Columns as features: against numbers worked out by hand, and a row alone against a whole table."""

import json
import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError
from gradus.data.encode import (
    LIMIT,
    CategoryColumn,
    Encoder,
    NumberColumn,
    fit_category,
    fit_number,
    kind_of,
    read_codes,
    read_columns,
    read_row,
    signed_log,
)
from gradus.data.rows import table_of

SIZE = NumberColumn(name="size", centre=math.log(3), scale=2.0, misses=False)
GAP = NumberColumn(name="gap", centre=0.0, scale=1.0, misses=True)
KIND = CategoryColumn(name="kind", values=("tcp", "udp"))
ENCODER = Encoder((KIND, SIZE, GAP))


def test_features_are_numbers_then_gaps_then_categories():
    features = ENCODER.encode(np.array([[2.0, 1.0], [0.0, math.nan]]), np.array([[1], [2]]))
    wanted = [[0.0, math.log(2), 0.0, 0, 1, 0], [-math.log(3) / 2, 0.0, 1.0, 0, 0, 1]]
    torch.testing.assert_close(features, torch.tensor(wanted))
    assert ENCODER.owners == (1, 2, 2, 0, 0, 0)
    assert ENCODER.names == ("kind", "size", "gap")


def test_what_is_far_off_infinite_or_missing_for_the_first_time_is_cut_off():
    numbers = np.array([[1e300, -1e300], [math.inf, -math.inf], [math.nan, 0.0]])
    features = ENCODER.encode(numbers, np.zeros((3, 1), dtype=np.int64))
    assert features[:, 0].tolist() == [LIMIT, LIMIT, LIMIT]
    assert features[:, 1].tolist() == [-LIMIT, -LIMIT, 0.0]
    assert features[:, 2].tolist() == [0.0, 0.0, 0.0]


def test_a_number_is_scaled_by_the_middle_half_of_its_logarithms():
    values = np.exp(np.arange(9.0)) - 1  # logarithms 0 to 8: quartiles 2, 4 and 6
    column = fit_number("n", values)
    assert column.centre == pytest.approx(4)
    assert column.scale == pytest.approx(4 / 1.349)
    assert not column.misses


def test_a_number_that_hardly_moves_is_scaled_by_its_deviation_or_not_at_all():
    values = np.array([0.0] * 9 + [math.e - 1])
    assert fit_number("n", values).scale == pytest.approx(0.3)
    assert fit_number("n", np.full(5, 7.0)) == NumberColumn(
        name="n", centre=math.log(8), scale=1.0, misses=False
    )


def test_statistics_are_those_of_numbers_that_are_there():
    column = fit_number("n", np.array([1.0, 2.0, 3.0, math.nan, math.inf]))
    assert column.centre == pytest.approx(math.log(3))
    assert column.misses


def test_a_standard_gaussian_keeps_its_width():
    logs = np.random.default_rng(0).normal(5, 0.5, 20000)
    column = fit_number("n", np.expm1(logs))
    assert (column.centre, column.scale) == pytest.approx((5, 0.5), abs=0.02)


@given(st.floats(-1e300, 1e300))
def test_the_signed_logarithm_is_odd_and_rises(value):
    low, high = signed_log(np.array([value, np.nextafter(value, math.inf)]))
    assert signed_log(np.array([-value]))[0] == -low
    assert low <= high


def test_content_says_what_a_column_holds():
    rows = [f"{i},{'ab'[i % 2]},,{i if i else 'odd'}" for i in range(20)]
    table = table_of(["number,name,nothing,nearly", *rows], where="t")
    kinds = [kind_of(table, name) for name in table.columns]
    assert kinds == ["number", "category", "empty", "number"]
    assert fit_category("name", table.texts("name")).values == ("a", "b")


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "-2.5", "1e9", "", "nan", "inf", "0"]),
        st.sampled_from(["3", "", "NA", "-Infinity"]),
        st.sampled_from(["tcp", "udp", "icmp", ""]),
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_row_alone_is_encoded_as_in_its_table(rows):
    lines = ["size,gap,kind,note", *(",".join((*row, "x")) for row in rows)]
    table = table_of(lines, where="t")
    numbers, faults = read_columns(table, ["size", "gap"], missing="mark")
    assert faults == {}
    whole = ENCODER.encode(numbers, read_codes(ENCODER, table))
    alone = [
        read_row(ENCODER, dict(zip(table.columns, (*row, "x"), strict=True)), missing="mark", place="t")
        for row in rows
    ]
    assert torch.equal(whole, torch.cat(alone))


@pytest.mark.parametrize(
    ("cell", "missing", "code"),
    [("abc", "refuse", "GR-ROWS-007"), ("abc", "mark", "GR-ROWS-007"), ("", "refuse", "GR-ROWS-008"),
     ("inf", "refuse", "GR-ROWS-008"), ("nan", "refuse", "GR-ROWS-008")],
)  # fmt: skip
def test_a_cell_that_is_no_number_is_named_alike_in_a_table_and_alone(cell, missing, code):
    table = table_of(["size,gap,kind", "1,2,tcp", f"{cell},2,tcp"], where="t.csv")
    _, faults = read_columns(table, ["size", "gap"], missing=missing)
    row = {"size": cell, "gap": "2", "kind": "tcp"}
    with pytest.raises(InputError, match="'size'") as error:
        read_row(ENCODER, row, missing=missing, place="t.csv, line 3")
    assert str(faults[1]) == str(error.value)
    assert (faults.keys(), error.value.code) == ({1}, code)


def test_a_row_without_a_column_is_refused():
    with pytest.raises(InputError, match="'gap'") as error:
        read_row(ENCODER, {"size": "1", "kind": "tcp"}, missing="mark", place="t")
    assert error.value.code == "GR-ROWS-009"


def test_an_encoder_comes_back_from_json():
    again = Encoder.from_json(json.loads(json.dumps(ENCODER.to_json())))
    assert again == ENCODER
    assert hash(again) == hash(ENCODER)


def test_many_columns_own_their_features():
    """One look each: against a list of the names before, 30,000 columns take minutes."""
    many = tuple(
        CategoryColumn(name=f"c{place}", values=("a",))
        if place % 3
        else NumberColumn(name=f"c{place}", centre=0.0, scale=1.0, misses=True)
        for place in range(30_000)
    )
    before = time.process_time()
    owners = Encoder(many).owners
    assert time.process_time() - before < 3
    assert len(owners) == 2 * len(many)  # a number and whether it is missing; a name and others
    assert owners[:2] == (0, 3)
    assert owners[-4:] == (29_998, 29_998, 29_999, 29_999)
