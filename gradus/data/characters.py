"""Transcripts as numbers and back: letters, or the pieces of words that occur together most often.

Paper: Sennrich, Haddow and Birch 2016, arXiv 1508.07909, section 3.2 (byte-pair encoding).
Departures: a piece may begin with the space before a word, which is how words are told apart.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

Case = Literal["lower", "upper"]
APOSTROPHES = re.compile("[\u2019\u02bc`]")


def tidy(text: str, *, case: Case = "lower") -> str:
    """The words of a text in one case with single spaces: letters, digits, and apostrophes inside words."""
    plain = APOSTROPHES.sub("'", unicodedata.normalize("NFKC", text))
    plain = plain.lower() if case == "lower" else plain.upper()
    kept = re.sub(r"(?<!\w)'|'(?!\w)|[^\w' ]|_", " ", plain)
    return " ".join(kept.split())


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a recogniser can write: its tokens by number, 0 being CTC's blank, and the merges behind them."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...] = ()

    @classmethod
    def learn(cls, texts: Sequence[str], *, merges: int = 0) -> "Spelling":
        """The letters of the texts, and of up to ``merges`` pairs that occur twice or more a token each."""
        letters = sorted({letter for text in texts for letter in text})
        learned = tuple(_most_frequent_pairs(texts, count=merges))
        pieces = dict.fromkeys(first + second for first, second in learned)
        return cls(("", *letters, *(piece for piece in pieces if piece not in letters)), learned)

    @classmethod
    def of_plan(cls, plan: dict[str, Any]) -> "Spelling":
        """What ``to_plan`` gave."""
        return cls(tuple(plan["tokens"]), tuple((first, second) for first, second in plan["merges"]))

    def to_plan(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"tokens": list(self.tokens), "merges": [list(pair) for pair in self.merges]}

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """The tokens of each text; letters that were never learned are left out."""
        number = {token: place for place, token in enumerate(self.tokens) if place}
        rank = {pair: place for place, pair in enumerate(self.merges)}
        known: dict[str, list[int]] = {}  # words recur: each is cut once
        encoded = []
        for text in texts:
            written = "".join(letter for letter in text if letter in number)
            for word in words_with_spaces(written):
                if word not in known:
                    known[word] = [number[piece] for piece in _merged(list(word), rank)]
            encoded.append([token for word in words_with_spaces(written) for token in known[word]])
        return encoded

    def decode(self, tokens: Iterable[int]) -> str:
        """The text that tokens spell, with single spaces."""
        return " ".join("".join(self.tokens[token] for token in tokens).split())

    def unknown(self, texts: Iterable[str]) -> dict[str, int]:
        """How often each letter occurs that no token can write."""
        return dict(Counter(letter for text in texts for letter in text if letter not in self.tokens))


def words_with_spaces(text: str) -> list[str]:
    """The words of a text, each with the space before it."""
    return re.findall(" ?[^ ]+", text)


def steps_needed(tokens: Sequence[int]) -> int:
    """The steps that CTC needs to write tokens: one each, and a blank between two that are equal."""
    return len(tokens) + sum(first == second for first, second in pairwise(tokens))


def _most_frequent_pairs(texts: Sequence[str], *, count: int) -> Iterable[tuple[str, str]]:
    """The merges of byte-pair encoding, the most frequent pair first; of equal ones the first by spelling."""
    words = Counter(word for text in texts for word in words_with_spaces(text))
    cut = {word: list(word) for word in words}
    for _ in range(count):
        pairs = Counter[tuple[str, str]]()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                pairs[pair] += words[word]
        if not pairs:
            return
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < 2:
            return
        yield best
        cut = {word: _merged(pieces, {best: 0}) for word, pieces in cut.items()}


def _merged(pieces: list[str], rank: dict[tuple[str, str], int]) -> list[str]:
    """Pieces of a word after every merge, in the order in which the merges were learned."""
    while True:
        known = [pair for pair in pairwise(pieces) if pair in rank]
        if not known:
            return pieces
        best = min(known, key=lambda pair: rank[pair])
        joined: list[str] = []
        place = 0
        while place < len(pieces):
            if tuple(pieces[place : place + 2]) == best:
                joined.append(best[0] + best[1])
                place += 2
            else:
                joined.append(pieces[place])
                place += 1
        pieces = joined
