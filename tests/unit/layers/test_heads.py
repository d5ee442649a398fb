"""Output heads against torch.distributions and scikit-learn, and their losses as sums."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import mean_pinball_loss
from torch.distributions import Normal

from gradus.layers.heads import (
    BAND,
    GaussianConfig,
    PointConfig,
    QuantilesConfig,
    Readout,
    Shape,
    levels_of,
    loss_sum,
    num_outputs,
    place_of_point,
    point_of,
    quantiles_of,
    rescale,
    settle,
)

HEADS = [
    PointConfig(),
    PointConfig(loss="absolute"),
    PointConfig(loss="huber", delta=0.3),
    QuantilesConfig(levels=(0.2, 0.5, 0.7)),
    GaussianConfig(),
]


def raw_and_target(head, rows=6):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(rows, 4, 2, num_outputs(head), generator=rng), torch.randn(rows, 4, 2, generator=rng)


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_points_agree_with_torch(loss):
    head = PointConfig(loss=loss, delta=0.3)
    raw, target = raw_and_target(head)
    forecast = raw.squeeze(-1)
    wanted = {
        "squared": lambda: F.mse_loss(forecast, target, reduction="sum"),
        "absolute": lambda: F.l1_loss(forecast, target, reduction="sum"),
        "huber": lambda: F.huber_loss(forecast, target, delta=0.3, reduction="sum"),
    }[loss]()
    torch.testing.assert_close(loss_sum(head, raw, target), wanted)


def test_quantiles_agree_with_scikit_learn():
    head = QuantilesConfig(levels=(0.2, 0.5, 0.7))
    raw, target = raw_and_target(head)
    flat = target.flatten().numpy()
    each = [
        mean_pinball_loss(flat, raw[..., i].flatten().numpy(), alpha=a) for i, a in enumerate(head.levels)
    ]
    assert loss_sum(head, raw, target).item() == pytest.approx(sum(each) / 3 * len(flat), rel=1e-5)
    quantiles = quantiles_of(head, raw)
    assert bool((quantiles.diff(dim=-1) >= 0).all())
    assert torch.equal(point_of(head, raw), raw[..., 1])


def test_the_normal_head_agrees_with_torch():
    head = GaussianConfig()
    raw, target = raw_and_target(head)
    parameters = settle(head, raw)
    normal = Normal(*parameters.unbind(-1))
    torch.testing.assert_close(loss_sum(head, parameters, target), -normal.log_prob(target).sum())
    wanted = torch.stack([normal.icdf(torch.tensor(level)) for level in BAND], dim=-1)
    torch.testing.assert_close(quantiles_of(head, parameters), wanted)
    assert torch.equal(point_of(head, parameters), normal.mean)


def test_a_network_that_says_nothing_has_the_quantiles_of_a_standard_normal():
    head = QuantilesConfig(levels=(0.1, 0.5, 0.9))
    wanted = Normal(0.0, 1.0).icdf(torch.tensor(head.levels))
    torch.testing.assert_close(settle(head, torch.zeros(2, 3, 1, 3)), wanted.expand(2, 3, 1, 3))


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_a_loss_is_a_sum(head):
    raw, target = raw_and_target(head)
    parameters = settle(head, raw)
    parts = sum(loss_sum(head, parameters[i : i + 2], target[i : i + 2]) for i in (0, 2, 4))
    torch.testing.assert_close(parts, loss_sum(head, parameters, target))
    assert loss_sum(head, parameters.bfloat16(), target).dtype == torch.float32


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_rescaling_rescales_what_is_read_off(head):
    raw, _ = raw_and_target(head)
    parameters = settle(head, raw)
    centre, spread = torch.tensor([3.0, -1.0]), torch.tensor([2.0, 0.5])
    moved = rescale(head, parameters, centre=centre, spread=spread)
    torch.testing.assert_close(point_of(head, moved), point_of(head, parameters) * spread + centre)
    wanted = quantiles_of(head, parameters) * spread[:, None] + centre[:, None]
    torch.testing.assert_close(quantiles_of(head, moved), wanted)


def test_what_a_head_needs_and_gives():
    assert [num_outputs(head) for head in HEADS] == [1, 1, 1, 3, 2]
    assert [levels_of(head) for head in HEADS] == [(), (), (), (0.2, 0.5, 0.7), BAND]
    assert [place_of_point(head) for head in HEADS] == [0, 0, 0, 1, 0]
    assert quantiles_of(PointConfig(), torch.rand(2, 3, 1, 1)).shape == (2, 3, 1, 0)


def test_a_readout_starts_at_nothing_and_reads_each_kind_of_input():
    shape = Shape(input_steps=3, horizon=2, targets=2, inputs=5, known=4, static=1, outputs=2)
    readout = Readout(shape)
    past, known, static = torch.randn(2, 3, 5), torch.randn(2, 5, 4), torch.randn(2, 1)
    assert not readout(past, known, static).any()
    for layer in (readout.past, readout.known, readout.static):
        torch.nn.init.normal_(layer.weight)
    wanted = (
        (past[:, :, 2:].reshape(2, 9) @ readout.past.weight.T).reshape(2, 2, 4)
        + torch.stack([known[:, 3 + step] @ readout.known.weight.T for step in range(2)], dim=1)
        + (static @ readout.static.weight.T)[:, None]
    )
    torch.testing.assert_close(readout(past, known, static), wanted.reshape(2, 2, 2, 2))
