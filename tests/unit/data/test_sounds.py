"""Sound files: hand-made WAV of every kind against the numbers put into it, soundfile, and liars."""

import io
import math
import struct
import sys
import wave

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError, UsageError
from gradus.data import sounds
from gradus.data.sounds import Sound, at_rate, read_sound, resample
from tests.unit.data.made_sounds import FLOATS, PCM, extended, layout, part, riff, tone, wav

FMT = part(b"fmt ", layout())


def samples_of(content: bytes) -> list[float]:
    return read_sound(content, name="x.wav").samples[:, 0].tolist()


# -- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "coding", "body", "wanted"),
    [
        (8, PCM, bytes([0, 64, 128, 255]), [-1.0, -0.5, 0.0, 127 / 128]),
        (16, PCM, struct.pack("<4h", -32768, -16384, 0, 32767), [-1.0, -0.5, 0.0, 32767 / 32768]),
        (
            24,
            PCM,
            b"".join((n & 0xFFFFFF).to_bytes(3, "little") for n in (-(2**23), -(2**22), 0, 2**23 - 1)),
            [-1.0, -0.5, 0.0, 1 - 2**-23],
        ),
        (32, PCM, struct.pack("<4i", -(2**31), -(2**30), 0, 2**30), [-1.0, -0.5, 0.0, 0.5]),
        (32, FLOATS, struct.pack("<4f", -1, -0.5, 0, 0.25), [-1.0, -0.5, 0.0, 0.25]),
        (64, FLOATS, struct.pack("<4d", -1, -0.5, 0, 0.25), [-1.0, -0.5, 0.0, 0.25]),
    ],
)
@pytest.mark.parametrize("is_extended", [False, True])
def test_every_coding_gives_the_numbers_put_in(bits, coding, body, wanted, is_extended):
    make = extended if is_extended else layout
    content = riff(part(b"fmt ", make(coding=coding, bits=bits, channels=1)), part(b"data", body))
    found = read_sound(content, name="x.wav")
    assert found.samples[:, 0].tolist() == wanted
    assert found.rate_hz == 8000


def test_five_channels_are_five_columns():
    values = np.arange(20).reshape(4, 5) / 32
    found = read_sound(wav(values), name="x.wav")
    assert np.array_equal(found.samples, values.astype(np.float32))
    assert torch.allclose(at_rate(found, 8000), torch.tensor(values.mean(1)).float())


def test_python_reads_the_same(tmp_path):
    made = tone()
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((2, 2, 11025, 0, "NONE", "NONE"))
        file.writeframes((np.stack([made, -made], 1) * 32767).astype("<i2").tobytes())
    found = read_sound(tmp_path / "x.wav", name="x.wav")
    assert found.rate_hz == 11025
    np.testing.assert_allclose(found.samples, np.stack([made, -made], 1), atol=1e-4)


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_soundfile_reads_the_same(kind, form):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    values = np.random.default_rng(0).uniform(-1, 1, (99, 3)).astype(np.float32)
    soundfile.write(file, values, 16000, subtype=kind, format=form)
    theirs, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    np.testing.assert_allclose(read_sound(file.getvalue(), name="x").samples, theirs, atol=1e-7)


def test_flac_is_read_through_soundfile():
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, tone(), 22050, format="FLAC")
    found = read_sound(file.getvalue(), name="x.flac")
    assert found.rate_hz == 22050
    np.testing.assert_allclose(found.samples[:, 0], tone(), atol=1e-4)
    with pytest.raises(InputError, match="GR-SOUND-008"):
        read_sound(file.getvalue()[:200], name="x.flac")


@pytest.mark.parametrize("rate_hz", [8000, 12000, 16000, 24000, 32000, 44100])  # of MPEG 2.5, 2 and 1
def test_mp3_is_read_through_soundfile_at_every_rate(rate_hz):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, tone(1.0, rate_hz=rate_hz), rate_hz, format="MP3")
    found = read_sound(file.getvalue(), name="x.mp3")
    assert found.rate_hz == rate_hz
    assert np.abs(found.samples).max() == pytest.approx(0.5, abs=0.05)


def test_without_soundfile_the_remedy_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UsageError, match=r"GR-SOUND-007") as caught:
        read_sound(b"fLaC....", name="x.flac")
    assert "pip install 'gradus[audio]'" in caught.value.remedy


def test_other_parts_are_passed_over_wherever_they_stand():
    body = struct.pack("<3h", 1, 2, 3)
    content = riff(
        part(b"LIST", b"abc"), FMT, part(b"fact", b"1234"), part(b"data", body), part(b"id3 ", b"x")
    )
    assert samples_of(content) == [1 / 32768, 2 / 32768, 3 / 32768]
    assert samples_of(content + b"\0\0") == [1 / 32768, 2 / 32768, 3 / 32768]


# -- what is refused -------------------------------------------------------------------------------------


def float_wav(*values: float) -> bytes:
    body = struct.pack(f"<{len(values)}f", *values)
    return riff(part(b"fmt ", layout(coding=FLOATS, bits=32)), part(b"data", body))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "GR-SOUND-001"),
        (b"hello, this is text", "GR-SOUND-001"),
        (b"RIFF\x04\0\0\0AVI ", "GR-SOUND-001"),
        (riff(FMT), "GR-SOUND-002"),
        (riff(part(b"data", b"1234")), "GR-SOUND-002"),
        (riff(part(b"data", b"1234"), FMT), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout()[:10]), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(coding=2, bits=4, block=1)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(coding=7, bits=8)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(bits=12, block=2)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(channels=0)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(block=7)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(rate_hz=0)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", layout(rate_hz=2**30)), part(b"data", b"12")), "GR-SOUND-002"),
        (riff(part(b"fmt ", extended(coding=PCM, channels=1, bits=16)[:-2] + b"xx"), FMT), "GR-SOUND-002"),
        (riff(FMT, part(b"data", b"1234", says=400)), "GR-SOUND-003"),
        (riff(FMT, part(b"data", b"1234", says=2**32 - 1)), "GR-SOUND-003"),
        (riff(FMT, part(b"data", bytes(range(1, 200)), says=40)), "GR-SOUND-003"),
        (riff(FMT, part(b"data", bytes(range(1, 201)), says=0)), "GR-SOUND-003"),
        (riff(FMT, part(b"data", b"123")), "GR-SOUND-003"),
        (riff(FMT, part(b"data", b"1234")) + b"more", "GR-SOUND-003"),
        (wav(tone())[:300], "GR-SOUND-003"),
        (wav(tone())[:20], "GR-SOUND-003"),
        (wav([]), "GR-SOUND-004"),
        (float_wav(0.0, math.nan), "GR-SOUND-005"),
        (float_wav(0.0, -math.inf), "GR-SOUND-005"),
        (riff(part(b"fmt ", layout(rate_hz=100)), part(b"data", bytes(800_000))), "GR-SOUND-006"),
    ],
)
def test_what_is_no_sound_is_refused_by_name(content, code):
    with pytest.raises(InputError, match=code) as caught:
        read_sound(content, name="set/x.wav")
    assert caught.value.where.startswith("set/x.wav")


def test_a_sample_that_is_no_number_has_its_place():
    with pytest.raises(InputError, match="sample 2: wanted finite numbers, got nan"):
        read_sound(float_wav(0.0, 1.0, math.nan), name="x.wav")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="GR-DATA-001"):
        read_sound(tmp_path / "none.wav", name="none.wav")


def test_compressed_silence_is_not_unpacked_for_days(monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(9000), 8000, format="FLAC")
    monkeypatch.setattr(sounds, "MOST_SECONDS", 1.0)
    with pytest.raises(InputError, match="GR-SOUND-006"):
        read_sound(file.getvalue(), name="x.flac")


@given(st.binary(max_size=200), st.integers(0, 43))
@settings(max_examples=200, deadline=None)
def test_no_bytes_do_worse_than_an_input_error(noise, keep):
    content = wav(tone(0.01))[: 44 - keep] + noise
    try:
        found = read_sound(content, name="x.wav")
    except InputError:
        return
    assert np.isfinite(found.samples).all()
    assert len(found.samples)


# -- resampling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(8000, 16000), (16000, 8000), (22050, 16000), (8000, 11025)])
def test_a_tone_stays_the_tone(before, after):
    made = resample(torch.tensor(tone(rate_hz=before)).float(), before, after)
    wanted = torch.tensor(tone(rate_hz=after)).float()
    assert len(made) == math.ceil(before // 2 * after / before)
    middle = slice(after // 20, after // 2 - after // 20)
    torch.testing.assert_close(made[middle], wanted[middle], atol=1e-3, rtol=0)


def test_what_the_new_rate_cannot_hold_is_taken_out():
    high = torch.tensor(tone(hertz=6000, rate_hz=16000)).float()
    assert resample(high, 16000, 8000)[100:-100].abs().max() < 2e-3


def test_a_batch_is_resampled_row_by_row():
    batch = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(0))
    made = resample(batch, 3, 2)
    assert made.shape == (2, 3, 334)
    torch.testing.assert_close(made[1, 2], resample(batch[1, 2], 3, 2))
    assert resample(batch, 5, 5) is batch


def test_soxr_resamples_nearly_the_same():
    soxr = pytest.importorskip("soxr")
    noise = np.random.default_rng(0).standard_normal(8000)
    low = np.convolve(noise, np.hanning(31) / 15, "same").astype(np.float32)  # what both rates can hold
    theirs = soxr.resample(low, 16000, 11025)
    ours = resample(torch.from_numpy(low), 16000, 11025).numpy()
    size = min(len(ours), len(theirs))
    assert np.abs(ours[50 : size - 50] - theirs[50 : size - 50]).max() < 5e-3


def test_at_rate_mixes_and_resamples():
    both = np.stack([tone(), tone()], axis=1).astype(np.float32)
    made = at_rate(Sound(both, 8000), 4000)
    torch.testing.assert_close(made, resample(torch.tensor(tone()).float(), 8000, 4000))
