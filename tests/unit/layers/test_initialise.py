"""Starting weights against torch.nn.init with the same numbers, and what they do to a signal."""

import math
import typing
from typing import Any

import pytest
import torch
from torch import nn

from gradus.layers.activations import Activation, activation_layer
from gradus.layers.initialise import GAINS, Scheme, fans, initialise


def numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("layer", [nn.Linear(30, 20), nn.Conv2d(6, 8, (3, 5)), nn.Conv1d(4, 6, 3)])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_schemes_are_torchs_with_the_same_numbers(layer: nn.Module, activation: Activation) -> None:
    gain = nn.init.calculate_gain(activation)
    references: dict[Scheme, Any] = {
        "zeros": nn.init.zeros_,
        "ones": nn.init.ones_,
        "uniform": lambda w: nn.init.uniform_(w, -0.1, 0.1, generator=numbers()),
        "normal": lambda w: nn.init.normal_(w, 0.0, 0.05, generator=numbers()),
        "xavier_uniform": lambda w: nn.init.xavier_uniform_(w, gain, generator=numbers()),
        "xavier_normal": lambda w: nn.init.xavier_normal_(w, gain, generator=numbers()),
        "he_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity=activation, generator=numbers()),
        "he_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity=activation, generator=numbers()),
        "orthogonal": lambda w: nn.init.orthogonal_(w, gain, generator=numbers()),
    }
    assert set(references) | {"default"} == set(typing.get_args(Scheme))
    for scheme, reference in references.items():
        initialise(layer, scheme=scheme, activation=activation, generator=numbers())
        expected = reference(torch.empty_like(layer.weight))
        torch.testing.assert_close(layer.weight.detach(), expected, rtol=1e-6, atol=0)
        assert torch.equal(layer.bias, torch.zeros_like(layer.bias))


def test_default_leaves_what_torch_drew_but_for_the_scale() -> None:
    layer = nn.Linear(5, 4)
    weight, bias = layer.weight.clone(), layer.bias.clone()
    initialise(layer, scheme="default", activation="relu")
    assert torch.equal(layer.weight, weight)
    assert torch.equal(layer.bias, bias)
    initialise(layer, scheme="default", scale=0.5)
    assert torch.equal(layer.weight, weight / 2)


def test_scale_multiplies_every_scheme() -> None:
    whole, half = nn.Linear(5, 4), nn.Linear(5, 4)
    for scheme in set(typing.get_args(Scheme)) - {"default"}:
        initialise(whole, scheme=scheme, generator=numbers())
        initialise(half, scheme=scheme, scale=0.5, generator=numbers())
        torch.testing.assert_close(half.weight, whole.weight / 2)


def test_it_reaches_nested_layers_and_leaves_norms_and_embeddings_alone() -> None:
    network = nn.Sequential(
        nn.Embedding(3, 4), nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), nn.BatchNorm1d(4)
    )
    embedding = network[0].weight.clone()
    initialise(network, scheme="zeros", activation="relu")
    assert network[1][0].weight.count_nonzero() == 0
    assert torch.equal(network[0].weight, embedding)
    assert torch.equal(network[1][1].weight, torch.ones(4))
    assert torch.equal(network[2].weight, torch.ones(4))


def test_a_generator_fixes_the_numbers_and_spares_the_global_one() -> None:
    first, second, other = (nn.Linear(9, 9) for _ in range(3))
    state = torch.get_rng_state()
    initialise(first, scheme="he_normal", generator=numbers(1))
    initialise(second, scheme="he_normal", generator=numbers(1))
    initialise(other, scheme="he_normal", generator=numbers(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, other.weight)
    torch.manual_seed(4)
    initialise(first, scheme="he_normal")
    torch.manual_seed(4)
    initialise(second, scheme="he_normal")
    assert torch.equal(first.weight, second.weight)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "selu", "linear"])
def test_gains_keep_the_second_moment_of_a_standard_normal(name: Activation) -> None:
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    moment = torch.trapezoid(activation_layer(name)(z).square() * density, z).item()
    assert pytest.approx(moment**-0.5, rel=1e-4) == GAINS[name]


@pytest.mark.parametrize("name", ["linear", "relu", "tanh", "sigmoid", "leaky_relu"])
def test_gains_are_the_customary_ones(name: Activation) -> None:
    assert GAINS[name] == nn.init.calculate_gain(name)


LAYERS = [
    (nn.Linear(256, 200), (64, 256), 0),
    (nn.Conv2d(32, 24, 3), (8, 32, 12, 12), 0),
    (nn.Conv2d(32, 64, 3, groups=4), (8, 32, 12, 12), 0),
    (nn.Conv1d(64, 32, 5), (8, 64, 40), 0),
    (nn.ConvTranspose2d(32, 24, 3), (8, 32, 12, 12), 2),
    (nn.ConvTranspose2d(32, 64, 3, groups=4), (8, 32, 12, 12), 2),
    (nn.Conv3d(16, 8, 3), (4, 16, 6, 6, 6), 0),
]


@pytest.mark.parametrize(("layer", "shape", "border"), LAYERS)
@pytest.mark.parametrize("scheme", ["he_normal", "he_uniform"])
def test_he_keeps_the_size_of_a_signal(
    layer: nn.Module, shape: tuple[int, ...], border: int, scheme: Scheme
) -> None:
    initialise(layer, scheme=scheme, activation="linear", generator=numbers())
    out = layer(torch.randn(shape, generator=numbers(1)))
    if border:  # where a transposed convolution's windows overlap only in part
        out = out[..., border:-border, border:-border]
    assert out.square().mean().item() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(("layer", "shape", "border"), LAYERS)
def test_xavier_lies_between_the_forward_and_the_backward_scale(
    layer: nn.Module, shape: tuple[int, ...], border: int
) -> None:
    initialise(layer, scheme="xavier_normal", generator=numbers())
    fan_in, fan_out = fans(layer)
    assert layer.weight.var().item() == pytest.approx(2 / (fan_in + fan_out), rel=0.12)


def test_orthogonal_rows_are_orthogonal_in_transposed_convolutions_as_well() -> None:
    for layer in (nn.Linear(30, 12), nn.Conv2d(8, 12, 3), nn.ConvTranspose2d(8, 12, 3)):
        initialise(layer, scheme="orthogonal", activation="relu", generator=numbers())
        weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        rows = weight.flatten(1).detach()
        torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(12), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("scheme", "activation", "low", "high"),
    [
        ("he_normal", "relu", 0.3, 3.0),
        ("he_uniform", "leaky_relu", 0.3, 3.0),
        ("he_normal", "gelu", 0.3, (1.5335**2 / 2) ** 20),  # large signals see a rectifier under this gain
        ("he_normal", "selu", 0.3, 3.0),
        ("xavier_normal", "relu", 0.3, 3.0),
        ("uniform", "tanh", 0.0, 1e-4),
        ("zeros", "relu", 0.0, 0.0),
    ],
)
def test_a_signal_survives_twenty_layers_where_the_scheme_fits_the_activation(
    scheme: Scheme, activation: Activation, low: float, high: float
) -> None:
    width = 64 if scheme == "uniform" else 512
    x = start = torch.randn(256, width, generator=numbers(5))
    for depth in range(20):
        layer = nn.Linear(width, width)
        initialise(layer, scheme=scheme, activation=activation, generator=numbers(depth))
        with torch.no_grad():
            x = activation_layer(activation)(layer(x))
    ratio = (x.square().mean() / start.square().mean()).item()
    assert low <= ratio <= high
