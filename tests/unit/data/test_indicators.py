"""Indicators against polars and TA-Lib, by hand, and that none of them sees a later price."""

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.data.indicators import (
    FEATURES,
    Bars,
    average_true_range,
    bollinger,
    convergence,
    deviation,
    exponential_mean,
    indicator_features,
    momentum,
    on_balance_volume,
    relative_strength,
    simple_mean,
    stochastic,
    volatility,
)

RNG = np.random.default_rng(0)
PRICE = np.exp(RNG.normal(0, 0.02, 120).cumsum()) * 50
HIGH, LOW = PRICE * (1 + RNG.random(120) * 0.03), PRICE * (1 - RNG.random(120) * 0.03)
VOLUME = RNG.integers(0, 1000, 120).astype(float)
BARS = Bars(PRICE, high=HIGH, low=LOW, volume=VOLUME)


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
    before, _ = indicator_features(BARS, [name])
    changed = [values.copy() for values in (PRICE, HIGH, LOW, VOLUME)]
    for place, values in enumerate(changed):
        values[now:] *= 1.7 + place
    after, _ = indicator_features(Bars(*changed), [name])
    np.testing.assert_array_equal(before[:now], after[:now])


@given(st.sampled_from(sorted(FEATURES)), st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_features_do_not_depend_on_the_level(name, factor, traded):
    one, _ = indicator_features(BARS, [name])
    scaled = Bars(PRICE * factor, high=HIGH * factor, low=LOW * factor, volume=VOLUME * traded)
    other, _ = indicator_features(scaled, [name])
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_steps_are_part_of_a_name():
    features, labels = indicator_features(BARS, ["sma_5", "bollinger", "rsi_3"])
    assert labels == ("sma_5", "bollinger.1", "bollinger.2", "rsi_3")
    np.testing.assert_allclose(features[:, 0], PRICE / simple_mean(PRICE, steps=5) - 1)
    assert np.isnan(features).any(axis=1).sum() == 19


@pytest.mark.parametrize("name", ["smaa", "sma_", "sma_0", "sma_1", "rsi-7", "", "5"])
def test_an_unknown_indicator_is_refused(name):
    with pytest.raises(UsageError, match="GR-SERIES-020"):
        indicator_features(BARS, [name])


def test_too_few_prices_have_no_indicators():
    few = Bars(*(values[:5] for values in (PRICE, HIGH, LOW, VOLUME)))
    names = [name for name in FEATURES if name not in ("ema", "macd")]  # these begin with the first price
    features, _ = indicator_features(few, names)
    assert np.isnan(features).all()


# -- those that read more than the price -----------------------------------------------------------------


def test_true_range_by_hand():
    close, high = np.array([10.0, 11, 9, 10, 12]), np.array([10.5, 11.5, 10, 13, 12])
    low = np.array([9.5, 10.5, 9, 9.5, 11])
    # Ranges from the second step on: 11.5 - 10, 11 - 9 (down from the price before), 13 - 9, 12 - 10.
    wanted = [np.nan, np.nan, 1.75, (1.75 + 4) / 2, ((1.75 + 4) / 2 + 2) / 2]
    np.testing.assert_allclose(average_true_range(close, high=high, low=low, steps=2), wanted)


def test_stochastic_by_hand():
    close, high, low = (np.array(each) for each in ([2.0, 3, 5, 4], [3.0, 4, 6, 6], [1.0, 2, 2, 3]))
    fast, slow = stochastic(close, high=high, low=low, steps=2, smooth=2)
    # Lowest and highest of two steps: 1 and 4, 2 and 6, 2 and 6.
    np.testing.assert_allclose(fast, [np.nan, 200 / 3, 75, 50])
    np.testing.assert_allclose(slow, [np.nan, np.nan, (200 / 3 + 75) / 2, 62.5])
    flat = np.full(5, 2.0)
    assert stochastic(flat, high=flat, low=flat, steps=2)[0][1:].tolist() == [50] * 4


def test_balance_by_hand():
    close, volume = np.array([5.0, 6, 6, 4, 7]), np.array([10.0, 3, 8, 2, 1])
    assert on_balance_volume(close, volume=volume).tolist() == [10, 13, 13, 11, 12]
    features, _ = indicator_features(Bars(close, volume=volume), ["obv_2"])
    # Two steps: (13 - 10) / (3 + 8), (11 - 13) / (8 + 2), (12 - 13) / (2 + 1).
    np.testing.assert_allclose(features[:, 0], [np.nan, np.nan, 3 / 11, -0.2, -1 / 3])
    idle, _ = indicator_features(Bars(close, volume=np.zeros(5)), ["obv_2"])
    assert idle[2:, 0].tolist() == [0, 0, 0]


def test_the_balance_does_not_tell_where_the_table_begins():
    whole, _ = indicator_features(BARS, ["obv"])
    late, _ = indicator_features(Bars(PRICE[50:], volume=VOLUME[50:]), ["obv"])
    np.testing.assert_allclose(late[20:], whole[70:])


def test_indicators_agree_with_ta_lib():
    talib = pytest.importorskip("talib")
    np.testing.assert_allclose(average_true_range(PRICE, high=HIGH, low=LOW), talib.ATR(HIGH, LOW, PRICE, 14))
    np.testing.assert_allclose(on_balance_volume(PRICE, volume=VOLUME), talib.OBV(PRICE, VOLUME))
    np.testing.assert_allclose(100 * momentum(PRICE, steps=12), talib.ROC(PRICE, 12))
    np.testing.assert_allclose(relative_strength(PRICE), talib.RSI(PRICE, 14))
    for ours, theirs in zip(
        stochastic(PRICE, high=HIGH, low=LOW), talib.STOCHF(HIGH, LOW, PRICE, 14, 3, 0), strict=True
    ):
        np.testing.assert_allclose(ours[15:], theirs[15:])  # it waits with the first for the second


@pytest.mark.parametrize(("name", "column"), [("atr", "high"), ("stochastic_5", "high"), ("obv", "volume")])
def test_an_indicator_says_what_it_lacks(name, column):
    with pytest.raises(UsageError, match=f"--data.{column}.*{name}.*GR-SERIES-021"):
        indicator_features(Bars(PRICE), [name])
