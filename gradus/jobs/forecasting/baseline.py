"""The naive forecasts, scored as the forecaster is, and the test of one against the other."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.engine.job import Split
from gradus.jobs.forecasting.splits import SeriesSplits
from gradus.metrics.diebold_mariano import Comparison, diebold_mariano
from gradus.metrics.forecast import ForecastScore

EVALUATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class Naive:
    """One naive forecast on a split."""

    name: str
    score: ForecastScore
    losses: Float[Tensor, "N"]
    """Mean squared error of each window."""


def new_score(series: SeriesSplits, levels: tuple[float, ...] = ()) -> ForecastScore:
    """An empty score on the scale that the run is judged by."""
    about, config, device = series.about, series.config, series.device
    scale = torch.tensor(about["level_std"], dtype=torch.float64, device=device)
    if config.score == "original":
        scale = torch.ones_like(scale)
    naive = torch.tensor(about["naive_error"], dtype=torch.float64, device=device)
    return ForecastScore(horizon=config.horizon, scale=scale, naive_error=naive, levels=levels)


def naive_scores(series: SeriesSplits, split: Split) -> list[Naive]:
    """The naive forecasts on a split, best first; none where there is no such split."""
    scores: dict[str, ForecastScore] = {}
    losses: dict[str, list[Tensor]] = {}
    for starts in series.starts(split).split(EVALUATION_BATCH):
        batch = series.batch(starts)
        last = batch["past"][:, -1, : len(series.about["targets"])]
        for name, forecast in series.naive(batch).items():
            score = scores.setdefault(name, new_score(series))
            losses.setdefault(name, []).append(score.update(forecast, batch["future"], last=last))
    found = [Naive(name, score, torch.cat(losses[name])) for name, score in scores.items()]
    return sorted(found, key=lambda naive: naive.score.compute()["mse"])


def baseline_of(series: SeriesSplits) -> dict[str, float]:
    """The scores of the best naive forecast of the test split, and the mse of each by its name."""
    naives = naive_scores(series, "test")
    each = {f"{naive.name.replace(' ', '_')}_mse": naive.score.compute()["mse"] for naive in naives}
    return naives[0].score.compute() | each


def compared(losses: Float[Tensor, "N"], naive: Naive, *, horizon: int) -> Comparison | None:
    """The forecaster against a naive forecast, over the windows of a split in order of time."""
    return diebold_mariano(losses, naive.losses, horizon=horizon)


def verdict(comparison: Comparison | None, name: str) -> str:
    """What may be said of the forecaster's skill: nothing that the test does not support."""
    known = "the last value (a random walk)" if name == "last value" else f"the {name} forecast"
    if comparison is None:
        return (
            f"There are too few test windows to tell whether it is better than {known}: no skill is claimed."
        )
    said = f"Diebold-Mariano p = {comparison.p:.3g}"
    if comparison.better():
        return f"It is better than {known}, the best naive one, and the test supports it ({said})."
    if comparison.difference < 0:
        return (
            f"Its error is below that of {known}, but not by more than chance ({said}): no skill is claimed."
        )
    worse = "and the test supports that" if comparison.p < 0.05 else "though not by more than chance"
    return f"Its error is above that of {known}, {worse} ({said}): it has no skill here."
