"""Pieces of words: a few neighbouring letters at a time, the ends of the word marked, as <go, goo, ood, od>.

Words that are spelt alike share pieces, so a word that training never met is not wholly unknown.
Paper: Bojanowski et al. 2017, arXiv 1607.04606, section 3.2.
Departures: pieces are counted in the training texts and listed, not hashed; a text has each of them once.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from gradus.data.ragged import Ragged
from gradus.data.tokenise import Cut

BEGIN, END = "<", ">"
TOGETHER = 1 << 16  # words of the texts whose pieces are in memory at once


def pieces_of(word: str, *, shortest: int, longest: int) -> list[str]:
    """The runs of ``shortest`` to ``longest`` letters of a word with its ends marked."""
    marked = f"{BEGIN}{word}{END}"
    sizes = range(shortest, min(longest, len(marked)) + 1)
    return [marked[at : at + size] for size in sizes for at in range(len(marked) - size + 1)]


class Spelling:
    """The pieces that a model knows, each with its number from 1; 0 is padding."""

    def __init__(self, pieces: Sequence[str], *, shortest: int, longest: int) -> None:
        self.pieces, self.shortest, self.longest = list(pieces), shortest, longest
        self.number = {piece: place for place, piece in enumerate(self.pieces, start=1)}
        assert len(self.number) == len(self.pieces), "a piece has one number"

    @classmethod
    def fit(cls, texts: Cut, *, shortest: int, longest: int, min_count: int) -> "Spelling":
        """The pieces of at least ``min_count`` texts, by the alphabet."""
        every = dict[str, int]()
        rows = [
            [every.setdefault(p, len(every)) for p in pieces_of(token, shortest=shortest, longest=longest)]
            for token in texts.tokens
        ]
        counts = _distinct(rows, texts.place, many=len(every)).values.bincount(minlength=len(every)).tolist()
        kept = sorted(piece for piece, count in zip(every, counts, strict=True) if count >= min_count)
        return cls(kept, shortest=shortest, longest=longest)

    def __len__(self) -> int:
        return len(self.pieces)

    def of_token(self, token: str) -> list[int]:
        """The numbers of the known pieces of a token, some perhaps more than once."""
        found = pieces_of(token, shortest=self.shortest, longest=self.longest)
        return [self.number[piece] for piece in found if piece in self.number]

    def encode(self, texts: Cut) -> Ragged:
        """The numbers of each text's different pieces, in order."""
        rows = [self.of_token(token) for token in texts.tokens]
        return _distinct(rows, texts.place, many=len(self) + 1)

    def owners(self, tokens: Sequence[str], piece: Int64[Tensor, "P"]) -> Bool[Tensor, "T P"]:
        """Which of a text's pieces each of its tokens has."""
        numbers = torch.zeros(len(tokens), len(self) + 1, dtype=torch.bool)
        for row, token in enumerate(tokens):
            numbers[row, self.of_token(token)] = True
        return numbers[:, piece.cpu()].to(piece.device)


def _distinct(rows: Sequence[Sequence[int]], texts: Ragged, *, many: int) -> Ragged:
    """For each text, as places among the rows, the different numbers (below ``many``) of all its rows."""
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    first = counts.cumsum() - counts
    values = np.array([number for row in rows for number in row], dtype=np.int64)
    bounds = texts.bounds.numpy()
    found, lengths = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    start = 0
    while start < len(texts):
        stop = max(start + 1, int(np.searchsorted(bounds, bounds[start] + TOGETHER, side="right")) - 1)
        place = texts.values.numpy()[bounds[start] : bounds[stop]]
        owner = np.repeat(np.arange(stop - start), np.diff(bounds[start : stop + 1]))
        each = counts[place]
        # Row after row: where each begins in the values, less where it begins here, plus where we are.
        begun = np.repeat(first[place] - (each.cumsum() - each), each)
        keys = np.repeat(owner, each) * many + values[begun + np.arange(len(begun))]
        keys.sort()
        keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
        found.append(keys % many)
        lengths.append(np.bincount(keys // many, minlength=stop - start))
        start = stop
    return Ragged.cut(torch.from_numpy(np.concatenate(found)), torch.from_numpy(np.concatenate(lengths)))
