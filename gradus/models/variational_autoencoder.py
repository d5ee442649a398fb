"""Variational autoencoder of rows: a row as a Gaussian over a few numbers, drawn again from a sample of it.

Paper: Kingma and Welling 2014, arXiv 1312.6114, section 3 and appendices B and C.2 (Gaussian decoder of unit
variance, up to a constant); the weight of the divergence, Higgins et al. 2017, ICLR (beta-VAE).
Departures: the log-variance is held within -10 and 10.
Letters: B rows, F features, Z numbers in the middle.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, NotNegative
from gradus.layers.activations import Activation, activation_layer
from gradus.layers.initialise import Scheme, initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class VariationalAutoencoderConfig:
    """A variational autoencoder of rows."""

    widths: tuple[Count, ...] = (256, 128)
    """Units of each hidden layer on the way in; the way out has them in reverse."""
    latent_width: Count = 32
    """Numbers that a row is squeezed through."""
    activation: Activation = "gelu"
    """What follows each hidden layer."""
    beta: NotNegative = 0.1
    """What a nat of divergence from a standard Gaussian costs, in units of half a squared error."""
    initialiser: Scheme = "he_normal"
    """How weights start."""


class VariationalAutoencoder(nn.Module):
    """Draw a row again from a sample of what it may mean."""

    def __init__(self, config: VariationalAutoencoderConfig, *, num_features: int) -> None:
        super().__init__()
        self.latent_width, self.beta = config.latent_width, config.beta
        self.encoder = nn.Sequential()
        width = num_features
        for units in config.widths:
            self.encoder.extend([nn.Linear(width, units), activation_layer(config.activation)])
            width = units
        self.encoder.append(nn.Linear(width, 2 * config.latent_width))
        self.decoder = nn.Sequential()
        width = config.latent_width
        for units in reversed(config.widths):
            self.decoder.extend([nn.Linear(width, units), activation_layer(config.activation)])
            width = units
        self.decoder.append(nn.Linear(width, num_features))
        initialise(self, scheme=config.initialiser, activation=config.activation)
        # Small last layers: at first every row means a standard Gaussian and is drawn as the typical one.
        initialise(self.encoder[-1], scheme=config.initialiser, scale=0.1)
        initialise(self.decoder[-1], scheme=config.initialiser, scale=0.1)

    def posterior(self, row: Float[Tensor, "B F"]) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        """Mean and log-variance of the Gaussian that a row stands for."""
        mean, log_variance = self.encoder(row).chunk(2, dim=1)  # (B, 2 Z) -> two of (B, Z)
        return mean, log_variance.clamp(-10, 10)

    def forward(self, row: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        """The rows as drawn again from the mean, without chance."""
        return self.decoder(self.posterior(row)[0])

    def costs(
        self, row: Float[Tensor, "B F"], *, target: Float[Tensor, "B F"], noise: Float[Tensor, "B Z"]
    ) -> tuple[Float[Tensor, "B"], Float[Tensor, "B"]]:
        """Half the squared error of a drawing from one sample, and the divergence in nats, for each row.

        ``noise`` is standard Gaussian. Their sum is the negative evidence bound, less a constant.
        """
        mean, log_variance = self.posterior(row)
        drawn = self.decoder(mean + (log_variance / 2).exp() * noise)
        return (drawn - target).square().sum(1) / 2, divergence(mean, log_variance)


def divergence(mean: Float[Tensor, "B Z"], log_variance: Float[Tensor, "B Z"]) -> Float[Tensor, "B"]:
    """Kullback-Leibler divergence of diagonal Gaussians from the standard one, in nats (appendix B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def standard_noise(count: int, model: VariationalAutoencoder, *, generator: torch.Generator) -> Tensor:
    """Standard Gaussian numbers for a sample of each of ``count`` rows, (count, Z)."""
    return torch.randn(count, model.latent_width, generator=generator, device=generator.device)
