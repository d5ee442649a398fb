"""Autoencoder of rows: a row squeezed through a few numbers and drawn again from them.

Papers: Hinton and Salakhutdinov 2006, Science 313, 504-507 (the autoencoder); Vincent et al. 2008, ICML
(denoising: who trains it hands it a damaged row and compares with the sound one).
Departures: trained from end to end, without layers trained one by one before; untied weights; any activation.
Letters: B rows, F features, Z numbers in the middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, NotNegative
from gradus.layers.activations import Activation, activation_layer
from gradus.layers.initialise import Scheme, initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderConfig:
    """An autoencoder of rows."""

    widths: tuple[Count, ...] = (256, 128)
    """Units of each hidden layer on the way in; the way out has them in reverse."""
    latent_width: Count = 32
    """Numbers that a row is squeezed through."""
    swap: Fraction = 0.0
    """Denoising: share of a training row's columns that are taken from another row before it is shown."""
    noise_std: NotNegative = 0.0
    """Denoising: deviation of Gaussian noise on a training row before it is shown."""
    activation: Activation = "gelu"
    """What follows each hidden layer."""
    initialiser: Scheme = "he_normal"
    """How weights start."""


class Autoencoder(nn.Module):
    """Draw a row again from a few numbers; what it was not trained on it draws badly."""

    def __init__(self, config: AutoencoderConfig, *, num_features: int) -> None:
        super().__init__()
        ends = (num_features, *config.widths, config.latent_width)
        self.encoder = layers(ends, activation=config.activation)
        self.decoder = layers(ends[::-1], activation=config.activation)
        initialise(self, scheme=config.initialiser, activation=config.activation)
        # A small last layer makes the first drawing nearly the typical row, which is all zeros.
        initialise(self.decoder[-1], scheme=config.initialiser, scale=0.1)

    def forward(self, row: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        """The rows as drawn again."""
        return self.decoder(self.encoder(row))  # (B, F) -> (B, Z) -> (B, F)


def layers(widths: Sequence[int], *, activation: Activation) -> nn.Sequential:
    """Linear layers from width to width with an activation between them, none after the last."""
    made = list[nn.Module]()
    for inner, outer in pairwise(widths):
        made += [nn.Linear(inner, outer), activation_layer(activation)]
    return nn.Sequential(*made[:-1])
