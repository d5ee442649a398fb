"""Attention and its block against torch's encoder layer, and places against the paper's formula."""

import math

import pytest
import torch
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.layers.attention import Attention, Block, sincos_places

WIDTH = 24
NAMES = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output": "self_attn.out_proj",
    "mlp.0": "linear1",
    "mlp.2": "linear2",
}


def randomised(model: nn.Module) -> nn.Module:
    """Every parameter a plausible number, those that start at zero or one as well."""
    numbers = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.2, generator=numbers)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
    return model.eval()


def torchs(ours: nn.Module, *, num_heads: int) -> nn.TransformerEncoderLayer:
    """torch's layer with our weights; in train mode without dropout, its fused inference path stays out."""
    theirs = nn.TransformerEncoderLayer(
        WIDTH,
        num_heads,
        dim_feedforward=72,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=True,
    )
    state = {}
    for name, tensor in ours.state_dict().items():
        module, leaf = name.rsplit(".", 1)
        packed = f"self_attn.in_proj_{leaf}"
        state[packed if module == "attention.queries_keys_values" else f"{NAMES[module]}.{leaf}"] = tensor
    theirs.load_state_dict(state)
    return theirs


def mask_of(lengths: list[int], places: int) -> Tensor:
    return torch.arange(places) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("num_heads", [1, 4])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 1, 4]])
def test_a_block_is_torchs_pre_norm_encoder_layer(
    num_heads: int, causal: bool, lengths: list[int] | None
) -> None:
    ours = randomised(Block(WIDTH, num_heads=num_heads, hidden_width=72, causal=causal))
    theirs = torchs(ours, num_heads=num_heads)
    mask = None if lengths is None else mask_of(lengths, 7)
    hidden = None if mask is None else ~mask
    future = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    x = torch.randn(3, 7, WIDTH, requires_grad=True)
    expected, got = theirs(x, src_mask=future, src_key_padding_mask=hidden), ours(x, mask)
    shown = torch.ones(3, 7, dtype=torch.bool) if mask is None else mask
    torch.testing.assert_close(got[shown], expected[shown], rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(got) * shown[:, :, None]
    (expected_slope,) = torch.autograd.grad((expected * weights).sum(), x)
    (slope,) = torch.autograd.grad((got * weights).sum(), x)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_hidden_changes_nothing(causal: bool) -> None:
    attention = randomised(Attention(WIDTH, num_heads=2, causal=causal))
    x, mask = torch.randn(2, 6, WIDTH), mask_of([4, 6], 6)
    other = torch.where(mask[:, :, None], x, torch.randn_like(x))
    torch.testing.assert_close(attention(x, mask)[mask], attention(other, mask)[mask], rtol=0, atol=0)
    if causal:
        later = x.clone()
        later[:, 3:] = 0
        torch.testing.assert_close(attention(x, mask)[:, :3], attention(later, mask)[:, :3])


def test_dropout_leaves_branches_out_in_training_only() -> None:
    block = randomised(Block(WIDTH, num_heads=2, hidden_width=8, dropout=0.5))
    x = torch.randn(1, 3, WIDTH)
    assert torch.equal(block(x), block(x))
    block.train()
    assert not torch.equal(block(x), block(x))


def test_places_are_the_papers_waves_with_the_pairs_apart() -> None:
    places = sincos_places(5, width=8)
    for place in range(5):
        for pair in range(4):
            angle = place / 10_000 ** (pair / 3)
            assert places[place, pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert places[place, 4 + pair].item() == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize(
    "layer", [Attention, lambda width, num_heads: Block(width, num_heads=num_heads, hidden_width=8)]
)
def test_heads_that_do_not_share_the_width_are_refused(layer) -> None:
    with pytest.raises(UsageError, match="divides the width 10, got 4") as error:
        layer(10, num_heads=4)
    assert error.value.code == "GR-MODEL-003"
