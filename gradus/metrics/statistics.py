"""What a few numbers say and how surely: mean and spread, intervals of a rate and of a difference."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

import torch


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the sample standard deviation (over n - 1), which one value alone leaves unknown: None."""
    assert values, "no values to average"
    return fmean(values), stdev(values) if len(values) > 1 else None


def wilson_interval(hits: int, count: int, *, level: float = 0.95) -> tuple[float, float]:
    """The range of true rates that ``hits`` of ``count`` trials leave plausible, good at 0 and 1 as well.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212. No trials: (0, 1).
    """
    assert 0 <= hits <= count, f"{hits} hits of {count}"
    assert 0 < level < 1, f"level {level}"
    if count == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (hits + z**2 / 2) / (count + z**2)
    half = z / (count + z**2) * math.sqrt(hits * (count - hits) / count + z**2 / 4)
    # At no hits the two are equal, and so they are at all hits: rounding must not leave 0 and 1 outside.
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == count else centre + half)


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    generator: torch.Generator,
    level: float = 0.95,
    num_resamples: int = 2000,
) -> tuple[float, float]:
    """The percentile interval of the mean of ``first - second``, pairs drawn again with replacement.

    The pairs are the same seeds, or the same items, under two treatments. With fewer than some 10 pairs the
    interval is too narrow. Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    assert len(first) == len(second) > 0, f"{len(first)} values against {len(second)}"
    assert 0 < level < 1, f"level {level}"
    gains = torch.tensor(first, dtype=torch.float64) - torch.tensor(second, dtype=torch.float64)
    means = torch.stack(
        [
            gains[torch.randint(len(gains), (len(gains),), generator=generator)].mean()
            for _ in range(num_resamples)
        ]
    )
    low, high = means.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist()
    return low, high
