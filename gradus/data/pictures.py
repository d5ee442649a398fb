"""One picture: any common file as 8-bit values, and those values fitted to a square.

Letters: H height, W width, C channels (1 grey, 3 red-green-blue), N pictures.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gradus.core.errors import InputError
from gradus.data.members import read_whole

Channels = Literal[1, 3]
Fit = Literal["crop", "pad", "stretch"]
Colour = tuple[int, int, int]

# Named one by one: Pillow's full list holds formats that run other programs (EPS) or that have no mark (TGA).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".jp2", ".avif"),
)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureForm:
    """What every picture of a set is made into."""

    channels: Channels = 3
    """1 reads pictures as grey, 3 as red, green and blue."""
    side: int | None = None
    """Pixels along each side after reading; without it, pictures must be of one size and keep it."""
    fit: Fit = "crop"
    """How another shape becomes a square: its middle, all of it with black bars, or stretched."""
    background_rgb255: Colour = WHITE
    """What shows through where a picture is transparent."""
    max_megapixels: float = 64.0
    """Larger pictures are refused before they are decoded; Pillow itself never goes beyond 178."""


def read_picture(
    source: Path | bytes,
    *,
    name: str,
    channels: Channels = 3,
    background_rgb255: Colour = WHITE,
    max_megapixels: float = 64.0,
) -> UInt8[np.ndarray, "H W C"]:
    """The first frame of a picture, upright by its EXIF mark and opaque, as values from 0 to 255.

    16-bit values are scaled from 0..65535. Floats within 0..1 are scaled from there; other floats and 32-bit
    integers from the picture's own smallest..largest value. Colour becomes grey by ITU-R 601.

    InputError names the file where it is missing, empty, no picture, too large, broken, or not finite.
    """
    content = source if isinstance(source, bytes) else read_whole(source, name=name)
    if not content:
        raise InputError(
            "GR-DATA-003",
            where=name,
            wanted="a picture",
            got="an empty file",
            remedy="Copy the file again, or remove it.",
        )
    opened = _open(content, name, max_megapixels)
    try:
        upright = ImageOps.exif_transpose(opened)  # decodes the first frame
        assert upright is not None
        opaque = _over(background_rgb255, _as_8_bits(upright, name))
        values = np.asarray(opaque.convert("L" if channels == 1 else "RGB"))
    except InputError:
        raise
    except Exception as error:  # a decoder given hostile bytes may raise anything: SyntaxError, struct.error
        raise InputError(
            "GR-DATA-005",
            where=name,
            wanted=f"a whole {opened.format} picture",
            got=f"{type(error).__name__}: {error}",
            remedy="Copy the file again, or remove it; --skip-bad leaves such files out and lists them.",
        ) from error
    return values.reshape(*values.shape[:2], channels)  # (H, W) or (H, W, 3) -> (H, W, C)


def _open(content: bytes, name: str, max_megapixels: float) -> Image.Image:
    """The picture with its header read and no pixel decoded."""
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, max_megapixels, "more than Pillow decodes") from error
    except UnidentifiedImageError as error:
        raise InputError(
            "GR-DATA-004",
            where=name,
            wanted="a picture (" + ", ".join(FORMATS) + ")",
            got=f"a file that begins with {content[:8]!r}",
            remedy="Remove the file, or save it in one of these formats.",
        ) from error
    except Exception as error:  # a header with an impossible size or offset: OverflowError, ValueError, ...
        raise InputError(
            "GR-DATA-005",
            where=name,
            wanted="a picture with a sound header",
            got=f"{type(error).__name__}: {error}",
            remedy="Copy the file again, or remove it; --skip-bad leaves such files out and lists them.",
        ) from error
    width, height = opened.size
    if width * height > max_megapixels * 1e6:
        raise _too_large(name, max_megapixels, f"{width * height / 1e6:.1f} ({width} x {height} pixels)")
    return opened


def _too_large(name: str, max_megapixels: float, got: str) -> InputError:
    return InputError(
        "GR-DATA-006",
        where=name,
        wanted=f"at most {max_megapixels:g} megapixels",
        got=got,
        remedy="Shrink the picture, or remove it; --skip-bad leaves such files out and lists them.",
    )


def _as_8_bits(picture: Image.Image, name: str) -> Image.Image:
    """The same picture in an 8-bit mode: 16-bit, 32-bit and float values are scaled, palettes looked up."""
    if picture.mode.startswith("I;16"):
        deep = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in ("I", "F"):
        return Image.fromarray(_stretch(np.asarray(picture).astype(np.float64), name))
    if "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBa"):
        return picture.convert("RGBA")
    return picture


def _stretch(values: Float[np.ndarray, "H W"], name: str) -> UInt8[np.ndarray, "H W"]:
    """Numbers on an open scale as 0 to 255: from 0..1 where they lie there, else from their own range."""
    if not np.isfinite(values).all():
        raise InputError(
            "GR-DATA-007",
            where=name,
            wanted="finite pixel values",
            got=f"{int((~np.isfinite(values)).sum())} that are NaN or infinite",
            remedy="Write the picture again with numbers in every pixel.",
        )
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    span = (high - low) or 1.0  # a picture of one value is black
    return np.rint((values - low) / span * 255).astype(np.uint8)


def _over(background_rgb255: Colour, picture: Image.Image) -> Image.Image:
    """The picture as it looks on a sheet of one colour."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*background_rgb255, 255)), picture)


def resize(
    picture: UInt8[np.ndarray, "H W C"], side: int, *, fit: Fit = "crop"
) -> UInt8[np.ndarray, "{side} {side} C"]:
    """A square of ``side`` pixels: the middle of the picture, all of it between black bars, or stretched.

    Bicubic, and antialiased where it shrinks. A picture that has this size already comes back as it is.
    """
    height, width, channels = picture.shape
    if height == width == side:
        return picture
    image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture)
    short, long = min(height, width), max(height, width)
    cubic = Image.Resampling.BICUBIC
    if fit == "crop":
        left, top = (width - short) / 2, (height - short) / 2
        image = image.resize((side, side), cubic, box=(left, top, left + short, top + short))
    elif fit == "pad":
        inner = (max(1, round(width * side / long)), max(1, round(height * side / long)))
        square = Image.new(image.mode, (side, side))
        square.paste(image.resize(inner, cubic), ((side - inner[0]) // 2, (side - inner[1]) // 2))
        image = square
    else:
        image = image.resize((side, side), cubic)
    return np.asarray(image).reshape(side, side, channels)  # grey pictures get their channel back


def channel_statistics(images: UInt8[Tensor, "N C H W"]) -> tuple[Float[Tensor, "C"], Float[Tensor, "C"]]:
    """Mean and standard deviation of each channel of pictures, in units of 0..1.

    Exact, from counts of the 256 values, and without a float copy of the pictures. A channel of one value has
    deviation 0.
    """
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64, device=images.device)
    for some in torch.split(images, 4096):
        for channel in range(images.shape[1]):
            counts[channel] += torch.bincount(some[:, channel].flatten(), minlength=256)
    values = torch.arange(256, dtype=torch.float64, device=images.device) / 255
    shares = counts.double() / counts.sum(dim=1, keepdim=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]).square()).sum(dim=1)  # around the mean: no cancellation
    return mean.float(), variance.sqrt().float()
