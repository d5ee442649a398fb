"""Bad inputs as one literal table: what is wrong, the command, and the code and exit status of the answer.

test_bad_inputs.py makes each and holds gradus to the answer; docs/generate.py writes the table down in
docs/findings. A command runs in a folder in which ``make`` has put what it speaks of: ``pictures`` are two
classes of six small pictures and what is wrong with them, ``run`` is a trained run.
"""

import errno
import gzip
import io
import json
import os
import shutil
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

Make = Callable[[Path], None]
TRAIN = "train image_classification/folder --data pictures"
ZIP, NPZ, CSV = f"{TRAIN}.zip", f"{TRAIN}.npz", f"{TRAIN}/list.csv"
DIGITS, SMOKE = "train image_classification/digits", "train image_classification/smoke"
LONG = "x" * 300


def nothing(place: Path) -> None:
    """The command alone is wrong."""


@dataclass(frozen=True)
class Case:
    """One bad input."""

    what: str
    command: str
    _: KW_ONLY
    code: str
    status: int
    says: tuple[str, ...]
    """Words of the message: the file, the row or the setting, and what is wrong with it."""
    make: Make = nothing
    run: bool = False
    """Whether a trained run is there."""
    system: Callable[[Any], None] = lambda patch: None
    """What is wrong with the machine, as patches of pytest."""


# -- files -----------------------------------------------------------------------------------------------


def encoded(seed: int = 0, side: int = 8, kind: str = "PNG") -> bytes:
    """A picture of random values as a file."""
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


def of_class(*classes: str, count: int = 6) -> dict[str, bytes]:
    """Different pictures in class folders."""
    return {f"{name}/{i}.png": encoded(100 * k + i) for k, name in enumerate(classes) for i in range(count)}


CATS_AND_DOGS = of_class("cat", "dog")
ROWS = "".join(f"{name},{name[:3]}\n" for name in CATS_AND_DOGS)


def in_split(split: str) -> dict[str, bytes]:
    """The sound pictures in the folder of a split."""
    return {f"{split}/{name}": content for name, content in CATS_AND_DOGS.items()}


def write(place: Path, files: dict[str, bytes]) -> None:
    """Files below a folder."""
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def named(name: str, content: bytes = b"") -> Make:
    """One file."""
    return lambda place: write(place, {name: content})


def only(files: dict[str, bytes]) -> Make:
    """A folder ``pictures`` with these files."""
    return lambda place: write(place / "pictures", files)


def pictures(more: dict[str, bytes] | None = None) -> Make:
    """A sound folder ``pictures`` with more files in it."""
    return only(CATS_AND_DOGS | (more or {}))


def linked(name: str, to: str) -> Make:
    """A sound folder ``pictures`` with a link in it."""

    def make(place: Path) -> None:
        pictures()(place)
        (place / "pictures" / name).symlink_to(to)

    return make


def with_pipe(place: Path) -> None:
    pictures()(place)
    os.mkfifo(place / "pictures" / "cat" / "pipe.png")


def with_odd_class(place: Path) -> None:
    pictures()(place)
    (place / "pictures" / "cat").rename(place / "pictures" / os.fsdecode(b"\xff"))


def with_nan(place: Path) -> None:
    pictures()(place)
    values = np.zeros((8, 8), np.float32)
    values[0, 0] = np.nan
    Image.fromarray(values).save(place / "pictures" / "cat" / "x.tiff")


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that says it has this many pixels a side."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


# -- archives, arrays, tables ----------------------------------------------------------------------------


def archive(more: dict[str, bytes] | None = None, *, keep: float = 1.0, **fields: int) -> Make:
    """``pictures.zip``, sound but for more members, a lost end, or fields of its list of contents."""

    def make(place: Path) -> None:
        path = place / "pictures.zip"
        with zipfile.ZipFile(path, "w") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two members with one name
            for name, content in [*CATS_AND_DOGS.items(), *(more or {}).items()]:
                file.writestr(name, content)
        content = bytearray(path.read_bytes())
        entry = content.index(b"PK\x01\x02")
        while fields and entry >= 0:
            content[entry + 8] |= fields.get("flags", 0)
            content[entry + 24 : entry + 28] = struct.pack("<I", fields.get("size", 100))
            entry = content.find(b"PK\x01\x02", entry + 1)
        path.write_bytes(content[: round(keep * len(content))])

    return make


def with_link(place: Path) -> None:
    archive()(place)
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(place / "pictures.zip", "a") as file:
        file.writestr(link, "/etc/passwd")


def with_archive_inside(place: Path) -> None:
    archive()(place)
    (place / "pictures.zip").rename(place / "inner.zip")
    with zipfile.ZipFile(place / "pictures.zip", "w") as file:
        file.write(place / "inner.zip", "inner.zip")


def with_wrong_byte(place: Path) -> None:
    archive()(place)
    content = bytearray((place / "pictures.zip").read_bytes())
    content[content.index(b"IDAT") + 10] ^= 255
    (place / "pictures.zip").write_bytes(content)


SQUARES, LABELS = np.zeros((8, 8, 8), np.uint8), np.array([0, 1] * 4)


def arrays(**saved: np.ndarray) -> Make:
    """``pictures.npz`` with these arrays; images and labels are sound where they are not given."""
    return lambda place: np.savez(place / "pictures.npz", **({"images": SQUARES, "labels": LABELS} | saved))


def with_header(text: bytes) -> Make:
    """``pictures.npz`` whose images have a header of their own, and three bytes."""

    def make(place: Path) -> None:
        labels = io.BytesIO()
        np.save(labels, LABELS)
        with zipfile.ZipFile(place / "pictures.npz", "w") as file:
            file.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"123")
            file.writestr("labels.npy", labels.getvalue())

    return make


HUGE = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 1000, 1000)}\n"


def idx(*shape: int, kind: int = 8, values: bytes | None = None) -> bytes:
    """An idx file."""
    sizes = b"".join(struct.pack(">I", size) for size in shape)
    return bytes([0, 0, kind, len(shape)]) + sizes + (bytes(np.prod(shape)) if values is None else values)


def mnist(**changed: bytes | None) -> Make:
    """MNIST's four files in ``pictures``, of few small pictures; ``None`` leaves one out."""
    files = {
        "train_images": idx(10, 8, 8),
        "train_labels": idx(10, values=bytes([0, 1] * 5)),
        "t10k_images": idx(4, 8, 8),
        "t10k_labels": idx(4, values=bytes([0, 1] * 2)),
    } | changed
    ending = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
    stems = {name: name.partition("_") for name in files}
    return only({f"{stems[n][0]}-{ending[stems[n][2]]}": c for n, c in files.items() if c is not None})


def cifar(record: bytes) -> Make:
    """CIFAR-10's six batches in ``pictures``, each of one record."""
    return only({f"{name}.bin": record for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")})


def table(text: str | bytes) -> Make:
    """``pictures/list.csv`` beside the pictures."""
    return pictures({"list.csv": text.encode() if isinstance(text, str) else text})


# -- runs, weights, inputs of predict --------------------------------------------------------------------


def run_file(name: str, text: str) -> Make:
    """Another content in a file of the run."""
    return lambda place: write(place / "run", {name: text.encode()})


def without(name: str) -> Make:
    """A file or folder of the run that is gone."""

    def make(place: Path) -> None:
        path = place / "run" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return make


def changed(name: str, **values: Any) -> Make:
    """Other values in a JSON file of the run, by dotted name with two underscores for the dot."""

    def make(place: Path) -> None:
        content = json.loads((place / "run" / name).read_text())
        for path, value in values.items():
            *heads, last = path.split("__")
            inner = content
            for head in heads:
                inner = inner[head]
            inner[last] = value
        (place / "run" / name).write_text(json.dumps(content))

    return make


def with_damaged_checkpoints(place: Path) -> None:
    for path in (place / "run" / "checkpoints").glob("step-*/*"):
        path.write_bytes(path.read_bytes()[:50])


def weights(*, keep: int | None = None) -> Make:
    """``weights.safetensors`` of something else, whole or cut short."""

    def make(place: Path) -> None:
        path = place / "weights.safetensors"
        save_file({"some.weight": torch.zeros(3, 3)}, path)
        path.write_bytes(path.read_bytes()[:keep])

    return make


def saved(array: Any, *, keep: int | None = None) -> Make:
    """``x.npy``, whole or cut short."""

    def make(place: Path) -> None:
        np.save(place / "x.npy", array, allow_pickle=True)
        (place / "x.npy").write_bytes((place / "x.npy").read_bytes()[:keep])

    return make


def with_locked_arrays(place: Path) -> None:
    np.savez(place / "x.npz", a=SQUARES)
    content = bytearray((place / "x.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (place / "x.npz").write_bytes(content)


def module(text: str) -> Make:
    """A folder ``mine`` with a package in it."""
    return named("mine_is_broken/__init__.py", text.encode())


# -- machines --------------------------------------------------------------------------------------------


def full(patch: Any) -> None:
    """A disk without room: nothing can be flushed to it."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr(os, "fsync", refuse)


def read_only(patch: Any) -> None:
    """A file system that takes no new folder."""

    def refuse(path: Any, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    patch.setattr(os, "mkdir", refuse)


def without_cuda(patch: Any) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: False)


def under_torchrun(patch: Any) -> None:
    patch.setenv("WORLD_SIZE", "2")


def cache_in_a_file(patch: Any) -> None:
    patch.setenv("XDG_CACHE_HOME", "x.png")


def data_nowhere(patch: Any) -> None:
    patch.setenv("XDG_CACHE_HOME", "cache")
    patch.delenv("GRADUS_DATA", raising=False)


# fmt: off

FOLDERS = (
    Case("a path with nothing there", TRAIN, code="GR-DATA-001", status=1, says=("pictures",)),
    Case("a link to itself", TRAIN, code="GR-DATA-001", status=1, says=("pictures",),
         make=lambda place: (place / "pictures").symlink_to("pictures")),
    Case("a name that no file can have", f"train image_classification/folder --data {LONG}",
         code="GR-CLI-010", status=1, says=("xxx", "too long")),
    Case("an empty folder", TRAIN, code="GR-DATA-011", status=1, says=("pictures", "none"), make=only({})),
    Case("a folder of texts", TRAIN, code="GR-DATA-011", status=1, says=("pictures",),
         make=only({"cat/a.txt": b"a", "dog/b.txt": b"b"})),
    Case("a file of another kind", TRAIN, code="GR-DATA-010", status=1, says=("pictures", "ending"),
         make=named("pictures", b"hello")),
    Case("no path for a recipe that needs one", "train image_classification/folder", code="GR-DATA-041",
         status=2, says=("--data",)),
    Case("a path for a recipe that reads none", f"{DIGITS} --data pictures", code="GR-CLI-006", status=2,
         says=("--data /", "/pictures", "digits"), make=pictures()),
    Case("one class", TRAIN, code="GR-DATA-013", status=1, says=("pictures", "'cat'"),
         make=only(of_class("cat"))),
    Case("a class of one picture", TRAIN, code="GR-DATA-014", status=1, says=("owl",),
         make=pictures({"owl/1.png": encoded(7)})),
    Case("a class too small for every split", TRAIN, code="GR-DATA-081", status=1, says=("class owl",),
         make=pictures(of_class("owl", count=2))),
    Case("a class name that is no text", TRAIN, code="GR-DATA-018", status=1,
         says=("pictures, train", r"\udcff"), make=with_odd_class),
    Case("pictures beside the class folders", TRAIN, code="GR-DATA-012", status=1, says=("1.png",),
         make=pictures({"1.png": encoded(7)})),
    Case("folders of splits beside folders of classes", TRAIN, code="GR-DATA-012", status=1,
         says=("train", "owl"), make=only(in_split("train") | of_class("owl"))),
    Case("a class in the test split alone", TRAIN, code="GR-DATA-015", status=1,
         says=("pictures, test", "owl"), make=only(in_split("train") | {"test/owl/1.png": encoded(7)})),
    Case("no training split", TRAIN, code="GR-DATA-019", status=1, says=("pictures", "test"),
         make=only(in_split("test"))),
    Case("a folder that holds itself, by a link", TRAIN, code="GR-DATA-017", status=1, says=("cat/again",),
         make=linked("cat/again", "..")),
    Case("a link to nothing", TRAIN, code="GR-DATA-002", status=1, says=("cat/x.png",),
         make=linked("cat/x.png", "nowhere.png")),
    Case("a pipe with the name of a picture", TRAIN, code="GR-DATA-002", status=1,
         says=("cat/pipe.png", "a pipe"), make=with_pipe),
)
PICTURES = (
    Case("a file of no bytes", TRAIN, code="GR-DATA-003", status=1, says=("pictures/cat/x.jpg",),
         make=pictures({"cat/x.jpg": b""})),
    Case("a text that is called .jpg", TRAIN, code="GR-DATA-004", status=1, says=("cat/x.jpg", "hello"),
         make=pictures({"cat/x.jpg": b"hello"})),
    Case("a JPEG cut short", TRAIN, code="GR-DATA-005", status=1, says=("cat/x.jpg", "truncated"),
         make=pictures({"cat/x.jpg": encoded(side=64, kind="JPEG")[:900]})),
    Case("two broken pictures", TRAIN, code="GR-DATA-016", status=1,
         says=("cat/x.jpg", "14 readable", "2 that"),
         make=pictures({"cat/x.jpg": b"", "dog/x.jpg": b"hello"})),
    Case("nothing but broken pictures, left out", f"{TRAIN} --skip-bad", code="GR-DATA-011", status=1,
         says=("pictures", "none"), make=only(dict.fromkeys(CATS_AND_DOGS, b""))),
    Case("a decompression bomb", TRAIN, code="GR-DATA-006", status=1, says=("cat/x.png", "64 megapixels"),
         make=pictures({"cat/x.png": bomb(30000)})),
    Case("a picture somewhat too large", TRAIN, code="GR-DATA-006", status=1, says=("cat/x.png", "81.0"),
         make=pictures({"cat/x.png": bomb(9000)})),
    Case("a picture with NaN in it", TRAIN, code="GR-DATA-007", status=1, says=("cat/x.tiff", "NaN"),
         make=with_nan),
    Case("pictures of two sizes, and no side", f"{TRAIN} --data.side None", code="GR-DATA-008", status=1,
         says=("cat/x.png", "9 x 9", "data.side"), make=pictures({"cat/x.png": encoded(side=9)})),
    Case("pictures larger than the memory", f"{TRAIN} --data.side 10000000", code="GR-DATA-009", status=1,
         says=("pictures", "data.side"), make=pictures()),
    Case("a name that would turn the terminal around", TRAIN, code="GR-DATA-003", status=1,
         says=(r"cat/a\n\u202eb.png",), make=pictures({"cat/a\n\u202eb.png": b""})),
)
ARCHIVES = (
    Case("a text that is called .zip", ZIP, code="GR-DATA-025", status=1, says=("pictures.zip",),
         make=named("pictures.zip", b"hello")),
    Case("an archive cut short", ZIP, code="GR-DATA-025", status=1, says=("pictures.zip",),
         make=archive(keep=0.5)),
    Case("an archive with a wrong byte", ZIP, code="GR-DATA-025", status=1, says=("cat/0.png", "CRC"),
         make=with_wrong_byte),
    Case("a name that leads out of the archive", ZIP, code="GR-DATA-026", status=1, says=("../../x.png",),
         make=archive({"../../x.png": encoded()})),
    Case("an absolute name in an archive", ZIP, code="GR-DATA-026", status=1, says=("/tmp/x.png",),
         make=archive({"/tmp/x.png": encoded()})),
    Case("a link in an archive", ZIP, code="GR-DATA-026", status=1, says=("cat/link.png", "a link"),
         make=with_link),
    Case("an encrypted archive", ZIP, code="GR-DATA-026", status=1, says=("cat/0.png", "encrypted"),
         make=archive(flags=1)),
    Case("two members of one name", ZIP, code="GR-DATA-026", status=1, says=("cat/0.png", "two files"),
         make=archive({"cat/0.png": encoded(7)})),
    Case("an archive that says it unpacks to 48 GiB", ZIP, code="GR-DATA-027", status=1,
         says=("pictures.zip", "48.0 GiB"), make=archive(size=2**32 - 2)),
    Case("members that say they unpack to 0.5 GiB each", ZIP, code="GR-DATA-016", status=1,
         says=("cat/0.png", "0.5 GiB"), make=archive(size=2**29)),
    Case("an archive in an archive", ZIP, code="GR-DATA-011", status=1, says=("pictures.zip",),
         make=with_archive_inside),
)
ARRAYS = (
    Case("arrays under other names", NPZ, code="GR-DATA-030", status=1, says=("pictures.npz", "x_train"),
         make=lambda place: np.savez(place / "pictures.npz", pixels=SQUARES)),
    Case("an array of Python objects", NPZ, code="GR-DATA-030", status=1,
         says=("pictures.npz", "Object arrays"), make=arrays(labels=np.array(["a", None] * 4, dtype=object))),
    Case("an array that says it has a petabyte", NPZ, code="GR-DATA-030", status=1,
         says=("pictures.npz", "allocate"), make=with_header(HUGE)),
    Case("an array with a header of nonsense", NPZ, code="GR-DATA-030", status=1, says=("pictures.npz",),
         make=with_header(b"((((((((\n")),
    Case("pictures in one dimension too few", NPZ, code="GR-DATA-031", status=1, says=("images", "(8, 8)"),
         make=arrays(images=SQUARES[0])),
    Case("labels that are no whole numbers", NPZ, code="GR-DATA-031", status=1, says=("labels", "float64"),
         make=arrays(labels=LABELS * 0.5)),
    Case("NaN among the pixels", NPZ, code="GR-DATA-032", status=1, says=("images[0]", "nan"),
         make=arrays(images=np.full(SQUARES.shape, np.nan))),
    Case("floats up to 255", NPZ, code="GR-DATA-032", status=1, says=("images[0]", "255"),
         make=arrays(images=np.full(SQUARES.shape, 255.0))),
    Case("fewer labels than pictures", NPZ, code="GR-DATA-033", status=1, says=("labels", "8", "5"),
         make=arrays(labels=LABELS[:5])),
    Case("a label beyond the classes", NPZ, code="GR-DATA-034", status=1, says=("labels[0]", "from 0 to 1"),
         make=arrays(labels=LABELS + 2, classes=np.array(["a", "b"]))),
    Case("an idx file of another kind", TRAIN, code="GR-DATA-035", status=1,
         says=("train-images-idx3-ubyte", "hell"), make=mnist(train_images=b"hello")),
    Case("an idx file that says it has exabytes", TRAIN, code="GR-DATA-035", status=1,
         says=("train-images-idx3-ubyte", "GiB"), make=mnist(train_images=idx(2**31, 2**31, 8, values=b""))),
    Case("an idx file cut short", TRAIN, code="GR-DATA-036", status=1,
         says=("train-images-idx3-ubyte", "640"), make=mnist(train_images=idx(10, 8, 8)[:100])),
    Case("a gzip file cut short", TRAIN, code="GR-DATA-036", status=1,
         says=("train-images-idx3-ubyte", "EOFError"),
         make=mnist(train_images=gzip.compress(idx(10, 8, 8))[:30])),
    Case("idx labels of another release", TRAIN, code="GR-DATA-033", status=1,
         says=("train-labels-idx1-ubyte", "9"), make=mnist(train_labels=idx(9))),
    Case("idx pictures without labels", TRAIN, code="GR-DATA-010", status=1,
         says=("train-images-idx3-ubyte",), make=mnist(train_labels=None)),
    Case("an idx label beyond the classes", "train image_classification/fashion_mnist --data pictures",
         code="GR-DATA-034", status=1, says=("train-labels-idx1-ubyte, item 1", "11"),
         make=mnist(train_labels=idx(10, values=bytes([0, 11] * 5)))),
    Case("half a CIFAR-10 record", TRAIN, code="GR-DATA-037", status=1, says=("data_batch_1.bin", "3073"),
         make=cifar(bytes(1000))),
    Case("a CIFAR-10 label of 10", TRAIN, code="GR-DATA-037", status=1,
         says=("data_batch_1, picture 0", "10"), make=cifar(bytes([10]) + bytes(3072))),
)
TABLES = (
    Case("a table without its columns", CSV, code="GR-DATA-020", status=1, says=("list.csv", "file, class"),
         make=table(f"file,class\n{ROWS}")),
    Case("an empty table", CSV, code="GR-DATA-020", status=1, says=("list.csv", "empty"), make=table("")),
    Case("a table in Latin-1", CSV, code="GR-DATA-020", status=1, says=("list.csv", "UTF-8"),
         make=table(f"path,label\n{ROWS}cat/\u00e9.png,cat\n".encode("latin-1"))),
    Case("a table in UTF-16", CSV, code="GR-DATA-020", status=1, says=("list.csv", "UTF-8"),
         make=table(f"path,label\n{ROWS}".encode("utf-16"))),
    Case("a table with a quote that never ends", CSV, code="GR-DATA-020", status=1,
         says=("list.csv, line 14", "unexpected end"), make=table(f'path,label\n{ROWS}"cat/0.png,cat\n')),
    Case("a bad row in a table with the line ends of old Macs", TRAIN, code="GR-DATA-021", status=1,
         says=("list.csv, line 14", "a label"), make=table(f"path,label\n{ROWS}x,\n".replace("\n", "\r"))),
    Case("a row without its file", CSV, code="GR-DATA-021", status=1,
         says=("list.csv, line 14", "cat/99.png"), make=table(f"path,label\n{ROWS}cat/99.png,cat\n")),
    Case("a row with a name that no file can have", CSV, code="GR-DATA-021", status=1, says=("line 14",),
         make=table(f"path,label\n{ROWS}{LONG},cat\n")),
    Case("a row with an unknown split", CSV, code="GR-DATA-021", status=1, says=("line 14", "'dev'"),
         make=table("path,label,split\n" + ROWS.replace("\n", ",train\n") + "cat/0.png,cat,dev\n")),
    Case("a row without a label", CSV, code="GR-DATA-021", status=1, says=("line 14", "a label"),
         make=table(f"path,label\n{ROWS}cat/0.png,\n")),
    Case("a row with too many columns", CSV, code="GR-DATA-021", status=1, says=("line 14", "2 columns"),
         make=table(f"path,label\n{ROWS}cat/0.png,cat,1,2\n")),
    Case("a row that is there twice", CSV, code="GR-DATA-021", status=1, says=("line 14", "line 2"),
         make=table(f"path,label\n{ROWS}cat/0.png,dog\n")),
    Case("two tables in one folder", TRAIN, code="GR-DATA-010", status=1, says=("a.csv, b.csv",),
         make=pictures(dict.fromkeys(("a.csv", "b.csv"), f"path,label\n{ROWS}".encode()))),
)
SETTINGS = (
    Case("an unknown setting", f"{DIGITS} --train.rat 1", code="GR-CONFIG-001", status=2,
         says=("--train.rat", "'train.rate'")),
    Case("a negative rate", f"{DIGITS} --train.rate -1", code="GR-CONFIG-003", status=2,
         says=("--train.rate", "above 0", "-1")),
    Case("a rate that is no number", f"{DIGITS} --train.rate nan", code="GR-CONFIG-003", status=2,
         says=("--train.rate", "nan")),
    Case("a word for a number", f"{DIGITS} --train.rate fast", code="GR-CLI-002", status=2,
         says=("--train.rate", "fast")),
    Case("a setting without its value", f"{DIGITS} --train.rate", code="GR-CLI-002", status=2,
         says=("--train.rate",)),
    Case("no steps", f"{DIGITS} --train.steps 0", code="GR-CONFIG-003", status=2,
         says=("--train.steps", "at least 1")),
    Case("a batch larger than the data", f"{SMOKE} --train.batch 1000", code="GR-DATA-040", status=2,
         says=("--train.batch", "400 items", "1000")),
    Case("an unknown model", f"{DIGITS} --model resnett", code="GR-CONFIG-002", status=2,
         says=("--model", "'resnett'", "'resnet'")),
    Case("a capsule network on 8 x 8 pixels", f"{DIGITS} --model capsnet", code="GR-MODEL-001", status=2,
         says=("--model.kernel_side", "17", "8 x 8")),
    Case("patches that do not tile the pictures", f"{DIGITS} --model vit --model.patch_side 3",
         code="GR-MODEL-002", status=2, says=("--model.patch_side", "8 x 8")),
    Case("heads that do not share the width", f"{DIGITS} --model vit --model.num_heads 3",
         code="GR-MODEL-003", status=2, says=("--model.num_heads", "128")),
    Case("a model larger than the memory", f"{DIGITS} --model mlp --model.widths 99999999999",
         code="GR-RUN-004", status=1, says=("allocate",)),
    Case("pictures of one pixel", f"{TRAIN} --data.side 1", code="GR-MODEL-001", status=2, says=("1 x 1",),
         make=pictures()),
    Case("quarters of a picture of one pixel", f"{SMOKE} --data.side 1", code="GR-CONFIG-003", status=2,
         says=("--data.side", "at least 2")),
    Case("a fold beyond the last", f"{DIGITS} --data.folds 3 --data.fold 3", code="GR-CONFIG-003", status=2,
         says=("--data.fold", "below --data.folds 3")),
    Case("a fold without folds", f"{DIGITS} --data.fold 3", code="GR-CONFIG-003", status=2,
         says=("--data.fold", "--data.folds as well")),
    Case("one fold", f"{DIGITS} --data.folds 1", code="GR-DATA-082", status=2, says=("folds", "2 or more")),
    Case("more folds than a class has pictures", f"{TRAIN} --data.folds 7", code="GR-DATA-081", status=1,
         says=("class cat", "7 folds", "6"), make=pictures()),
    Case("all pictures for validation", f"{DIGITS} --data.validation 1.0", code="GR-CONFIG-003", status=2,
         says=("--data.validation", "below 1")),
    Case("nearly all pictures for validation", f"{DIGITS} --data.validation 0.9999", code="GR-CONFIG-003",
         status=2, says=("--data.validation", "0.9999", "class 0")),
    Case("no picture for validation", f"{DIGITS} --data.validation 0.0001", code="GR-CONFIG-003", status=2,
         says=("--data.validation", "898")),
    Case("no picture to test on", f"{TRAIN} --data.test 0", code="GR-CONFIG-003", status=2,
         says=("--data.test",), make=pictures()),
    Case("saturation of grey pictures", f"{SMOKE} --augment.saturation 0.5", code="GR-DATA-060", status=2,
         says=("augment.saturation",)),
    Case("a GPU that is not there", f"{DIGITS} --train.device cuda", code="GR-CONFIG-004", status=2,
         says=("--train.device",), system=without_cuda),
    Case("no process", f"{DIGITS} --devices 0", code="GR-CONFIG-003", status=2,
         says=("--devices", "at least 1")),
    Case("fewer processes than none", f"{DIGITS} --devices -1", code="GR-CONFIG-003", status=2,
         says=("--devices",)),
    Case("torchrun without --out", DIGITS, code="GR-CLI-007", status=2, says=("--out",),
         system=under_torchrun),
)
VERBS = (
    Case("an unknown verb", "trian", code="GR-CLI-001", status=2, says=("'trian'", "'train'")),
    Case("an unknown verb of data", "data fetsh", code="GR-CLI-001", status=2, says=("'fetsh'", "'fetch'")),
    Case("an unknown option", "jobs --al", code="GR-CLI-002", status=2, says=("--al",)),
    Case("an unknown job", "train image_clasification", code="GR-CLI-003", status=2,
         says=("image_classification",)),
    Case("a folder without a job", "train .", code="GR-CLI-003", status=2, says=(".", "none of these")),
    Case("an unknown recipe", "train image_classification/digit", code="GR-CLI-004", status=2,
         says=("'digits'",)),
    Case("a module that is not there", "check no.such.module", code="GR-CLI-005", status=2,
         says=("No module", "no")),
    Case("a module without a job", "check os.path", code="GR-CLI-005", status=2, says=("os.path", "JOB")),
    Case("a job that is no Python", "check ./mine_is_broken", code="GR-CLI-005", status=2,
         says=("./mine_is_broken", "line 1"), make=module("def (")),
    Case("a job that fails when it is imported", "check ./mine_is_broken", code="GR-CLI-005", status=2,
         says=("NameError", "line 1"), make=module("no_such_name")),
    Case("a job of another type", "check ./mine_is_broken", code="GR-CLI-005", status=2,
         says=("a JOB", "int"), make=module("JOB = 3")),
    Case("a new job with a hyphen", "new job my-job", code="GR-CLI-008", status=2, says=("'my-job'",)),
    Case("a new job in another folder", "new job ../mine", code="GR-CLI-008", status=2, says=("'../mine'",)),
    Case("a new job that would hide a package", "new job torch", code="GR-CLI-008", status=2,
         says=("'torch'",)),
    Case("a new job that exists", "new job mine", code="GR-CLI-009", status=2, says=("mine",),
         make=lambda place: (place / "mine").mkdir()),
    Case("a data set of no such name", "data fetch cifar", code="GR-DATA-070", status=2, says=("cifar10",)),
    Case("a data set that is not fetched", "data fetch digits", code="GR-DATA-071", status=1,
         says=("digits",)),
    Case("a cache that cannot be written", "data fetch mnist", code="GR-DATA-076", status=1,
         says=("x.png", "XDG_CACHE_HOME"), make=named("x.png"), system=cache_in_a_file),
    Case("a data set that is not here", "train image_classification/cifar10", code="GR-DATA-001", status=1,
         says=("cifar10", "gradus data fetch cifar10"), system=data_nowhere),
    Case("a look at nothing", "data check image_classification --data pictures", code="GR-DATA-001", status=1,
         says=("pictures",)),
    Case("no seeds", "bench image_classification/digits --seeds 0", code="GR-CONFIG-003", status=2,
         says=("--seeds", "at least 1")),
    Case("seeds and folds", "bench image_classification/digits --seeds 2 --folds 2", code="GR-BENCH-004",
         status=2, says=("--seeds",)),
)
PLACES = (
    Case("--out that is a file", f"{SMOKE} --out x.png", code="GR-RUN-002", status=1, says=("x.png",),
         make=named("x.png")),
    Case("--out below a file", f"{SMOKE} --out x.png/run", code="GR-RUN-002", status=1, says=("x.png/run",),
         make=named("x.png")),
    Case("--out with a run in it", f"{SMOKE} --out run", code="GR-RUN-009", status=2, says=("--out run",),
         run=True),
    Case("--out with old checkpoints in it", f"{SMOKE} --out old", code="GR-RUN-018", status=2,
         says=("--out old", "checkpoints"), make=named("old/checkpoints/step-4/state.json")),
    Case("--out with files of the user's own", f"{SMOKE} --out mine", code="GR-RUN-018", status=2,
         says=("--out mine", "plan.json"), make=named("mine/plan.json")),
    Case("--out with a lock of the user's own", f"{SMOKE} --out mine", code="GR-RUN-018", status=2,
         says=("--out mine", ".lock"), make=named("mine/.lock")),
    Case("--out on a read-only disk", f"{SMOKE} --out a/b", code="GR-RUN-002", status=1,
         says=("a/b", "read-only"), system=read_only),
    Case("--out on a full disk", f"{SMOKE} --out a/b", code="GR-RUN-001", status=1,
         says=("a/b", "space"), system=full),
    Case("a report on a full disk", "report run", code="GR-RUN-001", status=1, says=("run/", "space"),
         run=True, make=pictures(), system=full),
    Case("answers on a full disk", "predict run x.png --out answers", code="GR-RUN-001", status=1,
         says=("answers/", "space"), run=True, make=named("x.png", encoded()), system=full),
    Case("answers into a file", "predict run x.png --out x.png", code="GR-RUN-002", status=1, says=("x.png",),
         run=True, make=named("x.png", encoded())),
    Case("a new job on a read-only disk", "new job mine", code="GR-RUN-002", status=1,
         says=("mine", "read-only"), system=read_only),
)
RUNS = (
    Case("a run that is not there", "resume nowhere", code="GR-RUN-010", status=1, says=("nowhere",)),
    Case("a folder that is no run", "report pictures", code="GR-RUN-010", status=1,
         says=("pictures", "config.json"), make=pictures()),
    Case("a run whose config.json is no JSON", "resume run", code="GR-RUN-003", status=1,
         says=("run/config.json",), run=True, make=run_file("config.json", "{")),
    Case("a run whose config.json is a list", "resume run", code="GR-RUN-003", status=1,
         says=("run/config.json",), run=True, make=run_file("config.json", "[]")),
    Case("a run whose config.json lacks its settings", "report run", code="GR-RUN-003", status=1,
         says=("run/config.json", "without gradus"), run=True,
         make=run_file("config.json", '{"job": "image_classification", "recipe": "folder"}')),
    Case("an unknown setting in config.json", "resume run", code="GR-CONFIG-001", status=2,
         says=("run/config.json.train.stepps", "'steps'"), run=True,
         make=changed("config.json", config__train__stepps=3)),
    Case("a setting of another type in config.json", "resume run", code="GR-CONFIG-002", status=2,
         says=("run/config.json.train.rate", "'fast'"), run=True,
         make=changed("config.json", config__train__rate="fast")),
    Case("a setting out of range in config.json", "resume run", code="GR-CONFIG-003", status=2,
         says=("run/config.json.train.rate", "above 0"), run=True,
         make=changed("config.json", config__train__rate=-1)),
    Case("the settings of another job in config.json", "evaluate run", code="GR-CONFIG-001", status=2,
         says=("run/config.json.points",), run=True, make=changed("config.json", config={"points": 3})),
    Case("a run whose job is gone", "resume run", code="GR-RUN-015", status=1,
         says=("config.json", "/nowhere/mine"), run=True, make=changed("config.json", job="/nowhere/mine")),
    Case("a run without its plan", "evaluate run", code="GR-RUN-003", status=1, says=("run/plan.json",),
         run=True, make=without("plan.json")),
    Case("a run whose plan.json is no JSON", "resume run --train.steps 9", code="GR-RUN-003", status=1,
         says=("run/plan.json",), run=True, make=run_file("plan.json", "{")),
    Case("a run whose plan.json has a decision without a value", "resume run --train.steps 9",
         code="GR-RUN-003", status=1, says=("run/plan.json, data",), run=True,
         make=changed("plan.json", data=3)),
    Case("a run without checkpoints", "evaluate run", code="GR-RUN-011", status=1,
         says=("run", "gradus resume run"), run=True, make=without("checkpoints")),
    Case("a run whose checkpoints are all damaged", "resume run --train.steps 9", code="GR-RUN-007", status=1,
         says=("run/checkpoints", "step-4"), run=True, make=with_damaged_checkpoints),
    Case("a run of another model than its checkpoints", "resume run --train.steps 9", code="GR-RUN-020",
         status=1, says=("run, model.widths", "[4]", "[5]"), run=True,
         make=changed("config.json", config__model__widths=[5])),
    Case("a run whose metrics.json is no JSON", "resume run", code="GR-RUN-003", status=1,
         says=("run/metrics.json",), run=True, make=run_file("metrics.json", "{")),
    Case("a run whose metrics.json is a list", "resume run", code="GR-RUN-003", status=1,
         says=("run/metrics.json",), run=True, make=run_file("metrics.json", "[]")),
    Case("a resume to fewer steps", "resume run --train.steps 3", code="GR-RUN-013", status=2,
         says=("--train.steps", "4 steps"), run=True),
    Case("a resume with another setting", "resume run --train.rate 1", code="GR-CLI-002", status=2,
         says=("--train.rate",), run=True),
    Case("a resume by no process", "resume run --devices 0", code="GR-CONFIG-003", status=2,
         says=("--devices",), run=True),
    Case("other data with an unknown class", "evaluate run --data pictures", code="GR-DATA-015", status=1,
         says=("pictures", "owl"), run=True, make=pictures(of_class("owl"))),
    Case("a split that the run does not have", "evaluate run --split validation", code="GR-CLI-006", status=2,
         says=("--split validation",), run=True, make=pictures()),
    Case("weights that are not there", f"{SMOKE} --model.start_from weights.safetensors", code="GR-MODEL-010",
         status=1, says=("weights.safetensors",)),
    Case("weights in another format", f"{SMOKE} --model.start_from weights.safetensors", code="GR-MODEL-010",
         status=1, says=("weights.safetensors",), make=named("weights.safetensors", b"hello")),
    Case("weights cut short", f"{SMOKE} --model.start_from weights.safetensors", code="GR-MODEL-010",
         status=1, says=("weights.safetensors",), make=weights(keep=40)),
    Case("weights of another model", f"{SMOKE} --model.start_from weights.safetensors", code="GR-MODEL-011",
         status=1, says=("weights.safetensors", "stages.0.0.weight"), make=weights()),
)
INPUTS = (
    Case("no input", "predict run", code="GR-CLI-002", status=2, says=("INPUT",), run=True),
    Case("an input that is not there", "predict run x.png", code="GR-DATA-050", status=1, says=("x.png",),
         run=True),
    Case("an empty folder as an input", "predict run empty", code="GR-DATA-050", status=1, says=("empty",),
         run=True, make=lambda place: (place / "empty").mkdir()),
    Case("a folder without pictures as an input", "predict run texts", code="GR-DATA-050", status=1,
         says=("texts", ".png"), run=True, make=named("texts/a.txt", b"hello")),
    Case("a text as an input", "predict run x.jpg", code="GR-DATA-004", status=1, says=("x.jpg", "hello"),
         run=True, make=named("x.jpg", b"hello")),
    Case("an input cut short", "predict run x.jpg", code="GR-DATA-005", status=1, says=("x.jpg",), run=True,
         make=named("x.jpg", encoded(side=64, kind="JPEG")[:900])),
    Case("an array of another shape", "predict run x.npy", code="GR-DATA-043", status=1,
         says=("x.npy", "(5,)"), run=True, make=saved(np.zeros(5, np.uint8))),
    Case("an array with NaN", "predict run x.npy", code="GR-DATA-043", status=1, says=("x.npy", "nan"),
         run=True, make=saved(np.full((8, 8), np.nan))),
    Case("an array of nothing", "predict run x.npy", code="GR-DATA-051", status=1, says=("x.npy", "no array"),
         run=True, make=saved(np.zeros((0, 8, 8), np.uint8))),
    Case("an array cut short", "predict run x.npy", code="GR-DATA-051", status=1, says=("x.npy",), run=True,
         make=saved(SQUARES, keep=140)),
    Case("an array of Python objects as an input", "predict run x.npy", code="GR-DATA-051", status=1,
         says=("x.npy", "objects"), run=True, make=saved(np.array([None], dtype=object))),
    Case("a petabyte as an input", "predict run pictures.npz", code="GR-DATA-051", status=1,
         says=("pictures.npz", "allocate"), run=True, make=with_header(HUGE)),
    Case("encrypted arrays", "predict run x.npz", code="GR-DATA-026", status=1, says=("x.npz", "encrypted"),
         run=True, make=with_locked_arrays),
)
CASES = (*FOLDERS, *PICTURES, *ARCHIVES, *ARRAYS, *TABLES, *SETTINGS, *VERBS, *PLACES, *RUNS, *INPUTS)
# fmt: on
