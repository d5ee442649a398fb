"""Small transformer encoder on words: every word looks at every other, then their mean is classified.

Papers: Vaswani et al. 2017, arXiv 1706.03762, section 3; pre-norm, Xiong et al. 2020, arXiv 2002.04745.
Departures: fixed sines for places at the scale of the word vectors; the head starts at zero, so the first
prediction is the blind guess.
Letters: B texts, T places, D width, K classes.
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Positive
from gradus.core.errors import UsageError
from gradus.layers.attention import Block, sincos_places
from gradus.layers.initialise import initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTransformerConfig:
    """A small transformer encoder on words."""

    width: Count = 128
    """Numbers that describe a word; an even number."""
    depth: Count = 2
    """Blocks of attention and MLP."""
    num_heads: Count = 4
    """Heads of attention; must divide the width."""
    mlp_ratio: Positive = 2.0
    """Hidden units of a block's MLP, as a multiple of the width."""
    dropout: Fraction = 0.3
    """Share of the word vectors and of each branch's output that a training step leaves out."""


class TextTransformer(nn.Module):
    """Classify a text by its words in each other's light."""

    def __init__(self, config: TextTransformerConfig, *, num_words: int, num_classes: int) -> None:
        super().__init__()
        if config.width % 2:
            raise UsageError(
                "GR-MODEL-003",
                where="--model.width",
                wanted="an even number, for sines and cosines of places",
                got=str(config.width),
                remedy="Choose another width.",
            )
        self.width = config.width
        self.embedding = nn.Embedding(num_words, config.width, padding_idx=0)
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
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        nn.init.zeros_(self.embedding.weight[0])
        initialise(self.blocks, scheme="xavier_uniform", activation="linear")
        initialise(self.head, scheme="zeros")

    def forward(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        places = sincos_places(word.shape[1], width=self.width).to(word.device)
        x = self.dropout(self.embedding(word) + 0.25 * places)  # (B, T) -> (B, T, D)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x) * mask[:, :, None]
        mean = x.sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (B, T, D) -> (B, D)
        return self.head(mean)
