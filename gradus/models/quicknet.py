"""Quick network: a small residual convnet made to learn small pictures within minutes on a CPU.

Of our own making, from others' findings: convolve, pool, normalise, rectify as one layer and the maximum over
places before the head, as in Jordan 2024, arXiv 2404.00498, section 2, after Page 2018, How to train your
ResNet; residual pairs of convolutions, He et al. 2016, arXiv 1512.03385; batch norm, Ioffe and Szegedy 2015,
arXiv 1502.03167.
Departures: no whitening stem, plain rectifiers; a residual pair is rectified before the sum and not after it.
Why it is quick: most channels stand where the picture is small already; every operator keeps the memory
format that it is given, forward and backward (a mean over places written as ``x.mean((2, 3))`` hands back a
gradient without one, and each layer below then reorders its tensors: slower in channels_last).
Letters: B images, C channels, D channels out, H height, W width, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import UsageError
from gradus.layers.initialise import Scheme, initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class QuicknetConfig:
    """A quick network; each stage halves the picture's sides."""

    enlarge: Count = 1
    """Times that both sides are enlarged first; 2 suits pictures of 8 pixels a side."""
    stem_width: Count = 32
    """Channels of the first convolution, which keeps every pixel."""
    widths: tuple[Count, ...] = (64, 128, 128)
    """Channels of each stage."""
    num_blocks: tuple[Whole, ...] = (0, 1, 1)
    """Residual pairs of convolutions in each stage, after its pooling."""
    pooling: Literal["max", "mean", "both"] = "max"
    """What the head reads of each channel: its maximum over places, its mean, or both."""
    dropout: Fraction = 0.0
    """Share of the pooled features that a training step leaves out."""
    initialiser: Scheme = "default"
    """How weights start."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Quicknet(nn.Module):
    """Classify a small picture by the strongest answer of each feature anywhere in it."""

    def __init__(self, config: QuicknetConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        _refuse_what_cannot_be_built(config, shape)
        self.enlarge, self.pooling = config.enlarge, config.pooling
        self.stem = Layer(shape[0], config.stem_width, pool=False)
        self.stages = nn.Sequential()
        channels = config.stem_width
        for width, num_blocks in zip(config.widths, config.num_blocks, strict=True):
            self.stages.append(Layer(channels, width, pool=True))
            self.stages.extend(Block(width) for _ in range(num_blocks))
            channels = width
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(channels * (2 if config.pooling == "both" else 1), num_classes)
        initialise(self, scheme=config.initialiser, activation="relu")
        # A small head makes the first prediction nearly the blind guess.
        initialise(self.head, scheme=config.initialiser, scale=0.1)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        x = image
        if self.enlarge > 1:
            x = F.interpolate(x, scale_factor=self.enlarge, mode="bilinear", align_corners=False)
        x = self.stages(self.stem(x))
        sides = (x.shape[2], x.shape[3])
        pooled = []
        if self.pooling != "mean":
            pooled.append(F.max_pool2d(x, sides).flatten(1))  # (B, D, h, w) -> (B, D, 1, 1) -> (B, D)
        if self.pooling != "max":
            pooled.append(F.avg_pool2d(x, sides).flatten(1))
        return self.head(self.dropout(torch.cat(pooled, dim=1)))


class Layer(nn.Module):
    """A 3 x 3 convolution, a 2 x 2 maximum where asked, batch norm, a rectifier."""

    def __init__(self, channels: int, width: int, *, pool: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)  # the norm has a bias
        self.norm = nn.BatchNorm2d(width)
        self.pool = pool

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The features; h and w are H and W, halved where the layer pools."""
        x = self.convolution(x)
        if self.pool:
            x = F.max_pool2d(x, 2)  # before the norm, which then has a quarter of the work
        return F.relu(self.norm(x), inplace=True)


class Block(nn.Module):
    """Two layers beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Layer(channels, channels, pool=False)
        self.second = Layer(channels, channels, pool=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """What came in plus what the layers make of it."""
        return x + self.second(self.first(x))


def _refuse_what_cannot_be_built(config: QuicknetConfig, shape: tuple[int, int, int]) -> None:
    """Raise UsageError where the lists differ in length or the stages would leave no pixel."""
    if len(config.num_blocks) != len(config.widths):
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.num_blocks",
            wanted=f"one number for each of the {len(config.widths)} stages in model.widths",
            got=str(config.num_blocks),
            remedy="Name as many numbers of blocks as widths.",
        )
    shrinkage = 2 ** len(config.widths)
    _, height, width = shape
    if config.enlarge * min(height, width) < shrinkage:
        raise UsageError(
            "GR-MODEL-001",
            where="--model.widths",
            wanted=f"at least {shrinkage} x {shrinkage} pixels for {len(config.widths)} stages",
            got=f"{height} x {width} pixels enlarged {config.enlarge} times",
            remedy="Name fewer widths, raise model.enlarge, or give larger images.",
        )
