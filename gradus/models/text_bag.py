"""Bag of n-grams: a text is the words, pairs and triples of neighbours in it, wherever they stand, and, if
wanted, the pieces of its words.

Papers: Joulin et al. 2017, arXiv 1607.01759, section 2 (vectors of hashed n-grams, averaged, and a linear
classifier); Wang and Manning 2012, Baselines and Bigrams, section 2.3 (each n-gram counted once a text and
weighted by its log-count ratio); Bojanowski et al. 2017, arXiv 1607.04606, section 3.2 (pieces of words).
Departures: a full softmax; with the ratios, logistic regression in the place of the support vector machine,
and for several classes a ratio of each against the others; pieces are features of the text, not of a word.
Letters: B texts, T places, P pieces of a text, G n-grams of a text, F features, V words, D width, K classes.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, NotNegative, Positive, Whole, Within
from gradus.core.errors import UsageError
from gradus.data.ragged import Ragged
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
    letters: Whole = 0
    """Neighbouring letters in a piece of a word at most, its two ends among them; 0 uses words only. A word
    that training never met still has pieces."""
    fewest_letters: Count = 3
    """Neighbouring letters in a piece at least."""
    min_texts: Count = 2
    """How many training texts must have a piece for it to be on the list."""
    width: Whole = 0
    """Numbers that describe an n-gram; a text is their mean. 0 gives each n-gram a weight for each class, and
    a text is their sum: a linear model."""
    ratio_smoothing: NotNegative = 0.0
    """Multiply each n-gram by its log-count ratio, with this much added to every count; 0 is off."""
    even: bool = False
    """Divide what the words and n-grams of a text say by the square root of their number, and what its pieces
    say by that of theirs, so that neither kind drowns the other and a long text counts as a short one. Only
    without a width, which has a mean."""
    dropout: Fraction = 0.0
    """Share of the n-grams that a training step leaves out."""
    pace: Positive = 1.0
    """Multiplies what the weights say, and with Adam the rate at which it changes: beside another network the
    two differ here."""


class TextBag(nn.Module):
    """Classify a text by its n-grams.

    ``listed`` are the keys of the n-grams of two and more words that have a place of their own, in order, as
    ``count_ngrams`` gives them; ``ratios`` the log-count ratios of all features. The embedding holds words
    first, then n-grams, then pieces.
    """

    def __init__(
        self,
        config: TextBagConfig,
        *,
        num_words: int,
        num_classes: int,
        listed: Int64[Tensor, "N"] | None = None,
        num_pieces: int = 0,
        ratios: Float[Tensor, "F C"] | None = None,
    ) -> None:
        super().__init__()
        _check(config)
        self.config, self.num_words = config, num_words
        keys = torch.empty(0, dtype=torch.int64) if listed is None else listed
        self.register_buffer("keys", keys, persistent=False)
        self.before_pieces = num_words + (config.buckets or len(keys)) - 1  # a piece's number is from 1
        num_features = self.before_pieces + 1 + num_pieces
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

    def forward(
        self,
        word: Int64[Tensor, "B T"],
        mask: Bool[Tensor, "B T"],
        piece: Int64[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B K"]:
        """The logits of each class; ``piece`` are the different pieces of each text, filled up with 0."""
        feature, counted = self.features(word, mask, piece)
        kept = counted
        if self.training and self.config.dropout:
            kept = counted & (torch.rand(counted.shape, device=counted.device) >= self.config.dropout)
        vectors = self._weighted(feature * kept)  # (B, G) -> (B, G, D); 0 is padding, which has none
        if self.config.width:
            return self.head((vectors * _mean(kept, vectors)).sum(dim=1))  # (B, G, D) -> (B, D) -> (B, K)
        scale = 1 / (1 - self.config.dropout) if self.training else 1.0
        return (vectors * self._shares(counted, vectors, piece)).sum(dim=1) * scale + self.bias

    def _shares(
        self, counted: Bool[Tensor, "B G"], like: Tensor, piece: Int64[Tensor, "B P"] | None
    ) -> Float[Tensor, "B G 1"]:
        """How much each feature of a linear bag counts."""
        if not self.config.even:
            return counted.to(like)[:, :, None]
        num_pieces = 0 if piece is None else piece.shape[1]
        kinds = counted.to(like).split([counted.shape[1] - num_pieces, num_pieces], dim=1)
        even = [kind / kind.sum(dim=1, keepdim=True).clamp(min=1).sqrt() for kind in kinds]
        return torch.cat(even, dim=1)[:, :, None]

    def _weighted(self, feature: Int64[Tensor, "B G"]) -> Float[Tensor, "B G D"]:
        """The vector of each feature, times the pace, and its ratio where there are ratios."""
        table = self.embedding.weight
        if self.config.ratio_smoothing:
            table = table * self.ratios  # once for all features: looking up is what costs
        return self.config.pace * F.embedding(feature, table, padding_idx=0)

    def features(
        self,
        word: Int64[Tensor, "B T"],
        mask: Bool[Tensor, "B T"],
        piece: Int64[Tensor, "B P"] | None = None,
    ) -> tuple[Int64[Tensor, "B G"], Bool[Tensor, "B G"]]:
        """The features of each text in their order, words first and pieces last, and which of them count.

        A linear bag counts a feature where it stands first, a mean each time; a text has each piece once.
        """
        feature, counted = self._ngrams(word, mask)
        if not self.config.width:
            counted = counted & first_of_each(feature, counted)
        if piece is not None:
            feature = torch.cat([feature, (self.before_pieces + piece) * (piece > 0)], dim=1)
            counted = torch.cat([counted, piece > 0], dim=1)
        return feature, counted

    def _ngrams(
        self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> tuple[Int64[Tensor, "B G"], Bool[Tensor, "B G"]]:
        """The words and n-grams of each text, and which are real."""
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
        return self.num_words + at, self.keys[at] == key

    def contributions(
        self,
        word: Int64[Tensor, "B T"],
        mask: Bool[Tensor, "B T"],
        piece: Int64[Tensor, "B P"] | None = None,
        owners: Bool[Tensor, "B T P"] | None = None,
    ) -> Float[Tensor, "B T K"]:
        """What each word adds to the logits: n-grams and pieces are divided evenly among their words.

        ``owners`` says which words have a piece. Exact: with the bias of the last layer they add up to the
        logits.
        """
        feature, counted = self.features(word, mask, piece)
        each = self._weighted(feature * counted)
        if self.config.width:
            each = (each @ self.head.weight.T) * _mean(counted, each)  # (B, G, D) -> (B, G, K)
        else:
            each = each * self._shares(counted, each, piece)
        places = word.shape[1]
        given, start = each.new_zeros(*word.shape, each.shape[2]), 0
        for size in range(1, min(self.config.longest, places) + 1):
            count = places - size + 1
            for offset in range(size):
                given[:, offset : offset + count] += each[:, start : start + count] / size
            start += count
        if piece is not None and owners is not None:
            shares = owners / owners.sum(dim=1, keepdim=True).clamp(min=1)
            given += shares.to(each) @ each[:, start:]  # (B, T, P) and (B, P, K) -> (B, T, K)
        return given


def _mean(counted: Bool[Tensor, "B G"], like: Tensor) -> Float[Tensor, "B G 1"]:
    """The share of each feature in the mean of those that count."""
    shares = counted.to(like)
    return (shares / shares.sum(dim=1, keepdim=True).clamp(min=1))[:, :, None]


def first_of_each(feature: Int64[Tensor, "B G"], real: Bool[Tensor, "B G"]) -> Bool[Tensor, "B G"]:
    """Whether a feature stands at its first real place in its text."""
    ranked, order = feature.masked_fill(~real, -1).sort(dim=1, stable=True)
    fresh = torch.ones_like(real)
    fresh[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    return torch.zeros_like(real).scatter(1, order, fresh)


def _offset(size: int, num_words: int) -> int:
    """Where the keys of n-grams of one size begin."""
    return sum(num_words**shorter for shorter in range(2, size))


def count_ngrams(texts: Ragged, *, longest: int, min_count: int, num_words: int) -> Int64[Tensor, "N"]:
    """The keys of the n-grams of two and more words that occur at least ``min_count`` times, in order.

    A key has the numbers of the words as its digits, with ``num_words`` of them in all, after the keys of all
    shorter n-grams.
    """
    found = [texts.values[:0]]
    owner = torch.arange(len(texts), device=texts.bounds.device).repeat_interleave(texts.lengths)
    key = texts.values
    for size in range(2, longest + 1):
        key = key[:-1] * num_words + texts.values[size - 1 :]
        kinds, counts = key[owner[: len(key)] == owner[size - 1 :]].unique(return_counts=True)
        found.append(kinds[counts >= min_count] + _offset(size, num_words))
    return torch.cat(found)


def log_count_ratios(
    counts: Int64[Tensor, "F K"], *, smoothing: float, texts: Int64[Tensor, "F"] | None = None
) -> Float[Tensor, "F K"]:
    """For each feature and class, the logarithm of how much likelier the feature is there than elsewhere.

    ``counts`` are the texts of each class that have the feature, ``texts`` all that have it: their sum,
    unless a text may be of several classes. Wang and Manning's equation 1, a class against all texts that are
    not of it; the padding feature has 0.
    """
    counts = counts.double()
    everywhere = counts.sum(dim=1) if texts is None else texts.double()
    inside = counts + smoothing
    outside = everywhere[:, None] - counts + smoothing
    ratios = (inside / inside.sum(dim=0)).log() - (outside / outside.sum(dim=0)).log()
    ratios[0] = 0.0
    return ratios.float()


def _check(config: TextBagConfig) -> None:
    """Raise UsageError where ratios are asked of what has no counts or no weights of its own, or where no
    piece of a word can be both so short and so long."""
    if 0 < config.letters < config.fewest_letters:
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.letters",
            wanted=f"0, or at least {config.fewest_letters} (--model.fewest_letters)",
            got=str(config.letters),
            remedy="Give a larger one.",
        )
    if config.even and config.width:
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.even",
            wanted="no, where n-grams have vectors (--model.width): a text is their mean",
            got="yes",
            remedy="Leave one of them out.",
        )
    if config.ratio_smoothing and (config.buckets or config.width):
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.ratio_smoothing",
            wanted="0 where n-grams are hashed (--model.buckets) or have vectors (--model.width)",
            got=f"{config.ratio_smoothing:g}",
            remedy="Set one of them to 0.",
        )
