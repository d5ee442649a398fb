"""Residual network: blocks that add a correction to what they receive.

Papers: He et al. 2016, arXiv 1512.03385, sections 3 and 4.2 (the stem for small images); Goyal et al. 2017,
arXiv 1706.02677, section 5.1 (each block starts as the identity).
Departures: a bottleneck's stride sits on its 3 x 3 convolution, as in the public weights; the stem for
small images is followed by the four stages of the large network; weights start by fan in, those of the head
at a tenth of that, so that the first prediction is nearly the blind guess.
Names: those of torchvision and timm, so that their public weights load through ``start_from``.
Letters: B images, C channels in, D channels out, H height, W width, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.core.errors import UsageError
from gradus.layers.initialise import Scheme, initialise

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
SHRINKAGE = {"cifar": 8, "imagenet": 32}


@dataclass(frozen=True, kw_only=True, slots=True)
class ResnetConfig:
    """A residual network."""

    depth: Literal[18, 34, 50] = 18
    """Layers with weights; 50 has bottlenecks of three convolutions a block, the others two convolutions."""
    stem: Literal["cifar", "imagenet"] = "cifar"
    """First layers: cifar keeps every pixel of a small image, imagenet shrinks a large one by 4."""
    width: Count = 64
    """Channels of the first stage; the public weights have 64."""
    dropout: Fraction = 0.0
    """Share of the pooled features that a training step leaves out."""
    identity_start: bool = True
    """Start the last norm of each block at zero, so that the block passes its input on."""
    initialiser: Scheme = "he_normal"
    """How convolutions and the head start."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Resnet(nn.Module):
    """Classify an image by four stages of residual blocks and an average over places."""

    def __init__(self, config: ResnetConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        if min(height, width) < SHRINKAGE[config.stem]:
            raise UsageError(
                "GR-MODEL-001",
                where="--model.stem",
                wanted=f"images of at least {SHRINKAGE[config.stem]} pixels a side for stem {config.stem}",
                got=f"{height} x {width}",
                remedy="Choose the stem cifar for images of 8 pixels and more, or give larger images.",
            )
        if config.stem == "imagenet":
            self.conv1 = nn.Conv2d(channels, config.width, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(channels, config.width, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(config.width)
        self.layer1 = _stage(config, index=0)
        self.layer2 = _stage(config, index=1)
        self.layer3 = _stage(config, index=2)
        self.layer4 = _stage(config, index=3)
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(8 * config.width * _block(config).expansion, num_classes)
        initialise(self, scheme=config.initialiser, activation="relu")
        initialise(self.fc, scheme=config.initialiser, scale=0.1)
        if config.identity_start:
            for module in self.modules():
                if isinstance(module, BasicBlock):
                    nn.init.zeros_(module.bn2.weight)
                elif isinstance(module, Bottleneck):
                    nn.init.zeros_(module.bn3.weight)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        # A pool, not x.mean((2, 3)): its gradient loses the memory format, which every layer below restores.
        pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (B, D, h, w) -> (B, D, 1, 1) -> (B, D)
        return self.fc(self.dropout(pooled))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride=stride)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The shortcut plus the correction, rectified."""
        correction = F.relu(self.bn1(self.conv1(x)))
        correction = self.bn2(self.conv2(correction))
        return F.relu(correction + self.downsample(x))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution at a quarter of the channels, between two of 1 x 1, beside a shortcut."""

    expansion = 4

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(channels, 4 * width, stride=stride)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The shortcut plus the correction, rectified."""
        correction = F.relu(self.bn1(self.conv1(x)))
        correction = F.relu(self.bn2(self.conv2(correction)))
        correction = self.bn3(self.conv3(correction))
        return F.relu(correction + self.downsample(x))


def _block(config: ResnetConfig) -> type[BasicBlock] | type[Bottleneck]:
    return Bottleneck if config.depth == 50 else BasicBlock


def _stage(config: ResnetConfig, *, index: int) -> nn.Sequential:
    """Blocks of one width; the first halves the sides in every stage but the first."""
    block, width = _block(config), config.width * 2**index
    channels = config.width if index == 0 else width // 2 * block.expansion
    stage = nn.Sequential()
    for place in range(BLOCKS_PER_STAGE[config.depth][index]):
        stage.append(block(channels, width, stride=2 if place == 0 and index > 0 else 1))
        channels = width * block.expansion
    return stage


def _shortcut(channels: int, width: int, *, stride: int) -> nn.Sequential:
    """Nothing where the shape stays (no names in the weights either), else a projection to the new shape."""
    if stride == 1 and channels == width:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width))
