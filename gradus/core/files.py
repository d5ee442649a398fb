"""Files that are whole or absent: written beside their place, flushed to disk, then renamed over it."""

import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args, get_origin

from gradus.core.errors import InputError

DEEPEST = 100  # levels of a JSON file: what gradus writes has a tenth of it


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write ``path`` into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise InputError(
            "GR-RUN-001" if full else "GR-RUN-002",
            where=str(path),
            wanted="room for the file" if full else "a place to write to",
            got=(error.strerror or str(error)).lower(),
            remedy="Free some space, then repeat the command, or `gradus resume` a run that had begun."
            if full
            else "Give another place, such as another --out.",
        ) from error


def part_of(path: Path) -> Path:
    """Where a file is written before it takes its place; a kill may leave it there."""
    return path.with_name(f".{path.name}.part")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, all or nothing; InputError where the disk is full or refuses."""
    beside = part_of(path)
    with naming(path):
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def json_bytes(value: Any) -> bytes:
    """A value as indented JSON with its keys in order; ValueError for NaN."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def json_line(value: Any) -> str:
    """A value as JSON on one line, without its end; null where a number is none."""
    return json.dumps(without_nan(value), allow_nan=False)


def without_nan(value: Any) -> Any:
    """The same value with null for NaN and the infinities, at any depth: JSON has none of them."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as indented JSON with its keys in order; NaN is refused."""
    write_bytes(path, json_bytes(value))


def read_regular(path: Path) -> bytes:
    """The content of a regular file; OSError where it is none: a pipe or a device may never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
        return file.read()


def read_json(path: Path) -> Any:
    """The value in a JSON file; InputError where it is missing or not JSON."""
    try:
        value = json.loads(read_regular(path))
        if _is_deeper(value, DEEPEST):
            raise ValueError(f"one of more than {DEEPEST} levels")
        return value
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, "a readable JSON file", str(error).lower()[:200]) from error


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a value of JSON has more levels than these: whoever walks through it would not come back."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_is_deeper(item, levels - 1) for item in inner))


def read_object(path: Path, *names: str) -> dict[str, Any]:
    """The object in a JSON file, which has at least these names; InputError where it is anything else."""
    value = read_json(path)
    missing = [name for name in names if name not in value] if isinstance(value, dict) else []
    if not isinstance(value, dict) or missing:
        wanted = f"a JSON object with {', '.join(names)}" if names else "a JSON object"
        raise _unreadable(path, wanted, f"one without {missing[0]}" if missing else repr(value)[:80])
    return value


def read_typed(path: Path, hints: Mapping[str, Any]) -> dict[str, Any]:
    """The object in a JSON file whose values are as these hints say; InputError names one that is not."""
    value = read_object(path, *hints)
    for name, hint in hints.items():
        if not fits(value[name], hint):
            raise _unreadable(f"{path}, {name}", "a value as gradus writes it", repr(value[name])[:80])
    return value


def fits(value: Any, hint: Any) -> bool:
    """Whether a value that JSON gave is what a type hint says; null stands for a number that is none."""
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(fits(item, get_args(hint)[1]) for item in value.values())
    if hint is float:
        return value is None or (type(value) in (int, float) and abs(value) < 2**1023)
    if hint is int:
        return type(value) is int and abs(value) < 2**63
    return hint is Any or type(value) is hint


def _unreadable(path: Path | str, wanted: str, got: str) -> InputError:
    remedy = "Check that the path names a run folder that gradus wrote; restore the file if it does."
    return InputError("GR-RUN-003", where=str(path), wanted=wanted, got=got, remedy=remedy)


def sha256(content: bytes) -> str:
    """The SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sync_folder(path: Path) -> None:
    """Make the renames inside a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """A folder for what the body writes; it, and those made around it, go again where they end up empty."""
    with naming(path):
        made = list(takewhile(lambda folder: not folder.exists(), (path, *path.parents)))
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        remove_empty(made)


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, up to the first that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:  # it could not be made
            continue
        except OSError:
            break
