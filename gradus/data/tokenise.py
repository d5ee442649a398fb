"""Cutting a text into tokens: words by a rule, or pieces of words learnt from the training split.

Words are cut as the Penn treebank cuts English ones (can't is ca and n't, it's is it and 's), so a text that
is cut already stays as it is. Papers: Sennrich et al. 2016, arXiv 1508.07909 (byte-pair encoding); Wu et al.
2016, arXiv 1609.08144, section 4.1 (word pieces).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gradus.core.configs import Count
from gradus.core.errors import UsageError
from gradus.data.vocabulary import SPECIAL, UNKNOWN, Vocabulary

WORD = re.compile(
    r"[@#]\w+"  # a name, a tag
    r"|[:;=]['^-]?[()\[\]DPdp/|*]+(?!\w)"  # a face
    r"|\w+?(?=n['\u2019]t\b)|n['\u2019]t\b"  # ca | n't
    r"|['\u2019](?:s|re|ve|ll|d|m)\b"  # 's
    r"|\w+(?:[-.]\w+)*"  # well-made, 3.5
    r"|([^\w\s])\1*",  # a sign, or several of a kind: !!!
    re.IGNORECASE,
)


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
    return [found[0] for found in WORD.finditer(text)]


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
    """Pieces of words, by a tokeniser of the library tokenizers.

    The library breaks ties as its hash tables fall, so two trainings on the same texts may choose a few other
    pieces; a run keeps those that it was begun with in its plan.
    """

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
        cut = (split_words(text) for text in texts)
        return Words(Vocabulary.fit(cut, min_count=config.min_count, most=config.most))
    return Subwords(_train_subwords(texts, config))


def tokeniser_of(described: dict[str, Any]) -> Tokeniser:
    """The tokeniser that ``to_json`` described."""
    if described["kind"] == "words":
        return Words(Vocabulary(described["words"]))
    return Subwords(described["tokenizer"])


def _train_subwords(texts: Iterable[str], config: SubwordsConfig) -> str:
    """A trained tokeniser as the JSON that its library writes."""
    library = _tokenizers()
    special: dict[str, Any] = {
        "vocab_size": config.size,
        "special_tokens": list(SPECIAL),
        "show_progress": False,
    }
    if config.algorithm == "bpe":
        made = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[1]))
        made.pre_tokenizer = library.pre_tokenizers.Sequence(
            [library.pre_tokenizers.WhitespaceSplit(), library.pre_tokenizers.Punctuation()]
        )
        trainer = library.trainers.BpeTrainer(end_of_word_suffix="</w>", **special)
        made.model = library.models.BPE(unk_token=SPECIAL[1], end_of_word_suffix="</w>")
    else:
        made = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[1]))
        made.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
        trainer = library.trainers.WordPieceTrainer(**special)
    made.train_from_iterator(texts, trainer)
    return str(made.to_str())


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
