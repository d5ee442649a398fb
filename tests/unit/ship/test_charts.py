"""Line charts: marks at round numbers, points where they belong, gaps left open."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.ship.charts import (
    BOTTOM,
    DRAWN,
    HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    chart,
    log_ticks,
    short,
    smooth,
    thin,
    ticks,
)


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e6))
def test_marks_are_round_even_and_inside(low, width):
    high = low + width
    marks = ticks(low, high)
    pace = marks[1] - marks[0]
    slack = 1e-6 * width
    assert 2 <= len(marks) <= 7
    assert low - slack <= marks[0]
    assert marks[-1] <= high + slack
    assert np.allclose(np.diff(marks), pace, rtol=1e-3, atol=slack)
    assert (pace / 10 ** math.floor(math.log10(pace * 1.0001))) == pytest.approx(1, abs=1.01 * 4)


def test_marks_of_hand_cases():
    assert ticks(0, 1050) == [0, 500, 1000]
    assert ticks(0.146, 1.03) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert log_ticks(0.06, 2.4) == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(2e-5, 3.0) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert log_ticks(1e-30, 1e30)[1] / log_ticks(1e-30, 1e30)[0] >= 1e10


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.30000000000000004, "0.3"),
        (1500.0, "1,500"),
        (25000.0, "25k"),
        (2.5e6, "2.5M"),
        (1e-5, "1e-5"),
        (-0.2, "-0.2"),
    ],
)
def test_axis_numbers_are_short(value, said):
    assert short(value) == said


def test_smoothing_is_a_centred_mean_that_keeps_the_ends():
    values = np.random.default_rng(0).normal(size=90)
    out = smooth(list(values))
    half = 3  # a thirtieth of 90 to each side
    inner = np.convolve(values, np.ones(2 * half + 1) / (2 * half + 1), mode="valid")
    assert np.allclose(out[half:-half], inner)
    assert (out[0], out[-1]) == (values[0], values[-1])
    assert out[1] == pytest.approx(values[:3].mean())


def test_smoothing_leaves_a_gap_where_there_is_no_number_and_does_not_spread_it():
    out = smooth([1.0] * 30 + [math.nan] + [1.0] * 29)
    assert [place for place, value in enumerate(out) if math.isnan(value)] == [30]
    assert [value for value in out if not math.isnan(value)] == [1.0] * 59


@given(st.lists(st.floats(-5, 5) | st.just(math.nan), min_size=1, max_size=3000))
def test_thinning_keeps_order_extremes_and_lightness(values):
    points = [(float(step), value) for step, value in enumerate(values)]
    kept = thin(points)
    finite = [value for value in values if math.isfinite(value)]
    assert len(kept) <= 2 * DRAWN
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    if finite:
        seen = [y for _, y in kept if math.isfinite(y)]
        assert (min(seen), max(seen)) == (min(finite), max(finite))


def drawn(figure):
    return [
        [tuple(map(float, p.split())) for p in re.split("[ML]", d)[1:]]
        for d in re.findall(' d="([^"]*)"', figure)
    ]


def test_points_lie_where_their_numbers_say():
    """The first and the last step at the ends, a value halfway up half as high."""
    figure = chart(
        "rate", [Series(key="r", points=[(0, 0.0), (50, 1.0), (100, 2.0)], kind="exact")], from_zero=True
    )
    (line,) = drawn(figure.text)
    bottom, top = HEIGHT - BOTTOM, (HEIGHT - BOTTOM) - (HEIGHT - BOTTOM - TOP) / 1.05
    assert [y for _, y in line] == pytest.approx([bottom, (bottom + top) / 2, top], abs=0.06)
    assert line[2][0] == WIDTH - RIGHT
    assert line[1][0] == pytest.approx((line[0][0] + line[2][0]) / 2, abs=0.06)


def test_a_log_scale_gives_equal_room_to_equal_ratios_and_is_named():
    figure = chart("loss", [Series(key="l", points=[(0, 100.0), (1, 1.0), (2, 0.01)])], may_be_log=True).text
    (line,) = drawn(figure)
    assert line[1][1] - line[0][1] == pytest.approx(line[2][1] - line[1][1], abs=0.11)
    assert "log scale" in figure
    assert (
        "log scale" not in chart("loss", [Series(key="l", points=[(0, 2.0), (1, 1.0)])], may_be_log=True).text
    )
    assert (
        "log scale" not in chart("loss", [Series(key="l", points=[(0, 9.0), (1, 0.0)])], may_be_log=True).text
    )


def test_a_line_is_broken_where_there_is_no_number():
    points = [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0), (4, math.inf), (5, 2.0)]
    figure = chart("loss", [Series(key="l", points=points)]).text
    assert re.findall("[ML]", re.findall(' d="([^"]*)"', figure)[0]) == ["M", "L", "M", "M"]
    assert "no finite value" in chart("loss", [Series(key="l", points=[(0, math.nan)])]).text


def test_a_noisy_line_is_smoothed_over_a_faint_one_and_an_exact_one_is_not():
    points = [(float(step), float(step % 2)) for step in range(40)]
    assert chart("loss", [Series(key="l", points=points)]).text.count("<path") == 2
    assert 'class="faint"' in chart("loss", [Series(key="l", points=points)]).text
    assert chart("rate", [Series(key="l", points=points, kind="exact")]).text.count("<path") == 1


def test_dots_are_marked_and_the_best_is_ringed_with_its_value():
    points = [(10, 0.5), (20, 0.75), (30, 0.625)]
    figure = chart("accuracy", [Series(key="v", points=points, kind="dots", ringed_step=20)]).text
    assert figure.count("<circle") == 4
    assert figure.count('class="ring"') == 1
    assert figure.count("step 20: 0.7500") == 2


@pytest.mark.parametrize(
    "points", [[(0, 5.0)], [(0, 0.0)], [(7, -1.0)], [(3, 1e-300), (4, 1e300)], [(1, 2.0), (2, 2.0)]]
)
def test_flat_lone_and_extreme_series_are_drawn(points):
    figure = chart("x", [Series(key="k", points=points)], may_be_log=True, from_zero=True).text
    assert "nan" not in figure.lower()
    assert all(0 <= y <= HEIGHT for line in drawn(figure) for _, y in line)
