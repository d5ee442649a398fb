"""Whole configs of forecasters, and what to expect of them."""

from collections.abc import Callable

from gradus.data.mending import Mending
from gradus.engine.job import Expect, Recipe
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.forecasting.config import Config
from gradus.jobs.forecasting.data import DataConfig
from gradus.layers.heads import GaussianConfig, PointConfig, QuantilesConfig
from gradus.models.series_linear import SeriesLinearConfig
from gradus.models.series_recurrent import SeriesRecurrentConfig


def ett_h1_96() -> Recipe:
    """Load and oil temperature of a transformer, 7 series by the hour: the next 4 days."""
    return _ett_h1(96, mse=0.373)


def ett_h1_192() -> Recipe:
    """The same series: the next 8 days."""
    return _ett_h1(192, mse=0.407)


def ett_h1_336() -> Recipe:
    """The same series: the next 14 days."""
    return _ett_h1(336, mse=0.43)


def ett_h1_720() -> Recipe:
    """The same series: the next 30 days."""
    return _ett_h1(720, mse=0.444)


def _ett_h1(horizon: int, *, mse: float) -> Recipe:
    """One recipe for all horizons."""
    config = Config(
        data=DataConfig(source="ett_h1", input_steps=432, horizon=horizon),
        model=SeriesLinearConfig(),
        instance="deviation",
        train=TrainConfig(steps=500, batch=32, rate=1e-3, precision="fp32"),
    )
    return Recipe(config, Expect(value=mse, minutes=2))


def exchange() -> Recipe:
    """Eight exchange rates by the day: the next 96 days, where the last value is hard to beat."""
    config = Config(
        data=DataConfig(source="exchange_rate", input_steps=96, horizon=96),
        model=SeriesLinearConfig(),
        train=TrainConfig(steps=1000, batch=64, rate=3e-4, precision="fp32"),
    )
    return Recipe(config, Expect(value=0.088, minutes=1))


def stock() -> Recipe:
    """A share's price, the next trading day, learnt from log-returns and scored on the price."""
    config = Config(
        data=DataConfig(
            source="stock_orcl",
            targets=("Adj Close",),
            input_steps=60,
            horizon=1,
            indicators=("sma", "rsi", "macd", "bollinger", "volatility_10", "volatility_60"),
            transform="log_returns",
            score="original",
            season=1,
            borders=("2011-01-01", "2013-01-01"),
            mend=Mending(gaps="ignore"),
        ),
        model=SeriesRecurrentConfig(width=32, dropout=0.2),
        head=GaussianConfig(),
        train=TrainConfig(steps=1500, batch=64, rate=1e-3, precision="fp32"),
    )
    return Recipe(config, Expect(value=0.224, minutes=1))


def folder() -> Recipe:
    """Your own table (--data PATH): a time column, and columns to forecast with their bands."""
    config = Config(
        data=DataConfig(input_steps=96, horizon=24),
        model=SeriesLinearConfig(),
        head=QuantilesConfig(),
        instance="deviation",
        train=TrainConfig(steps=2000, batch=32, rate=1e-3, keep="best", optim=OptimConfig(clip_norm=1.0)),
    )
    return Recipe(config, Expect(value=1.0, minutes=10))


def smoke() -> Recipe:
    """A trend, a day, a week and noise, made in memory. Proves the machinery, not the model."""
    config = Config(
        data=DataConfig(source="waves", input_steps=48, horizon=12, calendar=("hour",)),
        model=SeriesLinearConfig(),
        head=PointConfig(),
        train=TrainConfig(steps=300, batch=32, rate=2e-3, precision="fp32"),
    )
    return Recipe(config, Expect(value=0.1, minutes=0.5, first_loss=(0.2, 3.0)))


RECIPES: dict[str, Callable[[], Recipe]] = {
    "ett_h1_96": ett_h1_96,
    "ett_h1_192": ett_h1_192,
    "ett_h1_336": ett_h1_336,
    "ett_h1_720": ett_h1_720,
    "exchange": exchange,
    "stock": stock,
    "folder": folder,
    "smoke": smoke,
}
