"""N-HiTS: blocks that each explain a part of the past at their own pace, and forecast with as many knots.

Paper: Challu et al. 2023, arXiv 2201.12886, section 3.
Departures: one block a stack by default; other inputs than the target's own past are read by a linear map
that starts at zero.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, N rows (a window of one series each), T steps in all.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.core.errors import UsageError
from gradus.layers.heads import Readout, Shape


@dataclass(frozen=True, kw_only=True, slots=True)
class NhitsConfig:
    """Stacks from coarse to fine."""

    pools: tuple[Count, ...] = (8, 4, 1)
    """Steps of the past that each stack's input takes the largest value of."""
    knots_every: tuple[Count, ...] = (24, 12, 1)
    """Steps between the knots that each stack gives; the values between them lie on lines."""
    blocks: Count = 1
    """Blocks of each stack."""
    width: Count = 256
    """Units of the two hidden layers of a block."""
    dropout: Fraction = 0.0
    """Share of the hidden units that a training step leaves out."""


class Nhits(nn.Module):
    """Forecast each series from its own past by blocks that work on what the ones before have left."""

    def __init__(self, config: NhitsConfig, *, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        if len(config.pools) != len(config.knots_every):
            raise UsageError(
                "GR-SERIES-030",
                where="--model.knots-every",
                wanted=f"a number for each of the {len(config.pools)} stacks in --model.pools",
                got=str(len(config.knots_every)),
                remedy="Give both as many numbers.",
            )
        self.blocks = nn.ModuleList(
            NhitsBlock(shape, pool=pool, knots_every=every, width=config.width, dropout=config.dropout)
            for pool, every in zip(config.pools, config.knots_every, strict=True)
            for _ in range(config.blocks)
        )
        self.readout = Readout(shape)

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        left = past[:, :, : shape.targets].transpose(1, 2).flatten(0, 1)  # (B, L, C) -> (B C, L)
        forecast = left[:, -1, None, None].expand(
            -1, shape.outputs, shape.horizon
        )  # begins at the last value
        for block in self.blocks:
            explained, added = block(left)
            left, forecast = left - explained, forecast + added
        y = forecast.unflatten(0, (-1, shape.targets)).permute(0, 3, 1, 2)  # (B C, P, H) -> (B, H, C, P)
        return y + self.readout(past, known, static)


class NhitsBlock(nn.Module):
    """The largest values of the past, two hidden layers, and knots for the past and the future."""

    def __init__(self, shape: Shape, *, pool: int, knots_every: int, width: int, dropout: float) -> None:
        super().__init__()
        self.shape, self.pool = shape, pool
        self.knots_past = -(-shape.input_steps // knots_every)
        self.knots_ahead = -(-shape.horizon // knots_every)
        self.hidden = nn.Sequential(
            nn.Linear(-(-shape.input_steps // pool), width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(width, self.knots_past + self.knots_ahead * shape.outputs)

    def forward(self, x: Float[Tensor, "N L"]) -> tuple[Float[Tensor, "N L"], Float[Tensor, "N P H"]]:
        """What of the past it explains, and what it adds to the forecast."""
        pooled = F.max_pool1d(x[:, None], self.pool, ceil_mode=True).squeeze(1)  # (N, 1, L) -> (N, L / pool)
        knots = self.head(self.hidden(pooled))
        past, ahead = knots[:, : self.knots_past], knots[:, self.knots_past :]
        ahead = ahead.unflatten(1, (self.shape.outputs, self.knots_ahead))  # (N, P knots) -> (N, P, knots)
        return (
            interpolated(past[:, None], steps=self.shape.input_steps).squeeze(1),
            interpolated(ahead, steps=self.shape.horizon),
        )


def interpolated(knots: Float[Tensor, "N P knots"], *, steps: int) -> Float[Tensor, "N P {steps}"]:
    """Values on the lines between knots that are spread evenly over the steps."""
    if knots.shape[2] == steps:
        return knots
    return F.interpolate(knots, size=steps, mode="linear", align_corners=False)
