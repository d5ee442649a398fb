"""Learning-rate schedules: pure functions from a step to a factor of the rate, after an optional warm-up.

Every schedule but ``Plateau`` is a closed form of (step, steps), so resuming needs no state of it.
Sources: SGDR (Loshchilov & Hutter 2017, arXiv 1608.03983), cyclical rates (Smith 2017, arXiv 1506.01186),
one-cycle (Smith & Topin 2018, arXiv 1708.07120), linear warm-up (Goyal et al. 2017, arXiv 1706.02677).
"""

import math
from dataclasses import dataclass
from typing import Annotated

from gradus.core.configs import Count, Fraction, NotNegative, Positive, Share, Within

Drop = Annotated[float, Within(above=0.0, high=1.0)]  # above one a rate would grow beyond all bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """The rate as given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Multiply by a factor every so many steps."""

    every: Count = 1000
    """Steps between two drops."""
    factor: Drop = 0.5
    """What each drop multiplies the rate by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiStep:
    """Multiply by a factor at chosen shares of the run."""

    at: tuple[Fraction, ...] = (0.5, 0.75)
    """Shares of the steps after warm-up at which the rate drops."""
    factor: Drop = 0.1
    """What each drop multiplies the rate by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exponential:
    """Decay by the same ratio at every step."""

    end: Positive = 0.01
    """Factor reached at the last step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cosine:
    """Half a cosine from the rate down to its end."""

    end: NotNegative = 0.0
    """Factor reached at the last step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmRestarts:
    """Cosines that start again at the full rate, each longer than the one before."""

    first: Count = 1000
    """Steps of the first cosine."""
    growth: Annotated[float, Within(low=1.0, below=math.inf)] = 2.0
    """Length of each cosine as a multiple of the one before."""
    end: NotNegative = 0.0
    """Factor at the end of each cosine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cyclical:
    """A triangle between a low and the full rate."""

    half: Count = 500
    """Steps from the low rate up to the full one."""
    low: Share = 0.1
    """Factor at the low corners."""
    shrink: Drop = 1.0
    """What each whole cycle multiplies the triangle's height by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OneCycle:
    """Up by a cosine to the full rate, then down by a cosine to almost nothing."""

    rise: Share = 0.3
    """Share of the steps spent going up."""
    start: Positive = 0.04
    """Factor at the first step."""
    end: NotNegative = 1e-4
    """Factor at the last step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Polynomial:
    """A power of the share of steps that remains; power 1 is linear."""

    power: Positive = 1.0
    """Exponent."""
    end: NotNegative = 0.0
    """Factor reached at the last step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plateau:
    """Multiply by a factor when the headline has not improved for some evaluations."""

    patience: Count = 3
    """Evaluations without an improvement before a drop."""
    factor: Drop = 0.3
    """What each drop multiplies the rate by."""
    end: NotNegative = 1e-3
    """The factor below which the rate never falls."""


Schedule = (
    Constant
    | Step
    | MultiStep
    | Exponential
    | Cosine
    | WarmRestarts
    | Cyclical
    | OneCycle
    | Polynomial
    | Plateau
)


def factor(schedule: Schedule, step: int, *, steps: int, warmup: int = 0) -> float:
    """What to multiply the rate by at ``step`` of ``steps``: linear warm-up, then the schedule."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    step, steps = step - warmup, max(steps - warmup, 1)
    done = min(step / steps, 1.0)
    match schedule:
        case Constant() | Plateau():  # a plateau's factor is state: it lives in Optim
            return 1.0
        case Step(every=every, factor=drop):
            return math.pow(drop, step // every)
        case MultiStep(at=at, factor=drop):
            return math.pow(drop, sum(done >= share for share in at))
        case Exponential(end=end):
            return math.pow(end, done)
        case Cosine(end=end):
            return between(1.0, end, done)
        case WarmRestarts(first=first, growth=growth, end=end):
            return between(1.0, end, _within_restart(step, first, growth))
        case Cyclical(half=half, low=low, shrink=shrink):
            cycle, place = divmod(step, 2 * half)
            height = (1 - abs(place / half - 1)) * math.pow(shrink, cycle)
            return low + (1 - low) * height
        case OneCycle(rise=rise, start=start, end=end):
            if done < rise or rise == 1.0:
                return between(start, 1.0, done / rise)
            return between(1.0, end, (done - rise) / (1 - rise))
        case Polynomial(power=power, end=end):
            return end + (1 - end) * math.pow(1 - done, power)


def between(start: float, end: float, share: float) -> float:
    """Half a cosine from ``start`` (share 0) to ``end`` (share 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _within_restart(step: int, first: int, growth: float) -> float:
    """How much of its cosine ``step`` has done, between 0 and 1."""
    if growth == 1.0:
        return step % first / first
    length = float(first)
    place = float(step)
    while place >= length:
        place -= length
        length *= growth
    return place / length
