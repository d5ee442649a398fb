"""Sound files as samples: WAV by a reader of our own, FLAC, Ogg and MP3 through soundfile; resampling.

WAV: Microsoft's Multimedia Programming Interface 1.0 (1991) and WAVE_FORMAT_EXTENSIBLE: PCM of 8, 16, 24 or
32 bits and floats of 32 or 64, any number of channels. The parts of a file must tile it: a header that lies
about a length is refused, not guessed at.
Resampling: a windowed sinc at a ratio of whole numbers, Smith, Digital Audio Resampling, section "Theory of
Ideal Bandlimited Interpolation".
Letters: S samples, C channels.
"""

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.data.members import read_whole

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
MPEG = tuple(bytes((0xFF, 0xE2 | version << 3 | plain)) for version in (0, 2, 3) for plain in (0, 1))
COMPRESSED = (b"fLaC", b"OggS", b"ID3", *MPEG)  # how such files begin; MPEG: layer 3, with checksums or not
MOST_SECONDS = 3600.0
RATES_HZ = (100, 768_000)
PCM, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of the GUID that repeats the plain format
ZERO_CROSSINGS = 16  # of the sinc on either side: more is sharper and slower
ROLL_OFF = 0.95  # cut-off as a share of the lower Nyquist rate


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples in [-1, 1], and how many there are in a second."""

    samples: Float32[np.ndarray, "S C"]
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What the format part of a WAV file says."""

    is_float: bool
    num_bytes: int
    """Of one sample of one channel."""
    num_channels: int
    rate_hz: int


def read_sound(source: Path | bytes, *, name: str) -> Sound:
    """The samples of a file, or of its bytes; InputError names it where it cannot be read or is empty."""
    content = source if isinstance(source, bytes) else read_whole(source, name=name)
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        sound = read_wav(content, name=name)
    elif content.startswith(COMPRESSED):
        sound = _decode(content, name)
    else:
        raise InputError(
            "GR-SOUND-001",
            where=name,
            wanted="a sound file: WAV, FLAC, Ogg or MP3",
            got=f"one that begins with {content[:12]!r}" if content else "no bytes",
            remedy="Write the sound as WAV or FLAC, or take the file out.",
        )
    if not len(sound.samples):
        raise InputError(
            "GR-SOUND-004",
            where=name,
            wanted="sound of some length",
            got="no samples",
            remedy="Take the file out of the data with its transcript.",
        )
    return sound


# -- WAV -------------------------------------------------------------------------------------------------


def read_wav(content: bytes, *, name: str) -> Sound:
    """The samples of a WAV file; InputError where its header is not right, or it lies about its length."""
    layout: Layout | None = None
    for kind, body in _parts(content, name):
        if kind == b"fmt " and layout is None:
            layout = _layout(body, name)
        elif kind == b"data":
            if layout is None:
                raise _bad_header(name, "the format before the samples", "samples first")
            return _samples(body, layout, name)
    missing = "samples" if layout else "format"
    raise _bad_header(name, "a format and samples", f"no {missing}")


def _parts(content: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a RIFF file, each with its kind, once it is sure that they tile the whole of it."""
    found, at = list[tuple[bytes, bytes]](), 12
    while len(content) - at >= 8:
        kind, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        held = len(content) - at - 8
        if size > held:
            is_part = kind in (b"fmt ", b"data") or not found
            raise _lies(
                name,
                f"the {size:,} bytes that its part {kind!r} says it has"
                if is_part
                else "nothing after its last part",
                f"{held:,}" if is_part else f"{held + 8:,} more bytes",
            )
        found.append((kind, content[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2  # parts begin at even places
    if content[at:].strip(b"\0"):
        raise _lies(name, "nothing after its last part", f"{len(content) - at} more bytes")
    yield from found


def _layout(body: bytes, name: str) -> Layout:
    if len(body) < 16:
        raise _bad_header(name, "a format of 16 bytes or more", f"{len(body)}")
    coding, num_channels, rate_hz, _, block, num_bits = struct.unpack("<HHIIHH", body[:16])
    if coding == EXTENSIBLE:
        if len(body) < 40 or body[26:40] != SUBFORMAT_TAIL:
            raise _bad_header(name, "an extended format that repeats a plain one", "another")
        coding = int.from_bytes(body[24:26], "little")
    is_float = coding == FLOATS
    if coding not in (PCM, FLOATS) or num_bits not in ((32, 64) if is_float else (8, 16, 24, 32)):
        got = f"coding {coding} of {num_bits} bits"
        raise _bad_header(name, "PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64", got)
    if not num_channels or block != num_channels * num_bits // 8:
        got = f"{num_channels} of {num_bits} bits in blocks of {block} bytes"
        raise _bad_header(name, "channels that make up a block", got)
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise _bad_header(name, f"a rate from {RATES_HZ[0]} to {RATES_HZ[1]} Hz", f"{rate_hz}")
    return Layout(is_float, num_bits // 8, num_channels, rate_hz)


def _samples(body: bytes, layout: Layout, name: str) -> Sound:
    """Bytes as numbers in [-1, 1]; 8-bit samples are unsigned, by the standard."""
    block = layout.num_bytes * layout.num_channels
    if len(body) % block:
        raise _lies(name, f"whole blocks of {block} bytes", f"{len(body):,} bytes")
    _refuse_long(len(body) // block / layout.rate_hz, name)
    if layout.is_float:
        values = np.frombuffer(body, f"<f{layout.num_bytes}")
        if not np.isfinite(values).all():
            place = int(np.flatnonzero(~np.isfinite(values))[0]) // layout.num_channels
            raise not_finite(name, place, float(values[~np.isfinite(values)][0]))
        values = values.astype(np.float32)
    elif layout.num_bytes == 1:
        values = (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / 128
    elif layout.num_bytes == 3:
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)  # as the high bytes of 32 bits
        values = wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    else:
        whole = np.frombuffer(body, f"<i{layout.num_bytes}")
        values = whole.astype(np.float32) / 2 ** (8 * layout.num_bytes - 1)
    return Sound(values.reshape(-1, layout.num_channels), layout.rate_hz)


def not_finite(name: str, place: int, value: float) -> InputError:
    """The error for a sample that is NaN or infinite."""
    return InputError(
        "GR-SOUND-005",
        where=f"{name}, sample {place}",
        wanted="finite numbers",
        got=f"{value}",
        remedy="Write the sound again from its source.",
    )


def _bad_header(name: str, wanted: str, got: str) -> InputError:
    remedy = "Write the sound again as plain PCM or 32-bit floats."
    return InputError("GR-SOUND-002", where=name, wanted=wanted, got=got, remedy=remedy)


def _lies(name: str, wanted: str, got: str) -> InputError:
    remedy = "Copy the file again, or write it again with its length."
    return InputError("GR-SOUND-003", where=name, wanted=wanted, got=got, remedy=remedy)


def _refuse_long(seconds: float, name: str) -> None:
    if seconds > MOST_SECONDS:
        raise InputError(
            "GR-SOUND-006",
            where=name,
            wanted=f"at most {MOST_SECONDS:g} seconds of sound in one item",
            got=f"{seconds:.0f}",
            remedy="Cut it into utterances.",
        )


# -- compressed files ------------------------------------------------------------------------------------


def _decode(content: bytes, name: str) -> Sound:
    """FLAC, Ogg or MP3 as samples; its length is looked at before anything is unpacked."""
    try:
        import soundfile
    except ImportError as error:
        raise missing_library("soundfile", f"{name}: only WAV can be read without it") from error
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _refuse_long(file.frames / file.samplerate, name)
            wanted = file.frames
            samples = file.read(dtype="float32", always_2d=True)
            rate_hz = file.samplerate
    except (soundfile.LibsndfileError, MemoryError) as error:
        raise _broken(name, str(error).partition("\n")[0].lower()) from error
    if len(samples) < wanted:
        raise _broken(name, f"{len(samples):,} samples of the {wanted:,} that it says it has")
    return Sound(samples, rate_hz)


def _broken(name: str, got: str) -> InputError:
    return InputError(
        "GR-SOUND-008",
        where=name,
        wanted="a whole FLAC, Ogg or MP3 file",
        got=got,
        remedy="Copy the file again, or take it out.",
    )


def missing_library(library: str, got: str) -> UsageError:
    """The error for an optional library that is not installed."""
    return UsageError(
        "GR-SOUND-007",
        where=library,
        wanted=f"{library} to be installed",
        got=got,
        remedy="Run `pip install 'gradus[audio]'`.",
    )


# -- one channel at one rate -----------------------------------------------------------------------------


def at_rate(sound: Sound, rate_hz: int) -> Float32[Tensor, "S"]:
    """The mean of all channels, at another rate."""
    mono = torch.from_numpy(np.ascontiguousarray(sound.samples.mean(axis=1)))  # (S, C) -> (S,)
    return resample(mono, sound.rate_hz, rate_hz)


def resample(samples: Float[Tensor, "*B S"], from_hz: int, to_hz: int) -> Float[Tensor, "*B s"]:
    """The same sound at another rate: s is S x to / from, rounded up. Cost: s x the taps of the sinc."""
    if from_hz == to_hz:
        return samples
    divisor = math.gcd(from_hz, to_hz)
    down, up = from_hz // divisor, to_hz // divisor
    kernel, reach = _sincs(down, up)
    flat = samples.reshape(-1, 1, samples.shape[-1])  # (*B, S) -> (B, 1, S)
    padded = F.pad(flat, (reach, reach + down))
    made = F.conv1d(padded, kernel.to(samples), stride=down)  # (B, up, blocks): up results for down samples
    joined = made.transpose(1, 2).flatten(1)  # (B, up, blocks) -> (B, blocks up)
    length = -(-samples.shape[-1] * up // down)
    return joined[:, :length].reshape(*samples.shape[:-1], length)


@lru_cache(maxsize=64)
def _sincs(down: int, up: int) -> tuple[Float32[Tensor, "up 1 taps"], int]:
    """For each of ``up`` places among ``down`` samples, the weights of those around; and their reach."""
    cutoff = ROLL_OFF * min(1.0, up / down)  # as a share of the old Nyquist rate
    reach = math.ceil(ZERO_CROSSINGS / cutoff)
    taps = torch.arange(-reach, reach + down, dtype=torch.float64)
    places = torch.arange(up, dtype=torch.float64)[:, None] * down / up
    distance = (taps - places) * cutoff  # (up, taps), in zero crossings
    window = torch.cos(distance.clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS) * math.pi / ZERO_CROSSINGS / 2) ** 2
    return (torch.sinc(distance) * window * cutoff).float()[:, None], reach
