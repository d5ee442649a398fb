"""The deployed module: series in their own units in, forecasts and quantiles in their own units out.

A head that gives a point may have a band around it: a margin for each step and series, measured on
validation, in units of each window's own spread.
Letters: M members, B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead,
S static, P numbers of a head, Q quantiles, T steps in all.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gradus.layers.heads import Head, levels_of, point_of, quantiles_of, rescale, settle
from gradus.layers.scaling import Instance, window_scale
from gradus.models.series_seq2seq import Taught


class Forecaster(nn.Module):
    """Networks between the scaling of their inputs and that of their forecasts, both fitted in training."""

    mean: Tensor
    std: Tensor
    known_mean: Tensor
    known_std: Tensor
    steps: Tensor
    margin: Tensor
    """(H, C): how far a value may lie from its forecast; only with a band."""

    def __init__(
        self,
        nets: Sequence[nn.Module],
        *,
        head: Head,
        instance: Instance,
        about: dict[str, Any],
        horizon: int,
        log_returns: bool,
        coverage: float = 0.0,
    ) -> None:
        """``coverage`` is the share of the values that a band around a point is to hold; 0 is no band."""
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.head, self.instance, self.log_returns = head, instance, log_returns
        self.targets = len(about["targets"])
        for name in ("mean", "std", "known_mean", "known_std"):
            self.register_buffer(name, torch.tensor(about[name], dtype=torch.float32), persistent=False)
        steps = torch.arange(1, horizon + 1, dtype=torch.float32)[:, None]  # (H, 1)
        self.register_buffer("steps", steps, persistent=False)
        self.coverage, self.levels = coverage, levels_of(head)
        if coverage:
            self.levels = ((1 - coverage) / 2, (1 + coverage) / 2)
            # Until it is measured a band is that of the training rows themselves, were they normal.
            widest = torch.special.ndtri(torch.tensor(self.levels[1]))
            self.register_buffer("margin", widest.expand(horizon, self.targets).clone())

    def each(
        self,
        past: Float[Tensor, "B L F"],
        known: Float[Tensor, "B T K"] | None = None,
        static: Float[Tensor, "B S"] | None = None,
        *,
        target: Float[Tensor, "B H C"] | None = None,
        forced: Bool[Tensor, "B H"] | None = None,
    ) -> tuple[Float[Tensor, "M B H C P"], Float[Tensor, "B 1 C"]]:
        """The parameters that each member forecasts, on the scale of training, and each window's spread.

        Networks with a decoder are told the ``target`` of the steps that are ``forced``.
        """
        x = self._inputs(past)
        steps = x.shape[1] + len(self.steps)
        known = x.new_zeros(len(x), steps, 0) if known is None else (known - self.known_mean) / self.known_std
        static = x.new_zeros(len(x), 0) if static is None else static
        centre, spread = window_scale(x[:, :, : self.targets], self.instance)
        own = (x[:, :, : self.targets] - centre) / spread
        x = torch.cat([own, x[:, :, self.targets :]], dim=2)
        told = {"taught": Taught((target - centre) / spread, forced)} if forced is not None else {}
        settled = (settle(self.head, net(x, known, static, **told).float()) for net in self.nets)
        each = torch.stack([rescale(self.head, one, centre=centre, spread=spread) for one in settled])
        return each, spread

    def forward(
        self,
        past: Float[Tensor, "B L F"],
        known: Float[Tensor, "B T K"] | None = None,
        static: Float[Tensor, "B S"] | None = None,
    ) -> dict[str, Tensor]:
        """``forecast`` (B, H, C) and ``quantiles`` (B, H, C, Q), averaged over the members."""
        each, spread = self.each(past, known, static)
        parameters = each.mean(dim=0)
        now = past[:, -1:, : self.targets]
        answer = {"forecast": self._levels(point_of(self.head, parameters), now)}
        quantiles = quantiles_of(self.head, parameters)
        if self.coverage:
            margin = self.margin * spread
            quantiles = torch.stack([parameters[..., 0] - margin, parameters[..., 0] + margin], dim=3)
        if quantiles.shape[3]:
            edges = [self._levels(one, now) for one in quantiles.unbind(dim=3)]
            answer["quantiles"] = torch.stack(edges, dim=3)
        return answer

    def errors(self, *inputs: Tensor, future: Float[Tensor, "B H C"]) -> Float[Tensor, "B H C"]:
        """What a point forecast misses, in units of each window's own spread; inputs as for ``forward``."""
        each, spread = self.each(*inputs)
        return (self.scaled(inputs[0], future) - point_of(self.head, each.mean(dim=0))) / spread

    def scaled(self, past: Float[Tensor, "B L F"], future: Float[Tensor, "B H C"]) -> Float[Tensor, "B H C"]:
        """What is to be forecast, on the scale of training; with log_returns each step's ratio to now."""
        if not self.log_returns:
            return (future - self._mean) / self._std
        ratio = (future / past[:, -1:, : self.targets]).log()
        return (ratio - self.steps * self._mean) / (self.steps.sqrt() * self._std)

    @property
    def _mean(self) -> Float[Tensor, "C"]:
        return self.mean[: self.targets]

    @property
    def _std(self) -> Float[Tensor, "C"]:
        return self.std[: self.targets]

    def _inputs(self, past: Float[Tensor, "B L F"]) -> Float[Tensor, "B N F"]:
        """The past on the scale of training; returns have a step less than prices."""
        if self.log_returns:
            own = past[:, :, : self.targets].log().diff(dim=1)
            past = torch.cat([own, past[:, 1:, self.targets :]], dim=2)
        return (past - self.mean) / self.std

    def _levels(self, value: Float[Tensor, "B H C"], now: Float[Tensor, "B 1 C"]) -> Float[Tensor, "B H C"]:
        """A forecast on the scale of training as values of the series."""
        if not self.log_returns:
            return value * self._std + self._mean
        return now * (value * self.steps.sqrt() * self._std + self.steps * self._mean).exp()
