"""Leaks are found: all that an exhaustive search finds, and nothing else."""

import io
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gradus.data.idx import read_idx_folder
from gradus.data.leaks import find_alike, find_leaks, find_same
from gradus.data.picture_sets import Pictures
from gradus.data.pictures import PictureForm


def scene(seed, side=32, channels=3):
    """A picture with large shapes and some texture, (C, H, W)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8))
    shapes = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)) + rng.normal(
        0, 4, (side, side)
    )
    tint = rng.uniform(0.7, 1, (channels, 1, 1))
    return torch.from_numpy((shapes * tint).clip(0, 255).astype(np.uint8))


def pictures(*images, labels=None):
    count = len(images)
    labels = torch.zeros(count, dtype=torch.int64) if labels is None else torch.tensor(labels)
    return Pictures(torch.stack(images), labels, ("a", "b"), [f"{place}" for place in range(count)])


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).transpose(2, 0, 1).copy())


def brighter(image):
    return (image.float() * 0.8 + 30).to(torch.uint8)


def coarser(image):
    """In steps of 8."""
    return image // 8 * 8


def altered(image):
    """Half of it is another picture."""
    image = image.clone()
    image[:, :, 16:] = scene(99)[:, :, 16:]
    return image


TRAIN = [scene(seed) for seed in range(20)]


def test_the_same_bytes_are_exact():
    train = pictures(*TRAIN, TRAIN[3], labels=[0] * 21)
    test = pictures(scene(50), TRAIN[3].clone(), TRAIN[7], labels=[0, 0, 1])
    leaks = find_leaks({"train": train, "test": test})
    assert [(pair.name, pair.earlier_name, pair.same_label) for pair in leaks.exact] == [
        ("1", "3", True),
        ("2", "7", False),
    ]
    assert leaks.near == ()
    assert find_same(train.images, test.images).tolist() == [-1, 3, 7]


@pytest.mark.parametrize("change", [lambda p: jpeg(p, 90), brighter, coarser])
def test_what_was_changed_a_little_is_near(change):
    leaks = find_leaks({"train": pictures(*TRAIN), "test": pictures(scene(50), change(TRAIN[5]))})
    assert leaks.exact == ()
    assert [(pair.split, pair.name, pair.earlier_split, pair.earlier_name) for pair in leaks.near] == [
        ("test", "1", "train", "5")
    ]
    assert 0.995 <= leaks.near[0].similarity < 1


@pytest.mark.parametrize("change", [altered, lambda p: p.flip(2), lambda p: 255 - p])
def test_what_is_another_picture_is_no_leak(change):
    leaks = find_leaks({"train": pictures(*TRAIN), "test": pictures(*map(change, TRAIN))})
    assert leaks.exact == leaks.near == ()


def test_each_split_is_held_against_all_before_it():
    splits = {
        "test": pictures(TRAIN[1], TRAIN[2]),
        "validation": pictures(TRAIN[2]),
        "train": pictures(*TRAIN),
    }
    found = [(pair.earlier_split, pair.split, pair.earlier_name) for pair in find_leaks(splits).exact]
    assert found == [
        ("train", "validation", "2"),
        ("train", "test", "1"),
        ("train", "test", "2"),
        ("validation", "test", "0"),
    ]
    assert find_leaks({"train": splits["train"]}).exact == ()


def test_flat_pictures_are_alike_only_if_equal():
    flat = [torch.full((1, 8, 8), shade, dtype=torch.uint8) for shade in (0, 100, 200)]
    leaks = find_leaks({"train": pictures(*flat), "test": pictures(flat[1], torch.full_like(flat[1], 101))})
    assert len(leaks.exact) == 1
    assert leaks.near == ()


SIZES = st.sampled_from([(1, 28, 28), (3, 9, 13), (1, 5, 5), (1, 1, 3), (3, 16, 8)])


@settings(deadline=None, max_examples=40)
@given(size=SIZES, similarity=st.sampled_from([0.5, 0.9, 0.99, 0.999]), seed=st.integers(0, 999))
def test_nothing_is_missed_and_nothing_added(size, similarity, seed):
    rng = np.random.default_rng(seed)
    earlier = rng.integers(0, 256, (40, *size)).astype(np.float64)
    amounts = rng.choice([0.0, 1, 4, 16, 64], 90)[:, None, None, None]
    later = earlier[rng.integers(0, 40, 90)] + amounts * rng.normal(size=(90, *size))
    earlier, later = (a.clip(0, 255).astype(np.uint8) for a in (earlier, later))
    with np.errstate(invalid="ignore"):
        every = np.nan_to_num(np.corrcoef(later.reshape(90, -1), earlier.reshape(40, -1))[:90, 90:])
    best = every.max(axis=1)
    places, values = find_alike(torch.from_numpy(earlier), torch.from_numpy(later), similarity=similarity)
    places, values = places.numpy(), values.numpy()
    sure = np.abs(best - similarity) > 1e-5
    assert ((places >= 0) == (best >= similarity))[sure].all()
    found = places >= 0
    np.testing.assert_allclose(values[found], best[found], atol=1e-5)
    np.testing.assert_allclose(every[found, places[found]], best[found], atol=1e-5)
    assert (values[~found] == 0).all()


def test_fashion_mnist_holds_near_duplicates(real_data):
    splits = read_idx_folder(real_data / "fashion_mnist", PictureForm(channels=1)).splits
    started = time.perf_counter()
    leaks = find_leaks(splits)
    assert time.perf_counter() - started < 30  # about 3 s on an idle core; machines are shared
    assert len(leaks.exact) == 0
    assert len(leaks.near) == 20
    assert all(pair.same_label for pair in leaks.near)
