"""Scores of forecasts: sums over windows, steps ahead and series, divided once at the end.

Sources: scaled error, Hyndman and Koehler 2006, International Journal of Forecasting 22, 679-688; symmetric
percentage error, Makridakis 1993, the same journal 9, 527-529; pinball loss, Koenker and Bassett 1978.
Conventions:
    squared and absolute errors, the pinball loss, and the width of the band between the outer quantiles,
    are divided by the ``scale`` of their series;
    sMAPE is between 0 and 2 (200 %), and 0 where forecast and value are both 0;
    the direction is that of the first step ahead, from the last value known; where nothing moved, or no move
    is forecast, there is none; its interval is Wilson's, for windows one step apart are different trials.
Letters: B windows, H steps ahead, C series, Q quantile levels.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from gradus.metrics.statistics import wilson_interval


class ForecastScore:
    """Adds up what batches and devices saw of a split, and scores it as a whole.

    ``state`` holds sums only: adding it up over processes, tensor by tensor, merges them.
    """

    def __init__(
        self,
        *,
        horizon: int,
        scale: Float[Tensor, "C"],
        naive_error: Float[Tensor, "C"] | None = None,
        levels: Sequence[float] = (),
    ) -> None:
        """``naive_error`` is the mean absolute error, unscaled, that MASE divides by."""
        self.scale, self.naive_error, self.levels = scale.double(), naive_error, tuple(levels)
        cells, device = (horizon, len(scale)), scale.device

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64, device=device)

        self.state: dict[str, Tensor] = {
            "windows": zeros(1),
            "squared": zeros(*cells),
            "absolute": zeros(*cells),
            "symmetric": zeros(*cells),
            "direction_hits": zeros(1),
            "direction_count": zeros(1),
            "pinball": zeros(len(levels), *cells),
            "below": zeros(len(levels), *cells),
            "covered": zeros(*cells),
            "width": zeros(*cells),
        }

    def update(
        self,
        forecast: Float[Tensor, "B H C"],
        actual: Float[Tensor, "B H C"],
        *,
        last: Float[Tensor, "B C"],
        quantiles: Float[Tensor, "B H C Q"] | None = None,
    ) -> Float[Tensor, "B"]:
        """Add a batch of windows; returns the mean squared error of each, scaled."""
        forecast, actual, last = forecast.double(), actual.double(), last.double()
        state, error = self.state, (forecast - actual) / self.scale
        squared = error.square()
        state["windows"] += len(actual)
        state["squared"] += squared.sum(0)
        state["absolute"] += error.abs().sum(0)
        size = forecast.abs() + actual.abs()
        state["symmetric"] += (2 * (forecast - actual).abs() / size.where(size > 0, 1)).sum(0)
        said, moved = (forecast[:, 0] - last).sign(), (actual[:, 0] - last).sign()
        counts = (said != 0) & (moved != 0)
        state["direction_hits"] += ((said == moved) & counts).sum()
        state["direction_count"] += counts.sum()
        if quantiles is not None:
            self._update_quantiles(quantiles.double(), actual[..., None])
        return squared.mean(dim=(1, 2))

    def _update_quantiles(
        self, quantiles: Float[Tensor, "B H C Q"], actual: Float[Tensor, "B H C 1"]
    ) -> None:
        assert quantiles.shape[3] == len(self.levels), f"{quantiles.shape[3]} != {len(self.levels)} levels"
        levels = torch.tensor(self.levels, dtype=torch.float64, device=actual.device)
        missed = (actual - quantiles) / self.scale[:, None]
        cost = torch.maximum(levels * missed, (levels - 1) * missed)
        self.state["pinball"] += cost.sum(0).movedim(2, 0)  # (H, C, Q) -> (Q, H, C)
        self.state["below"] += (actual <= quantiles).sum(0).movedim(2, 0)
        inside = (actual >= quantiles[..., :1]) & (actual <= quantiles[..., -1:])
        self.state["covered"] += inside.squeeze(3).sum(0)  # (B, H, C, 1) -> (H, C)
        self.state["width"] += ((quantiles[..., -1] - quantiles[..., 0]) / self.scale).sum(0)

    def merge(self, other: "ForecastScore") -> None:
        """Add what another score of the same settings has seen."""
        assert self.levels == other.levels, f"{self.levels} are not {other.levels}"
        for name, total in self.state.items():
            total.add_(other.state[name].to(total.device))

    def compute(self) -> dict[str, float]:
        """The scores of everything added so far; those of bands and directions only where there are any."""
        count = self.state["windows"].item()
        assert count > 0, "nothing was added to the score"
        mean = {name: total / count for name, total in self.state.items()}
        mse = mean["squared"].mean().item()
        scores = {
            "mse": mse,
            "mae": mean["absolute"].mean().item(),
            "rmse": mse**0.5,
            "smape": mean["symmetric"].mean().item(),
        }
        if self.naive_error is not None:
            scores["mase"] = self.mase().mean().item()
        if hits := int(self.state["direction_count"].item()):
            right = int(self.state["direction_hits"].item())
            low, high = wilson_interval(right, hits)
            scores |= {
                "directional_accuracy": right / hits,
                "directional_low": low,
                "directional_high": high,
            }
        if self.levels:
            scores["pinball"] = mean["pinball"].mean().item()
        if len(self.levels) > 1:
            scores["coverage"] = mean["covered"].mean().item()
            scores["width"] = mean["width"].mean().item()
        return scores

    def mase(self) -> Float[Tensor, "C"]:
        """The mean absolute error of each series as a multiple of the naive one in training."""
        assert self.naive_error is not None, "no naive error was given"
        absolute = self.by_series("absolute") * self.scale
        return absolute / self.naive_error.to(absolute)

    def by_step(self, name: str) -> Float[Tensor, "H"]:
        """The mean of a sum (``squared``, ``absolute``, ``covered``) over windows and series."""
        return self.state[name].mean(1) / self.state["windows"]

    def by_series(self, name: str) -> Float[Tensor, "C"]:
        """The mean of a sum over windows and steps."""
        return self.state[name].mean(0) / self.state["windows"]

    def reliability(self) -> list[tuple[float, float]]:
        """Each quantile level with the share of values that were at most the quantile."""
        shares = self.state["below"].mean(dim=(1, 2)) / self.state["windows"]
        return list(zip(self.levels, shares.tolist(), strict=True))


def naive_forecasts(past: Shaped[Tensor, "B L C"], *, horizon: int, season: int) -> dict[str, Tensor]:
    """What needs no learning, each (B, H, C): the last value, the last season, the line through both ends.

    The seasonal one is left out where a season is one step, or longer than the past.
    """
    last = past[:, -1:].expand(-1, horizon, -1)
    forecasts = {"last value": last}
    steps = torch.arange(1, horizon + 1, device=past.device, dtype=past.dtype)
    if 1 < season <= past.shape[1]:
        places = past.shape[1] - season + torch.arange(horizon, device=past.device) % season
        forecasts["seasonal naive"] = past[:, places]
    if past.shape[1] > 1:
        slope = (past[:, -1:] - past[:, :1]) / (past.shape[1] - 1)
        forecasts["drift"] = last + steps[:, None] * slope
    return forecasts
