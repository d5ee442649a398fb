"""Indicators against polars, by hand, and that none of them sees a later price."""

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.data.indicators import (
    FEATURES,
    bollinger,
    convergence,
    deviation,
    exponential_mean,
    indicator_features,
    momentum,
    relative_strength,
    simple_mean,
    volatility,
)

PRICE = np.exp(np.random.default_rng(0).normal(0, 0.02, 120).cumsum()) * 50


def test_means_and_bands_agree_with_polars():
    series = polars.Series(PRICE)
    mean = series.rolling_mean(20).to_numpy()
    spread = series.rolling_std(20, ddof=0).to_numpy()
    np.testing.assert_allclose(simple_mean(PRICE, steps=20), mean)
    np.testing.assert_allclose(deviation(PRICE, steps=20), spread)
    np.testing.assert_allclose(exponential_mean(PRICE, steps=20), series.ewm_mean(span=20, adjust=False))
    for ours, theirs in zip(bollinger(PRICE), (mean - 2 * spread, mean, mean + 2 * spread), strict=True):
        np.testing.assert_allclose(ours, theirs)
    returns = series.log().diff().rolling_std(20, ddof=0).to_numpy()
    np.testing.assert_allclose(volatility(PRICE), returns)
    np.testing.assert_allclose(momentum(PRICE, steps=7), (series / series.shift(7) - 1).to_numpy())


def test_convergence_agrees_with_polars():
    series = polars.Series(PRICE)
    line = series.ewm_mean(span=12, adjust=False) - series.ewm_mean(span=26, adjust=False)
    trigger = line.ewm_mean(span=9, adjust=False)
    for ours, theirs in zip(convergence(PRICE), (line, trigger, line - trigger), strict=True):
        np.testing.assert_allclose(ours, theirs.to_numpy(), atol=1e-12)


def test_relative_strength_by_hand():
    price = np.array([10.0, 11.0, 10.5, 11.5, 11.0])
    # Two steps: gain 0.5 and loss 0.25; (0.5 + 1) / 2 and 0.25 / 2; 0.75 / 2 and (0.125 + 0.5) / 2.
    wanted = [np.nan, np.nan, 100 * 0.5 / 0.75, 100 * 0.75 / 0.875, 100 * 0.375 / 0.6875]
    np.testing.assert_allclose(relative_strength(price, steps=2), wanted)


def test_relative_strength_at_its_ends():
    rising = np.arange(1.0, 40.0)
    assert relative_strength(rising)[-1] == 100
    assert relative_strength(rising[::-1].copy())[-1] == 0
    assert relative_strength(np.full(40, 3.0))[-1] == 50
    assert np.isnan(relative_strength(rising[:10])).all()


@given(st.sampled_from(sorted(FEATURES)), st.integers(30, 110))
def test_no_indicator_sees_a_later_price(name, now):
    before, _ = indicator_features(PRICE, [name])
    changed = PRICE.copy()
    changed[now:] *= 1.7
    after, _ = indicator_features(changed, [name])
    np.testing.assert_array_equal(before[:now], after[:now])


@given(st.sampled_from(sorted(FEATURES)), st.floats(0.01, 1000))
def test_features_do_not_depend_on_the_level(name, factor):
    one, _ = indicator_features(PRICE, [name])
    other, _ = indicator_features(PRICE * factor, [name])
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_steps_are_part_of_a_name():
    features, labels = indicator_features(PRICE, ["sma_5", "bollinger", "rsi_3"])
    assert labels == ("sma_5", "bollinger.1", "bollinger.2", "rsi_3")
    np.testing.assert_allclose(features[:, 0], PRICE / simple_mean(PRICE, steps=5) - 1)
    assert np.isnan(features).any(axis=1).sum() == 19


@pytest.mark.parametrize("name", ["smaa", "sma_", "sma_0", "sma_1", "rsi-7", "", "5"])
def test_an_unknown_indicator_is_refused(name):
    with pytest.raises(UsageError, match="GR-SERIES-020"):
        indicator_features(PRICE, [name])


def test_too_few_prices_have_no_indicators():
    features, _ = indicator_features(PRICE[:5], ["sma", "rsi", "momentum", "volatility"])
    assert np.isnan(features).all()
