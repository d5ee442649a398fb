"""CIFAR-10 in its official layouts, binary and Python, as a folder or as the archive that is downloaded.

Format: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". Binary: records of a label
byte, then 32 x 32 red, green and blue bytes. Python: a pickled dictionary with "labels" and "data". A pickle
is a program; here its instructions are read and never run, so that loading cannot run anybody's code.
"""

import pickletools
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8

from gradus.core.errors import InputError
from gradus.data.members import read_file
from gradus.data.picture_sets import Labelled, PictureSet, gather
from gradus.data.pictures import PictureForm

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPLITS = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
BATCHES = {name + ending for names in SPLITS.values() for name in names for ending in (".bin", "")}
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
PIXELS = 3 * 32 * 32
MOST_BYTES = 2**30
TEXT = {
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINUNICODE",
    "SHORT_BINUNICODE",
}
INTEGER = {"INT", "BININT", "BININT1", "BININT2"}

Records = UInt8[np.ndarray, "N 3073"]


def is_cifar10(path: Path) -> bool:
    """Whether a folder holds official batches, directly or in the folder of the archive."""
    return any((path / folder / name).is_file() for folder in FOLDERS for name in BATCHES)


def read_cifar10(path: Path, form: PictureForm, *, classes: tuple[str, ...] | None = None) -> PictureSet:
    """The official training and test pictures from a folder or a tar archive, which is not unpacked.

    InputError where a batch is missing, has a wrong length or a label beyond 9, or is no such pickle.
    """
    contents = _from_folder(path) if path.is_dir() else _from_archive(path)
    parts = {}
    for split, names in SPLITS.items():
        records = np.concatenate([_records(contents, name, str(path)) for name in names])
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, 3072) -> (N, H, W, C)
        labels = [CLASSES[label] for label in records[:, 0].tolist()]
        parts[split] = Labelled(images, labels, [f"{split}/{i}" for i in range(len(labels))])
    return gather(parts, form, where=str(path), classes=classes or CLASSES)


def _records(contents: dict[str, bytes], name: str, where: str) -> Records:
    """The records of one batch: a label, then the bytes of its picture."""
    if f"{name}.bin" in contents:
        content = contents[f"{name}.bin"]
        if not content or len(content) % (1 + PIXELS):
            raise _unusable(f"{where}, {name}.bin", f"records of {1 + PIXELS} bytes", f"{len(content)} bytes")
        records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    elif name in contents:
        records = _read_pickle(contents[name], f"{where}, {name}")
    else:
        raise _unusable(where, "data_batch_1 to data_batch_5 and test_batch", f"no {name}")
    if records[:, 0].max() >= len(CLASSES):
        place = int((records[:, 0] >= len(CLASSES)).argmax())
        raise _unusable(f"{where}, {name}, picture {place}", "a label from 0 to 9", str(records[place, 0]))
    return records


def _read_pickle(content: bytes, where: str) -> Records:
    """Labels and pixels from the instructions of a pickle: what follows the keys "labels" and "data".

    The array must be of bytes ("u1") and stored row by row, which is how every official batch is.
    """
    labels, pixels, described, by_columns, key = list[int](), b"", set[bytes](), False, ""
    try:
        for code, argument, _ in pickletools.genops(content):
            if isinstance(argument, str | bytes) and code.name in TEXT:
                text = argument if isinstance(argument, bytes) else argument.encode("latin-1")
                if key == "data" and len(text) >= PIXELS:
                    pixels, key = text, ""
                elif text in (b"data", b"labels"):
                    key = text.decode()
                elif key == "data":
                    described.add(text)
                elif labels:
                    key = ""  # the list of labels is over
            elif key == "labels" and isinstance(argument, int) and code.name in INTEGER:
                labels.append(argument)
            elif key == "data" and code.name in ("NEWTRUE", "NEWFALSE"):
                by_columns = code.name == "NEWTRUE"  # the last one before the pixels counts
    except ValueError as error:
        raise _unusable(where, "a whole pickle", str(error)) from error
    if b"u1" not in described or by_columns or not labels or len(pixels) != PIXELS * len(labels):
        got = f"{len(labels)} labels and {len(pixels)} bytes of pixels"
        raise _unusable(where, f"labels, and {PIXELS} bytes of pixels for each", got)
    if not 0 <= min(labels) <= max(labels) < len(CLASSES):
        raise _unusable(where, "labels from 0 to 9", f"{min(labels)} to {max(labels)}")
    rows = np.frombuffer(pixels, np.uint8).reshape(len(labels), PIXELS)
    return np.concatenate([np.array(labels, np.uint8)[:, None], rows], axis=1)


def _from_folder(path: Path) -> dict[str, bytes]:
    """The batches in a folder, or in the folder that unpacking the archive makes inside it."""
    for folder in FOLDERS:
        names = [name for name in sorted(BATCHES) if (path / folder / name).is_file()]
        if names:
            return {name: read_file(path / folder, name) for name in names}
    return {}


def _from_archive(path: Path) -> dict[str, bytes]:
    """The batches in a tar archive, by their last name; nothing is unpacked to where its members point."""
    contents, total = dict[str, bytes](), 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                total += member.size
                if total > MOST_BYTES:
                    raise _unusable(str(path), f"at most {MOST_BYTES >> 30} GiB when unpacked", "more")
                name = PurePosixPath(member.name).name
                file = archive.extractfile(member) if member.isfile() and name in BATCHES else None
                if file is not None:
                    contents[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _unusable(str(path), "a whole tar archive", _said(error)) from error
    return contents


def _said(error: Exception) -> str:
    """An error in one line: tarfile lists every method that it tried."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _unusable(where: str, wanted: str, got: str) -> InputError:
    remedy = "Download it again; of the official archives cifar-10-binary.tar.gz is the simplest."
    return InputError("GR-DATA-037", where=where, wanted=wanted, got=got, remedy=remedy)
