"""Split-conformal margins by hand, and what they promise."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradus.metrics.conformal import conformal_margin, fewest_errors


def test_by_hand():
    errors = torch.tensor([[3.0, 1.0], [-1.0, 2.0], [2.0, -9.0], [-4.0, 3.0]])
    # Four errors and a share of 0.8: the fourth of (4 + 1) * 0.8; of 0.4: the second.
    assert conformal_margin(errors, coverage=0.8).tolist() == [4.0, 9.0]
    assert conformal_margin(errors, coverage=0.4).tolist() == [2.0, 2.0]
    assert conformal_margin(errors, coverage=0.41).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("coverage", "count"), [(0.0, 0), (0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)]
)
def test_too_few_errors_have_no_margin(coverage, count):
    assert fewest_errors(coverage) == count
    if count:
        assert conformal_margin(torch.arange(1.0, count + 1), coverage=coverage) == count
        with pytest.raises(AssertionError, match="too few"):
            conformal_margin(torch.ones(count - 1), coverage=coverage)


@given(st.integers(0, 1000), st.floats(0.3, 0.9), st.integers(20, 200))
def test_a_share_of_the_errors_at_least_as_large_as_asked_is_within(seed, coverage, count):
    errors = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    margin = conformal_margin(errors, coverage=coverage)
    assert (errors.abs() <= margin).double().mean() >= coverage


def test_new_errors_are_within_with_the_chance_that_was_asked():
    rng = torch.Generator().manual_seed(0)
    errors = torch.randn(19, 20_000, generator=rng)
    new = torch.randn(20_000, generator=rng)
    share = (new.abs() <= conformal_margin(errors, coverage=0.8)).double().mean().item()
    assert share == pytest.approx(0.8, abs=0.01)  # exactly 16 of 20 in the mean
