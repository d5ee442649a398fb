"""Whether one forecast is better than another by more than chance: the test of Diebold and Mariano.

Papers: Diebold and Mariano 1995, Journal of Business and Economic Statistics 13, 253-263; Harvey, Leybourne
and Newbold 1997, International Journal of Forecasting 13, 281-291 (the correction for small samples, and
Student's t); Newey and West 1987, Econometrica 55, 703-708 (the weights used where the plain variance is not
above 0). The incomplete beta function is Lentz's continued fraction, Press et al., Numerical Recipes, 6.4.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a test."""

    difference: float
    """Mean loss of the first less that of the second: below 0 the first is better."""
    statistic: float
    p: float
    """Chance of so large a difference, either way, if both were equally good."""

    def better(self, level: float = 0.05) -> bool:
        """Whether the first is better and the test supports it."""
        return self.difference < 0 and self.p < level


def diebold_mariano(
    first: Float[Tensor, "N"], second: Float[Tensor, "N"], *, horizon: int
) -> Comparison | None:
    """Compare the losses of two forecasts at consecutive times.

    Forecasts of ``horizon`` steps overlap, so the variance of the mean adds up the first ``horizon`` - 1
    autocovariances. None where there are too few forecasts to tell: fewer than two horizons, or than 8.
    """
    assert first.shape == second.shape
    losses = first.detach().double().cpu() - second.detach().double().cpu()
    count = len(losses)
    if count < max(8, 2 * horizon):
        return None
    mean = losses.mean()
    centred = losses - mean
    covariances = torch.stack([(centred[lag:] * centred[: count - lag]).sum() for lag in range(horizon)])
    covariances /= count
    plain = covariances[0] + 2 * covariances[1:].sum()
    if plain <= 0:
        weights = 1 - torch.arange(1, horizon, dtype=torch.float64) / horizon
        plain = covariances[0] + 2 * (weights * covariances[1:]).sum()
    difference = mean.item()
    if plain <= 0:  # the losses differ by the same everywhere: there is no scatter to test against
        return Comparison(difference, math.copysign(math.inf, difference), 0.0) if difference else None
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = difference / math.sqrt(plain.item() / count) * math.sqrt(correction)
    return Comparison(difference, statistic, two_sided_p(statistic, freedom=count - 1))


def two_sided_p(statistic: float, *, freedom: int) -> float:
    """The chance that Student's t is at least so far from 0."""
    total = freedom + statistic**2
    return _incomplete_beta(freedom / total, statistic**2 / total, freedom / 2, 0.5)


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """The regularised incomplete beta function at x; ``rest`` is 1 - x, which a subtraction would blur."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side alone
        return 1 - math.exp(log_front) * _fraction(rest, b, a) / b
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for coefficient in (even, odd):
            d = 1 + coefficient * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + coefficient / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value
