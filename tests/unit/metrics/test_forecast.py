"""Scores of forecasts against scikit-learn, and by hand."""

import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from gradus.metrics.forecast import ForecastScore, naive_forecasts
from gradus.metrics.statistics import wilson_interval


def made(batches=(5, 3), horizon=4, series=2):
    rng = torch.Generator().manual_seed(0)
    return [
        tuple(torch.randn(count, *shape, generator=rng) for shape in ((horizon, series),) * 2 + ((series,),))
        for count in batches
    ]


def test_errors_agree_with_scikit_learn():
    scale = torch.tensor([2.0, 0.5])
    score = ForecastScore(horizon=4, scale=scale)
    batches = made()
    each = [score.update(forecast, actual, last=last) for forecast, actual, last in batches]
    forecast, actual = (torch.cat([batch[place] / scale for batch in batches]) for place in (0, 1))
    scores = score.compute()
    assert scores["mse"] == pytest.approx(mean_squared_error(actual.flatten(), forecast.flatten()), rel=1e-6)
    assert scores["mae"] == pytest.approx(mean_absolute_error(actual.flatten(), forecast.flatten()), rel=1e-6)
    assert scores["rmse"] == pytest.approx(scores["mse"] ** 0.5)
    windows = (forecast - actual).square().mean(dim=(1, 2))
    torch.testing.assert_close(torch.cat(each), windows.double(), rtol=1e-5, atol=1e-7)
    assert score.by_step("squared").mean().item() == pytest.approx(scores["mse"])
    torch.testing.assert_close(
        score.by_series("absolute"), (forecast - actual).abs().mean(dim=(0, 1)).double(), rtol=1e-5, atol=0
    )


def test_quantiles_agree_with_scikit_learn():
    levels = (0.1, 0.5, 0.9)
    score = ForecastScore(horizon=4, scale=torch.ones(2), levels=levels)
    (forecast, actual, last), _ = made()
    quantiles = forecast[..., None] + torch.tensor([-1.0, 0.0, 1.0])
    score.update(forecast, actual, last=last, quantiles=quantiles)
    wanted = [
        mean_pinball_loss(actual.flatten(), quantiles[..., place].flatten(), alpha=level)
        for place, level in enumerate(levels)
    ]
    scores = score.compute()
    assert scores["pinball"] == pytest.approx(sum(wanted) / 3, rel=1e-6)
    inside = (actual >= quantiles[..., 0]) & (actual <= quantiles[..., 2])
    assert scores["coverage"] == pytest.approx(inside.double().mean().item())
    assert scores["width"] == pytest.approx(2.0)
    shares = [(actual <= quantiles[..., place]).double().mean().item() for place in range(3)]
    assert score.reliability() == [
        (level, pytest.approx(share)) for level, share in zip(levels, shares, strict=True)
    ]


def test_by_hand():
    score = ForecastScore(horizon=1, scale=torch.ones(1), naive_error=torch.tensor([0.5]))
    actual = torch.tensor([[[3.0]], [[1.0]], [[2.0]], [[0.0]]])
    forecast = torch.tensor([[[2.5]], [[1.0]], [[2.0]], [[0.0]]])
    last = torch.tensor([[2.0], [2.0], [2.0], [1.0]])
    score.update(forecast, actual, last=last)
    scores = score.compute()
    assert scores["mae"] == pytest.approx(0.125)
    assert scores["mase"] == pytest.approx(0.25)
    assert scores["smape"] == pytest.approx(2 * 0.5 / 5.5 / 4)
    # Up and up, down and down, no move, down and down: three of three.
    assert scores["directional_accuracy"] == 1.0
    assert (scores["directional_low"], scores["directional_high"]) == wilson_interval(3, 3)


def test_what_says_no_direction_has_none():
    score = ForecastScore(horizon=1, scale=torch.ones(1))
    score.update(torch.ones(4, 1, 1), torch.rand(4, 1, 1), last=torch.ones(4, 1))
    assert "directional_accuracy" not in score.compute()


def test_merged_halves_are_the_whole():
    whole, halves = (
        ForecastScore(horizon=4, scale=torch.ones(2)),
        [ForecastScore(horizon=4, scale=torch.ones(2)) for _ in range(2)],
    )
    for half, (forecast, actual, last) in zip(halves, made(), strict=True):
        half.update(forecast, actual, last=last)
        whole.update(forecast, actual, last=last)
    halves[0].merge(halves[1])
    assert halves[0].compute() == pytest.approx(whole.compute())


def test_nothing_has_no_score():
    with pytest.raises(AssertionError, match="nothing was added"):
        ForecastScore(horizon=1, scale=torch.ones(1)).compute()


def test_naive_forecasts_by_hand():
    past = torch.tensor([[[1.0], [2.0], [5.0], [4.0]]])
    found = naive_forecasts(past, horizon=5, season=3)
    assert found["last value"].flatten().tolist() == [4.0] * 5
    assert found["seasonal naive"].flatten().tolist() == [2.0, 5.0, 4.0, 2.0, 5.0]
    assert found["drift"].flatten().tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert "seasonal naive" not in naive_forecasts(past, horizon=2, season=5)
    assert "seasonal naive" not in naive_forecasts(past, horizon=2, season=1)
