"""Word vectors in files: GloVe's text, word2vec's text and word2vec's binary form, read a word at a time.

Only the wanted words are kept, so a file of gigabytes needs no more memory than they do. The form is told
from the beginning of the file: a first line of two numbers (words, width) is word2vec's, and what follows it
is text where the next line is a word with so many numbers.
"""

import gzip
import zlib
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from gradus.core.errors import InputError
from gradus.core.files import write_bytes
from gradus.data.lines import LONGEST_BYTES, decoded, pieces

WIDEST, LONGEST_WORD_BYTES = 10_000, 4096
Pair = tuple[str, Float32[np.ndarray, "D"]]


@dataclass(frozen=True, slots=True)
class WordVectors:
    """The vectors of the wanted words that a file has."""

    words: list[str]
    vectors: Float[Tensor, "N D"]
    repeated: int
    """Wanted words that the file has again; the first vector counts."""


def read_vectors(path: Path, wanted: Container[str]) -> WordVectors:
    """The vectors of the wanted words.

    InputError names the file, and the line or the word, where it cannot be read, is cut off, has rows of
    another width or of what is no finite number, or begins with a count or a width that no file has.
    """
    found = dict[str, np.ndarray]()
    repeated, width = 0, 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for word, vector in _pairs(file, str(path)):
                width = len(vector)
                if word not in wanted:
                    continue
                if word in found:
                    repeated += 1
                    continue
                if not np.isfinite(vector).all():
                    raise _bad_row(f"{path}, the vector of {word!r}", "finite numbers", "others")
                found[word] = vector
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "GR-TEXT-001",
            where=str(path),
            wanted="a file of word vectors that can be read to its end",
            got=getattr(error, "strerror", None) or str(error).lower() or "one that cannot",
            remedy="Check what the path is and who may read it, or copy the file again.",
        ) from error
    vectors = np.stack(list(found.values())) if found else np.zeros((0, width), np.float32)
    return WordVectors(list(found), torch.from_numpy(vectors), repeated)


def _pairs(file: BufferedIOBase, where: str) -> Iterator[Pair]:
    """Each word with its vector."""
    first = file.readline(LONGEST_BYTES + 1)
    header = first.split()
    if len(header) == 2 and all(part.isdigit() for part in header):
        count, width = (int(part) for part in header)
        if not (1 <= width <= WIDEST and 1 <= count <= 10**9):
            raise InputError(
                "GR-TEXT-030",
                where=f"{where}, line 1",
                wanted=f"a header of at most 1,000,000,000 words of at most {WIDEST:,} numbers each",
                got=first.decode("ascii", errors="replace").strip()[:60],
                remedy="Check that this is a file of word vectors, or fetch it again.",
            )
        second = file.readline(LONGEST_BYTES + 1)
        if _is_text(second):
            yield from _counted(_text_pairs([second], file, where, width=width, number=2), count, where)
        else:
            yield from _binary_pairs(second, file, where, count=count, width=width)
        return
    if not first:
        raise InputError(
            "GR-TEXT-030",
            where=where,
            wanted="word vectors",
            got="an empty file",
            remedy="Check the path, or fetch the file again.",
        )
    width = len(header) - 1
    if not 1 <= width <= WIDEST or not _is_text(first):
        raise InputError(
            "GR-TEXT-030",
            where=f"{where}, line 1",
            wanted="a word and its numbers (GloVe), or a count and a width (word2vec)",
            got=repr(first[:40])[1:],
            remedy="Check that this is a file of word vectors, or fetch it again.",
        )
    yield from _text_pairs([first], file, where, width=width, number=1)


def _is_text(line: bytes) -> bool:
    """Whether a line is a word and numbers, written out."""
    with suppress(ValueError):
        _, *numbers = line.decode("utf-8-sig").split()
        return bool(numbers) and all(isinstance(float(part), float) for part in numbers)
    return False


def _text_pairs(
    begun: Sequence[bytes], file: BufferedIOBase, where: str, *, width: int, number: int
) -> Iterator[Pair]:
    """The rows of a text file; a word may hold spaces, as a few of GloVe's do."""
    rest = decoded(_joined(begun, pieces(file.readline)), where=where)
    for place, line in enumerate(rest, start=number):
        parts = line.rstrip().split(" ")
        try:
            vector = np.array(parts[-width:], dtype=np.float32)
        except ValueError:
            vector = np.zeros(0, np.float32)
        if len(parts) <= width or len(vector) != width:
            raise _bad_row(f"{where}, line {place}", f"a word and {width} numbers", _said(line, parts))
        yield " ".join(parts[:-width]), vector


def _said(line: str, parts: Sequence[str]) -> str:
    return f"{len(parts) - 1} numbers" if len(parts) > 1 else repr(line[:40])


def _joined(begun: Sequence[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from begun
    yield from rest


def _counted(pairs: Iterator[Pair], count: int, where: str) -> Iterator[Pair]:
    """The pairs of a file that says how many it has; InputError where they are fewer or more."""
    given = 0
    for pair in pairs:
        given += 1
        yield pair
    if given != count:
        raise _cut_off(where, count, f"{given:,}")


def _binary_pairs(
    begun: bytes, file: BufferedIOBase, where: str, *, count: int, width: int
) -> Iterator[Pair]:
    """Words, each up to a space, with their numbers as little-endian floats, perhaps a line end between."""
    buffer = begun
    for place in range(count):
        buffer = buffer.lstrip(b"\n")
        while b" " not in buffer[:LONGEST_WORD_BYTES]:
            more = file.read(1 << 16)
            if len(buffer) > LONGEST_WORD_BYTES:
                raise _bad_row(f"{where}, word {place + 1:,}", "a word", "thousands of bytes without a space")
            if not more:
                raise _cut_off(where, count, f"{place:,}")
            buffer = (buffer + more).lstrip(b"\n")
        end = buffer.index(b" ")
        size = 4 * width
        while len(buffer) < end + 1 + size:
            more = file.read(1 << 16)
            if not more:
                raise _cut_off(where, count, f"{place:,} and a part of one")
            buffer += more
        vector = np.frombuffer(buffer, "<f4", count=width, offset=end + 1).astype(np.float32)
        yield buffer[:end].decode("utf-8", errors="replace"), vector
        buffer = buffer[end + 1 + size :]


def _bad_row(where: str, wanted: str, got: str) -> InputError:
    return InputError(
        "GR-TEXT-031",
        where=where,
        wanted=wanted,
        got=got,
        remedy="Fetch the file again, or mend the row.",
    )


def _cut_off(where: str, count: int, got: str) -> InputError:
    return InputError(
        "GR-TEXT-032",
        where=where,
        wanted=f"the {count:,} vectors that its first line speaks of",
        got=got,
        remedy="Fetch the file again: it is cut off, or its first line is wrong.",
    )


def write_vectors(path: Path, words: Sequence[str], vectors: Float[Tensor, "N D"]) -> None:
    """Write word2vec's text form, all or nothing; words must hold no space."""
    assert len(words) == len(vectors)
    rows = (
        f"{word} {' '.join(f'{value:.6g}' for value in vector)}\n"
        for word, vector in zip(words, vectors.tolist(), strict=True)
    )
    write_bytes(path, f"{len(words)} {vectors.shape[1]}\n{''.join(rows)}".encode())
