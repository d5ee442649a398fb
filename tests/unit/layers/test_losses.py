"""Losses as sums against torch's cross-entropy, and the focal loss against its formula."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gradus.layers.losses import cross_entropy_sum, focal_sum

NUM_SAMPLES, NUM_CLASSES = 7, 4


def batch(soft: bool, seed: int = 0) -> tuple[Tensor, Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(NUM_SAMPLES, NUM_CLASSES, generator=numbers, dtype=torch.float64)
    if soft:
        return logits, torch.rand(NUM_SAMPLES, NUM_CLASSES, generator=numbers, dtype=torch.float64).softmax(1)
    return logits, torch.randint(0, NUM_CLASSES, (NUM_SAMPLES,), generator=numbers)


WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_total_over_count_is_torchs_mean(soft: bool, weights: Tensor | None, smoothing: float) -> None:
    logits, target = batch(soft)
    total, count = cross_entropy_sum(logits, target, class_weights=weights, label_smoothing=smoothing)
    options = {"weight": weights, "label_smoothing": smoothing}
    assert torch.equal(total, F.cross_entropy(logits, target, reduction="sum", **options))
    torch.testing.assert_close(total / count, F.cross_entropy(logits, target, **options), rtol=1e-14, atol=0)


def test_counts_are_samples_or_the_weights_of_their_classes() -> None:
    logits, target = torch.zeros(3, 4), torch.tensor([1, 1, 3])
    assert cross_entropy_sum(logits, target)[1] == 3
    assert cross_entropy_sum(logits, target, class_weights=WEIGHTS.float())[1] == 4.25
    soft = F.one_hot(target, 4).float()
    assert cross_entropy_sum(logits, soft, class_weights=WEIGHTS.float())[1] == 3


def test_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[math.log(1.0), math.log(2.0), math.log(5.0)]])  # shares 1/8, 2/8, 5/8
    assert cross_entropy_sum(logits, torch.tensor([1]))[0].item() == pytest.approx(math.log(4), rel=1e-6)
    mixed = torch.tensor([[0.5, 0.5, 0.0]])
    assert cross_entropy_sum(logits, mixed)[0].item() == pytest.approx(math.log(8 * 4) / 2, rel=1e-6)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_without_focus_is_cross_entropy(soft: bool, weights: Tensor | None) -> None:
    logits, target = batch(soft)
    total, count = focal_sum(logits, target, gamma=0.0, class_weights=weights)
    expected, expected_count = cross_entropy_sum(logits, target, class_weights=weights)
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=0)
    assert count == expected_count


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_by_its_formula(gamma: float) -> None:
    logits, target = batch(soft=False)
    expected, mixed_expected = 0.0, 0.0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        shares = [math.exp(x) / sum(math.exp(y) for y in row) for x in row]
        costs = [-((1 - p) ** gamma) * math.log(p) * w for p, w in zip(shares, WEIGHTS.tolist(), strict=True)]
        expected += costs[label]
        mixed_expected += 0.3 * costs[0] + 0.7 * costs[2]
    got, _ = focal_sum(logits, target, gamma=gamma, class_weights=WEIGHTS)
    assert got.item() == pytest.approx(expected, rel=1e-10)
    mixture = torch.tensor([[0.3, 0.0, 0.7, 0.0]], dtype=torch.float64).expand(NUM_SAMPLES, -1)
    got, _ = focal_sum(logits, mixture, gamma=gamma, class_weights=WEIGHTS)
    assert got.item() == pytest.approx(mixed_expected, rel=1e-10)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), gamma=st.floats(0.0, 5.0), cut=st.integers(1, NUM_SAMPLES - 1))
def test_sums_of_parts_add_up_and_one_label_is_a_mixture_of_one(seed: int, gamma: float, cut: int) -> None:
    logits, target = batch(soft=False, seed=seed)
    whole, count = focal_sum(logits, target, gamma=gamma, class_weights=WEIGHTS)
    parts = [
        focal_sum(logits[part], target[part], gamma=gamma, class_weights=WEIGHTS)
        for part in (slice(None, cut), slice(cut, None))
    ]
    torch.testing.assert_close(parts[0][0] + parts[1][0], whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parts[0][1] + parts[1][1], count, rtol=1e-12, atol=0)
    one_hot = F.one_hot(target, NUM_CLASSES).double()
    mixture, _ = focal_sum(logits, one_hot, gamma=gamma, class_weights=WEIGHTS)
    torch.testing.assert_close(mixture, whole, rtol=1e-12, atol=1e-12)
    assert whole <= cross_entropy_sum(logits, target, class_weights=WEIGHTS)[0] + 1e-12


@pytest.mark.parametrize("soft", [False, True])
def test_gradients_match_finite_differences(soft: bool) -> None:
    logits, target = batch(soft)
    logits = logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: focal_sum(x, target, gamma=1.5)[0], logits)
    assert torch.autograd.gradcheck(lambda x: cross_entropy_sum(x, target, label_smoothing=0.1)[0], logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("soft", [False, True])
def test_certainty_gives_finite_gradients(gamma: float, soft: bool) -> None:
    logits = torch.tensor([[200.0, 0.0], [-200.0, 0.0], [0.0, 0.0]], requires_grad=True)
    target = torch.tensor([0, 0, 1])
    total, _ = focal_sum(logits, F.one_hot(target, 2).float() if soft else target, gamma=gamma)
    total.backward()
    assert total.item() == pytest.approx(200.0 + 0.5**gamma * math.log(2), rel=1e-6)
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_single_precision(dtype: torch.dtype) -> None:
    logits = torch.randn(5000, 10, generator=torch.Generator().manual_seed(0)).to(dtype)
    target = torch.arange(5000) % 10
    expected = F.cross_entropy(logits.double(), target, reduction="sum").item()
    for total, _ in (cross_entropy_sum(logits, target), focal_sum(logits, target, gamma=0.0)):
        assert total.dtype == torch.float32
        assert total.item() == pytest.approx(expected, rel=1e-5)
