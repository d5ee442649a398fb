"""The settings of an anomaly detector, and the models it can be."""

from dataclasses import dataclass, field

from gradus.core.configs import Fraction
from gradus.engine.settings import TrainConfig
from gradus.jobs.anomaly.data import DataConfig
from gradus.models.autoencoder import AutoencoderConfig
from gradus.models.deep_svdd import DeepSvddConfig
from gradus.models.sequence_autoencoder import SequenceAutoencoderConfig
from gradus.models.variational_autoencoder import VariationalAutoencoderConfig

Model = AutoencoderConfig | VariationalAutoencoderConfig | SequenceAutoencoderConfig | DeepSvddConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything about one training run of an anomaly detector."""

    data: DataConfig = field(default_factory=DataConfig)
    model: Model = field(default_factory=AutoencoderConfig)
    one_class: Fraction = 0.0
    """Share of the score that comes from a Deep SVDD trained beside the model; 0 trains none."""
    false_alarm_rate: Fraction = 0.05
    """Share of the normal rows held out that the threshold lets raise an alarm."""
    train: TrainConfig = field(default_factory=TrainConfig)


def window_of(model: Model) -> int:
    """How many rows an item has: 1 but for models of sequences."""
    return model.window if isinstance(model, SequenceAutoencoderConfig) else 1
