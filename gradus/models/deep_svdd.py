"""Deep SVDD: a network that gathers normal rows around a centre; how far off a row comes out is its score.

Paper: Ruff et al. 2018, Deep One-Class Classification, ICML, section 3.3 (the one-class objective) and
propositions 1 to 3: no biases, an unbounded activation and a centre that is not zero, else the network may
answer the same to everything.
Departures: no training as an autoencoder before; the hidden layers are wide and the activation is a setting.
Letters: B rows, F features, Z numbers that come out.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count
from gradus.layers.activations import activation_layer
from gradus.layers.initialise import Scheme, initialise

NEAREST_ZERO = 0.1  # a number of the centre at zero could be met by zero weights


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepSvddConfig:
    """A one-class network."""

    widths: tuple[Count, ...] = (128, 64)
    """Units of each hidden layer."""
    output_width: Count = 32
    """Numbers that a row becomes."""
    activation: Literal["leaky_relu", "relu", "gelu"] = "leaky_relu"
    """What follows each hidden layer."""
    initialiser: Scheme = "he_normal"
    """How weights start."""


class DeepSvdd(nn.Module):
    """Where a row comes out; training draws normal rows to ``centre``."""

    centre: Tensor

    def __init__(self, config: DeepSvddConfig, *, num_features: int) -> None:
        super().__init__()
        self.body = nn.Sequential()
        widths = (num_features, *config.widths)
        for inner, outer in pairwise(widths):
            self.body.extend([nn.Linear(inner, outer, bias=False), activation_layer(config.activation)])
        self.head = nn.Linear(widths[-1], config.output_width, bias=False)
        initialise(self, scheme=config.initialiser, activation=config.activation)
        self.register_buffer("centre", torch.ones(config.output_width))

    def forward(self, row: Float[Tensor, "B F"]) -> Float[Tensor, "B Z"]:
        """Where the rows come out."""
        return self.head(self.body(row))

    def distance(self, row: Float[Tensor, "B F"]) -> Float[Tensor, "B"]:
        """Squared distance from the centre, a mean over its numbers."""
        return (self(row) - self.centre).square().mean(1)


@torch.no_grad()
def centre_of(model: DeepSvdd, row: Float[Tensor, "N F"]) -> Float[Tensor, "Z"]:
    """The mean of where normal rows come out of an untrained network, no number of it near zero."""
    mean = model(row).mean(0)
    sign = torch.where(mean < 0, -1.0, 1.0)
    return torch.where(mean.abs() < NEAREST_ZERO, NEAREST_ZERO * sign, mean)
