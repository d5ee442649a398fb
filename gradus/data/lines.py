"""The lines of a text file, one at a time: UTF-8, compressed by gzip or not, never a whole file in memory.

A line ends with a line feed, a carriage return, or both.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gradus.core.errors import InputError

MARKS = {  # what files that are no text in UTF-8 begin with
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive, as .xlsx files are",
    b"\x1f\x8b": "a file compressed by gzip, whose name ends in .gz",
}
LONGEST_BYTES = 1 << 20  # a line; what is longer is no text that a person wrote


def read_lines(path: Path, *, faults: list[InputError] | None = None) -> Iterator[str]:
    """Each line without its end; a byte-order mark is left out.

    InputError names the file and the line where it cannot be opened, is not UTF-8, is cut off in the middle
    of its compression, or holds a line of more than a mebibyte. ``faults``: see ``decoded``.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield from decoded(pieces(file.readline), where=str(path), faults=faults)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "GR-TEXT-001",
            where=str(path),
            wanted="a text file that can be read to its end",
            got=getattr(error, "strerror", None) or str(error).lower() or "one that cannot",
            remedy="Check what the path is and who may read it, or copy the file again.",
        ) from error


def decoded(lines: Iterable[bytes], *, where: str, faults: list[InputError] | None = None) -> Iterator[str]:
    """Lines of bytes as text; InputError names the line that is too long or not UTF-8.

    ``faults``, where given, takes the errors of bad lines as they come, and an empty line stands for each,
    so that the others keep their numbers. That of the first line is raised all the same: by it one sees what
    kind of file this is, and it may be what names the columns.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield _text(line, number, where)
        except InputError as fault:
            if faults is None or number == 1:
                raise
            faults.append(fault)
            yield ""


def _text(line: bytes, number: int, where: str) -> str:
    if len(line) > LONGEST_BYTES:
        raise InputError(
            "GR-TEXT-002",
            where=f"{where}, line {number}",
            wanted=f"a line of at most {LONGEST_BYTES:,} bytes",
            got="a longer one",
            remedy="Cut the line, or check that this is a text file with an item a line.",
        )
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        kinds = MARKS.items() if number == 1 else ()
        raise InputError(
            "GR-TEXT-003",
            where=f"{where}, line {number}",
            wanted="text in UTF-8",
            got=f"the byte 0x{line[error.start]:02x} at place {error.start + 1} of the line"
            + next((f": {what}" for mark, what in kinds if line.startswith(mark)), ""),
            remedy="Save the file as text in UTF-8.",
        ) from error


def pieces(read_line: Callable[[int], bytes]) -> Iterator[bytes]:
    """Lines with their ends, none read further than it takes to know that it is too long."""
    return lines_of(iter(lambda: read_line(LONGEST_BYTES + 1), b""))


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in pieces of a text, which end with lines or anywhere; of one too long, its beginning."""
    rest, is_told = b"", False  # the beginning of a line, and whether it has been given already
    for piece in pieces:
        *lines, rest = (rest + piece).splitlines(keepends=True)
        if rest.endswith(b"\n"):
            lines, rest = [*lines, rest], b""
        yield from lines[is_told:]
        is_told = is_told and not lines
        if len(rest) > LONGEST_BYTES:
            if not is_told:
                yield rest
            is_told, rest = True, rest[-1:] if rest.endswith(b"\r") else b""
    if rest and not is_told:
        yield rest
