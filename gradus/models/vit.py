"""Vision transformer: an image read as a short sequence of patches.

Papers: Dosovitskiy et al. 2021, arXiv 2010.11929, section 3.1; Beyer et al. 2022, arXiv 2205.01580 (mean
pooling and fixed positions).
Departures: the class token and learned positions are choices; the head starts at zero, so the first
prediction is the blind guess and nothing below the head has a gradient in the very first step.
Letters: B images, C channels, H height, W width, T tokens, D width, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Positive
from gradus.core.errors import UsageError
from gradus.layers.attention import Block, sincos_places
from gradus.layers.initialise import initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class VitConfig:
    """A vision transformer."""

    patch_side: Count = 4
    """Side of a patch in pixels; must divide both sides of the image."""
    width: Count = 128
    """Numbers that describe a token."""
    depth: Count = 6
    """Blocks of attention and MLP."""
    num_heads: Count = 4
    """Heads of attention; must divide the width."""
    mlp_ratio: Positive = 4.0
    """Hidden units of a block's MLP, as a multiple of the width."""
    dropout: Fraction = 0.0
    """Share of the embeddings and of each branch's output that a training step leaves out."""
    pooling: Literal["mean", "class_token"] = "mean"
    """What the head reads: the mean of all tokens, or one token of its own."""
    positions: Literal["learned", "sincos"] = "learned"
    """How a token knows its place: by a learned vector, or by fixed sines and cosines."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Vit(nn.Module):
    """Classify an image from its patches."""

    def __init__(self, config: VitConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        _check(config, height=height, width=width)
        rows, columns = height // config.patch_side, width // config.patch_side
        self.patches = nn.Conv2d(channels, config.width, config.patch_side, stride=config.patch_side)
        self.class_token = (
            nn.Parameter(torch.randn(1, 1, config.width) * 0.02) if config.pooling == "class_token" else None
        )
        num_tokens = rows * columns + (config.pooling == "class_token")
        if config.positions == "learned":
            self.positions = nn.Parameter(torch.randn(1, num_tokens, config.width) * 0.02)
        else:
            places = sincos_positions(rows, columns, width=config.width)
            padding = num_tokens - rows * columns  # the class token has no place
            self.register_buffer("positions", F.pad(places, (0, 0, padding, 0))[None], persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                num_heads=config.num_heads,
                hidden_width=round(config.mlp_ratio * config.width),
                dropout=config.dropout,
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.head = nn.Linear(config.width, num_classes)
        initialise(self, scheme="xavier_uniform", activation="linear")
        initialise(self.head, scheme="zeros")

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        x = self.patches(image).flatten(2).transpose(1, 2)  # (B, D, rows, columns) -> (B, D, T) -> (B, T, D)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)  # (B, 1 + T, D)
        x = self.dropout(x + self.positions)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(
            x.mean(dim=1) if self.class_token is None else x[:, 0]
        )  # (B, T, D) -> (B, D) -> (B, K)


def sincos_positions(rows: int, columns: int, *, width: int) -> Float[Tensor, "T {width}"]:
    """A fixed vector for each place of a grid, row by row: sines and cosines of its column, then of its row.

    Wavelengths grow from 2 pi to 2 pi 10,000 places. ``width`` must be a multiple of 4. Source: Vaswani et
    al. 2017, section 3.5, for two axes as in Chen, Xie and He 2021, arXiv 2104.02057, section 4.
    """
    across, down = (sincos_places(count, width=width // 2) for count in (columns, rows))  # (side, D / 2)
    return torch.cat([across.repeat(rows, 1), down.repeat_interleave(columns, dim=0)], dim=1)


def _check(config: VitConfig, *, height: int, width: int) -> None:
    """Raise UsageError where the patches do not tile the image or fixed positions do not share the width."""
    if height % config.patch_side or width % config.patch_side:
        raise UsageError(
            "GR-MODEL-002",
            where="--model.patch_side",
            wanted=f"a number that divides both sides of images of {height} x {width} pixels",
            got=str(config.patch_side),
            remedy="Choose a patch that tiles the image, or resize the images.",
        )
    if config.positions == "sincos" and config.width % 4:
        raise UsageError(
            "GR-MODEL-003",
            where="--model.width",
            wanted="a multiple of 4 for sincos positions",
            got=str(config.width),
            remedy="Choose another width, or learned positions.",
        )
