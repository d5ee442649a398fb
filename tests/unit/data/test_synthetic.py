"""The synthetic twin: its labels are what they say, in the numbers that were asked for."""

import pytest
import torch

from gradus.core.errors import UsageError
from gradus.data.synthetic import QUARTERS, four_quarters


@pytest.mark.parametrize(("side", "channels"), [(16, 3), (7, 1), (2, 3)])
def test_the_bright_quarter_is_the_label(side, channels):
    made = four_quarters(40, side, seed=0, channels=channels)
    assert made.images.shape == (40, channels, side, side)
    half = side // 2
    means = torch.stack(
        [
            made.images[:, :, rows, columns].double().mean(dim=(1, 2, 3))
            for rows in (slice(half), slice(half, side))
            for columns in (slice(half), slice(half, side))
        ],
        dim=1,
    )
    if side > 2:  # the quarters of the smallest are single pixels, and noise may win
        assert torch.equal(means.argmax(dim=1), made.labels)
        assert abs(means.amax(dim=1).mean() - means.amin(dim=1).mean() - 112) < 60
    assert made.classes == QUARTERS == ("top left", "top right", "bottom left", "bottom right")


def test_no_single_pixel_gives_it_away():
    made = four_quarters(2000, 8, seed=0)
    inside = made.images[made.labels == 0][:, :, 0, 0]
    outside = made.images[made.labels == 3][:, :, 0, 0]
    assert inside.min() < outside.max()


def test_labels_are_balanced_and_mixed():
    labels = four_quarters(400, 4, seed=0).labels
    assert labels.bincount().tolist() == [100] * 4
    assert len(labels[:100].unique()) == 4


def test_shares_make_some_rare():
    shares = (0.7, 0.2, 0.05, 0.05)
    assert four_quarters(100, 4, seed=0, shares=shares).labels.bincount().tolist() == [70, 20, 5, 5]
    with pytest.raises(UsageError, match="GR-DATA-080"):
        four_quarters(100, 4, seed=0, shares=(0.5, 0.5, 0.5, 0.5))


def test_a_seed_decides():
    first, again, other = (four_quarters(20, 4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)
    assert not set(first.names) & set(other.names)
