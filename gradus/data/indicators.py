"""Technical indicators of a price: each value is computed from the prices up to it alone.

Sources: Wilder 1978, New Concepts in Technical Trading Systems (relative strength); Appel 1979 (moving
average convergence and divergence); Bollinger 2001, Bollinger on Bollinger Bands.
Conventions: NaN until there are enough prices; an exponential mean starts at the first price and weighs the
newest by 2 / (n + 1), Wilder's by 1 / n from the plain mean of the first n.
Letters: T rows, K features.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from gradus.core.configs import nearest
from gradus.core.errors import UsageError

Prices = Float64[np.ndarray, "T"]


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


FEATURES: dict[str, tuple[int, Callable[[Prices, int], list[Prices]]]] = {  # default steps, and what it gives
    "sma": (20, lambda price, steps: [price / simple_mean(price, steps=steps) - 1]),
    "ema": (20, lambda price, steps: [price / exponential_mean(price, steps=steps) - 1]),
    "rsi": (14, lambda price, steps: [relative_strength(price, steps=steps) / 100]),
    "macd": (26, lambda price, steps: [each / price for each in _macd(price, steps)]),
    "bollinger": (20, _band),
    "momentum": (10, lambda price, steps: [momentum(price, steps=steps)]),
    "volatility": (20, lambda price, steps: [volatility(price, steps=steps)]),
}


def _macd(price: Prices, slow: int) -> list[Prices]:
    """The line and its distance from its signal, by the slow mean's steps."""
    line, _, distance = convergence(price, fast=max(1, round(slow * 12 / 26)), slow=slow)
    return [line, distance]


def indicator_features(
    price: Prices, names: Sequence[str]
) -> tuple[Float64[np.ndarray, "T K"], tuple[str, ...]]:
    """Indicators of one price as numbers without the price's level, and their names.

    A name is an indicator, or one with its steps: ``sma``, ``rsi_7``. Means are given as the price's distance
    from them, as a share. UsageError for a name that is none.
    """
    features, labels = list[Prices](), list[str]()
    for name in names:
        found = re.fullmatch(r"([a-z]+?)(?:_(\d{1,5}))?", name)
        if not found or found[1] not in FEATURES or found[2] in ("0", "1"):
            raise UsageError(
                "GR-SERIES-020",
                where="--data.indicators",
                wanted="an indicator, with its steps (2 or more) if you like: rsi, sma_50",
                got=repr(name),
                remedy=nearest(name, list(FEATURES)),
            )
        default, compute = FEATURES[found[1]]
        made = compute(price, int(found[2] or default))
        features += made
        labels += [name if len(made) == 1 else f"{name}.{place + 1}" for place in range(len(made))]
    return np.stack(features, axis=1), tuple(labels)
