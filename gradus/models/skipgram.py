"""Vectors of words by what stands near them: skip-gram and continuous bag of words, with negative sampling.

Papers: Mikolov et al. 2013, arXiv 1301.3781 (both models) and arXiv 1310.4546, sections 2.2 and 2.3 (negative
sampling; frequent words are passed over).
Departures: batches in the place of single updates, so each noise word is drawn for a pair but the update of a
batch is one; the mean of a bag is over its real words.
Letters: B pairs, C words around, N candidates, V words (of the vocabulary, or places of a corpus), D width.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Share


@dataclass(frozen=True, kw_only=True, slots=True)
class SkipgramConfig:
    """Word vectors with negative sampling."""

    algorithm: Literal["skip_gram", "cbow"] = "skip_gram"
    """Whether a word tells the words around it, or they tell it."""
    width: Count = 100
    """Numbers that describe a word."""
    window: Count = 5
    """Words on each side at most; how many is drawn for each word."""
    noise: Count = 5
    """Noise words for each true one."""
    noise_power: Share = 0.75
    """Power of a word's frequency that makes its chance of being noise."""
    frequent: Fraction = 1e-3
    """Share of the corpus from which on a word is passed over, the more frequent the more often; 0 is off."""


class Skipgram(nn.Module):
    """Two vectors a word: one as itself, one as a neighbour."""

    def __init__(self, config: SkipgramConfig, *, num_words: int) -> None:
        super().__init__()
        self.inside = nn.Embedding(num_words, config.width, padding_idx=0)
        self.outside = nn.Embedding(num_words, config.width, padding_idx=0)
        nn.init.uniform_(self.inside.weight, -0.5 / config.width, 0.5 / config.width)
        nn.init.zeros_(self.inside.weight[0])
        nn.init.zeros_(self.outside.weight)

    def forward(
        self,
        around: Int64[Tensor, "B C"],
        mask: Bool[Tensor, "B C"],
        candidates: Int64[Tensor, "B N"],
    ) -> Float[Tensor, "B N"]:
        """How well each candidate fits the mean of the words ``around`` it: the logit that it is no noise."""
        real = mask[:, :, None]
        mean = (self.inside(around) * real).sum(dim=1) / real.sum(dim=1)  # (B, C, D) -> (B, D)
        return torch.einsum("bd,bnd->bn", mean, self.outside(candidates))


def noise_contrast(logits: Float[Tensor, "B N"]) -> Float[Tensor, ""]:
    """The summed loss of candidates of which the first is true and the others are noise."""
    return -(F.logsigmoid(logits[:, 0]).sum() + F.logsigmoid(-logits[:, 1:]).sum())


def windows(
    places: Int64[Tensor, "B"], reach: Int64[Tensor, "B"], *, window: int, sentence: Int64[Tensor, "V"]
) -> tuple[Int64[Tensor, "B C"], Bool[Tensor, "B C"]]:
    """The places around each place, and which of them count: within its reach and in its sentence.

    ``sentence`` says of every place of the corpus which sentence it is in.
    """
    steps = torch.cat([torch.arange(-window, 0), torch.arange(1, window + 1)]).to(places.device)
    around = places[:, None] + steps  # (B,) -> (B, C)
    inside = (around >= 0) & (around < len(sentence)) & (steps.abs() <= reach[:, None])
    around = around.clamp(0, len(sentence) - 1)
    return around, inside & (sentence[around] == sentence[places][:, None])


def keep_chances(counts: Int64[Tensor, "V"], *, frequent: float) -> Float[Tensor, "V"]:
    """The chance that an occurrence of each word is used: sqrt(frequent / its share), at most 1."""
    if not frequent:
        return torch.ones(len(counts))
    share = counts / counts.sum()
    return (frequent / share.clamp(min=1e-12)).sqrt().clamp(max=1.0)
