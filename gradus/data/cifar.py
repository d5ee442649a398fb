"""CIFAR-10 in its official layouts, binary and Python, as a folder or as the archive that is downloaded.

Format: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", and www.cs.toronto.edu/~kriz.
Binary: 10,000 records of a label byte, then 32 x 32 red, green and blue bytes. Python: a pickled dictionary with
"labels" and "data". A pickle is a program; here it is read as a list of instructions and never run.
"""

import pickletools
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8

from gradus.core.errors import InputError
from gradus.data.members import read_file
from gradus.data.picture_sets import Labelled, PictureSet, gather
from gradus.data.pictures import PictureForm

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = {**{f"data_batch_{i}": "train" for i in range(1, 6)}, "test_batch": "test"}
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
PIXELS = 3 * 32 * 32
MOST_BYTES = 2**28


def read_cifar10(path: Path, form: PictureForm, *, classes: tuple[str, ...] | None = None) -> PictureSet:
    """The official 50,000 training and 10,000 test pictures from a folder or a .tar.gz.

    InputError where a batch is missing, has a wrong length or a label beyond 9, or is no plain pickle.
    """
    contents = _from_folder(path) if path.is_dir() else _from_archive(path)
    missing = [name for name in BATCHES if name not in contents]
    if missing:
        raise InputError(
            "GR-DATA-045",
            where=str(path),
            wanted="data_batch_1 to data_batch_5 and test_batch",
            got=f"no {missing[0]}",
            remedy="Give the folder or archive as it was downloaded: cifar-10-binary.tar.gz is the simplest.",
        )
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"train": [], "test": []}
    for name, split in BATCHES.items():
        is_binary, content = contents[name]
        read = _read_binary if is_binary else _read_pickled
        parts[split].append(read(content, f"{path}, {name}"))
    ...
