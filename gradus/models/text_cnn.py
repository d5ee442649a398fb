"""Convolutional network on words: the strongest answer of each filter anywhere in the text.

Paper: Kim 2014, arXiv 1408.5882, section 2.
Departures: a filter reads nothing beyond the text's ends but zeros, so that a text shorter than the widest
filter has an answer too.
Letters: B texts, T places, D width, C channels of one size, K classes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.layers.initialise import initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCnnConfig:
    """A convolutional network on words."""

    width: Count = 128
    """Numbers that describe a word."""
    sizes: tuple[Count, ...] = (3, 4, 5)
    """Words that filters read at once."""
    channels: Count = 100
    """Filters of each size."""
    word_dropout: Fraction = 0.0
    """Share of each word's numbers that a training step leaves out."""
    dropout: Fraction = 0.5
    """Share of the filters' answers that a training step leaves out."""


class TextCnn(nn.Module):
    """Classify a text by its filters' strongest answers."""

    def __init__(self, config: TextCnnConfig, *, num_words: int, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, config.width, padding_idx=0)
        self.word_dropout = nn.Dropout(config.word_dropout)
        self.filters = nn.ModuleList(nn.Conv1d(config.width, config.channels, size) for size in config.sizes)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(len(config.sizes) * config.channels, num_classes)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        nn.init.zeros_(self.embedding.weight[0])
        initialise(self.filters, scheme="he_uniform", activation="relu")
        initialise(self.head, scheme="zeros")

    def forward(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        x = self.word_dropout(self.embedding(word)) * mask[:, :, None]  # (B, T) -> (B, T, D)
        x = x.transpose(1, 2)  # (B, T, D) -> (B, D, T)
        pooled = []
        for filters in self.filters:
            margin = filters.kernel_size[0] - 1
            answers = filters(F.pad(x, (margin, margin)))  # (B, C, T + margin)
            # A window counts that holds a real word: those that begin before the end of the text.
            real = F.pad(mask, (margin, 0), value=True)[:, None, :]
            pooled.append(answers.masked_fill(~real, -torch.inf).amax(dim=2))  # (B, C)
        return self.head(self.dropout(F.relu(torch.cat(pooled, dim=1))))
