"""Patch transformer: each series alone, read as a short sequence of overlapping patches.

Paper: Nie et al. 2023, PatchTST, arXiv 2211.14730, section 3.1.
Departures: pre-norm with layer norm in place of batch norm; other inputs than the target's own past are read
by a linear map that starts at zero.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, N patches, D width, T steps in all.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.core.errors import UsageError
from gradus.layers.attention import Block
from gradus.layers.heads import Readout, Shape


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchTransformerConfig:
    """A transformer over patches of one series."""

    patch: Count = 16
    """Steps in a patch."""
    stride: Count = 8
    """Steps between the beginnings of two patches; the last value is repeated so often at the end."""
    width: Count = 16
    """Numbers that describe a patch."""
    depth: Count = 3
    """Blocks of attention and MLP."""
    num_heads: Count = 4
    """Heads of attention; must divide the width."""
    hidden_width: Count = 128
    """Units of a block's MLP."""
    dropout: Fraction = 0.3
    """Share of the values that a training step leaves out."""


class PatchTransformer(nn.Module):
    """Forecast each series from patches of its own past."""

    def __init__(self, config: PatchTransformerConfig, *, shape: Shape) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        _check(config, shape)
        num_patches = (shape.input_steps - config.patch) // config.stride + 2
        self.embed = nn.Linear(config.patch, config.width)
        self.positions = nn.Parameter(torch.randn(num_patches, config.width) * 0.02)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                num_heads=config.num_heads,
                hidden_width=config.hidden_width,
                dropout=config.dropout,
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(num_patches * config.width, shape.horizon * shape.outputs)
        self.readout = Readout(shape)

    def forward(
        self, past: Float[Tensor, "B L F"], known: Float[Tensor, "B T K"], static: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B H C P"]:
        config, shape = self.config, self.shape
        x = past[:, :, : shape.targets].transpose(1, 2).flatten(0, 1)  # (B, L, C) -> (B C, L)
        x = torch.cat([x, x[:, -1:].expand(-1, config.stride)], dim=1)
        x = x.unfold(1, config.patch, config.stride)  # (B C, N, patch)
        x = self.drop(self.embed(x) + self.positions)
        for block in self.blocks:
            x = block(x)
        y = self.head(self.drop(self.norm(x).flatten(1)))  # (B C, N, D) -> (B C, N D) -> (B C, H P)
        y = y.view(-1, shape.targets, shape.horizon, shape.outputs).transpose(1, 2)  # -> (B, H, C, P)
        return y + self.readout(past, known, static)


def _check(config: PatchTransformerConfig, shape: Shape) -> None:
    if config.patch > shape.input_steps:
        raise UsageError(
            "GR-SERIES-030",
            where="--model.patch",
            wanted=f"at most the {shape.input_steps} steps of --data.input-steps",
            got=str(config.patch),
            remedy="Give a shorter patch, or a longer past.",
        )
