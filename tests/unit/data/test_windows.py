"""Windows against slices, and that no split sees what it may not."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradus.data.windows import Span, as_places, cut, rolled, starts_in, windows


@given(st.integers(1, 6), st.integers(0, 5))
def test_a_window_is_a_slice_without_a_copy(steps, start):
    rows = torch.arange(24.0).view(12, 2)
    view = windows(rows, steps=steps)
    assert view.shape == (13 - steps, steps, 2)
    assert torch.equal(view[start], rows[start : start + steps])
    assert view.untyped_storage().data_ptr() == rows.untyped_storage().data_ptr()


@given(st.integers(1, 20), st.integers(1, 10), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_windows_forecast_rows_of_their_span_alone(past, horizon, first, length, borrows):
    series, span = Span(0, 80), Span(first, min(80, first + length))
    found = list(starts_in(span, series=series, past=past, horizon=horizon, borrows=borrows))
    for start in found:
        assert start >= (series.first if borrows else span.first)
        assert span.first <= start + past
        assert start + past + horizon <= span.stop
    possible = [
        start
        for start in range(80)
        if start >= (0 if borrows else span.first)
        and start + past >= span.first
        and start + past + horizon <= span.stop
    ]
    assert found == possible


def test_the_standard_protocol_has_its_count_of_windows():
    whole = Span(0, 17420)
    counts = [
        len(starts_in(span, series=whole, past=336, horizon=96, borrows=borrows))
        for span, borrows in ((Span(0, 8640), False), (Span(8640, 11520), True), (Span(11520, 14400), True))
    ]
    assert counts == [8640 - 336 - 96 + 1, 2785, 2785]


def test_cuts_agree_with_those_of_the_published_tables():
    assert cut(7588, validation=0.1, test=0.2) == (5311, 7588 - 1517)
    assert cut(10, validation=0.0, test=0.2) == (8, 8)
    assert cut(10, validation=0.1, test=0.2) == (7, 8)


@given(st.integers(50, 500), st.integers(1, 5))
def test_rolling_origins_cover_the_test_rows_once(count, folds):
    blocks = [rolled(count, validation=0.1, test=0.3, folds=folds, fold=fold) for fold in range(folds)]
    assert blocks[0][1] == cut(count, validation=0.1, test=0.3)[1]
    assert blocks[-1][2] == count
    for (_, _, stop), (_, begins, _) in pairwise(blocks):
        assert begins == stop
    assert all(first <= second < stop for first, second, stop in blocks)


@pytest.mark.parametrize(
    ("ranges", "wanted"), [([range(2, 4), range(9, 10)], [2, 3, 9]), ([range(3, 3)], [])]
)
def test_ranges_are_joined(ranges, wanted):
    assert as_places(ranges).tolist() == wanted
