"""The Diebold-Mariano test against scipy's t, a written-out variance, and its own error rate."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gradus.metrics.diebold_mariano import diebold_mariano, two_sided_p


@given(st.floats(-50, 50), st.integers(1, 5000))
def test_p_agrees_with_students_t(statistic, freedom):
    wanted = 2 * stats.t.sf(abs(statistic), freedom)
    assert two_sided_p(statistic, freedom=freedom) == pytest.approx(wanted, rel=1e-8, abs=1e-14)


def test_one_step_ahead_it_is_the_paired_t_test_with_a_corrected_scale():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=60) ** 2, rng.normal(size=60) ** 2
    found = diebold_mariano(torch.tensor(first), torch.tensor(second), horizon=1)
    wanted = stats.ttest_rel(first, second)  # its variance is over n - 1, and so is the corrected one
    assert found.statistic == pytest.approx(wanted.statistic, rel=1e-10)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-8)
    assert found.difference == pytest.approx((first - second).mean())


def test_overlapping_forecasts_add_their_autocovariances():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=203)
    losses = noise[3:] + noise[2:-1] + noise[1:-2] + noise[:-3] + 0.1  # a moving average: 3 lags matter
    found = diebold_mariano(torch.tensor(losses), torch.zeros(200, dtype=torch.float64), horizon=4)
    count, centred = 200, losses - losses.mean()
    variance = sum((2 if lag else 1) * (centred[lag:] @ centred[: count - lag]) / count for lag in range(4))
    correction = math.sqrt((count + 1 - 8 + 4 * 3 / count) / count)
    assert found.statistic == pytest.approx(losses.mean() / math.sqrt(variance / count) * correction)


def test_a_variance_that_comes_out_negative_is_replaced():
    losses = torch.tensor([1.0, -1.0] * 10, dtype=torch.float64) + 0.01
    found = diebold_mariano(losses, torch.zeros(20, dtype=torch.float64), horizon=2)
    assert math.isfinite(found.statistic)
    assert found.statistic > 0


def test_too_few_forecasts_and_equal_ones_tell_nothing():
    assert diebold_mariano(torch.rand(7), torch.rand(7), horizon=1) is None
    assert diebold_mariano(torch.rand(30), torch.rand(30), horizon=16) is None
    same = torch.rand(40)
    assert diebold_mariano(same, same, horizon=1) is None


def test_the_same_advantage_everywhere_is_certain():
    found = diebold_mariano(torch.zeros(40), torch.ones(40), horizon=1)
    assert found.p == 0.0
    assert found.better()
    assert not diebold_mariano(torch.ones(40), torch.zeros(40), horizon=1).better()


def test_of_equally_good_forecasts_one_in_twenty_looks_different():
    rng = torch.Generator().manual_seed(0)
    pairs = torch.randn(1000, 2, 80, generator=rng).square()
    rejected = sum(diebold_mariano(one, other, horizon=1).p < 0.05 for one, other in pairs)
    assert 30 <= rejected <= 70
