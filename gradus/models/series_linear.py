"""One linear map from the past of a series to its future: NLinear and DLinear.

Paper: Zeng et al. 2023, arXiv 2205.13504, section 4.
Departures: the maps start near zero, so nlinear begins as the last value; other inputs than the target's own
past are read by a linear map that starts at zero.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, M maps, O outputs of a map, T steps in all.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count
from gradus.layers.heads import Readout, Shape


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesLinearConfig:
    """A linear map of the past."""

    variant: Literal["nlinear", "dlinear"] = "nlinear"
    """nlinear takes off the last value and adds it again; dlinear maps trend and remainder apart."""
    kernel: Count = 25
    """Steps of the moving mean that is the trend of dlinear."""
    individual: bool = False
    """Give each series a map of its own."""


class SeriesLinear(nn.Module):
    """Forecast each series from its own past by a linear map."""

    def __init__(self, config: SeriesLinearConfig, *, shape: Shape) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        maps = shape.targets if config.individual else 1
        outputs = shape.horizon * shape.outputs
        size, start = (maps, shape.input_steps, outputs), 0.1 / math.sqrt(shape.input_steps)
        self.weight = nn.Parameter(torch.randn(size) * start)
        self.bias = nn.Parameter(torch.zeros(maps, 1, outputs))
        self.trend = nn.Parameter(torch.randn(size) * start) if config.variant == "dlinear" else None
        self.readout = Readout(shape)

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        x = past[:, :, : shape.targets].permute(2, 0, 1)  # (B, L, C) -> (C, B, L)
        if self.trend is None:
            last = x[:, :, -1:]
            y = self._map(x - last, self.weight) + self.bias + last
        else:
            trend = moving_mean(x, steps=self.config.kernel)
            y = self._map(x - trend, self.weight) + self._map(trend, self.trend) + self.bias
        y = y.unflatten(2, (shape.horizon, shape.outputs))  # (C, B, H P) -> (C, B, H, P)
        return y.permute(1, 2, 0, 3) + self.readout(past, known, static)

    def _map(self, x: Float[Tensor, "C B L"], weight: Float[Tensor, "M L O"]) -> Float[Tensor, "C B O"]:
        """One product where all series share a map, one a series where they do not."""
        if len(weight) == 1:
            return (x.flatten(0, 1) @ weight[0]).view(*x.shape[:2], -1)  # (C, B, L) -> (C B, L) -> (C, B, O)
        return torch.bmm(x, weight)


def moving_mean(x: Float[Tensor, "C B L"], *, steps: int) -> Float[Tensor, "C B L"]:
    """The mean of ``steps`` values around each, the ends repeated beyond themselves."""
    before = (steps - 1) // 2
    after = steps - 1 - before
    padded = torch.cat([x[..., :1].expand(-1, -1, before), x, x[..., -1:].expand(-1, -1, after)], dim=-1)
    return padded.unfold(-1, steps, 1).mean(dim=-1)  # (C, B, L, steps) -> (C, B, L)
