"""A recurrent network that reads the past and forecasts all steps at once: LSTM or GRU.

Papers: Hochreiter and Schmidhuber 1997 (LSTM; forget gate, Gers et al. 2000); Cho et al. 2014, arXiv
1406.1078 (GRU); Wen et al. 2017, arXiv 1711.11053, section 3.1 (all steps from one state).
Departures: what is known ahead of the future steps is read by a linear map that starts at zero.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, D width, T steps in all.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.layers.heads import Readout, Shape


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesRecurrentConfig:
    """An LSTM or a GRU over the past."""

    cell: Literal["lstm", "gru"] = "lstm"
    """What it is made of."""
    width: Count = 64
    """Units in each layer."""
    depth: Count = 1
    """Layers."""
    dropout: Fraction = 0.0
    """Share of the units that a training step leaves out, between layers and before the head."""


class SeriesRecurrent(nn.Module):
    """Read every input step by step, and forecast from the last state."""

    def __init__(self, config: SeriesRecurrentConfig, *, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        make = nn.LSTM if config.cell == "lstm" else nn.GRU
        self.recurrent = make(
            shape.inputs + shape.known + shape.static,
            config.width,
            num_layers=config.depth,
            batch_first=True,
            dropout=config.dropout if config.depth > 1 else 0.0,
        )
        self.drop = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.width, shape.horizon * shape.targets * shape.outputs)
        self.readout = Readout(alone(shape))

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        states, _ = self.recurrent(all_inputs(past, known, static))
        y = self.head(self.drop(states[:, -1]))
        y = y.view(-1, shape.horizon, shape.targets, shape.outputs)  # (B, H C P) -> (B, H, C, P)
        return y + self.readout(past[:, :, : shape.targets], known, static)


def all_inputs(
    past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
) -> Float[Tensor, "B L I"]:
    """Everything that is there at each step of the past, side by side."""
    steps = past.shape[1]
    return torch.cat([past, known[:, :steps], static[:, None].expand(-1, steps, -1)], dim=2)


def alone(shape: Shape) -> Shape:
    """The shape without the inputs of the past that are no targets: a network that reads them itself."""
    return replace(shape, inputs=shape.targets)
