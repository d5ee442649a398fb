"""From texts as they are written to what the networks take: numbers of tokens, and of pieces of words."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from gradus.data.clean import CleanConfig, clean
from gradus.data.ragged import Ragged
from gradus.data.spelling import Spelling
from gradus.data.tokenise import Cut, Tokeniser

Columns = dict[str, Ragged | Tensor]


class Reader:
    """Cleans texts, cuts them into tokens, and numbers these."""

    def __init__(self, tokeniser: Tokeniser, cleaning: CleanConfig, *, longest: int) -> None:
        self.tokeniser, self.cleaning, self.longest = tokeniser, cleaning, longest
        self.spelling: Spelling | None = None
        """The pieces of words that the networks know, where they look at pieces."""

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text that are read."""
        return self.tokeniser.tokens(clean(text, self.cleaning))[: self.longest]

    def cut(self, texts: Sequence[str]) -> Cut:
        """Whole texts as tokens, as many as they have."""
        return Cut.of(self.tokeniser.tokens(clean(text, self.cleaning)) for text in texts)

    def columns(self, cut: Cut) -> Columns:
        """``word``, the numbers of each text's tokens, and ``piece``, those of its different pieces."""
        read = cut.first(self.longest)
        columns: Columns = {"word": read.encode(self.tokeniser.vocabulary)}
        return columns | ({"piece": self.spelling.encode(read)} if self.spelling else {})

    def inputs(self, text: str) -> dict[str, Tensor]:
        """One text as a batch of one: ``word``, ``mask`` and, where the networks look at them, ``piece``."""
        columns = self.columns(Cut.of([self.tokens(text)]))
        numbers = {
            name: column.values[None] for name, column in columns.items() if isinstance(column, Ragged)
        }
        return {
            "word": numbers["word"],
            "mask": torch.ones_like(numbers["word"], dtype=torch.bool),
            **numbers,
        }

    def owners(self, text: str, piece: Int64[Tensor, "P"]) -> Bool[Tensor, "T P"]:
        """Which of a text's pieces each of its tokens has."""
        assert self.spelling is not None
        return self.spelling.owners(self.tokens(text) or [""], piece)
