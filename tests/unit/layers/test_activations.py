"""The named activations against torch's functions."""

import typing
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.layers.activations import Activation, activation_layer

FUNCTIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": lambda x: x.clamp_min(0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "tanh": torch.tanh,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "selu": F.selu,
}


@pytest.mark.parametrize("name", typing.get_args(Activation))
def test_each_name_is_its_function(name: Activation) -> None:
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    torch.testing.assert_close(activation_layer(name)(x), FUNCTIONS[name](x), rtol=1e-12, atol=1e-12)
    assert activation_layer(name) is not activation_layer(name)
