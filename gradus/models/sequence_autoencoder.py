"""Sequence autoencoder: a window of rows read by one LSTM and drawn again, last row first, by another.

Papers: Malhotra et al. 2016, arXiv 1607.00148, section 2.1 (anomalies of sensors); Srivastava et al. 2015,
arXiv 1502.04681, section 2.2 (the unconditioned decoder).
Departures: every step of the decoder reads the summary instead of the row before it, so that it cannot copy;
the summary is a projection of the encoder's last state.
Letters: B windows, T rows of a window, F features, D width, Z numbers in the summary.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceAutoencoderConfig:
    """An autoencoder of windows of consecutive rows."""

    window: Count = 16
    """Rows of a window: the one that is judged, and those before it."""
    width: Count = 64
    """Units of each LSTM."""
    latent_width: Count = 16
    """Numbers that a window is squeezed through."""


class SequenceAutoencoder(nn.Module):
    """Draw a window of rows again from a few numbers."""

    def __init__(self, config: SequenceAutoencoderConfig, *, num_features: int) -> None:
        super().__init__()
        self.encoder = nn.LSTM(num_features, config.width, batch_first=True)
        self.summary = nn.Linear(config.width, config.latent_width)
        self.decoder = nn.LSTM(config.latent_width, config.width, batch_first=True)
        self.output = nn.Linear(config.width, num_features)

    def forward(self, window: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """The windows as drawn again."""
        _, (state, _) = self.encoder(window)  # (1, B, D)
        summary = self.summary(state[0])  # (1, B, D) -> (B, Z)
        repeated = summary[:, None].expand(-1, window.shape[1], -1)  # (B, Z) -> (B, T, Z)
        drawn, _ = self.decoder(repeated)  # (B, T, D), the last row first
        return self.output(drawn).flip(1)
