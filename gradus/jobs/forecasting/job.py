"""Forecasting: the next steps of one or many series. Headline: mean squared error, lower is better."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.errors import UsageError
from gradus.core.randomness import generator
from gradus.data.batches import Batches
from gradus.engine.job import Deployable, Headline, Job, Panel, Split, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.jobs.forecasting.answer import Forecast
from gradus.jobs.forecasting.bands import band_of, calibrate
from gradus.jobs.forecasting.baseline import (
    EVALUATION_BATCH,
    Naive,
    baseline_of,
    compared,
    naive_scores,
    new_score,
)
from gradus.jobs.forecasting.config import MODELS, Config
from gradus.jobs.forecasting.examine import examine
from gradus.jobs.forecasting.forecaster import Forecaster
from gradus.jobs.forecasting.history import read_history, series_inside, unknown_series
from gradus.jobs.forecasting.panels import panels
from gradus.jobs.forecasting.recipes import RECIPES
from gradus.jobs.forecasting.splits import SeriesSplits, inputs_of, past_rows
from gradus.jobs.forecasting.survey import survey
from gradus.layers.heads import Shape, loss_sum, num_outputs, place_of_point, point_of
from gradus.metrics.forecast import ForecastScore
from gradus.models.series_seq2seq import SeriesSeq2seqConfig, teacher_share


@dataclass
class Parts:
    """The state of a run: the forecaster, its optimizer, and where the training windows are."""

    model: Forecaster
    optim: Optim
    train: Batches
    series: SeriesSplits
    naive: dict[Split, list[Naive]]
    """The naive forecasts of the splits that were scored: they never change."""


def build(config: Config, run: Run) -> Parts:
    """Read nothing that the plan knows: a run that is opened to predict needs no data."""
    if config.data.transform == "log_returns" and config.instance != "none":
        raise UsageError(
            "GR-SERIES-060",
            where="--instance",
            wanted="none with --data.transform log_returns, which already starts from the last value",
            got=config.instance,
            remedy="Leave one of the two out.",
        )
    about: dict[str, Any] = run.decide("data", lambda: survey(config.data), "measured on the training rows")
    shape = Shape(
        input_steps=config.data.input_steps,
        horizon=config.data.horizon,
        targets=len(about["targets"]),
        inputs=len(about["inputs"]),
        known=len(about["known"]),
        static=sum(len(kind.get("categories", [0])) for kind in about["static"]),
        outputs=num_outputs(config.head),
        point=place_of_point(config.head),
    )
    coverage = run.decide("band", *band_of(config.head, windows=about["windows"]["validation"]))
    nets = [MODELS[type(config.model)](config.model, shape=shape) for _ in range(config.members)]
    model = Forecaster(
        nets,
        head=config.head,
        instance=config.instance,
        about=about,
        horizon=config.data.horizon,
        log_returns=config.data.transform == "log_returns",
        coverage=coverage,
    )
    series = SeriesSplits(config.data, about=about, run=run)
    return Parts(
        model=run.place(model),
        optim=Optim(nets[0] if config.members == 1 else model.nets, config.train),
        train=Batches(
            lambda: {"start": series.starts("train")}, batch=config.train.batch, seed=config.train.seed
        ),
        series=series,
        naive={},
    )


def stream(config: Config, parts: Parts, run: Run) -> Iterator[Batch]:
    """Windows of the training rows without end, cut on the device, and what a decoder is told of them."""
    while True:
        batch = parts.series.batch(parts.train.next_batch()["start"])
        if isinstance(config.model, SeriesSeq2seqConfig):
            share = teacher_share(config.model, step=run.step, steps=run.train.steps)
            if share:
                chance = torch.rand(
                    batch["future"].shape[:2], generator=run.rng("teacher"), device=run.device
                )
                batch["forced"] = chance < share
        yield batch


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """The head's cost over all steps and series, the mean of that of the members."""
    target = parts.model.scaled(batch["past"], batch["future"])
    each, _ = parts.model.each(*inputs_of(batch), target=target, forced=batch.get("forced"))
    total = sum(loss_sum(config.head, one, target) for one in each) / len(each)
    squared = (point_of(config.head, each.mean(dim=0)) - target).square().sum()
    scale = "mse" if config.data.score == "scaled" else "mse_scaled"  # the unit in which it is validated
    return Loss(total, target.numel(), {scale: squared})


def settle(config: Config, parts: Parts, run: Run) -> None:
    """Measure the band around a point, whose margins are a state of the forecaster."""
    if parts.model.coverage:
        calibrate(parts.model, parts.series)


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """Errors over all windows of a split, and the chance that it is no better than the best naive one."""
    found = score_of(config, parts, split)
    if found is None:
        return {}
    score, losses = found
    if split not in parts.naive:
        parts.naive[split] = naive_scores(parts.series, split)
    comparison = compared(losses, parts.naive[split][0], horizon=config.data.horizon)
    scores = score.compute()
    return scores | ({"diebold_mariano_p": comparison.p} if comparison else {})


def score_of(config: Config, parts: Parts, split: Split) -> tuple[ForecastScore, Float[Tensor, "N"]] | None:
    """The whole score of a split and the mean squared error of each window; None where it has no window."""
    starts = parts.series.starts(split)
    if len(starts) == 0:
        return None
    score = new_score(parts.series, parts.model.levels)
    losses = []
    for some in starts.split(EVALUATION_BATCH):
        batch = parts.series.batch(some)
        answer = parts.model(*inputs_of(batch))
        last = batch["past"][:, -1, : parts.model.targets]
        losses.append(
            score.update(answer["forecast"], batch["future"], last=last, quantiles=answer.get("quantiles"))
        )
    return score, torch.cat(losses)


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """The best of the last value, the last season and the drift; the mse of each goes by its name."""
    return baseline_of(parts.series)


def deploy(config: Config, parts: Parts) -> Deployable:
    """The forecaster; an input is the history of a series, in a table (its path) or an array of its rows."""
    about, device = parts.series.about, parts.model.mean.device
    example = {name: tensor.to(device) for name, tensor in _example(config, about).items()}

    def read(raw: Any) -> dict[str, Tensor]:
        history = read_history(raw, config.data, about)
        tensors = {
            "past": torch.from_numpy(history.past),
            "known": torch.from_numpy(history.known),
            "static": torch.tensor(history.static),
        }
        return {name: tensors[name][None].float().to(device) for name in example}

    def answer(output: dict[str, Tensor], raw: Any) -> Forecast:
        history = read_history(raw, config.data, about)
        return Forecast.of(output, history=history, targets=about["targets"], levels=parts.model.levels)

    return Deployable(
        module=parts.model,
        example=example,
        axes={name: {0: "batch"} for name in example},
        read=read,
        answer=answer,
        inside=lambda path: series_inside(path, config.data, about),
        remarks=lambda forecasts: unknown_series(
            [forecast.history.series for forecast in forecasts if isinstance(forecast, Forecast)], about
        ),
    )


def _example(config: Config, about: dict[str, Any]) -> dict[str, Tensor]:
    """Two made-up windows of the size that the series have: only what the run takes as input."""
    rng, targets = generator(0, "example"), len(about["targets"])
    rows, steps = past_rows(config.data), config.data.input_steps + config.data.horizon

    def drawn(count: int, mean: list[float], std: list[float]) -> Tensor:
        noise = torch.randn(2, count, len(mean), generator=rng)
        return torch.tensor(mean) + noise * torch.tensor(std)

    past = drawn(rows, about["mean"], about["std"])
    if config.data.transform == "log_returns":
        past[:, :, :targets] = torch.tensor(about["level_mean"]) * past[:, :, :targets].cumsum(dim=1).exp()
    example = {"past": past}
    if about["known"] or about["static"]:
        example["known"] = drawn(steps, about["known_mean"], about["known_std"])
    if about["static"]:
        width = sum(len(kind.get("categories", [0])) for kind in about["static"])
        example["static"] = torch.eye(width)[torch.arange(2) % width]
    return example


def show(config: Config, parts: Parts, run: Run) -> list[Panel]:
    """Forecasts with their bands, errors by step and series, and what may be claimed of them."""
    with torch.no_grad(), run.aside("report"):
        found = score_of(config, parts, "test")
        assert found is not None, "a run has a test split"
        naives = parts.naive.get("test") or naive_scores(parts.series, "test")
        score, losses = found
        comparisons = [compared(losses, naive, horizon=config.data.horizon) for naive in naives]
        return panels(
            parts.series,
            score=score,
            losses=losses,
            naives=naives,
            comparisons=comparisons,
            forecast=lambda starts: parts.model(*inputs_of(parts.series.batch(starts))),
        )


JOB = Job(
    name="forecasting",
    headline=Headline("mse", higher=False, chance="diebold_mariano_p"),
    recipes=RECIPES,
    build=build,
    stream=stream,
    step=supervised(loss),
    evaluate=evaluate,
    settle=settle,
    baseline=baseline,
    deploy=deploy,
    panels=show,
    items=lambda config, parts: parts.series.manifest(),
    examine=examine,
)
