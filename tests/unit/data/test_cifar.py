"""CIFAR-10 in both official layouts, written as their authors' programs wrote them; a pickle is never run."""

import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.cifar import CLASSES, is_cifar10, read_cifar10
from gradus.data.pictures import PictureForm
from tests.unit.data.made import write_files

FORM = PictureForm()
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
RNG = np.random.default_rng(0)
PIXELS = {name: RNG.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8) for name in NAMES}
LABELS = {name: [i, 9 - i] for i, name in enumerate(NAMES)}


def binary(name):
    return b"".join(bytes([label]) + p.tobytes() for label, p in zip(LABELS[name], PIXELS[name], strict=True))


def text(content):
    """A byte string as Python 2 pickled it."""
    short = len(content) < 256
    return (b"U" + bytes([len(content)]) if short else b"T" + struct.pack("<i", len(content))) + content


def python_2_pickle(name):
    """The instructions that Python 2 wrote for the official batches: protocol 2, with byte strings."""
    labels = b"]q\x03(" + b"".join(b"K" + bytes([label]) for label in LABELS[name]) + b"e"
    made = [b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85q\x07", text(b"b")]
    shape = [b"\x87q\x08Rq\x09(K\x01K\x02M\x00\x0c\x86q\x0a"]
    kind = [b"cnumpy\ndtype\nq\x0b", text(b"u1"), b"K\x00K\x01\x87q\x0cRq\x0d(K\x03", text(b"|")]
    rest = [b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89", text(PIXELS[name].tobytes()), b"tb"]
    return b"".join(
        [
            *(b"\x80\x02}q\x01(", text(b"batch_label"), text(b"training batch 1 of 5")),
            *(text(b"labels"), labels),
            *(text(b"data"), *made, *shape, *kind, *rest),
            *(text(b"filenames"), b"]q\x0e(", text(b"first.png"), text(b"second.png"), b"e", b"u."),
        ]
    )


def python_3_pickle(name, protocol=4):
    return pickle.dumps({b"labels": LABELS[name], b"data": PIXELS[name].reshape(2, -1)}, protocol)


def batches(write, ending=""):
    return {name + ending: write(name) for name in NAMES}


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def check(read):
    train, test = read.splits["train"], read.splits["test"]
    assert torch.equal(train.images, torch.from_numpy(np.concatenate([PIXELS[name] for name in NAMES[:5]])))
    assert torch.equal(test.images, torch.from_numpy(PIXELS["test_batch"]))
    assert train.labels.tolist() == [label for name in NAMES[:5] for label in LABELS[name]]
    assert test.labels.tolist() == LABELS["test_batch"]
    assert train.classes == CLASSES


def test_the_python_2_pickle_made_here_is_one():
    """What the standard library makes of it: so the reader is tried on the true instructions."""
    found = pickle.loads(python_2_pickle("data_batch_1"), encoding="bytes")
    assert np.array_equal(found[b"data"].reshape(2, 3, 32, 32), PIXELS["data_batch_1"])
    assert found[b"labels"] == LABELS["data_batch_1"]


@pytest.mark.parametrize(
    ("files", "inside"),
    [
        (batches(binary, ".bin"), "cifar-10-batches-bin"),
        (batches(python_2_pickle), "cifar-10-batches-py"),
        (batches(python_3_pickle), "cifar-10-batches-py"),
        (batches(lambda name: python_3_pickle(name, protocol=2)), "cifar-10-batches-py"),
    ],
)
def test_every_layout_comes_to_the_same(tmp_path, files, inside):
    files = files | {"batches.meta": b"anything", "readme.html": b"<html>"}
    check(read_cifar10(write_files(tmp_path / "flat", files), FORM))
    check(read_cifar10(write_files(tmp_path / "unpacked" / inside, files).parent, FORM))
    check(
        read_cifar10(write_tar(tmp_path / "a.tar.gz", {f"{inside}/{n}": c for n, c in files.items()}), FORM)
    )
    assert is_cifar10(tmp_path / "flat")
    assert is_cifar10(tmp_path / "unpacked")
    assert not is_cifar10(tmp_path)


class Harm:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_hostile_pickle_is_read_and_not_run(tmp_path):
    mark = tmp_path / "was here"
    harmful = pickle.dumps({b"extra": Harm(mark), b"labels": LABELS["test_batch"], b"data": b"x" * 6144})
    root = write_files(tmp_path / "set", batches(python_2_pickle) | {"test_batch": harmful})
    with pytest.raises(InputError, match="GR-DATA-037"):  # its pixels are no array of bytes
        read_cifar10(root, FORM)
    assert not mark.exists()
    pickle.loads(harmful)
    assert mark.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data_batch_3.bin": b""}, "records of 3073 bytes, got 0 bytes"),
        ({"data_batch_3.bin": binary("data_batch_3")[:-1]}, r"data_batch_3\.bin: .*got 6145 bytes"),
        (
            {"test_batch.bin": b"\x0a" + binary("test_batch")[1:]},
            "picture 0: wanted a label from 0 to 9, got 10",
        ),
    ],
)
def test_a_bad_binary_batch_is_named(tmp_path, changed, said):
    with pytest.raises(InputError, match=rf"{said}.*GR-DATA-037"):
        read_cifar10(write_files(tmp_path, batches(binary, ".bin") | changed), FORM)


def pickled(labels, data):
    return pickle.dumps({b"labels": labels, b"data": data}, 4)


ROWS = PIXELS["test_batch"].reshape(2, -1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        python_2_pickle("test_batch")[:3000],
        pickled([1], ROWS),
        pickled([1, 10], ROWS),
        pickled([1, -1], ROWS),
        pickled([], ROWS[:0]),
        pickled([1, 2], ROWS[:, :-1]),
        pickled([1, 2], ROWS.astype(np.int8)),
        pickled([1, 2], np.asfortranarray(ROWS)),
        pickle.dumps({b"fine_labels": [1, 2], b"data": ROWS}, 4),
        pickle.dumps([1, 2, 3]),
    ],
)
def test_a_bad_pickle_is_named(tmp_path, content):
    with pytest.raises(InputError, match=r"test_batch: wanted .*cifar-10-binary\.tar\.gz.*GR-DATA-037"):
        read_cifar10(write_files(tmp_path, batches(python_2_pickle) | {"test_batch": content}), FORM)


def test_a_missing_batch_is_named(tmp_path):
    files = batches(binary, ".bin")
    del files["data_batch_4.bin"]
    with pytest.raises(InputError, match=r"got no data_batch_4.*GR-DATA-037"):
        read_cifar10(write_files(tmp_path, files), FORM)


def test_members_that_lead_elsewhere_are_harmless(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches(binary, ".bin").items():
            member = tarfile.TarInfo(f"../../{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    check(read_cifar10(path, FORM))
    assert [entry.name for entry in tmp_path.parent.iterdir() if entry.name.endswith(".bin")] == []


def test_a_member_that_declares_too_much_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    member = tarfile.TarInfo("padding")
    member.size = 2**31
    path.write_bytes(member.tobuf() + bytes(1024))
    with pytest.raises(InputError, match=r"at most 1 GiB when unpacked.*GR-DATA-037"):
        read_cifar10(path, FORM)


def test_a_broken_archive_is_named(tmp_path):
    path = write_tar(tmp_path / "a.tar.gz", batches(binary, ".bin"))
    content = path.read_bytes()
    for bad in (b"", content[: len(content) // 2], b"no archive"):
        path.write_bytes(bad)
        with pytest.raises(InputError, match=r"a\.tar\.gz.*GR-DATA-037"):
            read_cifar10(path, FORM)
