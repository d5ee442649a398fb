"""Files by name: those of a folder, or of a zip archive that is read in place and never unpacked."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

from gradus.core.errors import InputError

MOST_GIB, MOST_GIB_EACH = 16.0, 0.25
# Files that systems leave behind; their content is nobody's data.
LEFT_BEHIND = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Members:
    """Files by their names relative to one place, sorted, written with forward slashes."""

    where: str
    names: tuple[str, ...]
    read: Callable[[str], bytes]
    """The content of one; InputError names it where it cannot be read. Threads may call it at once."""


@contextmanager
def open_members(path: Path) -> Iterator[Members]:
    """The files below a folder, or in a zip archive."""
    if path.is_dir():
        yield Members(str(path), folder_names(path), partial(read_file, path))
    else:
        with open_zip(path) as archive:
            yield Members(str(path), zip_names(archive, str(path)), partial(_read_member, archive, str(path)))


def is_left_behind(name: str) -> bool:
    """Whether a name is hidden or made by a system: ``.DS_Store``, ``__MACOSX/._a.jpg``."""
    return any(part.startswith(".") or part in LEFT_BEHIND for part in PurePosixPath(name).parts)


def folder_names(root: Path) -> tuple[str, ...]:
    """Every file below a folder. Links are followed; InputError where they lead to the same folder twice."""
    names, seen = [], dict[tuple[int, int], str]()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=_refuse_folder):
        status = Path(folder).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen:
            raise InputError(
                "GR-DATA-017",
                where=folder,
                wanted="each folder once",
                got=f"the same folder as {seen[key]}, through a link",
                remedy="Remove the link: the pictures would count twice, or without end.",
            )
        seen[key] = folder
        folders[:] = [name for name in folders if not is_left_behind(name)]
        names += [Path(folder, name).relative_to(root).as_posix() for name in files]
    return tuple(sorted(names))


def _refuse_folder(error: OSError) -> None:
    raise InputError(
        "GR-DATA-002",
        where=str(error.filename),
        wanted="a folder that can be read",
        got=(error.strerror or str(error)).lower(),
        remedy="Check what the path is and who may read it.",
    ) from error


def read_file(root: Path, name: str) -> bytes:
    """The content of a file below a folder; InputError where it cannot be read."""
    return read_whole(root / name, name=str(root / name))


def read_whole(path: Path, *, name: str) -> bytes:
    """The content of a file; InputError by ``name`` where there is none, or none that can be read."""
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            raise OSError("a pipe, which may never end")
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            raise InputError(
                "GR-DATA-001",
                where=name,
                wanted="a file",
                got="nothing at that path",
                remedy="Check the path.",
            ) from error
        raise InputError(
            "GR-DATA-002",
            where=name,
            wanted="a file that can be read",
            got=(error.strerror or str(error)).lower(),
            remedy="Check what the path is and who may read it.",
        ) from error


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose members were all found harmless; InputError where one is not."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise InputError(
            "GR-DATA-002",
            where=str(path),
            wanted="an archive that can be read",
            got=(error.strerror or str(error)).lower(),
            remedy="Check what the path is and who may read it.",
        ) from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _broken(str(path), error) from error
    with archive:
        refuse_hostile(archive.infolist(), str(path))
        yield archive


def zip_names(archive: zipfile.ZipFile, where: str) -> tuple[str, ...]:
    """Every file in an archive, folders left out; InputError where two have one name."""
    names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    for name, following in pairwise(names):
        if name == following:
            raise _refused(where, name, "each name once", "two files of this name")
    return tuple(names)


def refuse_hostile(members: list[zipfile.ZipInfo], where: str) -> None:
    """InputError where a member leads outside the archive, is a link or encrypted, or all are too much."""
    for info in members:
        name = info.filename
        path = PurePosixPath(name.replace("\\", "/"))
        if not path.parts or path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
            raise _refused(where, name, "names inside the archive", "one that leads out of it")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(where, name, "files", "a link")
        if info.flag_bits & 1:
            raise _refused(where, name, "readable files", "an encrypted one")
    gib = sum(info.file_size for info in members) / 2**30
    if gib > MOST_GIB:
        raise _too_large(where, MOST_GIB, gib)


def _refused(where: str, name: str, wanted: str, got: str) -> InputError:
    remedy = "Make the archive anew from plain files, or unpack it yourself and give the folder."
    return InputError("GR-DATA-026", where=f"{where}, {name}", wanted=wanted, got=got, remedy=remedy)


def _broken(where: str, error: Exception) -> InputError:
    return InputError(
        "GR-DATA-025",
        where=where,
        wanted="a whole zip archive",
        got=f"{type(error).__name__}: {error}",
        remedy="Copy or download the archive again.",
    )


def _too_large(where: str, most_gib: float, gib: float) -> InputError:
    return InputError(
        "GR-DATA-027",
        where=where,
        wanted=f"at most {most_gib:g} GiB when unpacked",
        got=f"{gib:.1f} GiB",
        remedy="Unpack the archive yourself if you trust it, and give the folder.",
    )


def _read_member(archive: zipfile.ZipFile, where: str, name: str) -> bytes:
    """The content of one member: never more bytes than its entry declares, which is checked."""
    gib = archive.getinfo(name).file_size / 2**30
    if gib > MOST_GIB_EACH:
        raise _too_large(f"{where}, {name}", MOST_GIB_EACH, gib)
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise _broken(f"{where}, {name}", error) from error
