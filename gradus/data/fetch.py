"""Download a public data set: it goes on where it stopped, and appears only when its sum is right.

One process at a time fetches into a folder; another waits, and then has the files.
"""

import errno
import fcntl
import hashlib
import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gradus.core.errors import InputError
from gradus.data.source_table import Source, SourceFile

PIECE_BYTES = 2**18
TIMEOUT_SECONDS = 30.0
BEYOND = http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE  # of a server whose file is shorter than what came

Progress = Callable[[str, int, int], None]
"""Told of a file's name, its bytes so far and its bytes in all."""


def silent(name: str, done_bytes: int, total_bytes: int) -> None:
    """A progress that shows nothing."""


def fetch(
    source: Source, into: Path, *, opener: Callable[..., Any] = urlopen, progress: Progress = silent
) -> None:
    """Put every file of a data set into a folder; files that are there already are checked and kept.

    What a broken transfer leaves, NAME.part, is continued by the next call, or begun anew where it turns out
    wrong. InputError where the set has no address, the server refuses, the network fails, a sum is wrong, or
    the folder cannot be written.
    """
    if not source.files or not all(file.url for file in source.files):
        raise InputError(
            "GR-DATA-071",
            where=f"the data set {source.name}",
            wanted="files with a public address",
            got="files that are put into place by hand"
            if source.files
            else "data that a library brings along",
            remedy=f"Put them into $GRADUS_DATA/{source.name}." if source.files else "Use it as it is.",
        )
    is_whole = all((into / file.name).exists() for file in source.files)
    with nullcontext() if is_whole else _held(into):
        for file in source.files:
            target, part = into / file.name, into / f"{file.name}.part"
            if target.exists():
                check(target, file, remedy="Remove the file, then fetch it again.")
            else:
                _complete(file, part, opener=opener, progress=progress)
                with _writing(target):
                    part.replace(target)
            progress(file.name, file.num_bytes, file.num_bytes)


@contextmanager
def _held(into: Path) -> Iterator[None]:
    """Be the only one who fetches into a folder, which is made; the lock ends with its process in any case.

    Its file goes again at the end: who waited for that one takes another.
    """
    path, is_mine = into / ".lock", False
    while not is_mine:
        with ExitStack() as stack, _writing(path):
            into.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("ab"))
            fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):  # the one who had it before has taken it away
                is_mine = os.path.samestat(path.stat(), os.fstat(file.fileno()))
            opened = stack.pop_all() if is_mine else stack
    with opened:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _complete(file: SourceFile, part: Path, *, opener: Callable[..., Any], progress: Progress) -> None:
    """Let ``part`` hold the whole file, going on from what is there unless that turns out wrong."""
    was_begun = part.exists() and part.stat().st_size > 0
    try:
        _download(file, part, opener=opener, progress=progress)
        check(part, file, remedy="Fetch it again; if the sum stays wrong, the published file has changed.")
    except InputError as error:
        cause = error.__cause__
        is_wrong = error.code == "GR-DATA-072" or (isinstance(cause, HTTPError) and cause.code == BEYOND)
        if is_wrong:
            part.unlink()  # to continue it would never make it right
        if not (is_wrong and was_begun):
            raise
        _complete(file, part, opener=opener, progress=progress)


def check(path: Path, file: SourceFile, *, remedy: str) -> None:
    """InputError where a file is not, byte for byte, the one that was published."""
    algorithm, _, wanted = file.digest.partition(":")
    with path.open("rb") as content:
        got = hashlib.file_digest(content, algorithm).hexdigest()
    if got != wanted:
        raise InputError(
            "GR-DATA-072",
            where=str(path),
            wanted=f"the {algorithm} sum {wanted}",
            got=f"{got} from {path.stat().st_size} bytes",
            remedy=remedy,
        )


def _download(file: SourceFile, part: Path, *, opener: Callable[..., Any], progress: Progress) -> None:
    """Complete ``part``: all bytes, or those that are missing if the server sends them."""
    with _writing(part):
        output = part.open("ab")
    with output:
        done = output.tell()
        if done >= file.num_bytes:
            return  # the sum decides what it is worth
        headers = {"User-Agent": "gradus", **({"Range": f"bytes={done}-"} if done else {})}
        request = Request(str(file.url), headers=headers)
        with ExitStack() as stack:
            with _contacting(file):
                answer = stack.enter_context(opener(request, timeout=TIMEOUT_SECONDS))
            if done and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                done = 0  # the server sends everything
                with _writing(part):
                    output.truncate(0)
            while done <= file.num_bytes:
                with _contacting(file):
                    piece = answer.read(PIECE_BYTES)
                if not piece:
                    break
                with _writing(part):
                    output.write(piece)
                    output.flush()
                done += len(piece)
                progress(file.name, done, file.num_bytes)
    if done < file.num_bytes:
        raise InputError(
            "GR-DATA-075",
            where=str(file.url),
            wanted=f"{file.num_bytes} bytes",
            got=f"{done}, then the end of the transfer",
            remedy="Fetch it again: it goes on from there.",
        )


@contextmanager
def _contacting(file: SourceFile) -> Iterator[None]:
    """Turn what a server or the network does not do into an InputError."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise InputError(
            "GR-DATA-073",
            where=str(file.url),
            wanted="the file",
            got=f"the answer {error.code} {error.reason}",
            remedy="Try again later, or get the file elsewhere and put it into $GRADUS_DATA.",
        ) from error
    except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
        raise InputError(
            "GR-DATA-074",
            where=str(file.url),
            wanted="a connection",
            got=f"{type(error).__name__}: {error}",
            remedy="Check the network, then fetch it again: it goes on where it stopped.",
        ) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the disk's refusal into an InputError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise InputError(
            "GR-DATA-076",
            where=str(path),
            wanted="room for the file" if full else "a folder to write to",
            got=(error.strerror or str(error)).lower(),
            remedy="Free some space, then fetch it again: it goes on where it stopped."
            if full
            else "Set XDG_CACHE_HOME to a folder that you may write to.",
        ) from error
