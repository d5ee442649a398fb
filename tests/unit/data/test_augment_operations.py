"""Each operation against numpy, scipy, the standard library or a case worked out by hand."""

import colorsys
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from gradus.data.augment_operations import (
    backward_map,
    bend,
    blank,
    box,
    change_brightness,
    change_contrast,
    change_saturation,
    shift_and_mirror,
    span,
    to_float01,
    turn_hue,
    warp,
)


def random_images(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def still(count):
    """No shift and no mirror."""
    return torch.zeros(count, 2, dtype=torch.int64), torch.zeros(count, 2, dtype=torch.bool)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float32)


def mapped(count, *, rotate=0.0, shear=0.0, scale=1.0, mirror=(False, False)):
    """The backward map of the same change for every image, angles in degrees."""
    return backward_map(
        rotate_radians=torch.full((count,), math.radians(rotate)),
        shear_radians=torch.full((count,), math.radians(shear)),
        scale_xy=torch.full((count, 2), scale),
        mirror_xy=torch.tensor([mirror]).expand(count, 2),
    )


def test_bytes_become_shares_of_255_and_floats_stay():
    assert to_float01(
        torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    ).flatten().tolist() == pytest.approx([0, 0.2, 1])
    images = random_images(1, 1, 2, 2)
    assert to_float01(images) is images


sides = st.integers(1, 9)
shifts = st.integers(-20, 20)


@given(
    sides, sides, st.lists(st.tuples(shifts, shifts, st.booleans(), st.booleans()), min_size=1, max_size=4)
)
@settings(max_examples=80, deadline=None)
def test_shift_and_mirror_is_numpys_flip_pad_and_slice(height, width, moves):
    images = random_images(len(moves), 2, height, width)
    moved = shift_and_mirror(
        images,
        shift_xy=torch.tensor([move[:2] for move in moves]),
        mirror_xy=torch.tensor([move[2:] for move in moves]),
    )
    for image, result, (right, down, flip_x, flip_y) in zip(images.numpy(), moved, moves, strict=True):
        flipped = image[:, :: -1 if flip_y else 1, :: -1 if flip_x else 1]
        padded = np.pad(flipped, ((0, 0), (20, 20), (20, 20)), mode="reflect")
        wanted = padded[:, 20 - down : 20 - down + height, 20 - right : 20 - right + width]
        np.testing.assert_array_equal(result, wanted)


def test_shift_and_mirror_of_three_pixels_by_hand():
    row = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 1, 1, 3).repeat(3, 1, 1, 1)
    moved = shift_and_mirror(
        row,
        shift_xy=torch.tensor([[1, 0], [-1, 0], [1, 0]]),
        mirror_xy=torch.tensor([[False, False], [False, False], [True, False]]),
    )
    assert moved.dtype == torch.uint8
    assert moved.view(3, 3).tolist() == [[20, 10, 20], [20, 30, 20], [20, 30, 20]]


def test_memory_layout_changes_nothing():
    images, (shift, mirror) = random_images(2, 3, 5, 5), still(2)
    shift, mirror = shift + 1, ~mirror
    strided = images.to(memory_format=torch.channels_last)
    assert torch.equal(
        shift_and_mirror(images, shift_xy=shift, mirror_xy=mirror),
        shift_and_mirror(strided, shift_xy=shift, mirror_xy=mirror),
    )


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3])
def test_quarter_turns_are_torchs(side, quarters):
    images = random_images(2, 3, side, side)
    turned = warp(images, backward=mapped(2, rotate=90 * quarters), shift_xy=still(2)[0])
    torch.testing.assert_close(turned, images.rot90(quarters, (2, 3)), atol=1e-5, rtol=0)


def test_half_turn_of_an_oblong_image():
    images = random_images(1, 1, 4, 7)
    turned = warp(images, backward=mapped(1, rotate=180), shift_xy=still(1)[0])
    torch.testing.assert_close(turned, images.flip(2, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("mirror", [(False, False), (True, False), (False, True), (True, True)])
def test_warp_shifts_and_mirrors_as_the_gather_does(mirror):
    images = random_images(3, 2, 6, 9)
    shift_xy = torch.tensor([[0, 0], [2, -1], [-11, 13]])
    warped = warp(images, backward=mapped(3, mirror=mirror), shift_xy=shift_xy)
    moved = shift_and_mirror(images, shift_xy=shift_xy, mirror_xy=torch.tensor([mirror]).expand(3, 2))
    torch.testing.assert_close(warped, moved, atol=1e-5, rtol=0)


@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(0.5, 2), st.booleans(), shifts)
@settings(max_examples=60, deadline=None)
def test_any_affine_change_is_scipys(rotate, shear, scale, mirror, right):
    """The forward matrices are written out here and inverted by numpy; scipy resamples in float64."""
    image = random_images(1, 1, 11, 8)
    warped = warp(
        image,
        backward=mapped(1, rotate=rotate, shear=shear, scale=scale, mirror=(mirror, False)),
        shift_xy=torch.tensor([[right, 2]]),
    )
    a, s = math.radians(rotate), math.tan(math.radians(shear))
    turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])  # counter-clockwise, y down
    forward_xy = turn @ (scale * np.array([[1, s], [0, 1]])) @ np.diag([-1 if mirror else 1, 1])
    backward_yx = np.linalg.inv(forward_xy)[::-1, ::-1]
    centre = np.array([5, 3.5])
    offset = centre - backward_yx @ (centre + np.array([2, right]))
    wanted = ndimage.affine_transform(
        image[0, 0].double().numpy(), backward_yx, offset=offset, order=1, mode="mirror"
    )
    np.testing.assert_allclose(warped[0, 0], wanted, atol=2e-4)


def test_a_bent_image_is_scipys():
    image = random_images(1, 1, 11, 8)
    bend_xy = bend(torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0)), height=11, width=8)
    bent = warp(image, backward=mapped(1), shift_xy=still(1)[0], bend_xy=bend_xy)
    rows, columns = np.mgrid[:11, :8]
    places = [rows + bend_xy[0, ..., 1].numpy(), columns + bend_xy[0, ..., 0].numpy()]
    wanted = ndimage.map_coordinates(image[0, 0].double().numpy(), places, order=1, mode="mirror")
    np.testing.assert_allclose(bent[0, 0], wanted, atol=1e-5)


def test_a_bend_passes_through_its_knots_and_is_smooth_between():
    knots = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    bent = bend(knots, height=31, width=22)
    torch.testing.assert_close(bent[:, ::10, ::7], knots.permute(0, 2, 3, 1), atol=1e-5, rtol=0)
    assert bent.diff(dim=1).abs().max() < knots.diff(dim=2).abs().max() / 5
    everywhere = bend(torch.full((1, 2, 4, 4), 0.7), height=5, width=9)
    torch.testing.assert_close(everywhere, torch.full((1, 5, 9, 2), 0.7))


def test_warp_of_a_single_row_and_of_bfloat16():
    images = random_images(1, 1, 1, 5)
    same = warp(images, backward=mapped(1), shift_xy=still(1)[0])
    torch.testing.assert_close(same, images, atol=1e-6, rtol=0)
    half = warp(images.bfloat16(), backward=mapped(1), shift_xy=still(1)[0])
    assert torch.equal(half, images.bfloat16())


def test_brightness_and_contrast_by_hand():
    images = torch.tensor([[[[0.1, 0.3, 0.8]]], [[[0.1, 0.3, 0.8]]]])
    brighter = change_brightness(images, numbers(0.5, 2))
    torch.testing.assert_close(brighter.view(2, 3), torch.tensor([[0.05, 0.15, 0.4], [0.2, 0.6, 1.0]]))
    stronger = change_contrast(images, numbers(0.5, 2))  # the mean is 0.4
    torch.testing.assert_close(stronger.view(2, 3), torch.tensor([[0.25, 0.35, 0.6], [0.0, 0.2, 1.0]]))


def test_saturation_by_hand():
    image = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
    grey = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6
    for factor in (0.0, 0.5, 1.0, 1.5):
        changed = change_saturation(image, numbers(factor)).flatten().tolist()
        assert changed == pytest.approx([grey + factor * (c - grey) for c in (0.2, 0.4, 0.6)], abs=1e-6)


unit = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(unit, unit, unit), min_size=1, max_size=6), st.floats(-2, 2))
@settings(max_examples=100, deadline=None)
def test_hue_turns_as_in_the_standard_library(pixels, turns):
    image = torch.tensor(pixels).T.reshape(1, 3, 1, -1)
    turned = turn_hue(image, torch.full((1,), turns))
    for pixel, result in zip(pixels, turned[0, :, 0].T.tolist(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        wanted = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
        assert result == pytest.approx(wanted, abs=2e-6)


def test_a_full_turn_of_hue_changes_nothing_and_a_third_passes_the_channels_on():
    image = random_images(3, 3, 4, 4)
    turned = turn_hue(image, numbers(1, 1 / 3, -1 / 3))
    torch.testing.assert_close(turned[0], image[0], atol=2e-6, rtol=0)
    torch.testing.assert_close(turned[1], image[1].roll(1, 0), atol=2e-6, rtol=0)
    torch.testing.assert_close(turned[2], image[2].roll(-1, 0), atol=2e-6, rtol=0)


@given(
    st.integers(0, 10**6),
    unit,
    unit,
    unit,
    st.floats(-0.5, 0.5),
    st.sampled_from([torch.float32, torch.bfloat16]),
)
@settings(max_examples=60, deadline=None)
def test_colour_stays_in_range_shape_and_type(seed, brightness, contrast, saturation, hue, dtype):
    images = random_images(2, 3, 4, 5, seed=seed).round(decimals=1).to(dtype)
    images = change_brightness(images, numbers(1 - brightness, 1 + brightness))
    images = change_contrast(images, numbers(1 - contrast, 1 + contrast))
    images = change_saturation(images, numbers(1 - saturation, 1 + saturation))
    images = turn_hue(images, numbers(-hue, hue))
    assert images.shape == (2, 3, 4, 5)
    assert images.dtype == dtype
    assert images.min() >= 0
    assert images.max() <= 1


@given(st.integers(-5, 9), st.integers(0, 12), st.integers(-5, 9), st.integers(0, 12))
def test_boxes_are_slices_clipped_at_the_border(top, height, left, width):
    mask = box(
        span(torch.tensor([top]), torch.tensor([height]), side=6),
        span(torch.tensor([left]), torch.tensor([width]), side=8),
    )
    wanted = np.zeros((1, 1, 6, 8), dtype=bool)
    wanted[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = True
    np.testing.assert_array_equal(mask, wanted)


def test_blanked_pixels_show_each_images_mean_colour():
    images = torch.tensor([[[[0.0, 1.0]], [[0.5, 0.7]]], [[[-3.0, 1.0]], [[2.0, 2.0]]]])
    mask = torch.tensor([[True, False], [False, True]]).view(2, 1, 1, 2)
    wanted = torch.tensor([[[[0.5, 1.0]], [[0.6, 0.7]]], [[[-3.0, -1.0]], [[2.0, 2.0]]]])
    torch.testing.assert_close(blank(images, mask), wanted)
