"""Which layout a path holds, seen from its names, and the reader of that layout."""

from pathlib import Path

from gradus.core.errors import InputError
from gradus.data.arrays import read_npz
from gradus.data.cifar import is_cifar10, read_cifar10
from gradus.data.folders import read_folders, read_table
from gradus.data.idx import read_idx_folder
from gradus.data.picture_sets import PictureSet
from gradus.data.pictures import PictureForm
from gradus.data.source_table import SOURCES
from gradus.data.tables import SEPARATORS

ARCHIVES = (".zip", ".npz", ".tar.gz", ".tgz", ".tar")
LAYOUTS = (
    "a folder or .zip of class folders, a .csv or .tsv of paths and labels, an .npz of arrays, "
    "MNIST's idx files, or CIFAR-10's batches"
)


def read_pictures(
    path: Path, form: PictureForm, *, skip_bad: bool = False, classes: tuple[str, ...] | None = None
) -> PictureSet:
    """The pictures at a path, whichever of the layouts it holds.

    A folder with one archive and no folders is read as that archive. ``skip_bad`` leaves broken picture files
    out; an array file is whole or refused. InputError where there is nothing, or nothing that is known.
    """
    if not path.exists():
        raise InputError(
            "GR-DATA-001",
            where=str(path),
            wanted="pictures",
            got="nothing at that path",
            remedy="Check the path.",
        )
    if path.is_dir():
        return _read_folder(path, form, skip_bad=skip_bad, classes=classes)
    name = path.name.lower()
    if name.endswith(".npz"):
        return read_npz(path, form, classes=classes)
    if name.endswith(".zip"):
        return read_folders(path, form, skip_bad=skip_bad, classes=classes)
    if name.endswith(tuple(SEPARATORS)):
        return read_table(path, form, skip_bad=skip_bad, classes=classes)
    if name.endswith(ARCHIVES):
        return read_cifar10(path, form, classes=classes)
    raise InputError(
        "GR-DATA-010",
        where=str(path),
        wanted=LAYOUTS,
        got=f"a file with the ending {path.suffix!r}",
        remedy="Bring the pictures into one of these layouts.",
    )


def _read_folder(
    path: Path, form: PictureForm, *, skip_bad: bool, classes: tuple[str, ...] | None
) -> PictureSet:
    if any(path.glob("*-ubyte*")):
        return read_idx_folder(path, form, classes=classes)
    if is_cifar10(path):
        return read_cifar10(path, form, classes=classes)
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    archives = [entry for entry in entries if entry.name.lower().endswith(ARCHIVES)]
    if len(archives) == 1 and not any(entry.is_dir() for entry in entries):
        return read_pictures(archives[0], form, skip_bad=skip_bad, classes=classes)
    return read_folders(path, form, skip_bad=skip_bad, classes=classes)


def read_source(
    name: str,
    path: Path,
    form: PictureForm,
    *,
    skip_bad: bool = False,
    classes: tuple[str, ...] | None = None,
) -> PictureSet:
    """The pictures at ``path`` in whatever layout they have; labels get the names that the set is known by.

    ``name`` may be that of no known set, for pictures of the user's own.
    """
    known = SOURCES[name].classes if name in SOURCES else None
    return read_pictures(path, form, skip_bad=skip_bad, classes=classes or known)
