"""Convolutional network: stages of convolutions and pooling, then a dense layer.

Papers: LeCun et al. 1998, Gradient-based learning applied to document recognition; Simonyan and Zisserman
2015, arXiv 1409.1556 (several small convolutions a stage); Ioffe and Szegedy 2015, arXiv 1502.03167 (batch
norm).
Departures: one dense layer; dropout after every pooling and after the dense layer; the head starts at a tenth
of its scheme, so that the first prediction is nearly the blind guess.
Letters: B images, C channels, H height, W width, K classes.
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import UsageError
from gradus.layers.activations import Activation, activation_layer
from gradus.layers.initialise import Scheme, initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvnetConfig:
    """A classic convolutional network; each stage halves the picture's sides."""

    widths: tuple[Count, ...] = (32, 64)
    """Channels of each stage."""
    convolutions_per_stage: Count = 1
    """Convolutions before each pooling."""
    kernel_side: Literal[1, 3, 5, 7] = 3
    """Side of a convolution's window, in pixels."""
    batch_norm: bool = True
    """Normalise every convolution's output over the batch."""
    dropout: Fraction = 0.0
    """Share of a stage's and of the dense layer's outputs that a training step leaves out."""
    dense_width: Whole = 128
    """Units of the dense layer; 0 for none."""
    activation: Activation = "relu"
    """What follows each convolution and the dense layer."""
    initialiser: Scheme = "he_normal"
    """How weights start."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Convnet(nn.Module):
    """Classify an image from features that grow more abstract, and smaller, stage by stage."""

    def __init__(self, config: ConvnetConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        shrinkage = 2 ** len(config.widths)
        if min(height, width) < shrinkage:
            raise UsageError(
                "GR-MODEL-001",
                where="--model.widths",
                wanted=f"images of at least {shrinkage} x {shrinkage} pixels for {len(config.widths)} stages",
                got=f"{height} x {width}",
                remedy="Name fewer widths, or give larger images.",
            )
        self.stages = nn.Sequential()
        for stage_width in config.widths:
            self.stages.append(_stage(config, channels=channels, width=stage_width))
            channels = stage_width
        num_features = channels * (height // shrinkage) * (width // shrinkage)
        self.dense = nn.Sequential()
        if config.dense_width > 0:
            self.dense.append(nn.Linear(num_features, config.dense_width))
            self.dense.append(activation_layer(config.activation))
            self.dense.append(nn.Dropout(config.dropout))
            num_features = config.dense_width
        self.head = nn.Linear(num_features, num_classes)
        initialise(self.stages, scheme=config.initialiser, activation=config.activation)
        initialise(self.dense, scheme=config.initialiser, activation=config.activation)
        initialise(self.head, scheme=config.initialiser, scale=0.1)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        x = self.stages(image)
        return self.head(self.dense(x.flatten(1)))  # (B, width, h, w) -> (B, width h w) -> (B, K)


def _stage(config: ConvnetConfig, *, channels: int, width: int) -> nn.Sequential:
    """Convolutions that keep the sides, then a pooling that halves them."""
    stage = nn.Sequential()
    for _ in range(config.convolutions_per_stage):
        # Batch norm subtracts the mean, and a bias with it.
        stage.append(
            nn.Conv2d(
                channels,
                width,
                config.kernel_side,
                padding=config.kernel_side // 2,
                bias=not config.batch_norm,
            )
        )
        if config.batch_norm:
            stage.append(nn.BatchNorm2d(width))
        stage.append(activation_layer(config.activation))
        channels = width
    stage.append(nn.MaxPool2d(2))
    stage.append(nn.Dropout(config.dropout))
    return stage
