"""What a forecaster gives: one value, quantiles, or a normal distribution for every step ahead.

A network gives P plain numbers a step and series; a head makes them parameters of the forecast, costs them,
and reads values and quantiles off them. Losses are sums over all entries.
Papers: Koenker and Bassett 1978, Econometrica 46, 33-50 (quantiles); Salinas et al. 2020, arXiv 1704.04110,
section 3.1 (the normal head); Chernozhukov et al. 2010, Econometrica 78, 1093-1125 (quantiles put in order).
Letters: B windows, H steps ahead, C series, P numbers, Q levels, L steps of the past, F inputs, S static,
K known ahead, T steps in all.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Fraction, Positive, Within

Level = Annotated[float, Within(above=0.0, below=1.0)]
BAND = (0.1, 0.5, 0.9)  # the quantiles that a normal head is read at
LEAST_DEVIATION = 1e-3  # on the scale of training


@dataclass(frozen=True, kw_only=True, slots=True)
class PointConfig:
    """One value a step."""

    loss: Literal["squared", "absolute", "huber"] = "squared"
    """What it costs to be wrong: the mean is forecast, the median, or something between."""
    delta: Positive = 1.0
    """Error at which Huber's loss turns from a parabola into a line, on the scale of training."""
    coverage: Fraction = 0.8
    """Share of the values that a band around the forecast is to hold, by errors on validation; 0: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantilesConfig:
    """Several quantiles a step, learnt by the pinball loss."""

    levels: tuple[Level, ...] = BAND
    """Shares of the values that lie below each quantile, rising; the middle one is the forecast."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianConfig:
    """A mean and a deviation a step, learnt by the likelihood."""


Head = PointConfig | QuantilesConfig | GaussianConfig
Parameters = Float[Tensor, "... P"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a forecasting network takes and gives."""

    input_steps: int
    horizon: int
    targets: int
    """Series to forecast: the first of the inputs."""
    inputs: int
    """All series of the past."""
    known: int
    """Inputs known ahead."""
    static: int
    """Inputs that do not change with time."""
    outputs: int
    """Numbers to give for each step and series."""
    point: int = 0
    """Which of them is the forecast."""


def num_outputs(head: Head) -> int:
    """Numbers that a network gives for each step and series."""
    match head:
        case QuantilesConfig():
            return len(head.levels)
        case GaussianConfig():
            return 2
        case _:
            return 1


def place_of_point(head: Head) -> int:
    """Which of these numbers is the forecast: the middle quantile, or the first."""
    return len(head.levels) // 2 if isinstance(head, QuantilesConfig) else 0


def levels_of(head: Head) -> tuple[float, ...]:
    """The quantiles that a head is read at; none for a point."""
    match head:
        case QuantilesConfig():
            return head.levels
        case GaussianConfig():
            return BAND
        case _:
            return ()


def settle(head: Head, raw: Parameters) -> Parameters:
    """A network's plain numbers as parameters: a deviation is made positive.

    Quantiles start where those of a standard normal lie, so that a network that says nothing has its doubts.
    """
    if isinstance(head, QuantilesConfig):
        levels = torch.tensor(head.levels, device=raw.device, dtype=raw.dtype)
        return raw + torch.special.ndtri(levels)
    if isinstance(head, GaussianConfig):
        mean, deviation = raw.unbind(-1)
        return torch.stack([mean, F.softplus(deviation) + LEAST_DEVIATION], dim=-1)
    return raw


def rescale(
    head: Head, parameters: Float[Tensor, "... C P"], *, centre: Tensor, spread: Tensor
) -> Float[Tensor, "... C P"]:
    """The parameters of the forecast times ``spread`` plus ``centre``, which have a number a series."""
    centre, spread = centre[..., None], spread[..., None]  # (..., C) -> (..., C, 1)
    if isinstance(head, GaussianConfig):
        mean, deviation = parameters.split(1, dim=-1)
        return torch.cat([mean * spread + centre, deviation * spread], dim=-1)
    return parameters * spread + centre


def loss_sum(head: Head, parameters: Parameters, target: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The cost of a forecast, summed over all entries of ``target``, in at least single precision."""
    parameters = parameters.to(torch.promote_types(parameters.dtype, torch.float32))
    match head:
        case QuantilesConfig():
            levels = torch.tensor(head.levels, device=target.device)
            missed = target[..., None] - parameters
            return torch.maximum(levels * missed, (levels - 1) * missed).mean(dim=-1).sum()
        case GaussianConfig():
            mean, deviation = parameters.unbind(-1)
            standard = (target - mean) / deviation
            return (standard.square() / 2 + deviation.log() + math.log(2 * math.pi) / 2).sum()
        case PointConfig():
            forecast = parameters.squeeze(-1)
            if head.loss == "squared":
                return (forecast - target).square().sum()
            if head.loss == "absolute":
                return (forecast - target).abs().sum()
            return F.huber_loss(forecast, target, delta=head.delta, reduction="sum")


def point_of(head: Head, parameters: Parameters) -> Float[Tensor, "..."]:
    """One value of a forecast: its middle quantile, or its mean."""
    return parameters[..., place_of_point(head)]


def quantiles_of(head: Head, parameters: Parameters) -> Float[Tensor, "... Q"]:
    """The quantiles of a forecast, in order."""
    match head:
        case QuantilesConfig():
            return parameters.sort(dim=-1).values
        case GaussianConfig():
            mean, deviation = parameters.split(1, dim=-1)
            levels = torch.tensor(BAND, device=parameters.device, dtype=parameters.dtype)
            return mean + deviation * torch.special.ndtri(levels)
        case _:
            return parameters[..., :0]


class Readout(nn.Module):
    """What a network that reads each target alone misses: other series, what is known ahead, what is static.

    A linear map of each, that starts at zero and is added to the forecast.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        wide = shape.targets * shape.outputs
        others = shape.inputs - shape.targets
        self.past = _zero(shape.input_steps * others, shape.horizon * wide) if others else None
        self.known = _zero(shape.known, wide) if shape.known else None
        self.static = _zero(shape.static, wide) if shape.static else None

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        added = past.new_zeros(len(past), shape.horizon, shape.targets * shape.outputs)
        if self.past is not None:
            others = past[:, :, shape.targets :].flatten(1)  # (B, L, F - C) -> (B, L (F - C))
            added = added + self.past(others).view_as(added)
        if self.known is not None:
            added = added + self.known(known[:, -shape.horizon :])
        if self.static is not None:
            added = added + self.static(static)[:, None]
        return added.unflatten(2, (shape.targets, shape.outputs))  # (B, H, C P) -> (B, H, C, P)


def _zero(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.zeros_(layer.weight)
    return layer
