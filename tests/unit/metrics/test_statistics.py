"""Means, spreads and intervals against scipy, and how often an interval holds the truth."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gradus.metrics.statistics import mean_and_sd, paired_bootstrap, wilson_interval


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_and_sd_agree_with_numpy(values):
    mean, sd = mean_and_sd(values)
    assert mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert sd == pytest.approx(np.std(values, ddof=1), rel=1e-9, abs=1e-6)


def test_mean_and_sd_by_hand():
    assert mean_and_sd([2.0, 4.0, 6.0]) == (4.0, 2.0)
    assert mean_and_sd([0.9]) == (0.9, None)
    with pytest.raises(AssertionError, match="no values"):
        mean_and_sd([])


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0.5, 0.999))
def test_wilson_interval_agrees_with_scipy(count, share, level):
    hits = round(share * count)
    wanted = stats.binomtest(hits, count).proportion_ci(level, method="wilson")
    assert wilson_interval(hits, count, level=level) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_wilson_interval_at_its_ends():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 7)[0] == 0.0
    assert wilson_interval(7, 7)[1] == 1.0
    # 8 of 10 at z = 1.959964: (8 + 1.920729) / 13.841459 -+ 1.959964 / 13.841459 * sqrt(1.6 + 0.960365)
    assert wilson_interval(8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    with pytest.raises(AssertionError, match="11 hits of 10"):
        wilson_interval(11, 10)


def test_paired_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(0)
    first = rng.normal(size=40)
    second = first - 0.3 + 0.2 * rng.normal(size=40)
    ours = paired_bootstrap(
        first.tolist(), second.tolist(), generator=torch.Generator().manual_seed(0), num_resamples=8000
    )
    theirs = stats.bootstrap(
        (first - second,), np.mean, n_resamples=8000, method="percentile", rng=rng
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.006)  # 4 times the spread of either
    assert ours[0] > 0.1  # though the values themselves spread by 1


def test_paired_bootstrap_narrows_with_the_level_and_repeats_with_the_seed():
    first, second = [0.9, 0.8, 0.95, 0.7], [0.85, 0.8, 0.9, 0.72]

    def interval(level, seed=0):
        return paired_bootstrap(first, second, generator=torch.Generator().manual_seed(seed), level=level)

    wide, narrow = interval(0.99), interval(0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert interval(0.9) == interval(0.9) != interval(0.9, seed=1)


def test_paired_bootstrap_of_a_constant_gain_is_that_gain():
    low, high = paired_bootstrap([3.0, 5.0], [1.0, 3.0], generator=torch.Generator().manual_seed(0))
    assert low == high == 2.0
    with pytest.raises(AssertionError, match="2 values against 1"):
        paired_bootstrap([1.0, 2.0], [1.0], generator=torch.Generator())
