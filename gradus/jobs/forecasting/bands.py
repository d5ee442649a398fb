"""Bands for a forecaster whose head gives a point: split-conformal, from its errors on validation."""

import torch

from gradus.jobs.forecasting.baseline import EVALUATION_BATCH
from gradus.jobs.forecasting.forecaster import Forecaster
from gradus.jobs.forecasting.splits import SeriesSplits, inputs_of
from gradus.layers.heads import Head, PointConfig
from gradus.metrics.conformal import conformal_margin, fewest_errors

MOST_WINDOWS = 1000  # that a band is measured on, spread evenly over validation: neighbours are much alike


def band_of(head: Head, *, windows: int) -> tuple[float, str]:
    """The share of the values that a band is to hold, 0 for none, and why; ``windows`` are of validation."""
    if not isinstance(head, PointConfig):
        return 0.0, "the head gives quantiles of its own"
    if head.coverage == 0:
        return 0.0, "none was asked for"
    needed = fewest_errors(head.coverage)
    if windows < needed:
        return 0.0, f"a band of {head.coverage:g} needs {needed} validation windows, and there are {windows}"
    return head.coverage, f"of the errors on {min(windows, MOST_WINDOWS)} validation windows"


def calibrate(model: Forecaster, series: SeriesSplits) -> None:
    """Fit the margins of a forecaster's band to its weights of now."""
    starts = series.starts("validation")
    if len(starts) > MOST_WINDOWS:
        starts = starts[torch.linspace(0, len(starts) - 1, MOST_WINDOWS).long()]
    batches = (series.batch(some) for some in starts.split(EVALUATION_BATCH))
    errors = torch.cat([model.errors(*inputs_of(batch), future=batch["future"]) for batch in batches])
    model.margin.copy_(conformal_margin(errors, coverage=model.coverage))
