"""Parquet files, read by a process of their own: what a damaged file does to the library may end only that.

The library is in another language: a file that contradicts itself can abort the process from within, or ask
for more memory than there is, which no ``except`` sees. So the child reads, and hands its rows on as a stream
of Arrow, which this process reads in turn.
"""

import io
import subprocess
import sys
from pathlib import Path
from signal import Signals
from typing import Any

from gradus.core.errors import InputError

MARK = b"PAR1"  # at both ends of a file
TAIL_BYTES = 8  # the length of the footer, and the mark
# What the child does: a word about a file that is none goes to standard error, rows to standard output. The
# name of a file is no pattern here: a star in it is a star.
CHILD = """
import sys
import polars
try:
    frame = polars.read_parquet(sys.argv[1], glob=False, hive_partitioning=False)
except BaseException as error:
    sys.exit((str(error).strip().splitlines() or ["one that cannot be read"])[0])
frame.write_ipc_stream(sys.stdout.buffer)
"""


def read_parquet(path: Path) -> Any:
    """The polars frame in a Parquet file; InputError where it is none, or one that ends whoever reads it."""
    import polars

    try:
        _refuse_other_ends(path)
    except OSError as error:
        raise _refused(path, (error.strerror or str(error)).lower()) from error
    command = [sys.executable, "-P", "-c", CHILD, str(path.absolute())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            content, said = child.communicate()
        except BaseException:
            child.kill()
            raise
    if child.returncode < 0:
        raise _refused(path, f"one that ends its reader by {Signals(-child.returncode).name}")
    if child.returncode > 0:
        words = said.decode(errors="replace").strip().splitlines() or ["one that ends its reader"]
        raise _refused(path, words[-1])
    try:
        return polars.read_ipc_stream(io.BytesIO(content))
    except polars.exceptions.PolarsError as error:  # the child ended early, and called that a success
        raise _refused(path, "one that ends its reader") from error


def _refuse_other_ends(path: Path) -> None:
    """Raise InputError where the ends of a file are not those of Parquet, a mark at both, a footer within."""
    with path.open("rb") as file:
        begin = file.read(len(MARK))
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read(TAIL_BYTES)
    if begin != MARK:
        raise _refused(
            path, f"one that begins with {begin!r}, not with {MARK!r}" if size else "an empty file"
        )
    if tail[4:] != MARK:
        raise _refused(path, f"one that ends with {tail[4:]!r}, not with {MARK!r}: it may be cut off")
    footer = int.from_bytes(tail[:4], "little")
    if footer > size - len(MARK) - TAIL_BYTES:
        raise _refused(path, f"a footer of {footer:,} bytes in a file of {size:,}")


def _refused(path: Path, got: str) -> InputError:
    return InputError(
        "GR-SERIES-003",
        where=str(path),
        wanted="a Parquet file",
        got=got[:200],
        remedy="Write the file again, or give it the suffix of what it is.",
    )
