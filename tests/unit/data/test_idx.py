"""idx files: written by hand from their description and read back; wrong ones are refused for a reason."""

import gzip
import struct

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.idx import read_idx, read_idx_folder
from gradus.data.pictures import PictureForm
from tests.unit.data.made import noise

FORM = PictureForm(channels=1)
IMAGES = np.stack([noise(4, 3, seed=seed)[:, :, 0] for seed in range(6)])
LABELS = np.array([0, 1, 1, 0, 2, 2], np.uint8)
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array, code=None):
    """The bytes of an idx file."""
    head = bytes([0, 0, code or CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def folder(tmp_path):
    """A set in the official four files."""
    for prefix, count in (("train", 6), ("t10k", 3)):
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[:count])))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:count])))
    return tmp_path


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
def test_every_type_and_shape_comes_back(tmp_path, kind, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    for content in (idx(array), gzip.compress(idx(array))):
        (tmp_path / "a").write_bytes(content)
        found = read_idx(tmp_path / "a")
        assert np.array_equal(found, array)
        assert found.dtype == np.dtype(f">{kind}")


def test_a_folder_is_read(folder):
    read = read_idx_folder(folder, FORM)
    assert torch.equal(read.splits["train"].images[:, 0], torch.from_numpy(IMAGES))
    assert read.splits["train"].labels.tolist() == LABELS.tolist()
    assert read.splits["train"].classes == ("0", "1", "2")
    assert len(read.splits["test"].labels) == 3
    assert read.splits["test"].names == ["test/0", "test/1", "test/2"]


def test_labels_get_their_known_names(folder):
    read = read_idx_folder(folder, PictureForm(channels=3, side=8), classes=("shirt", "shoe", "bag", "hat"))
    assert read.splits["train"].classes == ("shirt", "shoe", "bag", "hat")
    assert read.splits["train"].labels.tolist() == LABELS.tolist()
    assert read.splits["train"].images.shape == (6, 3, 8, 8)
    with pytest.raises(InputError, match=r"item 4: wanted a label from 0 to 1, got 2.*GR-DATA-034"):
        read_idx_folder(folder, FORM, classes=("shirt", "shoe"))


def test_files_may_be_unpacked_and_have_the_other_name(folder):
    for path in list(folder.iterdir()):
        name = path.name.removesuffix(".gz").replace("-idx", ".idx")
        (folder / name).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(read_idx_folder(folder, FORM).splits["train"].labels) == 6


def test_a_browser_may_have_unpacked_a_file_under_its_old_name(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(idx(IMAGES))
    assert torch.equal(read_idx_folder(folder, FORM).splits["train"].images[:, 0], torch.from_numpy(IMAGES))


HUGE = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "header of 4 bytes, got 0.*GR-DATA-036"),
        (idx(IMAGES)[:9], "sizes of 3 dimensions.*GR-DATA-036"),
        (idx(IMAGES)[:-1], "72 bytes of values.*got 71.*GR-DATA-036"),
        (idx(IMAGES) + b"x", "72 bytes of values.*got more.*GR-DATA-036"),
        (gzip.compress(idx(IMAGES) + b"x"), "got more.*GR-DATA-036"),
        (gzip.compress(idx(IMAGES))[:-20], "EOFError.*GR-DATA-036"),
        (
            gzip.compress(idx(IMAGES))[:-4] + b"\0\0\0\0",
            "GR-DATA-036",
        ),  # the length at the end of a gzip is wrong
        (gzip.compress(idx(IMAGES))[:-8] + b"\0" * 8, "CRC check failed.*GR-DATA-036"),
        (b"\x1f\x8b\x08garbage that is no gzip", "GR-DATA-036"),
        (b"\x89PNG\r\n\x1a\n", r"begins with b'\\x89PNG'.*GR-DATA-035"),
        (idx(IMAGES, code=0x0A), "GR-DATA-035"),
        (HUGE, "at most 4 GiB.*GR-DATA-035"),
        (gzip.compress(HUGE), "at most 4 GiB.*GR-DATA-035"),
        (idx(IMAGES.astype(np.int32)), "pictures in bytes, got >i4.*GR-DATA-035"),
        (idx(LABELS), r"pictures in bytes, got uint8 of shape \(6,\).*GR-DATA-035"),
        (idx(IMAGES[:, :0]), "GR-DATA-035"),
        (idx(IMAGES[:5]), "one label for each of the 5 pictures.*got 6.*GR-DATA-033"),
    ],
)
def test_what_is_wrong_is_named(folder, content, said):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match=rf"train-(images|labels).*{said}"):
        read_idx_folder(folder, FORM)


def test_a_small_file_that_declares_much_needs_no_memory(tmp_path):
    (tmp_path / "a").write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 2**31) + b"few")
    with pytest.raises(InputError, match="GR-DATA-036"):
        read_idx(tmp_path / "a")


def test_missing_files_are_named(folder):
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"got only train-images-idx3-ubyte\.gz.*GR-DATA-010"):
        read_idx_folder(folder, FORM)
    with pytest.raises(InputError, match=r"got neither.*GR-DATA-010"):
        read_idx_folder(folder / "none", FORM)
    with pytest.raises(InputError, match="GR-DATA-002"):
        read_idx(folder / "none")


def test_fashion_mnist_is_what_its_authors_say(real_data):
    read = read_idx_folder(real_data / "fashion_mnist", FORM)
    assert read.splits["train"].images.shape == (60_000, 1, 28, 28)
    assert read.splits["train"].labels.bincount().tolist() == [6000] * 10
    assert read.splits["test"].labels.bincount().tolist() == [1000] * 10
    assert read.splits["train"].labels[:5].tolist() == [9, 0, 0, 3, 0]
