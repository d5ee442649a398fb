"""Augmentation as a whole: what is drawn, from where, how often, how far; what mixing does to labels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import UsageError
from gradus.data.augment import AugmentConfig, augment, mix, tta_views


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def run(images, seed=0, **changes):
    return augment(images, AugmentConfig(**changes), generator=seeded(seed))


def random_images(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed))


def dots(count, side, *, row, column):
    """Black images with one white pixel."""
    images = torch.zeros(count, 1, side, side)
    images[:, :, row, column] = 1
    return images


def centroids_xy(images):
    """Where the light of each image lies, counted from the image's centre, x right and y up."""
    side = images.shape[-1]
    place = torch.arange(side) - (side - 1) / 2
    light = images[:, 0] / images[:, 0].sum(dim=(1, 2), keepdim=True)
    return (light.sum(1) * place).sum(1), -(light.sum(2) * place).sum(1)


EVERYTHING = {
    "flip_horizontal": True,
    "flip_vertical": True,
    "crop_padding_pixels": 2,
    "translate_fraction": 0.1,
    "rotate_degrees": 15.0,
    "shear_degrees": 5.0,
    "scale_range": (0.9, 1.2),
    "aspect_range": (0.8, 1.3),
    "elastic_pixels": 1.0,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
    "hue": 0.1,
    "noise_std": 0.05,
    "erase_probability": 0.5,
    "cutout_pixels": 4,
}
MOVES = ("flip_horizontal", "flip_vertical", "crop_padding_pixels", "translate_fraction")


def test_nothing_on_is_the_same_tensor_and_draws_nothing():
    images, generator = random_images(4, 3, 8, 8), seeded()
    before = generator.get_state()
    assert augment(images, AugmentConfig(), generator=generator) is images
    mixed, _ = mix(images, torch.arange(4), num_classes=4, config=AugmentConfig(), generator=generator)
    assert mixed is images
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("name", [*EVERYTHING, "all of them"])
def test_every_setting_changes_images_by_the_generator_alone_and_each_on_its_own(name):
    changes = EVERYTHING if name == "all of them" else {name: EVERYTHING[name]}
    one = random_images(1, 3, 12, 12)
    images = one.repeat(16, 1, 1, 1)
    kept = images.clone()
    first, again, other = run(images, **changes), run(images, **changes), run(images, seed=1, **changes)
    assert torch.equal(images, kept)  # the input is never written to
    assert first.shape == images.shape
    assert first.dtype == images.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("name", [*EVERYTHING, "all of them"])
def test_bytes_give_what_fractions_give_and_stay_bytes_while_only_moved(name):
    changes = EVERYTHING if name == "all of them" else {name: EVERYTHING[name]}
    bytes_ = (random_images(8, 3, 12, 12) * 255).byte()
    of_bytes, of_fractions = run(bytes_, **changes), run(bytes_ / 255, **changes)
    assert of_bytes.dtype == (torch.uint8 if name in MOVES else torch.float32)
    of_bytes = of_bytes / 255 if name in MOVES else of_bytes
    assert torch.equal(of_bytes, of_fractions)


@given(st.fixed_dictionaries({}, optional={name: st.just(value) for name, value in EVERYTHING.items()}))
@settings(max_examples=40, deadline=None)
def test_any_combination_keeps_shape_type_and_range(changes):
    images = run(random_images(3, 3, 9, 7), **(changes | {"noise_std": 0.0}))
    assert images.shape == (3, 3, 9, 7)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1 + 1e-6


@pytest.mark.parametrize(("name", "axis"), [("flip_horizontal", 3), ("flip_vertical", 2)])
def test_half_of_the_images_are_flipped(name, axis):
    images = random_images(4000, 1, 3, 3)
    changed = run(images, **{name: True})
    same = (changed == images).flatten(1).all(1)
    flipped = (changed == images.flip(axis)).flatten(1).all(1)
    assert (same ^ flipped).all()
    assert flipped.float().mean() == pytest.approx(0.5, abs=0.03)  # 4 standard errors


def test_the_two_flips_are_independent():
    changed = run(dots(4000, 3, row=0, column=0), flip_horizontal=True, flip_vertical=True)
    corners = changed[:, 0, ::2, ::2].mean(0)
    torch.testing.assert_close(corners, torch.full((2, 2), 0.25), atol=0.03, rtol=0)


def test_crops_take_every_place_equally_often():
    changed = run(dots(5000, 9, row=4, column=4), crop_padding_pixels=2)
    x, y = centroids_xy(changed)
    assert (changed.sum(dim=(1, 2, 3)) == 1).all()
    counts = np.histogram2d(x.numpy(), y.numpy(), bins=5, range=[(-2.5, 2.5)] * 2)[0]
    assert counts.sum() == 5000
    assert ((counts - 200) ** 2 / 200).sum() < 52  # chi-square of 24 degrees: p > 0.001


@pytest.mark.parametrize(("fraction", "pixels"), [(0.1, 1), (0.01, 1), (0.25, 3)])
def test_translation_reaches_its_fraction_of_each_side(fraction, pixels):
    x, y = centroids_xy(run(dots(2000, 11, row=5, column=5), translate_fraction=fraction))
    assert (x.round() == x).all()
    for along in (x, y):
        assert (along.min(), along.max()) == (-pixels, pixels)
        assert along.mean().abs() < 0.25


def test_rotation_fills_its_range():
    """A dot right of the centre tells the angle; the mean of 3000 even draws is 0 to within 4 errors."""
    x, y = centroids_xy(run(dots(3000, 31, row=15, column=27), rotate_degrees=25.0))
    degrees = torch.atan2(y, x).rad2deg()
    assert degrees.min() == pytest.approx(-25, abs=0.6)
    assert degrees.max() == pytest.approx(25, abs=0.6)
    assert degrees.mean().abs() < 4 * 25 / math.sqrt(3 * 3000)
    torch.testing.assert_close(x.hypot(y), torch.full_like(x, 12.0), atol=0.2, rtol=0)


def test_scale_fills_its_range():
    x, _ = centroids_xy(run(dots(2000, 41, row=20, column=30), scale_range=(0.8, 1.6)))
    assert x.min() / 10 == pytest.approx(0.8, abs=0.05)
    assert x.max() / 10 == pytest.approx(1.6, abs=0.05)
    assert x.mean() / 10 == pytest.approx(1.2, abs=0.05)


def test_aspect_stretches_one_side_and_shrinks_the_other():
    x, y = centroids_xy(run(dots(2000, 61, row=20, column=40), aspect_range=(0.5, 2.0)))
    torch.testing.assert_close((x * y).abs(), torch.full_like(x, 100.0), rtol=0.05, atol=0)
    ratio = (x / y).abs()
    assert ratio.min() == pytest.approx(0.5, abs=0.05)
    assert ratio.max() == pytest.approx(2.0, abs=0.1)


def test_shear_fills_its_range_and_keeps_the_middle_row():
    x, y = centroids_xy(run(dots(2000, 31, row=25, column=15), shear_degrees=30.0))
    slant = (x / 10).atan().rad2deg()  # the dot is 10 rows below the centre
    assert slant.min() == pytest.approx(-30, abs=1)
    assert slant.max() == pytest.approx(30, abs=1)
    torch.testing.assert_close(y, torch.full_like(y, -10.0), atol=1e-4, rtol=0)
    middle = dots(8, 31, row=15, column=20)
    torch.testing.assert_close(run(middle, shear_degrees=30.0)[:, :, 15], middle[:, :, 15], atol=1e-4, rtol=0)


def test_moves_combine_with_rotation_in_one_resampling():
    """A rotation too small to see gives what the whole-pixel path gives, from the same numbers."""
    images = random_images(32, 2, 10, 14)
    moves = {name: EVERYTHING[name] for name in MOVES if name != "translate_fraction"}
    moved = run(images, **moves)
    torch.testing.assert_close(run(images, **moves, rotate_degrees=1e-5), moved, atol=1e-4, rtol=0)


def test_translation_beside_a_warp_is_in_parts_of_a_pixel():
    """Even draws up to a fifth of the side: their mean is 0 to within 4 errors, and most are not whole."""
    x, y = centroids_xy(run(dots(3000, 31, row=15, column=15), translate_fraction=0.2, rotate_degrees=1e-5))
    for shift in (x, y):
        assert shift.abs().max() == pytest.approx(6.2, abs=0.1)
        assert shift.mean().abs() < 4 * 6.2 / math.sqrt(3 * 3000)
        assert ((shift - shift.round()).abs() > 0.05).float().mean() > 0.8


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colour_factors_fill_their_range(name):
    """A pixel's distance from where factor 0 would put it tells the factor."""
    images = torch.tensor([0.55, 0.5, 0.45]).view(1, 3, 1, 1).repeat(3000, 1, 1, 1)
    at_zero = {"brightness": 0.0, "contrast": 0.5, "saturation": 0.299 * 0.55 + 0.587 * 0.5 + 0.114 * 0.45}[
        name
    ]
    factor = (run(images, **{name: 0.4})[:, 0, 0, 0] - at_zero) / (0.55 - at_zero)
    assert factor.min() == pytest.approx(0.6, abs=0.01)
    assert factor.max() == pytest.approx(1.4, abs=0.01)
    assert factor.mean() == pytest.approx(1.0, abs=0.02)


def test_hue_fills_its_range():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).repeat(3000, 1, 1, 1)
    changed = run(red, hue=0.1).view(3000, 3)
    turns = torch.where(changed[:, 1] > 0, changed[:, 1], -changed[:, 2]) / 6  # yellow or magenta is a sixth
    assert turns.min() == pytest.approx(-0.1, abs=0.002)
    assert turns.max() == pytest.approx(0.1, abs=0.002)
    assert (changed[:, 0] == 1).all()


def test_noise_has_its_mean_and_spread():
    noise = run(torch.full((20, 1, 32, 32), 0.5), noise_std=0.1) - 0.5
    assert noise.mean().abs() < 0.003
    assert noise.std() == pytest.approx(0.1, abs=0.002)


def test_erasing_blanks_a_box_of_the_right_size_in_the_right_share_of_images():
    images = random_images(3000, 1, 20, 30) + 1  # units do not matter
    changed = run(images, erase_probability=0.4, erase_area_range=(0.1, 0.3))
    erased = (changed != images)[:, 0]
    hit = erased.flatten(1).any(1)
    assert hit.float().mean() == pytest.approx(0.4, abs=0.036)  # 4 standard errors
    rows, columns = erased.any(2)[hit], erased.any(1)[hit]
    assert torch.equal(erased[hit], rows[:, :, None] & columns[:, None])  # a full box
    area = erased[hit].float().mean(dim=(1, 2))
    assert area.min() == pytest.approx(0.1, abs=0.025)  # sides are whole pixels
    assert area.max() == pytest.approx(0.3, abs=0.025)
    assert area.mean() == pytest.approx(0.2, abs=0.01)
    aspect = (rows.sum(1) / 20) / (columns.sum(1) / 30)
    assert aspect.min() > 1 / 4
    assert aspect.max() < 4
    assert aspect.log().mean().abs() < 0.15
    covered = erased.float().mean(0)  # every pixel can be hit, the corners too
    assert covered.min() > 0
    filled = changed[hit].masked_fill(~erased[hit][:, None], 0).amax(dim=(1, 2, 3))
    torch.testing.assert_close(filled, images[hit].mean(dim=(1, 2, 3)))


def test_erasing_may_cover_a_whole_image():
    changed = run(random_images(4, 3, 5, 9), erase_probability=1.0, erase_area_range=(1.0, 1.0))
    assert (changed.flatten(2).amax(2) == changed.flatten(2).amin(2)).all()


def test_cutout_blanks_a_square_around_any_pixel():
    images = random_images(3000, 1, 10, 10)
    cut = (run(images, cutout_pixels=4) != images)[:, 0]
    rows, columns = cut.any(2), cut.any(1)
    assert torch.equal(cut, rows[:, :, None] & columns[:, None])
    # Centres 2 to 8 of 10 leave all 4 rows inside, 0 and 1 leave 2 and 3, and 9 leaves 3.
    for sides in (rows.sum(1), columns.sum(1)):
        shares = torch.bincount(sides, minlength=5) / 3000
        torch.testing.assert_close(shares, torch.tensor([0, 0, 0.1, 0.2, 0.7]), atol=0.035, rtol=0)


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colour_of_grey_images_is_refused(name):
    with pytest.raises(UsageError, match=rf"augment.{name}: wanted images of 3 channels, got 1") as caught:
        run(random_images(2, 1, 4, 4), **{name: 0.1})
    assert caught.value.code == "GR-DATA-060"


def test_the_config_round_trips_and_its_ranges_are_checked():
    config = AugmentConfig(**EVERYTHING, mixup_alpha=0.2)
    check(config)
    check(AugmentConfig())
    assert from_json(AugmentConfig, to_json(config), "augment") == config
    for wrong in (
        {"hue": 0.6},
        {"scale_range": (0.0, 1.0)},
        {"erase_probability": 1.5},
        {"shear_degrees": 90.0},
    ):
        with pytest.raises(UsageError):
            check(AugmentConfig(**wrong))


# -- mixing: image i is the constant i, so that a mixture tells its shares ---------------------------------


def mixed_numbers(count, seed=0, **changes):
    images = torch.arange(float(count)).view(-1, 1, 1, 1).repeat(1, 2, 8, 12)
    config = AugmentConfig(**changes)
    return mix(images, torch.arange(count), num_classes=count, config=config, generator=seeded(seed))


def test_without_mixing_the_targets_are_one_hot():
    _, targets = mixed_numbers(3)
    assert torch.equal(targets, torch.eye(3))


@given(
    st.integers(1, 20),
    st.integers(0, 10**6),
    st.floats(0.05, 3),
    st.sampled_from(["mixup_alpha", "cutmix_alpha"]),
)
@settings(max_examples=60, deadline=None)
def test_targets_state_exactly_what_is_in_each_image(count, seed, alpha, name):
    mixed, targets = mixed_numbers(count, seed, **{name: alpha})
    torch.testing.assert_close(targets.sum(1), torch.ones(count), atol=1e-6, rtol=0)
    assert targets.min() >= 0
    assert (targets > 0).sum(1).max() <= 2
    content = targets @ torch.arange(float(count))
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), content, atol=1e-4, rtol=0)


def test_mixup_blends_all_pixels_alike_with_shares_from_beta():
    mixed, targets = mixed_numbers(4000, mixup_alpha=0.4)
    assert (mixed.flatten(1).amax(1) - mixed.flatten(1).amin(1)).max() == 0
    share = targets.diagonal()
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert share.var() == pytest.approx(1 / (4 * 1.8), abs=0.01)  # of Beta(a, a): 1 / (4 (2 a + 1))


def test_cutmix_pastes_one_box_and_its_area_is_the_labels_share():
    mixed, targets = mixed_numbers(500, cutmix_alpha=1.0)
    own = torch.arange(500.0).view(-1, 1, 1)
    foreign = mixed[:, 0] != own
    assert torch.equal(mixed[:, 0], mixed[:, 1])
    rows, columns = foreign.any(2), foreign.any(1)
    assert torch.equal(foreign, rows[:, :, None] & columns[:, None])
    inside = mixed[:, 0].masked_fill(~foreign, -1).flatten(1).amax(1, keepdim=True)
    assert (mixed[:, 0].flatten(1) == torch.where(foreign.flatten(1), inside, own.flatten(1))).all()
    some = foreign.flatten(1).any(1)  # not those whose partner they are themselves
    assert torch.equal(targets.diagonal()[some], (~foreign[some]).float().mean(dim=(1, 2)))
    assert foreign.float().mean(0).min() > 0.1  # every pixel gets its turn


def test_cutmix_boxes_follow_the_paper():
    """Of Beta(1, 1) the area is even before the border clips it; what is left is summed over every centre."""
    mixed, _ = mixed_numbers(4000, cutmix_alpha=1.0)
    foreign = mixed[:, 0] != torch.arange(4000.0).view(-1, 1, 1)

    def inside(size, side):
        starts = np.arange(side) - size // 2
        return (np.minimum(starts + size, side) - np.maximum(starts, 0)).clip(0).mean()

    cuts = np.sqrt((np.arange(2000) + 0.5) / 2000)
    wanted = np.mean([inside(int(8 * cut), 8) * inside(int(12 * cut), 12) for cut in cuts]) / (8 * 12)
    area = foreign.float().mean(dim=(1, 2))
    assert area.mean() == pytest.approx(wanted, abs=4 * area.std().item() / math.sqrt(4000))


def test_mixup_and_cutmix_take_turns_by_batch():
    blends = []
    for seed in range(60):
        mixed, _ = mixed_numbers(8, seed, mixup_alpha=1.0, cutmix_alpha=1.0)
        blended = (mixed != mixed.round()).flatten(1).any(1)
        even = (mixed.flatten(1).amax(1) == mixed.flatten(1).amin(1)).all()
        assert even == blended.any()  # a batch is blended as a whole, or pasted as a whole
        blends.append(bool(even))
    assert 18 <= sum(blends) <= 42


def test_mixing_repeats_with_the_generator_and_refuses_impossible_labels():
    first, again = (mixed_numbers(6, 3, mixup_alpha=0.2, cutmix_alpha=1.0) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    images = random_images(2, 1, 4, 4)
    with pytest.raises(RuntimeError, match="out of bounds"):
        mix(images, torch.tensor([0, 5]), num_classes=5, config=AugmentConfig(), generator=seeded())


# -- test-time views ---------------------------------------------------------------------------------------


def test_views_by_hand():
    image = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]).view(1, 1, 3, 3)
    views = tta_views(image, ("flip", "shift"))
    assert views.shape == (6, 1, 1, 3, 3)
    plain, mirrored, up_left, up_left_of_mirror, down_right, _ = views[:, 0, 0].int().tolist()
    assert plain == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert mirrored == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert up_left == [[5, 6, 5], [8, 9, 8], [5, 6, 5]]
    assert up_left_of_mirror == [[5, 4, 5], [8, 7, 8], [5, 4, 5]]
    assert down_right == [[5, 4, 5], [2, 1, 2], [5, 4, 5]]


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        ((), 1),
        (("flip",), 2),
        (("shift",), 3),
        (("shift", "flip"), 6),
    ],
)
def test_views_start_with_the_images_and_keep_their_type(kinds, count):
    images = (random_images(5, 3, 6, 4) * 255).byte()
    views = tta_views(images, kinds)
    assert len(views) == count
    assert torch.equal(views[0], images)
    assert views.dtype == torch.uint8


def test_affine_views_are_small_and_go_both_ways():
    image = torch.zeros(1, 1, 21, 21)
    image[..., 10, 4:17] = 1  # a level bar in the middle
    assert torch.equal(tta_views((255 * image).byte(), ("affine",))[0], image)
    assert len(tta_views(image, ("affine", "flip", "shift"))) == 14
    views = tta_views(image, ("affine",))[1:, 0, 0]
    rows, columns = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(21.0) - 10, indexing="ij")
    tilt = (views * rows * columns).sum((1, 2)) / (views * columns**2).sum((1, 2))
    tan = torch.tensor(6.0).deg2rad().tan()
    torch.testing.assert_close(tilt[:2].abs(), tan.expand(2), atol=0.01, rtol=0)
    assert tilt[0] == pytest.approx(-tilt[1].item(), abs=1e-5)
    length = views[:, 10].sum(1)  # level again from here on: a slant leaves a level bar as it is
    torch.testing.assert_close(tilt[2:], torch.zeros(6), atol=1e-5, rtol=0)
    wanted = 13 * torch.tensor([1.07, 1 / 1.07, 1.1, 1 / 1.1])
    torch.testing.assert_close(length[4:], wanted, atol=0.7, rtol=0)


@pytest.mark.parametrize("kind", ["mixup_alpha", "cutmix_alpha"])
def test_mixing_spares_its_share_of_the_images(kind):
    images = random_images(2000, 1, 6, 6)
    labels = torch.arange(2000) % 4
    config = AugmentConfig(**{kind: 1.0}, mix_probability=0.3)
    rng = torch.Generator().manual_seed(0)
    mixed, targets = mix(images, labels, num_classes=4, config=config, generator=rng)
    same = (mixed == images).flatten(1).all(dim=1)
    assert 0.66 <= same.float().mean() <= 0.9  # some of the mixed ones keep every pixel by chance
    torch.testing.assert_close(targets[same].max(dim=1).values, torch.ones(int(same.sum())))
