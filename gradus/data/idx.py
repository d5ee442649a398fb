"""The idx format of MNIST and its successors: a big-endian header, then plain numbers; gzipped or not.

Format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits". Two zero bytes, a byte for the
type of the values, a byte for the number of dimensions, four bytes for the size of each, then the values.
"""

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from gradus.core.errors import InputError
from gradus.data.picture_sets import Labelled, PictureSet, gather
from gradus.data.pictures import PictureForm

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_BYTES = 4 * 2**30
PREFIXES = {"train": "train", "t10k": "test"}


def read_idx_folder(folder: Path, form: PictureForm, *, classes: tuple[str, ...] | None = None) -> PictureSet:
    """Pictures and labels from the official files, such as train-images-idx3-ubyte.gz.

    Without ``classes`` each label's own value is its name. InputError where a file is missing, is not what
    its name says, or disagrees with its partner.
    """
    splits = {}
    for prefix, split in PREFIXES.items():
        images, labels = find_idx(folder, prefix, "images", 3), find_idx(folder, prefix, "labels", 1)
        if images and labels:
            splits[split] = _labelled(images, labels, split, classes)
        elif images or labels:
            raise _not_found(folder, f"only {(images or labels or folder).name}")
    if not splits:
        raise _not_found(folder, "neither")
    return gather(splits, form, where=str(folder), classes=classes)


def find_idx(folder: Path, prefix: str, what: str, dimensions: int) -> Path | None:
    """The file of that content in a folder, under one of the four names that are in use."""
    stems = (f"{prefix}-{what}-idx{dimensions}-ubyte", f"{prefix}-{what}.idx{dimensions}-ubyte")
    paths = [folder / f"{stem}{ending}" for stem in stems for ending in (".gz", "")]
    return next((path for path in paths if path.is_file()), None)


def read_idx(path: Path) -> Shaped[np.ndarray, "..."]:
    """The array in an idx file, gzipped or not; no more is unpacked than its header declares.

    InputError where the file is no idx file, ends too early, goes on too long, or is a broken gzip.
    """
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"  # not by name: browsers unpack .gz files and keep the name
            file.seek(0)
            return _parse(gzip.GzipFile(fileobj=file) if is_gzip else file, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error, MemoryError) as error:
        raise _wrong_length(str(path), "a whole file", f"{type(error).__name__}: {error}") from error
    except OSError as error:
        raise InputError(
            "GR-DATA-002",
            where=str(path),
            wanted="a file that can be read",
            got=(error.strerror or str(error)).lower(),
            remedy="Check what the path is and who may read it.",
        ) from error


def _parse(file: io.BufferedIOBase, where: str) -> Shaped[np.ndarray, "..."]:
    head = file.read(4)
    if len(head) < 4:
        raise _wrong_length(where, "a header of 4 bytes", f"{len(head)}")
    if head[:2] != b"\0\0" or head[2] not in TYPES:
        raise _no_idx(where, "an idx file", f"a file that begins with {head!r}")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise _wrong_length(where, f"the sizes of {head[3]} dimensions", f"{len(sizes)} bytes")
    shape = [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4)]
    kind = np.dtype(TYPES[head[2]])
    size = math.prod(shape) * kind.itemsize
    if size > MOST_BYTES:
        raise _no_idx(where, f"at most {MOST_BYTES >> 30} GiB", f"{size / 2**30:.1f} GiB by its header")
    values = file.read(size + 1)  # one more: what follows the values is found, and a gzip checks its sum
    if len(values) != size:
        rest = "more" if len(values) > size else f"{len(values)}"
        raise _wrong_length(where, f"{size} bytes of values for the shape {tuple(shape)}", rest)
    return np.frombuffer(values, kind).reshape(shape)


def _labelled(images_path: Path, labels_path: Path, split: str, classes: tuple[str, ...] | None) -> Labelled:
    images = _of_kind(images_path, "N x H x W pictures", 3)
    labels = _of_kind(labels_path, "N labels", 1)
    if len(images) != len(labels):
        raise InputError(
            "GR-DATA-033",
            where=str(labels_path),
            wanted=f"one label for each of the {len(images)} pictures in {images_path.name}",
            got=f"{len(labels)}",
            remedy="Take both files from the same release.",
        )
    if classes is not None and len(labels) and labels.max() >= len(classes):
        raise InputError(
            "GR-DATA-034",
            where=f"{labels_path}, item {int((labels >= len(classes)).argmax())}",
            wanted=f"a label from 0 to {len(classes) - 1}",
            got=f"{labels.max()}",
            remedy="Check that the file belongs to this set.",
        )
    named = [classes[label] if classes else str(label) for label in labels.tolist()]
    return Labelled(images[..., None], named, [f"{split}/{i}" for i in range(len(images))])


def _of_kind(path: Path, wanted: str, dimensions: int) -> UInt8[np.ndarray, "..."]:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != dimensions or 0 in array.shape[1:]:
        raise _no_idx(str(path), f"{wanted} in bytes", f"{array.dtype} of shape {array.shape}")
    return array


def _no_idx(where: str, wanted: str, got: str) -> InputError:
    remedy = "Download the file again; `gradus data list` has the official addresses."
    return InputError("GR-DATA-035", where=where, wanted=wanted, got=got, remedy=remedy)


def _wrong_length(where: str, wanted: str, got: str) -> InputError:
    remedy = "Copy or download the file again."
    return InputError("GR-DATA-036", where=where, wanted=wanted, got=got, remedy=remedy)


def _not_found(folder: Path, got: str) -> InputError:
    return InputError(
        "GR-DATA-010",
        where=str(folder),
        wanted="pictures and labels, such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz",
        got=got,
        remedy="Put the official files side by side into the folder.",
    )
