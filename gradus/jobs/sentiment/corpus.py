"""What word vectors are learnt from and scored on: the Brown corpus or one's own, word pairs, analogies.

Letters: N places of the corpus.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from gradus.core.configs import Count
from gradus.core.errors import InputError
from gradus.data.lines import decoded, pieces, read_lines
from gradus.data.manifest import Keys, key_of
from gradus.data.sources import locate
from gradus.data.tokenise import split_words

SETS = {
    "ws353": "EN-WS-353-ALL.txt",
    "simlex999": "EN-SIMLEX-999.txt",
    "rg65": "EN-RG-65.txt",
    "mc30": "EN-MC-30.txt",
}
ANALOGIES = "questions-words.txt"
LEAST_WORDS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusConfig:
    """Which text word vectors are learnt from."""

    path: str | None = None
    """A text file (or .gz) with a sentence a line; by default the Brown corpus."""
    min_count: Count = 5
    """How often a word must occur to have a vector."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text as numbers of known words, end to end."""

    word: Int64[Tensor, "N"]
    sentence: Int64[Tensor, "N"]
    """Which sentence each place is in."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of a corpus as items: all of them are trained on."""

    words: list[list[str]]

    def keyed(self) -> Keys:
        """A key of each."""
        names = [f"sentence {place}" for place in range(1, len(self.words) + 1)]
        return Keys.of((key_of(" ".join(words)) for words in self.words), names)

    def select(self, places: list[int]) -> "Sentences":
        """Those at these places, in this order."""
        return Sentences([self.words[place] for place in places])


@lru_cache(maxsize=1)  # probes build a job several times
def read_corpus(config: CorpusConfig) -> list[list[str]]:
    """The sentences, in lower case; InputError where they hold too few words to learn from."""
    if config.path:
        where = config.path
        found = [split_words(line.lower()) for line in read_lines(Path(config.path).expanduser())]
    else:
        where = str(locate("word_vectors_eval") / "brown.zip")
        found = list(read_brown(Path(where)))
    total = sum(map(len, found))
    if total < LEAST_WORDS:
        raise _unfit(where, f"a corpus of at least {LEAST_WORDS} words", str(total), "Give a longer text.")
    return found


def read_brown(path: Path) -> Iterator[list[str]]:
    """The sentences of the tagged Brown corpus in its zip: ``word/tag`` by spaces, a sentence a line."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [i.filename for i in archive.infolist() if _is_text(i.filename)]
            if not names:
                raise _unfit(str(path), "files brown/ca01 to brown/cr09", "none", "Fetch the file again.")
            for name in names:
                with archive.open(name) as file:
                    for line in decoded(pieces(file.readline), where=f"{path}, {name}"):
                        words = [token.rpartition("/")[0].lower() for token in line.split()]
                        if words:
                            yield words
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _unfit(
            str(path), "a zip archive that can be read", str(error), "Fetch the file again."
        ) from error


def _is_text(name: str) -> bool:
    last = name.rpartition("/")[2]
    return len(last) == 4 and last[0] == "c" and last[2:].isdigit()


def numbered(sentences: Iterable[list[str]], number: dict[str, int]) -> Corpus:
    """The known words of a corpus by number; the others are passed over, so windows reach across them."""
    word, sentence = list[int](), list[int]()
    for place, words in enumerate(sentences):
        known = [number[one] for one in words if one in number]
        word += known
        sentence += [place] * len(known)
    return Corpus(torch.tensor(word, dtype=torch.int64), torch.tensor(sentence, dtype=torch.int64))


def read_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Pairs of words with how alike people find them, in lower case; InputError names a misshapen line."""
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        parts = line.lower().split()
        try:
            first, second, score = parts[0], parts[1], float(parts[2])
        except (IndexError, ValueError) as error:
            where = f"{path}, line {number}"
            raise _unfit(where, "two words and a number", repr(line[:40]), "Correct the line.") from error
        found.append((first, second, score))
    return found


def read_analogies(path: Path) -> list[tuple[str, str, str, str]]:
    """Questions "a is to b as c is to d", in lower case; lines that begin with a colon name a section."""
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        if line.startswith(":") or not line.strip():
            continue
        words = line.lower().split()
        if len(words) != 4:
            where = f"{path}, line {number}"
            raise _unfit(where, "four words", f"{len(words)}", "Correct the line.")
        found.append((words[0], words[1], words[2], words[3]))
    return found


def _unfit(where: str, wanted: str, got: str, remedy: str) -> InputError:
    return InputError("GR-TEXT-036", where=where, wanted=wanted, got=got, remedy=remedy)
