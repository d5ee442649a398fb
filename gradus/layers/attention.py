"""Attention among the items of a sequence, and the block that transformers stack.

Papers: Vaswani et al. 2017, arXiv 1706.03762, sections 3.2 and 3.5; pre-norm, Xiong et al. 2020,
arXiv 2002.04745.
Letters: B sequences, T places, D width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gradus.core.errors import UsageError


class Attention(nn.Module):
    """Every place takes a mean of all places' values, weighted by how well its query fits their keys.

    UsageError where the heads do not share the width.
    """

    def __init__(self, width: int, *, num_heads: int, causal: bool = False) -> None:
        super().__init__()
        if width % num_heads:
            raise UsageError(
                "GR-MODEL-003",
                where="--model.num_heads",
                wanted=f"a number that divides the width {width}",
                got=str(num_heads),
                remedy="Choose a width that is a multiple of the number of heads.",
            )
        self.num_heads, self.causal = num_heads, causal
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """What each place gathers: from where ``mask`` is true, and from no later place if causal."""
        num_sequences, num_places, width = x.shape
        split = (num_sequences, num_places, 3, self.num_heads, width // self.num_heads)
        # (B, T, 3 D) -> (B, T, 3, heads, D / heads) -> three of (B, heads, T, D / heads)
        queries, keys, values = self.queries_keys_values(x).view(split).permute(2, 0, 3, 1, 4).unbind(0)
        seen = None if mask is None else mask[:, None, None, :]  # (B, T) -> (B, heads, from, to)
        if seen is not None and self.causal:
            seen = seen & torch.ones(num_places, num_places, dtype=torch.bool, device=x.device).tril()
        gathered = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=seen, is_causal=self.causal and seen is None
        )
        return self.output(gathered.transpose(1, 2).flatten(2))  # (B, heads, T, D / heads) -> (B, T, D)


class Block(nn.Module):
    """Attention, then an MLP on each place; each reads normalised places and adds what it found."""

    def __init__(
        self,
        width: int,
        *,
        num_heads: int,
        hidden_width: int,
        dropout: float = 0.0,
        causal: bool = False,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.attention = Attention(width, num_heads=num_heads, causal=causal)
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = nn.Sequential(nn.Linear(width, hidden_width), nn.GELU(), nn.Linear(hidden_width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Places that have looked at each other, at those where ``mask`` is true."""
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        return x + self.dropout(self.mlp(self.norm2(x)))


def sincos_places(count: int, *, width: int) -> Float[Tensor, "{count} {width}"]:
    """A fixed vector for each place of a sequence: sines, then cosines, of wavelengths 2 pi to 2 pi 10,000.

    ``width`` must be even. Source: Vaswani et al. 2017, section 3.5, with the pairs apart.
    """
    rates = 10_000.0 ** -torch.linspace(0, 1, width // 2)  # (D / 2,)
    angle = torch.arange(count)[:, None] * rates  # (T, D / 2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)
