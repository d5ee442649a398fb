"""Following a stream: the lines of a file that grows, or of standard input, answered as they come."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gradus.core.errors import InputError
from gradus.data.lines import LONGEST_BYTES, decoded, lines_of, pieces
from gradus.engine.job import Deployable
from gradus.ship.predict import Answered, answered, with_faults

PAUSE_SECONDS = 0.1


def follow(deployable: Deployable, source: str, *, skip_bad: bool = False) -> Iterator[Answered]:
    """Each line of a file, old and new, or of standard input (``-``), with its answer once it is there."""
    assert deployable.lines is not None, "what is followed has lines"
    is_piped = source == "-"
    name = "standard input" if is_piped else source
    faults = list[InputError]()
    lines = pieces(sys.stdin.buffer.readline) if is_piped else lines_of(added_pieces(Path(source)))
    texts = decoded(lines, where=name, faults=faults if skip_bad else None)
    items = with_faults(deployable.lines(texts, name), faults)
    yield from answered(deployable, items, batch=1, skip_bad=skip_bad)


def added_pieces(path: Path, *, pause_seconds: float = PAUSE_SECONDS) -> Iterator[bytes]:
    """Whole lines of a file as they are written, without end; one that is too long comes in pieces.

    A file that was cut short or replaced by another of its name (logs are rotated so) is read anew from its
    beginning. InputError where there is no such file at first.
    """
    if not path.is_file():
        raise InputError(
            "GR-DATA-050",
            where=str(path),
            wanted="a file to follow",
            got="a folder" if path.is_dir() else "nothing",
            remedy="Check the path, or give - and pipe the lines in.",
        )
    while True:
        with path.open("rb") as file:
            begun = path.stat().st_ino
            rest, is_within = b"", False  # whether the line that is read has begun in a piece before
            while True:
                rest += file.readline(LONGEST_BYTES + 1)
                if rest.endswith(b"\n") or len(rest) > LONGEST_BYTES:
                    yield rest
                    rest, is_within = b"", not rest.endswith(b"\n")
                    continue
                if path.exists() and (path.stat().st_ino != begun or path.stat().st_size < file.tell()):
                    if is_within:
                        yield b"\n"  # its end will never come
                    break
                time.sleep(pause_seconds)
