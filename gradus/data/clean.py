"""What is done to a text before it is cut into tokens: steps by name, each off or on.

Stop words are scikit-learn's English list without its negations: a list with "not" in it would turn "not
good" into "good". Stems are Snowball's (Porter 2001, snowballstem.org), lemmas simplemma's.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from gradus.core.errors import UsageError
from gradus.data.tokenise import missing_library, split_words

Language = Literal[
    "english",
    "german",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "swedish",
    "danish",
    "norwegian",
    "finnish",
    "hungarian",
    "romanian",
    "russian",
]
LEMMA_CODES: dict[Language, str] = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "swedish": "sv",
    "danish": "da",
    "norwegian": "nb",
    "finnish": "fi",
    "hungarian": "hu",
    "romanian": "ro",
    "russian": "ru",
}
NEGATIONS = frozenset(
    [
        *("but", "cannot", "cant", "except", "hardly", "neither", "never", "no", "nobody", "none", "noone"),
        *("nor", "not", "nothing", "nowhere", "without"),
    ]
)
TAG = re.compile(r"<[A-Za-z/][^<>]*>")
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
NAME = re.compile(r"(?<!\w)@\w+")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanConfig:
    """Steps that clean a text, in their order."""

    markup: Literal["keep", "remove"] = "keep"
    """Tags such as <br /> and entities such as &amp;: left, or taken off and resolved."""
    web: Literal["keep", "mask", "remove"] = "keep"
    """Links and @names: left, each kind as one word, or taken off."""
    numbers: Literal["keep", "mask"] = "keep"
    """Numbers: left, or all as one word."""
    lower_case: bool = True
    """Make no difference between great and GREAT."""
    punctuation: Literal["keep", "remove"] = "keep"
    """Signs that are no words."""
    stop_words: Literal["keep", "remove"] = "keep"
    """Frequent English words that say little; negations always stay."""
    inflection: Literal["keep", "stem", "lemma"] = "keep"
    """Words as they stand, cut to their stems, or as the dictionary lists them."""
    language: Language = "english"
    """Whose stems, lemmas and stop words."""


def clean(text: str, config: CleanConfig) -> str:
    """A text after all steps; it may be empty."""
    if config.markup == "remove":
        text = html.unescape(TAG.sub(" ", text))
    if config.web != "keep":
        mask = config.web == "mask"
        text = LINK.sub("@link" if mask else " ", text)
        text = NAME.sub(lambda found: found[0] if found[0] == "@link" else "@name" if mask else " ", text)
    if config.numbers == "mask":
        text = NUMBER.sub("0", text)
    if config.lower_case:
        text = text.lower()
    if (config.punctuation, config.stop_words, config.inflection) == ("keep", "keep", "keep"):
        return text
    words = split_words(text)
    if config.punctuation == "remove":
        words = [word for word in words if any(map(str.isalnum, word))]
    if config.stop_words == "remove":
        stops = stop_words(config.language)
        words = [word for word in words if word.lower() not in stops]
    if config.inflection != "keep":
        reduce = (stemmer if config.inflection == "stem" else lemmatiser)(config.language)
        words = [reduce(word) for word in words]
    return " ".join(words)


@cache
def stop_words(language: Language) -> frozenset[str]:
    """The English stop words without negations; UsageError for another language."""
    if language != "english":
        raise UsageError(
            "GR-TEXT-020",
            where="--clean.stop_words remove",
            wanted="the language english",
            got=language,
            remedy="Keep the stop words: there is a list for English only.",
        )
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) - NEGATIONS


@cache
def stemmer(language: Language) -> Callable[[str], str]:
    """The stem of a word: ``loved``, ``loving`` and ``loves`` are ``love``."""
    try:
        import snowballstemmer
    except ImportError as error:
        raise missing_library("snowballstemmer", "--clean.inflection stem") from error
    found: Callable[[str], str] = snowballstemmer.stemmer(language).stemWord
    return cache(found)


@cache
def lemmatiser(language: Language) -> Callable[[str], str]:
    """The form in which a dictionary lists a word: ``was`` is ``be``."""
    try:
        import simplemma
    except ImportError as error:
        raise missing_library("simplemma", "--clean.inflection lemma") from error
    code = LEMMA_CODES[language]
    return cache(lambda word: str(simplemma.lemmatize(word, lang=code)))
