"""Bag of n-grams: a text is the words, pairs and triples of neighbours in it, wherever they stand.

Papers: Joulin et al. 2017, arXiv 1607.01759, section 2 (vectors of hashed n-grams, averaged, and a linear
classifier); Wang and Manning 2012, Baselines and Bigrams, section 2.3 (each n-gram counted once a text and
weighted by its log-count ratio).
Departures: a full softmax; with the ratios, logistic regression in the place of the support vector machine,
and for several classes a ratio of each against the others.
Letters: B texts, T places, G n-grams of a text, F features, V words, D width, K classes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, NotNegative, Positive, Whole, Within
from gradus.core.errors import UsageError
from gradus.layers.initialise import initialise

MULTIPLIER = 1_000_003  # spreads pairs of word numbers over the buckets


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBagConfig:
    """A bag of n-grams."""

    longest: Annotated[int, Within(low=1, high=3)] = 2
    """Neighbouring words in an n-gram at most."""
    buckets: Whole = 0
    """Places that n-grams of two and more words are hashed to; 0 counts them in training and keeps a list."""
    min_count: Count = 1
    """How often an n-gram of two or more words must occur to be on the list."""
    width: Whole = 0
    """Numbers that describe an n-gram; a text is their mean. 0 gives each n-gram a weight for each class, and
    a text is their sum: a linear model."""
    ratio_smoothing: NotNegative = 0.0
    """Multiply each n-gram by its log-count ratio, with this much added to every count; 0 is off."""
    dropout: Fraction = 0.0
    """Share of the n-grams that a training step leaves out."""
    pace: Positive = 1.0
    """Multiplies what the weights say, and with Adam the rate at which it changes: beside another network the
    two differ here."""


class TextBag(nn.Module):
    """Classify a text by its n-grams.

    ``listed`` are the n-grams of two and more words that have a place of their own, as numbers of words;
    ``ratios`` the log-count ratios of all features. The embedding holds words first, then n-grams.
    """

    def __init__(
        self,
        config: TextBagConfig,
        *,
        num_words: int,
        num_classes: int,
        listed: Sequence[Sequence[int]] = (),
        ratios: Float[Tensor, "F C"] | None = None,
    ) -> None:
        super().__init__()
        _check(config)
        self.config, self.num_words = config, num_words
        keys = torch.tensor([_key(gram, num_words) for gram in listed], dtype=torch.int64)
        sorted_keys, order = keys.sort()
        self.register_buffer("keys", sorted_keys, persistent=False)
        self.register_buffer("places", num_words + order, persistent=False)
        num_features = num_words + (config.buckets or len(listed))
        self.embedding = nn.Embedding(num_features, config.width or num_classes, padding_idx=0)
        if config.width:
            nn.init.uniform_(self.embedding.weight, -1 / config.width, 1 / config.width)
            nn.init.zeros_(self.embedding.weight[0])
            self.head = nn.Linear(config.width, num_classes)
            initialise(self.head, scheme="zeros")
        else:
            nn.init.zeros_(self.embedding.weight)
            self.bias = nn.Parameter(torch.zeros(num_classes))
        if ratios is None:
            ratios = torch.ones(num_features, 1)
        assert len(ratios) == num_features
        self.register_buffer("ratios", ratios, persistent=False)

    def forward(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        feature, real = self.features(word, mask)
        if self.training and self.config.dropout:
            real = real & (torch.rand(real.shape, device=real.device) >= self.config.dropout)
        if self.config.width:
            kept = (feature * real).long()  # 0 is padding, which has no vector
            total = self._weighted(kept).sum(dim=1)  # (B, G, D) -> (B, D)
            return self.head(total / real.sum(dim=1, keepdim=True).clamp(min=1))
        once = real & first_of_each(feature, real)
        scale = 1 / (1 - self.config.dropout) if self.training else 1.0
        return self._weighted(feature * once).sum(dim=1) * scale + self.bias  # (B, G, K) -> (B, K)

    def _weighted(self, feature: Int64[Tensor, "B G"]) -> Float[Tensor, "B G D"]:
        """The vector of each feature, times the pace, and its ratio where there are ratios."""
        vectors = self.config.pace * self.embedding(feature)
        return vectors * F.embedding(feature, self.ratios) if self.config.ratio_smoothing else vectors

    def features(
        self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> tuple[Int64[Tensor, "B G"], Bool[Tensor, "B G"]]:
        """The features of each text in their order, words first, and which of them are real."""
        word = word * mask
        found, real = [word], [mask]
        key = word
        for size in range(2, min(self.config.longest, word.shape[1]) + 1):
            later = word[:, size - 1 :]
            key = key[:, : later.shape[1]]
            if self.config.buckets:
                key = (key * MULTIPLIER + later) % (2**31 - 1)
                place, known = self.num_words + key % self.config.buckets, mask[:, size - 1 :]
            else:
                key = key * self.num_words + later
                place, known = self._look_up(key, size)
                known = known & mask[:, size - 1 :]
            found.append(place * known)
            real.append(known)
        return torch.cat(found, dim=1), torch.cat(real, dim=1)

    def _look_up(
        self, key: Int64[Tensor, "B G"], size: int
    ) -> tuple[Int64[Tensor, "B G"], Bool[Tensor, "B G"]]:
        """The feature of each listed n-gram, and whether it is listed."""
        key = key + _offset(size, self.num_words)
        if not len(self.keys):
            return key, torch.zeros_like(key, dtype=torch.bool)
        at = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        return self.places[at], self.keys[at] == key

    def contributions(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T K"]:
        """What each word adds to the logits, an n-gram's share divided evenly among its words.

        Exact: with the bias of the last layer they add up to the logits.
        """
        feature, real = self.features(word, mask)
        if self.config.width:
            each = self._weighted(feature) @ self.head.weight.T  # (B, G, D) -> (B, G, K)
            each = each * real[:, :, None] / real.sum(dim=1).clamp(min=1)[:, None, None]
        else:
            each = self._weighted(feature) * (real & first_of_each(feature, real))[:, :, None]
        places = word.shape[1]
        given, start = torch.zeros(*word.shape, each.shape[2], device=word.device), 0
        for size in range(1, min(self.config.longest, places) + 1):
            count = places - size + 1
            for offset in range(size):
                given[:, offset : offset + count] += each[:, start : start + count] / size
            start += count
        return given


def first_of_each(feature: Int64[Tensor, "B G"], real: Bool[Tensor, "B G"]) -> Bool[Tensor, "B G"]:
    """Whether a feature stands at its first real place in its text."""
    ranked, order = feature.masked_fill(~real, -1).sort(dim=1, stable=True)
    fresh = torch.ones_like(real)
    fresh[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    return torch.zeros_like(real).scatter(1, order, fresh)


def _key(gram: Sequence[int], num_words: int) -> int:
    """One number for an n-gram; those of each length have a range of their own."""
    key = 0
    for word in gram:
        key = key * num_words + word
    return key + _offset(len(gram), num_words)


def _offset(size: int, num_words: int) -> int:
    return sum(num_words**shorter for shorter in range(2, size))


def count_ngrams(texts: Iterable[Sequence[int]], *, longest: int, min_count: int) -> list[tuple[int, ...]]:
    """The n-grams of two and more words that occur at least ``min_count`` times, in order."""
    counts = Counter[tuple[int, ...]]()
    for text in texts:
        for size in range(2, longest + 1):
            counts.update(zip(*(text[start:] for start in range(size)), strict=False))
    return sorted(gram for gram, count in counts.items() if count >= min_count)


def log_count_ratios(
    present: Sequence[Int64[Tensor, "_"]],
    labels: Int64[Tensor, "N"],
    *,
    num_features: int,
    num_classes: int,
    smoothing: float,
) -> Float[Tensor, "{num_features} {num_classes}"]:
    """For each feature and class, the logarithm of how much likelier the feature is there than elsewhere.

    ``present`` are the features of each text, each once. Wang and Manning's equation 1, a class against all
    others; the padding feature has 0.
    """
    counts = torch.zeros(num_features, num_classes, dtype=torch.float64)
    flat = torch.cat(list(present))
    owner = labels.repeat_interleave(torch.tensor([len(some) for some in present]))
    counts.view(-1).index_add_(0, flat * num_classes + owner, torch.ones(len(flat), dtype=torch.float64))
    inside = counts + smoothing
    outside = counts.sum(dim=1, keepdim=True) - counts + smoothing
    ratios = (inside / inside.sum(dim=0)).log() - (outside / outside.sum(dim=0)).log()
    ratios[0] = 0.0
    return ratios.float()


def _check(config: TextBagConfig) -> None:
    """Raise UsageError where ratios are asked of what has no counts or no weights of its own."""
    if config.ratio_smoothing and (config.buckets or config.width):
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.ratio_smoothing",
            wanted="0 where n-grams are hashed (--model.buckets) or have vectors (--model.width)",
            got=f"{config.ratio_smoothing:g}",
            remedy="Set one of them to 0.",
        )
