"""What holds of every set of pictures, however it was read."""

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.picture_sets import Labelled, Pictures, gather, reform, settle_classes, some_of
from gradus.data.pictures import PictureForm, read_picture, resize
from tests.unit.data.made import encode, noise


def settle(classes=None, **labels):
    return settle_classes({split: text.split() for split, text in labels.items()}, where="a", classes=classes)


def test_classes_are_in_order():
    assert settle(train="b a b a")[0] == ("a", "b")
    assert settle(train="10 9 10 9 -1 -1")[0] == ("-1", "9", "10")
    assert settle(train="10 9 10 9 x x")[0] == ("10", "9", "x")
    assert settle(train="a a", classes=("b", "a"))[0] == ("b", "a")


def test_a_held_out_split_may_lack_a_class_and_a_note_says_so():
    assert settle(train="a a b b", test="a")[1] == ("test has no picture of b",)
    assert settle(train="a a b b", test="b a")[1] == ()


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"train": ""}, "GR-DATA-011"),
        ({}, "GR-DATA-011"),
        ({"train": "a a a"}, "GR-DATA-013"),
        ({"train": "a a b"}, "GR-DATA-014"),
        ({"train": "a a b b", "test": "c"}, "GR-DATA-015"),
        ({"train": "a a b b", "validation": "A a b"}, "GR-DATA-015"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(labels, code):
    with pytest.raises(InputError) as caught:
        settle(**labels)
    assert caught.value.code == code


def test_known_classes_are_the_measure():
    assert settle(test="a", classes=("a", "b")) == (("a", "b"), ())  # one picture is enough to be scored
    with pytest.raises(InputError, match=r"wanted only the known classes \(a, b\), got also c.*GR-DATA-015"):
        settle(test="a c", classes=("a", "b"))


IMAGES = np.stack([noise(9, 5, seed=seed) for seed in range(4)])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [None, 6])
def test_arrays_come_to_the_same_as_files(channels, side):
    """Reforming an array is what reading each picture from a file and resizing it would give."""
    form = PictureForm(channels=channels, side=side)
    for images in (IMAGES, IMAGES[..., :1]):
        reformed = reform(images, form, where="a")
        for found, image in zip(reformed, images, strict=True):
            file = encode(image[:, :, 0] if image.shape[2] == 1 else image)
            wanted = read_picture(file, name="a", channels=channels)
            wanted = wanted if side is None else resize(wanted, side)
            assert np.array_equal(found.numpy(), wanted.transpose(2, 0, 1))


def test_the_tensor_is_a_copy():
    images = IMAGES.copy()
    reformed = reform(images, PictureForm(), where="a")
    images[:] = 0
    assert reformed.sum() == IMAGES.sum(dtype=np.int64)


def test_gathering_numbers_the_labels():
    part = Labelled(IMAGES, ["b", "a", "b", "a"], ["1", "2", "3", "4"])
    read = gather({"train": part, "test": part}, PictureForm(), where="a")
    assert read.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert read.splits["test"].classes == ("a", "b")


def test_a_selection_keeps_everything_together():
    pictures = Pictures(
        torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1), torch.arange(4), tuple("abcd"), list("wxyz")
    )
    some = pictures.select(torch.tensor([2, 0]))
    assert some.images.flatten().tolist() == some.labels.tolist() == [2, 0]
    assert some.names == ["y", "w"]
    assert some.classes == pictures.classes
    assert len(pictures.select(torch.tensor([], dtype=torch.int64)).names) == 0


def test_a_list_of_names_is_cut_short():
    assert some_of(list("abc")) == "a, b, c"
    assert some_of(list("abcdefg")) == "a, b, c, d, e and 2 more"
