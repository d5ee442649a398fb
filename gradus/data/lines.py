"""The lines of a text file, one at a time: UTF-8, compressed by gzip or not, never a whole file in memory."""

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


def read_lines(path: Path) -> Iterator[str]:
    """Each line without its end; a byte-order mark is left out.

    InputError names the file and the line where it cannot be opened, is not UTF-8, is cut off in the middle
    of its compression, or holds a line of more than a mebibyte.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield from decoded(pieces(file.readline), where=str(path))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "GR-TEXT-001",
            where=str(path),
            wanted="a text file that can be read to its end",
            got=getattr(error, "strerror", None) or str(error).lower() or "one that cannot",
            remedy="Check what the path is and who may read it, or copy the file again.",
        ) from error


def decoded(lines: Iterable[bytes], *, where: str) -> Iterator[str]:
    """Lines of bytes as text; InputError names the line that is too long or not UTF-8."""
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_BYTES:
            raise InputError(
                "GR-TEXT-002",
                where=f"{where}, line {number}",
                wanted=f"a line of at most {LONGEST_BYTES:,} bytes",
                got="a longer one",
                remedy="Cut the line, or check that this is a text file with an item a line.",
            )
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                "GR-TEXT-003",
                where=f"{where}, line {number}",
                wanted="text in UTF-8",
                got=f"the byte 0x{line[error.start]:02x} at place {error.start + 1} of the line"
                + next(
                    (f": {what}" for mark, what in MARKS.items() if number == 1 and line.startswith(mark)), ""
                ),
                remedy="Save the file as text in UTF-8.",
            ) from error


def pieces(read_line: Callable[[int], bytes]) -> Iterator[bytes]:
    """Lines, none read further than it takes to know that it is too long."""
    while line := read_line(LONGEST_BYTES + 1):
        yield line
