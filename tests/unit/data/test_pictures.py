"""Pictures of every kind are decoded to the values that went in, and what cannot be decoded is named."""

import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gradus.core.errors import InputError
from gradus.data.pictures import channel_statistics, read_picture, resize
from tests.unit.data.made import encode, noise

COLOUR = noise(5, 7)
GREY = COLOUR[:, :, 0]


def luma(values):
    """ITU-R 601 in floats; Pillow computes it in whole numbers."""
    return values @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_colour_comes_back(kind):
    assert np.array_equal(read_picture(encode(COLOUR, kind), name="a"), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "GIF"])
def test_lossless_grey_comes_back_in_one_channel_or_three(kind):
    content = encode(GREY, kind)
    assert np.array_equal(read_picture(content, name="a", channels=1), GREY[:, :, None])
    assert np.array_equal(read_picture(content, name="a"), np.stack([GREY] * 3, axis=2))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "AVIF"])
def test_lossy_formats_come_back_nearly(kind):
    smooth = np.tile(np.linspace(0, 255, 32, dtype=np.uint8)[:, None, None], (1, 32, 3))
    found = read_picture(
        encode(smooth, kind, quality=95) if kind != "JPEG2000" else encode(smooth, kind), name="a"
    )
    assert np.abs(found.astype(int) - smooth).max() <= 8


def test_colour_becomes_grey_by_its_luma():
    found = read_picture(encode(COLOUR), name="a", channels=1)[:, :, 0]
    assert np.abs(found - luma(COLOUR)).max() <= 0.51


def test_one_bit_is_black_and_white():
    bits = GREY > 127
    assert np.array_equal(
        read_picture(encode(Image.fromarray(bits)), name="a", channels=1)[:, :, 0], bits * 255
    )


def test_a_palette_is_looked_up():
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 9, 8, 7])
    wanted = [[[255, 0, 0], [0, 255, 0]], [[9, 8, 7], [0, 255, 0]]]
    assert read_picture(encode(image), name="a").tolist() == wanted


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_a_transparent_palette_entry_shows_the_background(transparency):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    found = read_picture(encode(image, transparency=transparency), name="a", background_rgb255=(1, 2, 3))
    assert found.tolist() == [[[1, 2, 3], [0, 255, 0]]]


def test_alpha_is_laid_over_the_background():
    values = np.array([[[200, 100, 0, 0], [200, 100, 0, 255], [200, 100, 0, 51]]], np.uint8)
    found = read_picture(encode(values), name="a", background_rgb255=(100, 100, 100))[0]
    assert found[0].tolist() == [100, 100, 100]
    assert found[1].tolist() == [200, 100, 0]
    assert np.abs(found[2] - np.array([120, 100, 80])).max() <= 1  # a fifth of the colour over the background


def test_grey_with_alpha_is_laid_over_the_background():
    image = Image.merge("LA", [Image.new("L", (1, 1), 50), Image.new("L", (1, 1), 0)])
    assert read_picture(encode(image), name="a", channels=1).item() == 255


def test_cmyk_becomes_colour():
    image = Image.new("CMYK", (2, 1), (0, 255, 255, 0))
    assert read_picture(encode(image, "TIFF"), name="a").tolist() == [[[255, 0, 0]] * 2]
    assert abs(read_picture(encode(image, "TIFF"), name="a", channels=1)[0, 0, 0] - 76) <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_by_their_range(kind):
    deep = np.array([[0, 257, 32896, 65535, 128, 129]], np.uint16)
    assert read_picture(encode(deep, kind), name="a", channels=1)[0, :, 0].tolist() == [0, 1, 128, 255, 0, 1]


def test_floats_from_0_to_1_are_scaled_by_255():
    shares = np.array([[0.0, 0.5, 0.25, 0.75]], np.float32)
    assert read_picture(encode(shares, "TIFF"), name="a", channels=1)[0, :, 0].tolist() == [0, 128, 64, 191]


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_on_an_open_scale_are_stretched(kind):
    values = np.array([[-1000, 0, 1000, 3000]], kind)
    assert read_picture(encode(values, "TIFF"), name="a", channels=1)[0, :, 0].tolist() == [0, 64, 128, 255]


def test_one_number_everywhere_is_black():
    assert read_picture(encode(np.full((2, 2), 7.0, np.float32), "TIFF"), name="a").max() == 0


def test_numbers_that_are_none_are_refused():
    values = np.array([[0.5, np.nan, np.inf]], np.float32)
    with pytest.raises(InputError, match=r"b\.tif: wanted finite pixel values, got 2 .*GR-DATA-007"):
        read_picture(encode(values, "TIFF"), name="b.tif")


@pytest.mark.parametrize(
    ("mark", "turned"),
    [
        (1, COLOUR),
        (3, COLOUR[::-1, ::-1]),
        (6, np.rot90(COLOUR, -1)),
        (8, np.rot90(COLOUR)),
        (2, COLOUR[:, ::-1]),
    ],
)
def test_the_exif_mark_turns_a_picture_upright(mark, turned):
    exif = Image.Exif()
    exif[0x0112] = mark
    assert np.array_equal(read_picture(encode(COLOUR, exif=exif), name="a"), turned)


def test_of_an_animation_the_first_frame_is_read():
    frames = [Image.new("L", (2, 2), shade) for shade in (10, 20)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(read_picture(content, name="a")).tolist() == [10]


def test_the_name_may_have_any_ending(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(COLOUR, "PNG"))
    assert np.array_equal(read_picture(path, name="picture.jpg"), COLOUR)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "GR-DATA-003"),
        (b"<html>not found</html>", "GR-DATA-004"),
        (b"\x89PNG\r\n\x1a\n", "GR-DATA-004"),
        (encode(noise(64, 64), "JPEG")[:700], "GR-DATA-005"),
        (encode(noise(64, 64), "PNG")[:-2000], "GR-DATA-005"),
        (encode(noise(64, 64), "GIF")[:2000], "GR-DATA-005"),
        (encode(noise(64, 64), "TIFF")[:-5000], "GR-DATA-005"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "GR-DATA-004"),  # would start another program
    ],
)
def test_what_is_no_picture_is_named(content, code):
    with pytest.raises(InputError) as caught:
        read_picture(content, name="some/file.jpg")
    assert caught.value.code == code
    assert caught.value.where == "some/file.jpg"


def test_a_damaged_pixel_stream_is_named():
    content = bytearray(encode(noise(64, 64), "PNG"))
    content[3000:3100] = bytes(100)
    with pytest.raises(InputError, match="GR-DATA-005"):
        read_picture(bytes(content), name="a")


FILES = [encode(noise(20, 30), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "PPM")]


@settings(deadline=None)
@given(
    content=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5),
    end=st.integers(1, 10**6),
)
def test_damage_is_read_or_named_and_nothing_else(content, changes, end):
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % min(300, len(damaged))] = value
    try:
        named, channels = "a", read_picture(bytes(damaged[:end]), name="a").shape[2]
    except InputError as error:
        named, channels = error.where, 3
    assert (named, channels) == ("a", 3)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="GR-DATA-001"):
        read_picture(tmp_path / "none.png", name="none.png")
    with pytest.raises(InputError, match="GR-DATA-002"):
        read_picture(tmp_path, name="folder")


def png_header(width, height):
    """A PNG that declares a size and holds no pixel."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(("width", "height"), [(9000, 8000), (11_000, 10_000), (60_000, 60_000)])
def test_a_bomb_is_refused_by_its_header(width, height):
    with pytest.raises(InputError, match=r"bomb\.png: wanted at most 64 megapixels.*GR-DATA-006"):
        read_picture(png_header(width, height), name="bomb.png")


def test_a_bomb_is_refused_where_warnings_are_only_printed():
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(InputError, match=r"got 110\.0 .*GR-DATA-006"),
    ):
        read_picture(png_header(11_000, 10_000), name="bomb.png")


def test_the_limit_can_be_set():
    content = encode(noise(100, 100))
    assert read_picture(content, name="a", max_megapixels=0.01).shape == (100, 100, 3)
    with pytest.raises(InputError, match=r"got 0\.0 \(100 x 100 pixels\)"):
        read_picture(content, name="a", max_megapixels=0.0099)


def test_crop_takes_the_middle():
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200
    assert np.unique(resize(wide, 4, fit="crop")).tolist() == [200]
    assert np.unique(resize(wide.transpose(1, 0, 2), 4, fit="crop")).tolist() == [200]


def test_pad_keeps_everything_between_black_bars():
    white = np.full((4, 12, 1), 255, np.uint8)
    padded = resize(white, 6, fit="pad")[:, :, 0]
    assert padded.shape == (6, 6)
    assert (padded == 255).all(axis=1).tolist() == [False, False, True, True, False, False]
    assert padded[:2].max() == padded[4:].max() == 0


def test_stretch_uses_the_whole_picture():
    halves = np.zeros((4, 16, 3), np.uint8)
    halves[:, 8:] = 255
    stretched = resize(halves, 8, fit="stretch")
    assert stretched[:, :3].max() == 0
    assert stretched[:, 5:].min() == 255


def test_shrinking_averages():
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None]
    assert (
        np.abs(resize(checks, 8).astype(int) - 127).max() <= 3
    )  # taking every 8th pixel would give 0 or 255


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_picture_of_the_right_size_stays_as_it_is(fit):
    square = noise(6, 6)
    assert resize(square, 6, fit=fit) is square
    assert resize(np.zeros((1, 900, 3), np.uint8), 4, fit=fit).shape == (4, 4, 3)


def test_statistics_are_those_of_the_floats():
    images = torch.from_numpy(
        np.stack([noise(8, 9, seed=seed) for seed in range(5)]).transpose(0, 3, 1, 2).copy()
    )
    images[:, 1] //= 3
    mean, std = channel_statistics(images)
    values = images.double() / 255
    torch.testing.assert_close(mean.double(), values.mean(dim=(0, 2, 3)), atol=1e-7, rtol=0)
    torch.testing.assert_close(std.double(), values.std(dim=(0, 2, 3), correction=0), atol=1e-7, rtol=0)


def test_statistics_of_one_shade():
    mean, std = channel_statistics(torch.full((9000, 1, 1, 2), 51, dtype=torch.uint8))
    assert mean.item() == pytest.approx(0.2)
    assert std.item() == 0
