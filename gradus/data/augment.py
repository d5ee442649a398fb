"""Image augmentation: random changes of a batch where it lies, on its device, every image on its own.

Papers: mixup (Zhang et al. 2018, arXiv 1710.09412), CutMix (Yun et al. 2019, arXiv 1905.04899, appendix A),
    random erasing (Zhong et al. 2017, arXiv 1708.04896), cutout (DeVries & Taylor 2017, arXiv 1708.04552),
    elastic deformation (Simard et al. 2003, ICDAR, section 2).
Departures: mixup and CutMix draw a share for each image, not one for the batch; what is erased or cut out
    becomes the image's mean colour; an erased box's aspect is drawn among those that fit, where the paper
    draws again; elastic displacements are normal at 4 x 4 knots and smooth between, where the paper blurs
    noise of every pixel.
Letters: B images, C channels, H and W sides, K classes, V views.

Order: geometry, colour, noise, erasing, cutout; ``mix`` comes after. Colour assumes [0, 1] and clamps to it,
so augment before normalising; geometry, noise and erasing are right in any units. Bytes stay bytes (a quarter
of the memory traffic) until the first operation that needs fractions, which reads them as [0, 1].
"""

from dataclasses import dataclass
from math import radians
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int, Int64, Shaped
from torch import Tensor

from gradus.core.configs import Fraction, NotNegative, Positive, Share, Whole, Within
from gradus.core.errors import UsageError
from gradus.data.augment_operations import (
    Images,
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

View = Literal["flip", "shift", "affine"]
KNOTS = 4  # a side: displacements vary over a third of the image


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """How training images are changed at random; everything is off until asked for."""

    flip_horizontal: bool = False
    """Swap left and right in half of the images."""
    flip_vertical: bool = False
    """Swap top and bottom in half of the images."""
    crop_padding_pixels: Whole = 0
    """Crop at a random place after mirroring this many pixels around the border."""
    translate_fraction: Fraction = 0.0
    """Largest shift as a share of the side; in whole pixels, at least one, unless pictures are warped."""
    rotate_degrees: Annotated[float, Within(low=0.0, high=180.0)] = 0.0
    """Largest rotation to either side."""
    shear_degrees: Annotated[float, Within(low=0.0, below=90.0)] = 0.0
    """Largest slant of the image's columns to either side."""
    scale_range: tuple[Positive, Positive] = (1.0, 1.0)
    """Smallest and largest magnification."""
    aspect_range: tuple[Positive, Positive] = (1.0, 1.0)
    """Lowest and highest stretch of the width against the height; the area stays the same."""
    elastic_pixels: NotNegative = 0.0
    """Standard deviation of a smooth displacement that bends the image, as a hand would vary a stroke."""
    brightness: Share = 0.0
    """Largest change of brightness: 0.4 multiplies by 0.6 to 1.4."""
    contrast: Share = 0.0
    """Largest change of the distance from the image's mean."""
    saturation: Share = 0.0
    """Largest change of the distance from grey; colour images only."""
    hue: Annotated[float, Within(low=0.0, high=0.5)] = 0.0
    """Largest change of hue in turns of the colour circle; colour images only."""
    noise_std: NotNegative = 0.0
    """Standard deviation of the noise added to every pixel; the image's range is 1."""
    erase_probability: Share = 0.0
    """Share of the images in which a random box is blanked."""
    erase_area_range: tuple[Share, Share] = (0.02, 0.2)
    """Smallest and largest share of the image that an erased box covers."""
    cutout_pixels: Whole = 0
    """Side of a square blanked around a random pixel of every image; it may reach over the border."""
    mixup_alpha: NotNegative = 0.0
    """Blend pairs of images and labels by shares from Beta(alpha, alpha)."""
    cutmix_alpha: NotNegative = 0.0
    """Paste boxes between pairs of images, areas from Beta(alpha, alpha); with mixup, in half the batches."""
    mix_probability: Share = 1.0
    """Share of the images that mixup or CutMix touches."""


def augment(images: Images, config: AugmentConfig, *, generator: torch.Generator) -> Images:
    """A changed copy of every image; the very same tensor where nothing is on.

    All numbers come from ``generator``: one on the images' device makes no step wait; one on the CPU gives
    every device the same numbers, at the price of carrying them there. UsageError where saturation or hue is
    asked of images that have no colour.
    """
    _require_colour(images, config)
    images = _move(images, config, generator)
    images = _recolour(images, config, generator)
    if config.noise_std:
        images = to_float01(images)
        noise = torch.randn(images.shape, generator=generator, device=generator.device, dtype=images.dtype)
        images = torch.add(images, noise.to(images.device), alpha=config.noise_std)
    if config.erase_probability:
        images = _erase(to_float01(images), config, generator)
    if config.cutout_pixels:
        images = to_float01(images)
        side = torch.full((len(images),), config.cutout_pixels, device=images.device)
        images = blank(images, _box_anywhere(images, side, side, generator))
    return images


def mix(
    images: Float[Tensor, "B C H W"],
    labels: Int[Tensor, "B"],
    *,
    num_classes: int,
    config: AugmentConfig,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B {num_classes}"]]:
    """Each image mixed with another of the batch, and the share of each class in it (rows sum to 1).

    Without mixup and CutMix: the very same images and their one-hot labels. With both, a coin decides for the
    whole batch.
    """
    targets = torch.zeros(len(labels), num_classes, device=images.device)
    targets.scatter_(1, labels.long()[:, None], 1)
    if not config.mixup_alpha and not config.cutmix_alpha:
        return images, targets
    kept = _kept(images, config, generator)
    if config.mix_probability < 1.0:
        spared = _uniform(images, 0.0, 1.0, generator) >= config.mix_probability
        kept = kept.masked_fill(spared[:, None, None, None], 1.0)
    share = kept.mean(dim=(2, 3))  # (B, 1, H, W) -> (B, 1): of a box, the area that lies inside
    partner = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
    mixed = torch.lerp(images[partner], images, kept.to(images.dtype))
    return mixed, share * targets + (1 - share) * targets[partner]


def tta_views(images: Images, kinds: tuple[View, ...]) -> Shaped[Tensor, "V B C H W"]:
    """The views of test-time augmentation, the images themselves first.

    ``flip`` adds the mirror image, ``shift`` a pixel up and left and one down and right; both make 6 views.
    ``affine`` adds each image a little turned, slanted, magnified and stretched, both ways: 8 more, as
    fractions. The caller averages the probabilities over V.
    """
    shifts = (0, -1, 1) if "shift" in kinds else (0,)
    mirrors = (False, True) if "flip" in kinds else (False,)
    whole = torch.zeros(len(images), 2, dtype=torch.int64, device=images.device)
    sideways = torch.tensor([True, False], device=images.device)
    views = [
        shift_and_mirror(images, shift_xy=whole + shift, mirror_xy=sideways.expand(whole.shape) & mirror)
        for shift in shifts
        for mirror in mirrors
    ]
    if "affine" in kinds:
        views = [to_float01(view) for view in views] + _slightly_changed(to_float01(images))
    return torch.stack(views)


def _slightly_changed(images: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B C H W"]]:
    """Eight copies: turned, slanted, magnified and stretched, each a little to either side."""
    turn, slant, larger, wider = radians(6.0), radians(6.0), 1.07, 1.1
    sizes = [(larger, larger), (1 / larger, 1 / larger), (wider, 1 / wider), (1 / wider, wider)]
    changes = [(turn, 0.0, 1.0, 1.0), (-turn, 0.0, 1.0, 1.0), (0.0, slant, 1.0, 1.0), (0.0, -slant, 1.0, 1.0)]
    changes += [(0.0, 0.0, *size) for size in sizes]
    still = torch.zeros(len(images), 2, dtype=torch.int64, device=images.device)
    made = []
    for change in changes:
        each = torch.tensor(change, device=images.device).expand(len(images), 4)
        backward = backward_map(
            rotate_radians=each[:, 0], shear_radians=each[:, 1], scale_xy=each[:, 2:], mirror_xy=still.bool()
        )
        made.append(warp(images, backward=backward, shift_xy=still))
    return made


# -- the drawing of numbers ------------------------------------------------------------------------------


def _uniform(images: Tensor, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "B"]:
    """One number an image, evenly between the ends."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    return (low + (high - low) * drawn).to(images.device)


def _whole(images: Tensor, largest: int, generator: torch.Generator) -> Int64[Tensor, "B"]:
    """One whole number an image, evenly from ``-largest`` to ``largest``."""
    drawn = torch.randint(-largest, largest + 1, (len(images),), generator=generator, device=generator.device)
    return drawn.to(images.device)


def _move(images: Images, config: AugmentConfig, generator: torch.Generator) -> Images:
    """Flip, crop and translate by whole pixels; with rotation, shear, scale or bends, all in one resampling.

    There a translation need not be whole: it costs nothing more, and small pictures learn from half a pixel.
    """
    resized = config.scale_range != (1.0, 1.0) or config.aspect_range != (1.0, 1.0)
    warped = config.rotate_degrees or config.shear_degrees or resized or config.elastic_pixels
    shifted = config.crop_padding_pixels or config.translate_fraction
    if not (warped or shifted or config.flip_horizontal or config.flip_vertical):
        return images
    flips = (config.flip_horizontal, config.flip_vertical)
    mirror_xy = torch.stack([_uniform(images, 0.0, 1.0, generator) < 0.5 * flip for flip in flips], dim=1)
    shift_xy = torch.zeros(len(images), 2, dtype=torch.int64, device=images.device)
    sides = (images.shape[3], images.shape[2])
    if config.crop_padding_pixels:
        shift_xy += torch.stack([_whole(images, config.crop_padding_pixels, generator) for _ in sides], dim=1)
    if config.translate_fraction and not warped:
        largest = [max(1, round(config.translate_fraction * side)) for side in sides]
        shift_xy += torch.stack([_whole(images, pixels, generator) for pixels in largest], dim=1)
    if not warped:
        return shift_and_mirror(images, shift_xy=shift_xy, mirror_xy=mirror_xy)
    rotate, shear = radians(config.rotate_degrees), radians(config.shear_degrees)
    backward = backward_map(
        rotate_radians=_uniform(images, -rotate, rotate, generator),
        shear_radians=_uniform(images, -shear, shear, generator),
        scale_xy=_scales(images, config, generator),
        mirror_xy=mirror_xy,
    )
    if config.translate_fraction:
        reach = [config.translate_fraction * side for side in sides]
        shift_xy = shift_xy + torch.stack([_uniform(images, -far, far, generator) for far in reach], dim=1)
    bend_xy = _bend(images, config.elastic_pixels, generator) if config.elastic_pixels else None
    return warp(to_float01(images), backward=backward, shift_xy=shift_xy, bend_xy=bend_xy)


def _bend(images: Images, std_pixels: float, generator: torch.Generator) -> Float[Tensor, "B H W 2"]:
    """How far each pixel of each image is displaced."""
    drawn = torch.randn(len(images), 2, KNOTS, KNOTS, generator=generator, device=generator.device)
    return bend(std_pixels * drawn.to(images.device), height=images.shape[2], width=images.shape[3])


def _scales(images: Images, config: AugmentConfig, generator: torch.Generator) -> Float[Tensor, "B 2"]:
    """How much wider and taller each image becomes."""
    scale = _uniform(images, *config.scale_range, generator)
    if config.aspect_range == (1.0, 1.0):
        return scale[:, None].expand(-1, 2)
    stretch = _uniform(images, *config.aspect_range, generator).sqrt()
    return torch.stack([scale * stretch, scale / stretch], dim=1)


def _recolour(images: Images, config: AugmentConfig, generator: torch.Generator) -> Images:
    """Brightness, contrast, saturation and hue, in this order."""
    for largest, change in (
        (config.brightness, change_brightness),
        (config.contrast, change_contrast),
        (config.saturation, change_saturation),
    ):
        if largest:
            factor = _uniform(images, 1 - largest, 1 + largest, generator)
            images = change(to_float01(images), factor)
    if config.hue:
        images = turn_hue(to_float01(images), _uniform(images, -config.hue, config.hue, generator))
    return images


def _erase(
    images: Float[Tensor, "B C H W"], config: AugmentConfig, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Blank one box in some of the images; the box lies wholly inside."""
    height, width = images.shape[2:]
    chosen = _uniform(images, 0.0, 1.0, generator) < config.erase_probability
    area = _uniform(images, *config.erase_area_range, generator)
    # Aspect: the box's height over its width, each as a share of its side; log-even within 1:3.3 to 3.3:1.
    lowest, highest = area.clamp(min=1 / 3.3).log(), (1 / area).clamp(max=3.3).log()
    aspect = torch.lerp(lowest, highest, _uniform(images, 0.0, 1.0, generator)).exp()
    rows = _span_inside(images, (area * aspect).sqrt() * height, height, generator)
    columns = _span_inside(images, (area / aspect).sqrt() * width, width, generator)
    return blank(images, box(rows & chosen[:, None], columns))


def _span_inside(
    images: Tensor, size: Float[Tensor, "B"], side: int, generator: torch.Generator
) -> Bool[Tensor, "B {side}"]:
    """Where each size, in whole pixels and at least one, comes to lie within the side."""
    size_pixels = size.round().long().clamp(min=1)
    start = _uniform(images, 0.0, 1.0, generator) * (side - size_pixels + 1)
    return span(start.long(), size_pixels, side=side)


def _box_anywhere(
    images: Images, height: Int64[Tensor, "B"], width: Int64[Tensor, "B"], generator: torch.Generator
) -> Bool[Tensor, "B 1 H W"]:
    """A box around a pixel drawn evenly from each image; it may reach over the border."""
    middle_y, middle_x = (_uniform(images, 0.0, float(side), generator).long() for side in images.shape[2:])
    rows = span(middle_y - height // 2, height, side=images.shape[2])
    columns = span(middle_x - width // 2, width, side=images.shape[3])
    return box(rows, columns)


def _kept(
    images: Float[Tensor, "B C H W"], config: AugmentConfig, generator: torch.Generator
) -> Float[Tensor, "B 1 _ _"]:
    """How much of itself each image keeps, at each pixel or (mixup) at all alike."""
    if not config.cutmix_alpha:
        return _beta(images, config.mixup_alpha, generator)[:, None, None, None]
    cut = (1 - _beta(images, config.cutmix_alpha, generator)).sqrt()  # of each side: 1 - share is the area
    height, width = ((cut * side).long() for side in images.shape[2:])
    paste = (~_box_anywhere(images, height, width, generator)).float()
    if not config.mixup_alpha:
        return paste
    blend = _beta(images, config.mixup_alpha, generator)[:, None, None, None]
    heads = _uniform(images, 0.0, 1.0, generator)[0] < 0.5
    return torch.where(heads, blend, paste)  # choosing on the host would wait for the device in every step


def _beta(images: Tensor, alpha: float, generator: torch.Generator) -> Float[Tensor, "B"]:
    """One draw from Beta(alpha, alpha) an image: the first of two shares of a Dirichlet distribution.

    torch.distributions takes no generator; the kernel beneath it does.
    """
    concentration = torch.full((len(images), 2), alpha, device=generator.device)
    return torch._sample_dirichlet(concentration, generator=generator)[:, 0].to(images.device)


def _require_colour(images: Images, config: AugmentConfig) -> None:
    for name, value in (("saturation", config.saturation), ("hue", config.hue)):
        if value and images.shape[1] != 3:
            raise UsageError(
                "GR-DATA-060",
                where=f"augment.{name}",
                wanted="images of 3 channels",
                got=f"{images.shape[1]}",
                remedy=f"Set augment.{name} to 0, or read the images in colour.",
            )
