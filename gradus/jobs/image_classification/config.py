"""The settings of an image classifier, and the models it can be."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import nn

from gradus.core.configs import Count, Fraction, NotNegative
from gradus.data.augment import AugmentConfig, View
from gradus.data.balance import Remedy
from gradus.engine.settings import TrainConfig
from gradus.jobs.image_classification.data import DataConfig
from gradus.models.capsnet import Capsnet, CapsnetConfig
from gradus.models.convnet import Convnet, ConvnetConfig
from gradus.models.mlp import Mlp, MlpConfig
from gradus.models.quicknet import Quicknet, QuicknetConfig
from gradus.models.resnet import Resnet, ResnetConfig
from gradus.models.vit import Vit, VitConfig

Model = QuicknetConfig | ConvnetConfig | ResnetConfig | VitConfig | MlpConfig | CapsnetConfig
MODELS: dict[type, tuple[type[nn.Module], str]] = {  # the module, and the name of its head
    QuicknetConfig: (Quicknet, "head"),
    ConvnetConfig: (Convnet, "head"),
    ResnetConfig: (Resnet, "fc"),
    VitConfig: (Vit, "head"),
    MlpConfig: (Mlp, "head"),
    CapsnetConfig: (Capsnet, "head"),
}
assert set(MODELS) == set(get_args(Model))


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything about one training run of an image classifier."""

    data: DataConfig = field(default_factory=DataConfig)
    model: Model = field(default_factory=QuicknetConfig)
    members: Count = 1
    """Networks that learn side by side and vote; each costs as much as one."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    label_smoothing: Fraction = 0.0
    """Share of each target that is spread over all classes."""
    imbalance: Literal["auto"] | Remedy = "auto"
    """What is done about unequal classes; auto measures them and decides."""
    focal_gamma: NotNegative = 2.0
    """How strongly focal loss looks away from what is easy, with --imbalance focal."""
    views: tuple[View, ...] = ()
    """Test-time augmentation: predictions are averaged over flip, shift and affine views."""
