"""The words that a model knows, each with its number: 0 is padding, 1 every word that it does not know."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

PADDING, UNKNOWN = 0, 1
SPECIAL = ("<pad>", "<unk>")


class Vocabulary:
    """Words by number and numbers by word."""

    def __init__(self, words: Sequence[str]) -> None:
        assert tuple(words[:2]) == SPECIAL
        self.words = list(words)
        self.number = {word: place for place, word in enumerate(self.words)}
        assert len(self.number) == len(self.words), "a word has one number"

    @classmethod
    def fit(
        cls, texts: Iterable[Sequence[str]], *, min_count: int = 1, most: int | None = None
    ) -> "Vocabulary":
        """The words of some texts that occur at least ``min_count`` times, ``most`` at most."""
        return cls.of_counts(Counter(chain.from_iterable(texts)), min_count=min_count, most=most)

    @classmethod
    def of_counts(
        cls, counts: Mapping[str, int], *, min_count: int = 1, most: int | None = None
    ) -> "Vocabulary":
        """The words with a count of at least ``min_count``, the most frequent first and ``most`` at most.

        Those of one count go by the alphabet.
        """
        known = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls([*SPECIAL, *[w for w in known if w not in SPECIAL][:most]])

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Iterable[str]) -> list[int]:
        """The number of each word; no word at all is one unknown word, so that every text has something."""
        return [self.number_of(word) for word in words] or [UNKNOWN]

    def number_of(self, word: str) -> int:
        """The number of a word, known or not."""
        return self.number.get(word, UNKNOWN)
