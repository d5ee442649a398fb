"""Sound files made by hand for the tests of the readers: every byte of a WAV header is written here."""

import struct
from collections.abc import Sequence

import numpy as np

PCM, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def part(kind: bytes, body: bytes, *, says: int | None = None) -> bytes:
    """One part of a RIFF file, with the length that it says it has."""
    return kind + struct.pack("<I", len(body) if says is None else says) + body + b"\0" * (len(body) % 2)


def layout(
    *, coding: int = PCM, channels: int = 1, rate_hz: int = 8000, bits: int = 16, block: int | None = None
):
    """The body of a format part."""
    size = channels * bits // 8 if block is None else block
    return struct.pack("<HHIIHH", coding, channels, rate_hz, rate_hz * size, size, bits)


def extended(*, coding: int, channels: int, bits: int, rate_hz: int = 8000) -> bytes:
    """The body of an extended format part, as multichannel and 24-bit files have it."""
    plain = layout(coding=EXTENSIBLE, channels=channels, rate_hz=rate_hz, bits=bits)
    return plain + struct.pack("<HHIH", 22, bits, 0, coding) + SUBFORMAT_TAIL


def riff(*parts: bytes) -> bytes:
    """A WAVE file of these parts."""
    body = b"WAVE" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav(samples: Sequence[float] | np.ndarray, *, rate_hz: int = 8000) -> bytes:
    """16-bit PCM of samples in [-1, 1], of shape (S,) or (S, C)."""
    values = np.asarray(samples, dtype=np.float64)
    channels = values.shape[1] if values.ndim == 2 else 1
    body = np.clip((values * 32768).round(), -32768, 32767).astype("<i2").tobytes()
    return riff(part(b"fmt ", layout(channels=channels, rate_hz=rate_hz)), part(b"data", body))


def tone(seconds: float = 0.5, *, hertz: float = 440.0, rate_hz: int = 8000) -> np.ndarray:
    """A sine of amplitude one half."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)
