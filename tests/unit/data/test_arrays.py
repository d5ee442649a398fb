"""Pictures in .npz files: every shape and type that is read, and every one that is refused by name."""

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.arrays import read_npz
from gradus.data.pictures import PictureForm
from tests.unit.data.made import noise

IMAGES = np.stack([noise(5, 4, seed=seed) for seed in range(6)])  # (N, H, W, C)
LABELS = np.array([0, 1, 1, 0, 2, 2])
WANTED = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())


@pytest.fixture
def read(tmp_path):
    """Writes arrays and reads them back."""

    def saved(form=None, classes=None, **arrays):
        path = tmp_path / "set.npz"
        np.savez_compressed(path, **arrays)
        return read_npz(path, form or PictureForm(), classes=classes)

    return saved


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        IMAGES.transpose(0, 3, 1, 2),
        IMAGES.astype(np.int64),
        (IMAGES / 255).astype(np.float32),
        np.asfortranarray(IMAGES),
    ],
)
def test_shapes_and_types_come_to_the_same(read, images):
    train = read(images=images, labels=LABELS).splits["train"]
    assert torch.equal(train.images, WANTED)
    assert train.labels.tolist() == LABELS.tolist()
    assert train.classes == ("0", "1", "2")
    assert train.names[5] == "images[5]"


def test_grey_pictures_need_no_channel(read):
    grey = IMAGES[..., 0]
    for images in (grey, grey[..., None], grey[:, None]):
        train = read(form=PictureForm(channels=1), images=images, labels=LABELS).splits["train"]
        assert torch.equal(train.images, WANTED[:, :1])
    assert torch.equal(
        read(images=grey, labels=LABELS).splits["train"].images, WANTED[:, :1].expand(-1, 3, -1, -1)
    )
    assert read(images=grey > 127, labels=LABELS).splits["train"].images.unique().tolist() == [0, 255]


def test_pictures_are_brought_to_the_side(read):
    assert read(form=PictureForm(side=8), images=IMAGES, labels=LABELS).splits["train"].images.shape == (
        6,
        3,
        8,
        8,
    )


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_splits_have_their_own_arrays(read, validation):
    splits = read(
        x_train=IMAGES,
        y_train=LABELS[:, None],  # as Keras keeps them
        x_test=IMAGES[:2],
        y_test=LABELS[:2],
        **{f"x_{validation}": IMAGES[2:4], f"y_{validation}": LABELS[2:4]},
    ).splits
    assert {split: p.labels.tolist() for split, p in splits.items()} == {
        "train": LABELS.tolist(),
        "validation": [1, 0],
        "test": [0, 1],
    }


def test_a_label_is_a_name_or_a_place_among_the_names(read):
    by_value = read(images=IMAGES, labels=LABELS * 5 - 1).splits["train"]
    assert by_value.classes == ("-1", "4", "9")
    assert by_value.labels.tolist() == LABELS.tolist()
    words = read(images=IMAGES, labels=np.array(["cat", "dog", "cow"])[LABELS]).splits["train"]
    assert words.classes == ("cat", "cow", "dog")
    assert words.labels.tolist() == [0, 2, 2, 0, 1, 1]


def test_class_names_come_with_the_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, classes=np.array(["cat", "dog", "cow"]))
    train = read_npz(tmp_path / "a.npz", PictureForm()).splits["train"]
    assert train.classes == ("cat", "dog", "cow")
    assert train.labels.tolist() == LABELS.tolist()


def test_other_arrays_are_passed_over(read):
    assert (
        len(read(images=IMAGES, labels=LABELS, note=np.array(["x", None], object)).splits["train"].labels)
        == 6
    )


class Harm:
    """Unpickled, it would end the process."""

    def __reduce__(self):
        return exit, (3,)


def with_value(place, value, dtype=np.float32):
    images = (IMAGES / 255).astype(dtype)
    images[place] = value
    return images


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "got none of them.*GR-DATA-030"),
        ({"images": IMAGES}, "got images.*GR-DATA-030"),
        ({"images": IMAGES, "labels": LABELS, "x_train": IMAGES, "y_train": LABELS}, "GR-DATA-030"),
        (
            {"images": np.array([Harm()], object), "labels": LABELS},
            "Object arrays cannot be loaded.*GR-DATA-030",
        ),
        ({"images": IMAGES, "labels": np.array([Harm()] * 6, object)}, "GR-DATA-030"),
        ({"images": IMAGES.astype(np.complex64), "labels": LABELS}, "images: .*got complex64.*GR-DATA-031"),
        ({"images": IMAGES.astype("U3"), "labels": LABELS}, "GR-DATA-031"),
        ({"images": IMAGES[0, 0], "labels": LABELS}, r"got \(4, 3\).*GR-DATA-031"),
        ({"images": IMAGES[..., :2], "labels": LABELS}, r"got \(6, 5, 4, 2\).*GR-DATA-031"),
        ({"images": IMAGES[:, :0], "labels": LABELS}, "GR-DATA-031"),
        (
            {"images": with_value((3, 1, 2, 0), np.nan), "labels": LABELS},
            r"images\[3\]: .*got nan.*GR-DATA-032",
        ),
        (
            {"images": with_value((4, 0, 0, 0), 1.5), "labels": LABELS},
            r"images\[4\]: .*got 1\.5.*GR-DATA-032",
        ),
        (
            {"images": with_value((2, 0, 0, 0), -1), "labels": LABELS},
            r"images\[2\]: .*got -1\.0.*GR-DATA-032",
        ),
        ({"images": IMAGES.astype(int) * 2, "labels": LABELS}, "int64 values from 0 to 255.*GR-DATA-032"),
        ({"images": IMAGES, "labels": LABELS[:5]}, "one label for each of the 6.*got 5.*GR-DATA-033"),
        ({"images": IMAGES, "labels": LABELS.astype(float)}, "got float64 of shape.*GR-DATA-031"),
        ({"images": IMAGES, "labels": np.eye(6)}, r"got float64 of shape \(6, 6\).*GR-DATA-031"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "GR-DATA-011"),
        ({"images": IMAGES, "labels": LABELS * 0}, "GR-DATA-013"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:1], "y_test": np.array([7])},
            "test: wanted only the classes of the training split .*got also 7.*GR-DATA-015",
        ),
    ],
)
def test_what_cannot_be_used_is_named(read, arrays, said):
    with pytest.raises(InputError, match=said):
        read(**arrays)


@pytest.mark.parametrize("bad", [3, -1])
def test_a_label_beyond_the_names_is_named(tmp_path, bad):
    labels = np.array([0, 1, 1, 0, bad, 2])
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels, classes=np.array(["cat", "dog", "cow"]))
    with pytest.raises(InputError, match=rf"labels\[4\]: wanted a label from 0 to 2.*got {bad}.*GR-DATA-034"):
        read_npz(tmp_path / "a.npz", PictureForm())


@pytest.mark.parametrize("names", [np.array(["cat", "cat", "cow"]), np.arange(3), np.array([["cat"]])])
def test_class_names_must_be_a_list_of_names(tmp_path, names):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, classes=names)
    with pytest.raises(InputError, match=r"classes: .*GR-DATA-031"):
        read_npz(tmp_path / "a.npz", PictureForm())


def test_broken_files_are_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[200] ^= 0xFF
    for bad in (b"", content[:-50], b"\x93NUMPY not an archive", bytes(damaged)):
        path.write_bytes(bad)
        with pytest.raises(InputError, match=r"a\.npz.*GR-DATA-0(25|30)"):
            read_npz(path, PictureForm())


def test_a_packing_that_is_not_known_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(mark) + place] = 97
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz.*compression method is not supported.*GR-DATA-030"):
        read_npz(path, PictureForm())


def test_an_array_that_declares_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=LABELS)  # uncompressed: the header is there as text
    content = path.read_bytes().replace(b"(6, 5, 4, 3)", b"(6, 5, 4, 9)")
    path.write_bytes(content)
    with pytest.raises(InputError, match="GR-DATA-030"):
        read_npz(path, PictureForm())
