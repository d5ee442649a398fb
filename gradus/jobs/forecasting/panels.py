"""What the report of a forecaster shows: forecasts with bands, where errors are, and what may be claimed."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from gradus.data.calendar import shown
from gradus.engine.job import Panel
from gradus.jobs.forecasting.baseline import Naive, verdict
from gradus.jobs.forecasting.splits import SeriesSplits
from gradus.metrics.diebold_mariano import Comparison
from gradus.metrics.forecast import ForecastScore

WINDOWS, SERIES = 3, 3  # forecasts that are drawn: so many windows of so many series
SERIES_SHOWN = 10  # worst series of a long table that are listed, and as many of the best
PATH = 500  # most windows that the path through the test split is drawn from
COLOUR = "#d1495b"

Forecasting = Callable[[Int64[Tensor, "B"]], dict[str, Tensor]]


def panels(
    series: SeriesSplits,
    *,
    score: ForecastScore,
    losses: Float[Tensor, "N"],
    naives: Sequence[Naive],
    comparisons: Sequence[Comparison | None],
    forecast: Forecasting,
) -> list[Panel]:
    """The panels of a run, from its test split; ``losses`` are the mean squared errors of its windows."""
    found = [
        _against_naive(score, naives, comparisons),
        _some_forecasts(series, forecast, score.levels),
        _path(series, forecast, score.levels),
        _by_column(series, score),
    ]
    if len(series.parts) > 1:
        found.append(_by_series(series, losses, naives[0]))
    if series.config.horizon > 1:
        found.append(_by_step(score, naives))
    if score.levels:
        found.append(_reliability(score))
    return [*found, Panel(title="Notes on the data", sentence=" ".join(series.about["notes"]) or "None.")]


def _against_naive(
    score: ForecastScore, naives: Sequence[Naive], comparisons: Sequence[Comparison | None]
) -> Panel:
    """The forecaster and the naive forecasts side by side, and what the test supports."""
    rows = [("this forecaster", *_numbers(score), "")]
    for naive, comparison in zip(naives, comparisons, strict=True):
        name = "last value (random walk)" if naive.name == "last value" else naive.name
        rows.append((name, *_numbers(naive.score), f"{comparison.p:.3g}" if comparison else "too few"))
    return Panel(
        title="Against the naive forecasts",
        sentence=f"{verdict(comparisons[0], naives[0].name)} MASE is the absolute error as a multiple of the "
        "naive one in training; 1 is no better than naive.",
        columns=("forecast", "MSE", "MAE", "MASE", "sMAPE", "Diebold-Mariano p"),
        rows=rows,
    )


def _numbers(score: ForecastScore) -> tuple[str, ...]:
    scores = score.compute()
    return tuple(f"{scores[name]:.4g}" for name in ("mse", "mae", "mase", "smape"))


def _some_forecasts(series: SeriesSplits, forecast: Forecasting, levels: tuple[float, ...]) -> Panel:
    """Forecasts from the beginning, the middle and the end of the test split."""
    from matplotlib.figure import Figure

    starts = series.starts("test")
    chosen = starts[torch.linspace(0, len(starts) - 1, min(WINDOWS, len(starts))).long()]
    batch, answer = series.batch(chosen), forecast(chosen)
    names = series.about["targets"][:SERIES]
    figure = Figure(figsize=(3.6 * len(chosen), 0.4 + 2.1 * len(names)), layout="constrained")
    cells = figure.subplots(len(names), len(chosen), squeeze=False)
    horizon = batch["future"].shape[1]
    kept = min(batch["past"].shape[1], max(24, horizon))
    steps, ahead = np.arange(1 - kept, horizon + 1), np.arange(horizon + 1)
    for row, name in enumerate(names):
        for column in range(len(chosen)):
            axes = cells[row][column]
            past = batch["past"][column, -kept:, row].cpu()

            def joined(future: Tensor, now: Tensor = past[-1:]) -> Tensor:
                return torch.cat([now, future.cpu()])  # a line needs a point to come from

            actual = torch.cat([past, batch["future"][column, :, row].cpu()])
            axes.plot(steps, actual, color="black", lw=0.9, label="actual")
            forecasts = joined(answer["forecast"][column, :, row])
            axes.plot(ahead, forecasts, color=COLOUR, lw=1.4, label="forecast")
            if len(levels) > 1:
                low, high = (joined(answer["quantiles"][column, :, row, place]) for place in (0, -1))
                axes.fill_between(ahead, low, high, color=COLOUR, alpha=0.2, lw=0)
            axes.axvline(0, color="grey", lw=0.8, ls=":")
            axes.tick_params(labelsize=7)
            if row == 0:
                axes.set_title(f"from {_time(series, int(chosen[column]))}", fontsize=8)
            if column == 0:
                axes.set_ylabel(name, fontsize=8)
    cells[0][0].legend(fontsize=7, frameon=False)
    band = f" The band is that of the quantiles {levels[0]:g} to {levels[-1]:g}." if len(levels) > 1 else ""
    return Panel(
        title="Forecasts",
        sentence="Windows from all over the test split; steps count from the last value known." + band,
        figure=figure,
    )


def _time(series: SeriesSplits, start: int) -> str:
    """The time of the first step that a window forecasts, with the name of the series that has one."""
    row, part = series.time_after(start)
    time = shown(part.times[row : row + 1], dated=part.series.dated)[0]
    return f"{time}, {part.series.name}" if part.series.name else time


def _path(series: SeriesSplits, forecast: Forecasting, levels: tuple[float, ...]) -> Panel:
    """The forecasts of the first step ahead of the last windows, one after the other, on what came."""
    from matplotlib.figure import Figure

    starts = series.starts("test")
    owners = series.owners(starts)
    starts = starts[owners == owners[-1]][-PATH:]  # a path through several series would leap
    whose = series.parts[int(owners[-1])].series.name
    pieces = [(series.batch(some)["future"][:, 0, 0], forecast(some)) for some in starts.split(256)]
    actual = torch.cat([future for future, _ in pieces]).cpu()
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(actual, color="black", lw=0.9, label="actual")
    axes.plot(
        torch.cat([one["forecast"][:, 0, 0] for _, one in pieces]).cpu(),
        color=COLOUR,
        lw=0.9,
        label="forecast of one step before",
    )
    if len(levels) > 1:
        band = torch.cat([one["quantiles"][:, 0, 0] for _, one in pieces]).cpu()
        axes.fill_between(np.arange(len(band)), band[:, 0], band[:, -1], color=COLOUR, alpha=0.2, lw=0)
    axes.set_xlabel("test window")
    axes.legend(fontsize=8, frameon=False)
    name = series.about["targets"][0]
    return Panel(
        title="One step ahead",
        sentence=f"{name}{f' of {whose}' if whose else ''} in the last {len(starts)} test windows. A line "
        "that follows one step late says no more than the last value does.",
        figure=figure,
    )


def _by_step(score: ForecastScore, naives: Sequence[Naive]) -> Panel:
    """How the error grows with the distance."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    steps = np.arange(1, len(score.by_step("squared")) + 1)
    axes.plot(steps, score.by_step("squared").cpu(), color=COLOUR, label="this forecaster")
    for naive, style in zip(naives, ("--", ":", "-."), strict=False):
        values = naive.score.by_step("squared").cpu()
        axes.plot(steps, values, color="grey", ls=style, label=naive.name)
    axes.set(xlabel="steps ahead", ylabel="MSE")
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return Panel(title="Error by step", sentence="Mean squared error at each step ahead.", figure=figure)


def _by_column(series: SeriesSplits, score: ForecastScore) -> Panel:
    """How each column fared; in a wide table each is a series."""
    columns = (score.by_series("squared"), score.by_series("absolute"), score.mase())
    rows = [
        (name, *(f"{column[place].item():.4g}" for column in columns))
        for place, name in enumerate(series.about["targets"])
    ]
    what = "column" if len(series.parts) > 1 else "series"
    return Panel(
        title=f"Error by {what}",
        sentence=f"Errors of each {what} on the test split.",
        columns=(what, "MSE", "MAE", "MASE"),
        rows=rows,
    )


def _by_series(series: SeriesSplits, losses: Float[Tensor, "N"], naive: Naive) -> Panel:
    """Which series of a long table are forecast worst and best, each beside the best naive forecast."""
    owners, count = series.owners(series.starts("test")), len(series.parts)
    windows = owners.bincount(minlength=count)
    mse, naive_mse = (owners.bincount(some, minlength=count) / windows for some in (losses, naive.losses))
    there = windows.nonzero()[:, 0]
    order = there[mse[there].argsort(descending=True, stable=True)].tolist()
    said = f"{len(order)} series with a test window"
    if len(order) < count:
        said += f" ({count - len(order)} have none)"
    beaten = int((mse[there] < naive_mse[there]).sum())
    said += f"; the error of {beaten} is below that of the {naive.name}, the best naive forecast over all."
    if len(order) > 2 * SERIES_SHOWN:
        order = order[:SERIES_SHOWN] + order[-SERIES_SHOWN:]
        said += (
            f" Listed are the {SERIES_SHOWN} with the largest error and the {SERIES_SHOWN} with the smallest."
        )
    each = zip(windows.tolist(), mse.tolist(), naive_mse.tolist(), (mse / naive_mse).tolist(), strict=True)
    rows = [(part.series.name, *numbers) for part, numbers in zip(series.parts, each, strict=True)]
    return Panel(
        title="Series, the worst forecast first",
        sentence=said,
        columns=("series", "test windows", "MSE", f"MSE of the {naive.name}", "ratio"),
        rows=[(*rows[place][:2], *(f"{number:.4g}" for number in rows[place][2:])) for place in order],
    )


def _reliability(score: ForecastScore) -> Panel:
    """How often values lie below each quantile, and within the band between the outer ones."""
    rows = [(f"{level:g}", f"{share:.3f}") for level, share in score.reliability()]
    said = (
        "The share of the test values at or below each quantile; in a forecaster that knows its doubts it is "
        "the level."
    )
    if len(score.levels) > 1:
        scores, asked = score.compute(), score.levels[-1] - score.levels[0]
        said += (
            f" The band between the outer ones holds {scores['coverage']:.1%} of the values, {asked:.1%} "
            f"were asked for; it is {scores['width']:.4g} wide on the scale of the errors."
        )
    return Panel(title="Quantiles", sentence=said, columns=("level", "share of the values"), rows=rows)
