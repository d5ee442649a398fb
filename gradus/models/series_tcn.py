"""Temporal convolutions: each layer looks twice as far back, and no value sees a later one.

Paper: Bai et al. 2018, arXiv 1803.01271, section 3.
Departures: plain convolutions with a rate that suits them, no weight norm; all steps are forecast from the
last place; what is known ahead of the future steps is read by a linear map that starts at zero.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, D width, T steps in all.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.layers.heads import Readout, Shape
from gradus.models.series_recurrent import all_inputs, alone


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesTcnConfig:
    """A stack of dilated causal convolutions."""

    width: Count = 32
    """Channels of each layer."""
    depth: Count = 5
    """Blocks; each looks twice as far back as the one before."""
    kernel: Count = 3
    """Taps of a convolution."""
    dropout: Fraction = 0.1
    """Share of the values that a training step leaves out in each block."""


class SeriesTcn(nn.Module):
    """Convolve all inputs over time, and forecast from the last place."""

    def __init__(self, config: SeriesTcnConfig, *, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        inputs = shape.inputs + shape.known + shape.static
        self.blocks = nn.Sequential(
            *(
                CausalBlock(
                    config.width if place else inputs,
                    config.width,
                    kernel=config.kernel,
                    dilation=2**place,
                    dropout=config.dropout,
                )
                for place in range(config.depth)
            )
        )
        self.head = nn.Linear(config.width, shape.horizon * shape.targets * shape.outputs)
        self.readout = Readout(alone(shape))

    def features(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B D L"]:
        """What the blocks make of each step: nothing of it comes from a later one."""
        return self.blocks(all_inputs(past, known, static).transpose(1, 2))  # (B, L, I) -> (B, I, L)

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        y = self.head(self.features(past, known, static)[:, :, -1])
        y = y.view(-1, shape.horizon, shape.targets, shape.outputs)  # (B, H C P) -> (B, H, C, P)
        return y + self.readout(past[:, :, : shape.targets], known, static)


class CausalBlock(nn.Module):
    """Two causal convolutions and a way around them."""

    def __init__(self, inputs: int, width: int, *, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.first = nn.Conv1d(inputs, width, kernel, dilation=dilation)
        self.second = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.drop = nn.Dropout(dropout)
        self.around = nn.Conv1d(inputs, width, 1) if inputs != width else nn.Identity()

    def forward(self, x: Float[Tensor, "B I L"]) -> Float[Tensor, "B D L"]:
        y = self.drop(F.relu(self.first(F.pad(x, (self.reach, 0)))))
        y = self.drop(F.relu(self.second(F.pad(y, (self.reach, 0)))))
        return F.relu(y + self.around(x))
