"""Cutting a text into tokens: words by a rule, or pieces of words learnt from the training split.

Words are cut as the Penn treebank cuts English ones (can't is ca and n't, it's is it and 's), so a text that
is cut already stays as it is. Papers: Sennrich et al. 2016, arXiv 1508.07909 (byte-pair encoding); Wu et al.
2016, arXiv 1609.08144, section 4.1 (word pieces).
"""

import json
import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import numpy as np
import torch

from gradus.core.configs import Count
from gradus.core.errors import UsageError
from gradus.data.ragged import Ragged
from gradus.data.vocabulary import SPECIAL, UNKNOWN, Vocabulary

JOINERS = "\u200c\u200d"
LAST, LATER = "</w>", "##"  # after the last letter of a word (pairs), before all but the first (word pieces)
CHUNKS_KEPT, LETTERS_KEPT = 1 << 16, 32  # a few megabytes: texts without spaces are not kept


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsConfig:
    """Tokens are words and signs."""

    min_count: Count = 1
    """How often a word must occur in training to be known."""
    most: Count = 50_000
    """Words at most; the most frequent are known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubwordsConfig:
    """Tokens are pieces of words, learnt from the training split: no word is unknown."""

    algorithm: Literal["bpe", "wordpiece"] = "bpe"
    """How pieces are chosen: by byte-pair encoding, or as word pieces."""
    size: Count = 4000
    """Pieces, letters among them."""


def split_words(text: str) -> list[str]:
    """The words and signs of a text, in order."""
    return [
        word
        for chunk in text.split()
        for word in (_kept if len(chunk) <= LETTERS_KEPT else _split_chunk)(chunk)
    ]


def _split_chunk(chunk: str) -> tuple[str, ...]:
    """The words and signs of what stands between two spaces."""
    return tuple(found[0] for found in _word_pattern().finditer(chunk))


_kept = lru_cache(maxsize=CHUNKS_KEPT)(_split_chunk)  # the few words that most texts are made of are cut once


@cache
def _word_pattern() -> re.Pattern[str]:
    """What a word is. Marks (the vowels of Hindi and Thai, accents apart from their letters) and joiners
    belong to what they follow; ``re`` has no name for them."""
    found = {code for code in range(0x300, 0x20000) if unicodedata.category(chr(code)).startswith("M")}
    first = sorted(code for code in found if code - 1 not in found)
    last = sorted(code for code in found if code + 1 not in found)
    marks = JOINERS + "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(first, last, strict=True))
    letter, negation = rf"[\w{marks}]", r"[nN]['\u2019][tT]\b"
    return re.compile(
        rf"[@#]{letter}+"  # a name, a tag
        r"|[:;=]['^-]?[()\[\]DPdp/|*]+(?!\w)"  # a face
        rf"|{letter}+?(?={negation})|{negation}"  # ca | n't
        r"|['\u2019](?i:s|re|ve|ll|d|m)\b"  # 's
        rf"|{letter}+(?:[-.]{letter}+)*"  # well-made, 3.5
        rf"|([^\w\s])(?:[{marks}]*\1)*[{marks}]*"  # a sign, or several of a kind: !!!
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """Texts cut into tokens: the different tokens as they first come, and each text as places among them."""

    tokens: list[str]
    place: Ragged

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]]) -> "Cut":
        """What a tokeniser made of some texts."""
        known, places, lengths = defaultdict[str, int](), array("q"), array("q")
        known.default_factory = known.__len__  # a token that comes first gets the next number
        for text in texts:
            places.extend(map(known.__getitem__, text))
            lengths.append(len(text))
        values, counts = (torch.tensor(numbers, dtype=torch.int64) for numbers in (places, lengths))
        return cls(list(known), Ragged.cut(values, counts))

    def first(self, most: int) -> "Cut":
        """The same with ``most`` tokens of each text at most."""
        return Cut(self.tokens, self.place.first(most))

    def counts(self) -> dict[str, int]:
        """How often each token occurs."""
        occurs = self.place.values.bincount(minlength=len(self.tokens))
        return dict(zip(self.tokens, occurs.tolist(), strict=True))

    def encode(self, vocabulary: Vocabulary) -> Ragged:
        """The number of each token; an empty text is one unknown token."""
        number = torch.tensor([*map(vocabulary.number_of, self.tokens), UNKNOWN])
        lengths, bounds = self.place.lengths, self.place.bounds
        empty = bounds[:-1][lengths == 0]  # where a token is put in, the last of the list
        values = np.insert(self.place.values.numpy(), empty.numpy(), len(self.tokens))
        return Ragged.cut(number[torch.from_numpy(values)], lengths.clamp(min=1))


class Words:
    """Words of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text as they stand in it, known or not."""
        return split_words(text)

    def encode(self, text: str) -> list[int]:
        """The number of each token; an empty text is one unknown token."""
        return self.vocabulary.encode(split_words(text))

    def to_json(self) -> dict[str, Any]:
        """What ``tokeniser_of`` makes it again from."""
        return {"kind": "words", "words": self.vocabulary.words}


class Subwords:
    """Pieces of words, by a tokeniser of the library tokenizers."""

    def __init__(self, content: str) -> None:
        self.content = content
        self.inner = _tokenizers().Tokenizer.from_str(content)
        pieces = self.inner.get_vocab()
        self.vocabulary = Vocabulary(sorted(pieces, key=pieces.__getitem__))

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text, the unknown among them as such."""
        return list(self.inner.encode(text).tokens)

    def encode(self, text: str) -> list[int]:
        """The number of each piece; an empty text is one unknown token."""
        return list(self.inner.encode(text).ids) or [UNKNOWN]

    def to_json(self) -> dict[str, Any]:
        """What ``tokeniser_of`` makes it again from."""
        return {"kind": "subwords", "tokenizer": self.content}


Tokeniser = Words | Subwords


def fit_tokeniser(texts: Sequence[str], config: WordsConfig | SubwordsConfig) -> Tokeniser:
    """The tokeniser that a config asks for, fitted on cleaned texts."""
    if isinstance(config, WordsConfig):
        counts = Cut.of(map(split_words, texts)).counts()
        return Words(Vocabulary.of_counts(counts, min_count=config.min_count, most=config.most))
    return Subwords(_train_subwords(texts, config))


def tokeniser_of(described: dict[str, Any]) -> Tokeniser:
    """The tokeniser that ``to_json`` described."""
    if described["kind"] == "words":
        return Words(Vocabulary(described["words"]))
    return Subwords(described["tokenizer"])


def _train_subwords(texts: Sequence[str], config: SubwordsConfig) -> str:
    """A trained tokeniser as the JSON that its library writes; the same texts always give the same one."""
    library = _tokenizers()
    by_pairs = config.algorithm == "bpe"
    if by_pairs:
        made = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[1], end_of_word_suffix=LAST))
        made.pre_tokenizer = library.pre_tokenizers.Sequence(
            [library.pre_tokenizers.WhitespaceSplit(), library.pre_tokenizers.Punctuation()]
        )
    else:
        made = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[1]))
        made.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    # Ties between pairs are broken by the numbers of their parts. Letters inside or at the end of a word get
    # theirs as a hash table falls, so they are numbered first, in the only way that there is: as special
    # tokens, which they must not stay, for a text may hold them as such.
    words = {word for text in texts for word, _ in made.pre_tokenizer.pre_tokenize_str(text)}
    marked = {word[-1] + LAST for word in words} if by_pairs else {LATER + c for w in words for c in w[1:]}
    settings: dict[str, Any] = {
        "vocab_size": config.size,
        "special_tokens": [*SPECIAL, *sorted(marked)],
        "show_progress": False,
    }
    if by_pairs:
        trainer = library.trainers.BpeTrainer(end_of_word_suffix=LAST, **settings)
    else:
        trainer = library.trainers.WordPieceTrainer(continuing_subword_prefix=LATER, **settings)
    made.train_from_iterator(texts, trainer)
    content = json.loads(made.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in SPECIAL]
    return json.dumps(content, ensure_ascii=False)


def _tokenizers() -> Any:
    """The library tokenizers; UsageError where it is not installed."""
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise missing_library("tokenizers", "--tokens subwords") from error
    return tokenizers


def missing_library(library: str, where: str) -> UsageError:
    """What to say where a library of the extra ``text`` is not installed."""
    return UsageError(
        "GR-TEXT-021",
        where=where,
        wanted=f"the library {library}",
        got="none",
        remedy="Run `pip install 'gradus[text]'`.",
    )
