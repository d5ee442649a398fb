"""Every schedule against torch's own scheduler or a closed form, and the corners where formulas break."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from gradus.core.configs import check
from gradus.core.errors import UsageError
from gradus.engine.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Exponential,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
    WarmRestarts,
    between,
    factor,
)
from gradus.engine.settings import TrainConfig

STEPS = 60


def ours(schedule: Schedule, *, steps: int = STEPS, warmup: int = 0) -> list[float]:
    return [factor(schedule, step, steps=steps, warmup=warmup) for step in range(steps)]


def torchs(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], steps: int = STEPS
) -> list[float]:
    """The rates that torch's scheduler sets, from a rate of one."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


CASES: dict[str, tuple[Schedule, Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]]] = {
    "step": (Step(every=7, factor=0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
    "multi_step": (
        MultiStep(at=(0.5, 0.71, 0.9), factor=0.2),
        lambda o: lr_scheduler.MultiStepLR(o, [30, 43, 54], 0.2),  # the first steps past each share of 60
    ),
    "exponential": (Exponential(end=0.02), lambda o: lr_scheduler.ExponentialLR(o, 0.02 ** (1 / STEPS))),
    "cosine": (Cosine(end=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.1)),
    "restarts_alike": (
        WarmRestarts(first=7, growth=1.0, end=0.05),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 1, eta_min=0.05),
    ),
    "restarts_longer": (
        WarmRestarts(first=5, growth=3.0),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5, 3),
    ),
    "cyclical": (
        Cyclical(half=8, low=0.2),
        lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, step_size_up=8, cycle_momentum=False),
    ),
    "cyclical_halved": (
        Cyclical(half=8, low=0.2, shrink=0.5),
        lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, 8, mode="triangular2", cycle_momentum=False),
    ),
    "one_cycle": (
        OneCycle(rise=0.3, start=0.04, end=1e-4),
        # Torch counts the last step as done and peaks a step early: 61 steps, (0.3 * 60 + 1) / 61 of them up.
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, STEPS + 1, pct_start=19 / 61, div_factor=25, final_div_factor=400
        ),
    ),
    "polynomial": (Polynomial(power=2.5), lambda o: lr_scheduler.PolynomialLR(o, STEPS, 2.5)),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_torch(name: str) -> None:
    schedule, make = CASES[name]
    assert ours(schedule) == pytest.approx(torchs(make), rel=1e-6, abs=1e-9)


def test_constant_and_plateau_leave_the_rate() -> None:
    assert ours(Constant()) == ours(Plateau()) == [1.0] * STEPS


def test_polynomial_ends_where_it_is_told() -> None:
    assert factor(Polynomial(power=1.0, end=0.2), 15, steps=60) == pytest.approx(0.2 + 0.8 * 0.75)
    assert factor(Polynomial(power=2.0, end=0.2), 60, steps=60) == pytest.approx(0.2)


def test_half_a_cosine_by_hand() -> None:
    assert [between(1.0, 0.2, share) for share in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.6, 0.2])
    assert between(0.0, 1.0, 1 / 3) == pytest.approx(0.25)  # 1 - (1 + cos 60 degrees) / 2


def test_warm_up_is_linear_and_then_the_schedule_has_the_rest() -> None:
    warm = ours(Cosine(), warmup=9)
    assert warm[:9] == pytest.approx([place / 10 for place in range(1, 10)])
    assert warm[:9] == pytest.approx(torchs(lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 9))[:9])
    assert warm[9:] == pytest.approx(ours(Cosine(), steps=STEPS - 9))


def test_warm_up_of_the_whole_run_never_reaches_the_full_rate() -> None:
    rising = ours(Cosine(), steps=5, warmup=5)
    assert rising == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])


def test_every_kind_starts_and_goes_on_after_the_last_step() -> None:
    """A run of one step, and the step after the last, where shares are exactly one."""
    for schedule, _ in CASES.values():
        assert math.isfinite(factor(schedule, 0, steps=1))
        assert math.isfinite(factor(schedule, 1, steps=1))


@pytest.mark.parametrize(("rise", "wanted"), [(0.0, [1.0, 0.5, 0.0]), (1.0, [0.0, 0.5, 1.0])])
def test_one_cycle_may_only_fall_or_only_rise(rise: float, wanted: list[float]) -> None:
    schedule = OneCycle(rise=rise, start=1e-12, end=0.0)
    assert [factor(schedule, step, steps=10) for step in (0, 5, 10)] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    "schedule",
    [
        WarmRestarts(growth=0.5),  # ever shorter cosines end in one without length
        Step(factor=2.0),  # a rate that doubles on and on overflows
        MultiStep(factor=1.5),
        Cyclical(shrink=1.01),
        Plateau(factor=1.2),
        OneCycle(rise=1.2),
        Cosine(end=-0.1),
        Exponential(end=0.0),
        Polynomial(power=math.nan),
    ],
    ids=repr,
)
def test_nonsense_is_refused(schedule: Schedule) -> None:
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        check(TrainConfig(schedule=schedule))


below_one = st.floats(0.0, 1.0)
drops = st.floats(0.0, 1.0, exclude_min=True)
ends = st.floats(0.0, 10.0)
counts = st.integers(1, 2000)
shares = st.lists(st.floats(0.0, 1.0, exclude_max=True), max_size=4).map(tuple)
FIELDS: dict[type, dict[str, st.SearchStrategy]] = {
    Step: {"every": counts, "factor": drops},
    MultiStep: {"at": shares, "factor": drops},
    Exponential: {"end": st.floats(1e-9, 10.0)},
    Cosine: {"end": ends},
    WarmRestarts: {"first": counts, "growth": st.floats(1.0, 1e6), "end": ends},
    Cyclical: {"half": counts, "low": below_one, "shrink": drops},
    OneCycle: {"rise": below_one, "start": st.floats(1e-9, 10.0), "end": ends},
    Polynomial: {"power": st.floats(1e-6, 100.0), "end": ends},
}


@pytest.mark.parametrize("kind", FIELDS)
@given(data=st.data(), steps=st.integers(1, 10**6), warmup=st.integers(0, 10**6), share=below_one)
def test_factor_is_a_finite_number_that_is_not_negative(
    kind: type, data: st.DataObject, steps: int, warmup: int, share: float
) -> None:
    schedule = kind(**data.draw(st.fixed_dictionaries(FIELDS[kind])))
    check(TrainConfig(schedule=schedule))
    got = factor(schedule, round(share * steps), steps=steps, warmup=warmup)
    assert math.isfinite(got)
    assert got >= 0.0
