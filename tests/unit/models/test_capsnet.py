"""Capsules: squashing, routing against plain loops, the loss by hand, and the published sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gradus.core.errors import UsageError
from gradus.models.capsnet import (
    Capsnet,
    CapsnetConfig,
    capsnet_loss_sum,
    margin_loss_sum,
    route,
    squash,
)

SMALL = CapsnetConfig(
    convolution_width=16, kernel_side=3, primary_maps=4, class_width=8, decoder_widths=(24,)
)


@settings(max_examples=100, deadline=None)
@given(
    direction=st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: math.hypot(*v) > 0.1),
    length=st.floats(1e-4, 1e4),
)
def test_squash_keeps_the_direction_and_shortens_below_one(direction: list[float], length: float) -> None:
    unit = torch.tensor(direction, dtype=torch.float64) / math.hypot(*direction)
    squashed = squash(length * unit)
    assert squashed.norm() < 1
    torch.testing.assert_close(squashed, length**2 / (1 + length**2) * unit, rtol=1e-12, atol=1e-15)


def test_squash_of_nothing_is_nothing_and_has_a_finite_gradient() -> None:
    inputs = torch.zeros(2, 4, requires_grad=True)
    squashed = squash(inputs)
    squashed.sum().backward()
    assert torch.equal(squashed, torch.zeros(2, 4))
    assert torch.equal(inputs.grad, torch.zeros(2, 4))


def routed_in_loops(
    votes: list[list[list[float]]], iterations: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Procedure 1 of the paper for one image, number by number."""
    num_parts, num_wholes, width = len(votes), len(votes[0]), len(votes[0][0])
    b = [[0.0] * num_wholes for _ in range(num_parts)]
    for iteration in range(iterations):
        c = [[math.exp(x) / sum(math.exp(y) for y in row) for x in row] for row in b]
        s = [
            [sum(c[i][j] * votes[i][j][d] for i in range(num_parts)) for d in range(width)]
            for j in range(num_wholes)
        ]
        if iteration == iterations - 1:
            break
        for j in range(num_wholes):
            square = sum(x * x for x in s[j])
            v = [square / (1 + square) * x / math.sqrt(square) for x in s[j]]
            for i in range(num_parts):
                b[i][j] += sum(x * y for x, y in zip(votes[i][j], v, strict=True))
    return s, c


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_routing_is_the_papers_procedure(iterations: int) -> None:
    votes = torch.randn(3, 6, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs, weights = route(votes, iterations=iterations)
    for place in range(3):
        s, c = routed_in_loops(votes[place].tolist(), iterations)
        torch.testing.assert_close(
            inputs[place], torch.tensor(s, dtype=torch.float64), rtol=1e-12, atol=1e-12
        )
        torch.testing.assert_close(
            weights[place], torch.tensor(c, dtype=torch.float64), rtol=1e-12, atol=1e-12
        )
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 6, dtype=torch.float64))


def test_one_iteration_hears_all_votes_alike() -> None:
    votes = torch.randn(2, 7, 5, 3)
    inputs, weights = route(votes, iterations=1)
    assert torch.equal(weights, torch.full((2, 7, 5), 0.2))
    torch.testing.assert_close(inputs, votes.sum(1) / 5)


def test_weights_move_to_the_class_whose_votes_agree() -> None:
    numbers = torch.Generator().manual_seed(0)
    votes = torch.randn(1, 12, 4, 6, generator=numbers)
    votes = votes / votes.norm(dim=-1, keepdim=True)
    votes[:, :, 2] = votes[:, :1, 2]  # every part votes for the same pose of class 2
    shares = [route(votes, iterations=n)[1][0, :, 2].mean().item() for n in range(1, 6)]
    assert shares[0] == pytest.approx(0.25)
    assert shares == sorted(shares)
    assert shares[2] > 0.35
    lengths = squash(route(votes, iterations=3)[0])[0].norm(dim=-1)
    assert lengths.argmax() == 2


def test_logits_are_the_log_odds_of_lengths() -> None:
    torch.manual_seed(0)
    model = Capsnet(SMALL, shape=(1, 8, 8), num_classes=5).double().eval()
    image = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    lengths = model.capsules(image).norm(dim=-1)
    torch.testing.assert_close(model(image), torch.logit(lengths), rtol=1e-10, atol=1e-10)


def test_logits_of_silent_capsules_are_finite() -> None:
    model = Capsnet(SMALL, shape=(1, 8, 8), num_classes=5)
    with torch.no_grad():
        model.head.votes.zero_()
    logits = model(torch.randn(2, 1, 8, 8))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert model.head.votes.grad.isfinite().all()


def test_primary_capsules_are_read_from_their_own_map_and_place() -> None:
    """Each vote in loops, from the convolution's output."""
    torch.manual_seed(0)
    model = Capsnet(SMALL, shape=(2, 8, 9), num_classes=3).double().eval()
    image = torch.randn(1, 2, 8, 9, dtype=torch.float64)
    x = model.primary(model.convolution(image).relu())[0]  # (4 maps x 8, 2, 3)
    votes, place = [], 0
    for kind in range(4):
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                capsule = squash(x[8 * kind : 8 * kind + 8, row, column])
                votes.append(torch.stack([model.head.votes[place, k] @ capsule for k in range(3)]))
                place += 1
    expected = squash(route(torch.stack(votes)[None], iterations=3)[0])
    torch.testing.assert_close(model.capsules(image), expected, rtol=1e-10, atol=1e-10)


def capsules_of_lengths(lengths: list[list[float]]) -> Tensor:
    return torch.tensor(lengths)[..., None] * torch.tensor([0.6, 0.0, -0.8])


def test_the_margin_loss_by_hand() -> None:
    capsules = capsules_of_lengths([[0.95, 0.05, 0.3], [0.5, 0.6, 0.1]])
    # image 0, label 0: 0 + 0 + 0.5 x 0.2^2; image 1, label 1: 0.5 x 0.4^2 + 0.3^2 + 0
    expected = 0.5 * 0.04 + (0.5 * 0.16 + 0.09)
    torch.testing.assert_close(margin_loss_sum(capsules, torch.tensor([0, 1])), torch.tensor(expected))


def test_the_loss_is_margins_and_the_weighted_squared_error_of_the_labels_drawing() -> None:
    torch.manual_seed(0)
    model = Capsnet(SMALL, shape=(1, 8, 8), num_classes=3)
    image, label = torch.rand(4, 1, 8, 8), torch.tensor([0, 2, 1, 1])
    capsules = model.capsules(image)
    squares = 0.0
    for place in range(4):
        kept = torch.zeros(3, 8)
        kept[label[place]] = capsules[place, label[place]]
        drawn = model.head.decoder(kept.reshape(1, 24)).reshape(8, 8)
        squares += ((drawn - image[place, 0]) ** 2).sum().item()
    margins = margin_loss_sum(capsules, label).item()
    got = capsnet_loss_sum(model, image, label, reconstruction_weight=0.01)[0].item()
    assert got == pytest.approx(margins + 0.01 * squares, rel=1e-5)
    total, _ = capsnet_loss_sum(model, image, label, reconstruction_weight=0.0)
    assert total.item() == pytest.approx(margins)


def test_a_drawing_sees_the_labels_capsule_alone() -> None:
    torch.manual_seed(0)
    model = Capsnet(SMALL, shape=(3, 9, 8), num_classes=3)
    capsules, label = torch.rand(2, 3, 8), torch.tensor([2, 0])
    drawn = model.reconstruct(capsules, label)
    assert drawn.shape == (2, 3, 9, 8)
    others = capsules.clone()
    others[0, :2] = 5.0
    others[1, 1:] = -5.0
    assert torch.equal(model.reconstruct(others, label), drawn)
    assert not torch.equal(model.reconstruct(capsules, torch.tensor([1, 1])), drawn)


def test_it_has_the_papers_sizes_on_mnist() -> None:
    with torch.device("meta"):
        model = Capsnet(CapsnetConfig(), shape=(1, 28, 28), num_classes=10)
    assert model.head.votes.shape == (1152, 10, 16, 8)
    total = sum(p.numel() for p in model.parameters())
    decoder = sum(p.numel() for p in model.head.decoder.parameters())
    assert round(total / 1e6, 1) == 8.2  # both as reported in section 5 of the paper
    assert round((total - decoder) / 1e6, 1) == 6.8


def test_class_capsules_begin_near_the_length_of_primary_ones() -> None:
    for config, shape in [(SMALL, (1, 8, 8)), (CapsnetConfig(convolution_width=32), (1, 28, 28))]:
        torch.manual_seed(0)
        model = Capsnet(config, shape=shape, num_classes=5)
        image = torch.randn(32, *shape)
        primary = model._primary(image)
        inputs, _ = route(torch.einsum("bnp,nkdp->bnkd", primary, model.head.votes.detach()), iterations=1)
        ratio = inputs.square().sum(-1).mean() / primary.square().sum(-1).mean()
        assert 0.5 < ratio.item() < 2.0


def test_without_a_reconstruction_weight_there_is_no_decoder() -> None:
    model = Capsnet(CapsnetConfig(kernel_side=3, reconstruction_weight=0.0), shape=(1, 8, 8), num_classes=2)
    assert not [n for n, _ in model.named_parameters() if "decoder" in n]


def test_a_sigmoid_decoder_draws_within_0_and_1() -> None:
    config = CapsnetConfig(kernel_side=3, convolution_width=8, primary_maps=2, decoder_output="sigmoid")
    model = Capsnet(config, shape=(1, 8, 8), num_classes=2)
    drawn = model.reconstruct(torch.randn(4, 2, 16) * 100, torch.tensor([0, 1, 0, 1]))
    assert drawn.min() >= 0
    assert drawn.max() <= 1


@pytest.mark.parametrize(("kernel_side", "side"), [(9, 17), (3, 5)])
def test_images_that_are_too_small_are_refused(kernel_side: int, side: int) -> None:
    config = CapsnetConfig(kernel_side=kernel_side, convolution_width=4, primary_maps=1)
    Capsnet(config, shape=(1, side, side), num_classes=2)(torch.zeros(1, 1, side, side))
    with pytest.raises(UsageError, match=r"--model\.kernel_side: wanted images of at least") as e:
        Capsnet(config, shape=(1, side - 1, side), num_classes=2)
    assert e.value.code == "GR-MODEL-001"
