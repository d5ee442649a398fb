"""The settings of a forecaster, and the models it can be."""

from dataclasses import dataclass, field
from typing import get_args

from torch import nn

from gradus.core.configs import Count
from gradus.engine.settings import TrainConfig
from gradus.jobs.forecasting.data import DataConfig
from gradus.layers.heads import Head, PointConfig
from gradus.layers.scaling import Instance
from gradus.models.nhits import Nhits, NhitsConfig
from gradus.models.patch_transformer import PatchTransformer, PatchTransformerConfig
from gradus.models.series_linear import SeriesLinear, SeriesLinearConfig
from gradus.models.series_recurrent import SeriesRecurrent, SeriesRecurrentConfig
from gradus.models.series_seq2seq import SeriesSeq2seq, SeriesSeq2seqConfig
from gradus.models.series_tcn import SeriesTcn, SeriesTcnConfig

Model = (
    SeriesLinearConfig
    | SeriesRecurrentConfig
    | SeriesSeq2seqConfig
    | SeriesTcnConfig
    | PatchTransformerConfig
    | NhitsConfig
)
MODELS: dict[type, type[nn.Module]] = {
    SeriesLinearConfig: SeriesLinear,
    SeriesRecurrentConfig: SeriesRecurrent,
    SeriesSeq2seqConfig: SeriesSeq2seq,
    SeriesTcnConfig: SeriesTcn,
    PatchTransformerConfig: PatchTransformer,
    NhitsConfig: Nhits,
}
assert set(MODELS) == set(get_args(Model))


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything about one training run of a forecaster."""

    data: DataConfig = field(default_factory=DataConfig)
    model: Model = field(default_factory=SeriesLinearConfig)
    head: Head = field(default_factory=PointConfig)
    """What is forecast for a step: a point, quantiles, or a normal distribution."""
    members: Count = 1
    """Networks that learn side by side and whose forecasts are averaged; each costs as much as one."""
    instance: Instance = "none"
    """What each window is put on its own scale by: its last value, its mean, or mean and deviation."""
    train: TrainConfig = field(default_factory=TrainConfig)
