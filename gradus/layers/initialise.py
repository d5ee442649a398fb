"""Start the weights of a network by a named scheme, scaled for the activation that follows them.

Papers: Glorot and Bengio 2010 (xavier); He et al. 2015, arXiv 1502.01852 (he); Saxe et al. 2014, arXiv
1312.6120 (orthogonal); Klambauer et al. 2017, arXiv 1706.02515 (the gain of selu).
Departures: transposed and grouped convolutions count the connections that each unit really has.
"""

import math
from typing import Literal

import torch
from torch import nn

from gradus.layers.activations import Activation

Scheme = Literal[
    "default",
    "zeros",
    "ones",
    "uniform",
    "normal",
    "xavier_uniform",
    "xavier_normal",
    "he_uniform",
    "he_normal",
    "orthogonal",
]

# What a weight's scale is multiplied by, so that the signal keeps its size through the activation. The
# rectifiers, gelu and selu have 1 / sqrt(E[f(z)^2]) for a standard normal z; tanh and sigmoid have the
# customary values.
GAINS: dict[Activation, float] = {
    "linear": 1.0,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.01**2)),
    "tanh": 5.0 / 3.0,
    "sigmoid": 1.0,
    "gelu": 1.5335,
    "selu": 1.0,
}

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def initialise(
    module: nn.Module,
    *,
    scheme: Scheme,
    activation: Activation = "linear",
    scale: float = 1.0,
    generator: torch.Generator | None = None,
) -> None:
    """Start the weight of every linear layer and convolution in ``module`` by ``scheme``, its bias at zero.

    ``activation`` is what follows these layers. ``uniform`` (between -0.1 and 0.1) and ``normal``
    (deviation 0.05) ignore the width and the activation; ``xavier`` balances incoming and outgoing
    connections; ``he`` counts the incoming ones; ``default`` leaves what torch drew. Normalisation layers
    keep their ones and zeros. ``scale`` multiplies the weights in the end: a head that starts small makes the
    first prediction nearly the blind guess. Numbers come from ``generator``, else from torch's global one.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | Convolution | Transposed):
            with torch.no_grad():
                _start(layer, scheme, GAINS[activation], generator)
                layer.weight.mul_(scale)


def _start(
    layer: nn.Linear | Convolution | Transposed,
    scheme: Scheme,
    gain: float,
    generator: torch.Generator | None,
) -> None:
    """Draw one weight, and put its bias at zero."""
    if scheme == "default":
        return
    if layer.bias is not None:
        layer.bias.zero_()
    weight, fan_in, fan_out = layer.weight, *fans(layer)
    match scheme:
        case "zeros":
            weight.zero_()
        case "ones":
            weight.fill_(1.0)
        case "uniform":
            weight.uniform_(-0.1, 0.1, generator=generator)
        case "normal":
            weight.normal_(0.0, 0.05, generator=generator)
        case "xavier_uniform" | "he_uniform":  # a uniform of bound a has the deviation a / sqrt(3)
            bound = math.sqrt(3.0) * _deviation(scheme, gain, fan_in, fan_out)
            weight.uniform_(-bound, bound, generator=generator)
        case "xavier_normal" | "he_normal":
            weight.normal_(0.0, _deviation(scheme, gain, fan_in, fan_out), generator=generator)
        case "orthogonal":
            swapped = isinstance(layer, Transposed)  # torch stores the input channels of these first
            rows = (weight.transpose(0, 1) if swapped else weight).contiguous()
            nn.init.orthogonal_(rows, gain=gain, generator=generator)
            weight.copy_(rows.transpose(0, 1) if swapped else rows)


def _deviation(scheme: Scheme, gain: float, fan_in: float, fan_out: float) -> float:
    """The standard deviation of a weight: Glorot and Bengio's equation 12, or He et al.'s equation 10."""
    connections = (fan_in + fan_out) / 2 if scheme in ("xavier_uniform", "xavier_normal") else fan_in
    return gain / math.sqrt(connections)


def fans(layer: nn.Linear | Convolution | Transposed) -> tuple[float, float]:
    """How many inputs one output unit reads, and how many output units one input feeds, stride aside."""
    if isinstance(layer, nn.Linear):
        return float(layer.in_features), float(layer.out_features)
    taps = math.prod(layer.kernel_size)
    return layer.in_channels * taps / layer.groups, layer.out_channels * taps / layer.groups
