"""Recurrent network on words: an LSTM or GRU in one or two directions, and a mean of its states.

Papers: Hochreiter and Schmidhuber 1997 (LSTM); Cho et al. 2014, arXiv 1406.1078 (GRU); Schuster and Paliwal
1997 (two directions); Yang et al. 2016, Hierarchical Attention Networks, section 2.2 (attention pooling).
Letters: B texts, T places, D width, H width of all states at a place, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.layers.initialise import initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRecurrentConfig:
    """A recurrent network on words."""

    cell: Literal["lstm", "gru"] = "lstm"
    """What carries the state from word to word."""
    width: Count = 128
    """Numbers that describe a word."""
    hidden_width: Count = 128
    """Numbers of a state, in each direction."""
    depth: Count = 1
    """Layers, each reading the states of the one before."""
    both_directions: bool = True
    """Whether a second chain reads from the end."""
    pooling: Literal["attention", "mean", "max", "last"] = "attention"
    """How the states become one: by learned weights, their mean, their maximum, or where the chains end."""
    word_dropout: Fraction = 0.0
    """Share of each word's numbers that a training step leaves out."""
    dropout: Fraction = 0.5
    """Share of the states' numbers that a training step leaves out, between layers and before the head."""


class TextRecurrent(nn.Module):
    """Classify a text by reading it word by word."""

    def __init__(self, config: TextRecurrentConfig, *, num_words: int, num_classes: int) -> None:
        super().__init__()
        self.pooling, self.hidden_width = config.pooling, config.hidden_width
        self.embedding = nn.Embedding(num_words, config.width, padding_idx=0)
        self.word_dropout = nn.Dropout(config.word_dropout)
        self.recurrent = (nn.LSTM if config.cell == "lstm" else nn.GRU)(
            config.width,
            config.hidden_width,
            num_layers=config.depth,
            dropout=config.dropout if config.depth > 1 else 0.0,
            bidirectional=config.both_directions,
            batch_first=True,
        )
        self.dropout = nn.Dropout(config.dropout)
        states_width = config.hidden_width * (2 if config.both_directions else 1)
        if config.pooling == "attention":
            self.attention = nn.Sequential(
                nn.Linear(states_width, states_width), nn.Tanh(), nn.Linear(states_width, 1, bias=False)
            )
        self.head = nn.Linear(states_width, num_classes)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        nn.init.zeros_(self.embedding.weight[0])
        initialise(self.head, scheme="zeros")

    def forward(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        vectors = self.word_dropout(self.embedding(word))  # (B, T) -> (B, T, D)
        packed = nn.utils.rnn.pack_padded_sequence(
            vectors, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=word.shape[1]
        )  # (B, T, H)
        return self.head(self.dropout(self.pool(states, mask)))

    def pool(self, states: Float[Tensor, "B T H"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B H"]:
        """The states of the real places as one."""
        real = mask[:, :, None]
        if self.pooling == "attention":
            scores = self.attention(states).masked_fill(~real, -torch.inf)  # (B, T, 1)
            return (scores.softmax(dim=1) * states).sum(dim=1)
        if self.pooling == "max":
            return states.masked_fill(~real, -torch.inf).amax(dim=1)
        if self.pooling == "mean":
            return (states * real).sum(dim=1) / real.sum(dim=1)
        # One chain ends at the last real word, the other at the first word.
        last = (mask.sum(dim=1) - 1)[:, None, None].expand(-1, 1, states.shape[2])
        ends = states.gather(1, last).squeeze(1)  # (B, 1, H) -> (B, H)
        return torch.cat([ends[:, : self.hidden_width], states[:, 0, self.hidden_width :]], dim=1)
