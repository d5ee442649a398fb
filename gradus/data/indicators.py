"""Technical indicators of a price: each value is computed from the prices up to it alone.

Sources: Wilder 1978, New Concepts in Technical Trading Systems (relative strength, true range); Appel 1979
(moving average convergence and divergence); Bollinger 2001, Bollinger on Bollinger Bands; Granville 1963, New
Key to Stock Market Profits (on-balance volume); Lane 1984, Stocks and Commodities 2, 87-90 (stochastics).
Conventions: NaN until there are enough prices; an exponential mean starts at the first price and weighs the
newest by 2 / (n + 1), Wilder's by 1 / n from the plain mean of the first n; on-balance volume starts at the
first volume.
Letters: T rows, K features.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from gradus.core.configs import nearest
from gradus.core.errors import UsageError

Prices = Float64[np.ndarray, "T"]
Beside = Literal["high", "low", "volume"]


@dataclass(frozen=True, slots=True)
class Bars:
    """The prices that are told of each step; all but the last one of it where they are known."""

    close: Prices
    high: Prices | None = None
    low: Prices | None = None
    volume: Prices | None = None


def simple_mean(price: Prices, *, steps: int) -> Prices:
    """The mean of the last ``steps`` prices."""
    result = np.full(len(price), np.nan)
    if len(price) >= steps:
        result[steps - 1 :] = np.lib.stride_tricks.sliding_window_view(price, steps).mean(axis=1)
    return result


def exponential_mean(price: Prices, *, steps: int) -> Prices:
    """A mean in which a price weighs less the older it is."""
    return _smoothed(price, weight=2 / (steps + 1), start=price[0])


def deviation(price: Prices, *, steps: int) -> Prices:
    """The standard deviation (over n) of the last ``steps`` prices."""
    result = np.full(len(price), np.nan)
    if len(price) >= steps:
        result[steps - 1 :] = np.lib.stride_tricks.sliding_window_view(price, steps).std(axis=1)
    return result


def relative_strength(price: Prices, *, steps: int = 14) -> Prices:
    """Wilder's index: the share of gains in all moves of late, from 0 to 100; 50 where nothing moved."""
    moves = np.diff(price)
    result = np.full(len(price), np.nan)
    if len(moves) < steps:
        return result
    gains, losses = np.maximum(moves, 0), np.maximum(-moves, 0)
    mean_gain, mean_loss = (
        _smoothed(each[steps:], weight=1 / steps, start=each[:steps].mean()) for each in (gains, losses)
    )
    first = np.array([gains[:steps].mean(), losses[:steps].mean()])
    gain, loss = np.append(first[0], mean_gain), np.append(first[1], mean_loss)
    total = gain + loss
    result[steps:] = np.divide(100 * gain, total, out=np.full_like(total, 50.0), where=total > 0)
    return result


def convergence(
    price: Prices, *, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[Prices, Prices, Prices]:
    """The fast exponential mean less the slow one, the exponential mean of that, and their difference."""
    line = exponential_mean(price, steps=fast) - exponential_mean(price, steps=slow)
    trigger = exponential_mean(line, steps=signal)
    return line, trigger, line - trigger


def bollinger(price: Prices, *, steps: int = 20, width: float = 2.0) -> tuple[Prices, Prices, Prices]:
    """The band of ``width`` deviations around the simple mean: its low end, its middle, its high end."""
    middle, spread = simple_mean(price, steps=steps), width * deviation(price, steps=steps)
    return middle - spread, middle, middle + spread


def momentum(price: Prices, *, steps: int = 10) -> Prices:
    """The price against the one ``steps`` before, as a share of it."""
    result = np.full(len(price), np.nan)
    result[steps:] = price[steps:] / price[: max(0, len(price) - steps)] - 1
    return result


def volatility(price: Prices, *, steps: int = 20) -> Prices:
    """The standard deviation of the last ``steps`` logarithmic returns."""
    result = np.full(len(price), np.nan)
    result[1:] = deviation(np.diff(np.log(price)), steps=steps)
    return result


def average_true_range(close: Prices, *, high: Prices, low: Prices, steps: int = 14) -> Prices:
    """Wilder's mean of the ranges of the steps, each reaching to the price of the step before."""
    result = np.full(len(close), np.nan)
    if len(close) <= steps:
        return result
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    first = ranges[:steps].mean()
    result[steps:] = np.append(first, _smoothed(ranges[steps:], weight=1 / steps, start=first))
    return result


def stochastic(
    close: Prices, *, high: Prices, low: Prices, steps: int = 14, smooth: int = 3
) -> tuple[Prices, Prices]:
    """Where the price stands between the lowest and the highest of late, from 0 to 100, and its mean.

    50 where the highest is the lowest.
    """
    fast = np.full(len(close), np.nan)
    if len(close) >= steps:
        least = np.lib.stride_tricks.sliding_window_view(low, steps).min(axis=1)
        size = np.lib.stride_tricks.sliding_window_view(high, steps).max(axis=1) - least
        above = close[steps - 1 :] - least
        fast[steps - 1 :] = np.divide(100 * above, size, out=np.full_like(size, 50.0), where=size > 0)
    return fast, simple_mean(fast, steps=smooth)


def on_balance_volume(close: Prices, *, volume: Prices) -> Prices:
    """The sum of all volumes so far, those of steps in which the price fell taken off."""
    return np.cumsum(np.append(volume[:1], np.sign(np.diff(close)) * volume[1:]))


def _smoothed(values: Prices, *, weight: float, start: float) -> Prices:
    """Each value mixed into the mean so far by ``weight``."""
    result, mean = np.empty(len(values)), float(start)
    for place, value in enumerate(values.tolist()):
        mean += weight * (value - mean)
        result[place] = mean
    return result


# -- indicators as inputs of a model ---------------------------------------------------------------------


def _band(price: Prices, steps: int) -> list[Prices]:
    """Where the price stands in Bollinger's band (0 its low end, 1 its high end), and the band's width."""
    low, middle, high = bollinger(price, steps=steps)
    inside = np.divide(price - low, high - low, out=np.full_like(price, 0.5), where=high - low > 0)
    inside[np.isnan(low)] = np.nan
    return [inside, (high - low) / middle]


def _macd(price: Prices, slow: int) -> list[Prices]:
    """The line and its distance from its signal, by the slow mean's steps, as shares of the price."""
    line, _, distance = convergence(price, fast=max(1, round(slow * 12 / 26)), slow=slow)
    return [line / price, distance / price]


def _true_range(bars: Bars, steps: int) -> list[Prices]:
    """Wilder's range as a share of the price."""
    assert bars.high is not None
    assert bars.low is not None
    return [average_true_range(bars.close, high=bars.high, low=bars.low, steps=steps) / bars.close]


def _stochastic(bars: Bars, steps: int) -> list[Prices]:
    """Both lines, from 0 to 1."""
    assert bars.high is not None
    assert bars.low is not None
    return [each / 100 for each in stochastic(bars.close, high=bars.high, low=bars.low, steps=steps)]


def _balance(bars: Bars, steps: int) -> list[Prices]:
    """What the balance moved by of late as a share of the volume, -1 to 1: where it began does not matter."""
    assert bars.volume is not None
    balance = on_balance_volume(bars.close, volume=bars.volume)
    result = np.full(len(balance), np.nan)
    if len(balance) > steps:
        moved = balance[steps:] - balance[:-steps]
        traded = np.lib.stride_tricks.sliding_window_view(bars.volume[1:], steps).sum(axis=1)
        result[steps:] = np.divide(moved, traded, out=np.zeros_like(moved), where=traded > 0)
    return [result]


@dataclass(frozen=True, slots=True)
class Feature:
    """An indicator as inputs of a model, without the level of the price."""

    steps: int
    """Where a name gives none."""
    compute: Callable[[Bars, int], list[Prices]]
    needs: tuple[Beside, ...] = ()


FEATURES: dict[str, Feature] = {
    "sma": Feature(20, lambda bars, steps: [bars.close / simple_mean(bars.close, steps=steps) - 1]),
    "ema": Feature(20, lambda bars, steps: [bars.close / exponential_mean(bars.close, steps=steps) - 1]),
    "rsi": Feature(14, lambda bars, steps: [relative_strength(bars.close, steps=steps) / 100]),
    "macd": Feature(26, lambda bars, steps: _macd(bars.close, steps)),
    "bollinger": Feature(20, lambda bars, steps: _band(bars.close, steps)),
    "momentum": Feature(10, lambda bars, steps: [momentum(bars.close, steps=steps)]),
    "roc": Feature(12, lambda bars, steps: [momentum(bars.close, steps=steps)]),  # its other name
    "volatility": Feature(20, lambda bars, steps: [volatility(bars.close, steps=steps)]),
    "atr": Feature(14, _true_range, ("high", "low")),
    "stochastic": Feature(14, _stochastic, ("high", "low")),
    "obv": Feature(20, _balance, ("volume",)),
}


def feature_of(name: str) -> tuple[Feature, int]:
    """The indicator that a name such as ``sma`` or ``rsi_7`` stands for, with its steps, or UsageError."""
    found = re.fullmatch(r"([a-z]+?)(?:_(\d{1,5}))?", name)
    if not found or found[1] not in FEATURES or found[2] in ("0", "1"):
        raise UsageError(
            "GR-SERIES-020",
            where="--data.indicators",
            wanted="an indicator, with its steps (2 or more) if you like: rsi, sma_50",
            got=repr(name),
            remedy=nearest(name, list(FEATURES)),
        )
    feature = FEATURES[found[1]]
    return feature, int(found[2] or feature.steps)


def indicator_features(
    bars: Bars, names: Sequence[str]
) -> tuple[Float64[np.ndarray, "T K"], tuple[str, ...]]:
    """Indicators of one price as numbers without the price's level, and their names.

    Means are given as the price's distance from them, as a share. UsageError for a name that is none, and
    for one that needs prices or volumes that ``bars`` lacks.
    """
    features, labels = list[Prices](), list[str]()
    given = {"high": bars.high, "low": bars.low, "volume": bars.volume}
    for name in names:
        feature, steps = feature_of(name)
        for need in feature.needs:
            if given[need] is None:
                raise UsageError(
                    "GR-SERIES-021",
                    where=f"--data.{need}",
                    wanted=f"the column with the {need} of each step, which the indicator {name} reads",
                    got="none",
                    remedy=f"Name it with --data.{need}, or leave the indicator out.",
                )
        made = feature.compute(bars, steps)
        features += made
        labels += [name if len(made) == 1 else f"{name}.{place + 1}" for place in range(len(made))]
    return np.stack(features, axis=1), tuple(labels)
