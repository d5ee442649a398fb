"""Spectra against Fourier sums and cosines written out, against librosa if it is there, and padding."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.data.spectra import (
    FLOOR,
    Spectra,
    SpectraConfig,
    cosine_rows,
    hz_of_mel,
    mel_filters,
    mel_of_hz,
    over_utterances,
    warped_hz,
)

RATE = 2000
SMALL = SpectraConfig(bands=6, window_seconds=0.03, hop_seconds=0.01)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def written_out(samples, config, rate_hz):
    """Log-mel bands of one sound: windows, Fourier sums and triangles in plain numpy."""
    size, hop = round(config.window_seconds * rate_hz), round(config.hop_seconds * rate_hz)
    points = 2 ** math.ceil(math.log2(size))
    window = np.zeros(points)
    start = (points - size) // 2
    window[start : start + size] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    padded = np.pad(np.asarray(samples, dtype=np.float64), points // 2)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(points // 2 + 1), np.arange(points)) / points)
    corners = hz_of_mel(torch.linspace(0, mel_of_hz(rate_hz / 2), config.bands + 2).double()).numpy()
    rows = []
    for frame in range(1 + len(samples) // hop):
        power = np.abs(turns @ (padded[frame * hop : frame * hop + points] * window)) ** 2
        row = []
        for low, middle, high in zip(corners, corners[1:], corners[2:], strict=False):
            total = 0.0
            for place, value in enumerate(power):
                hertz = place * rate_hz / points
                rise, fall = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
                total += value * max(0.0, min(rise, fall)) * 2 / (high - low)
            row.append(math.log(max(total, FLOOR)))
        rows.append(row)
    return np.array(rows)


def test_log_mel_is_its_definition():
    sound = noise(1, 300)
    frames, count = Spectra(SMALL, rate_hz=RATE)(sound, torch.tensor([300]))
    assert count.tolist() == [16]
    np.testing.assert_allclose(frames[0].numpy(), written_out(sound[0].numpy(), SMALL, RATE), atol=1e-4)


def test_the_cepstrum_is_cosines_of_the_bands():
    config = SpectraConfig(form="mfcc", bands=6, coefficients=4, window_seconds=0.03)
    sound = noise(1, 300)
    bands = Spectra(SMALL, rate_hz=RATE)(sound, torch.tensor([300]))[0][0].double()
    found = Spectra(config, rate_hz=RATE)(sound, torch.tensor([300]))[0][0]
    for k in range(4):
        scale = math.sqrt((1 if k == 0 else 2) / 6)
        wanted = sum(scale * math.cos(math.pi / 6 * (m + 0.5) * k) * bands[:, m] for m in range(6))
        torch.testing.assert_close(found[:, k].double(), wanted, atol=1e-4, rtol=1e-4)


def test_cosines_are_orthonormal():
    rows = cosine_rows(8, count=20)
    torch.testing.assert_close(rows @ rows.T, torch.eye(8), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050])
def test_librosa_gives_the_same(rate_hz):
    librosa = pytest.importorskip("librosa")
    config = SpectraConfig()
    sound = noise(1, rate_hz)
    made = Spectra(config, rate_hz=rate_hz)
    given = {
        "sr": rate_hz,
        "n_fft": made.num_samples,
        "hop_length": made.hop,
        "win_length": made.window_samples,
        "n_mels": 40,
        "pad_mode": "constant",
    }
    theirs = np.log(np.maximum(librosa.feature.melspectrogram(y=sound[0].numpy(), **given), FLOOR))
    ours = made(sound, torch.tensor([rate_hz]))[0][0].T.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    cepstrum = Spectra(SpectraConfig(form="mfcc"), rate_hz=rate_hz)(sound, torch.tensor([rate_hz]))[0][0]
    np.testing.assert_allclose(cepstrum.T.numpy(), librosa.feature.mfcc(S=theirs, n_mfcc=13), atol=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_librosa_evens_levels_out_the_same(rate_hz):
    librosa = pytest.importorskip("librosa")
    signal = pytest.importorskip("scipy.signal")
    sound = noise(1, rate_hz)
    length = torch.tensor([rate_hz])
    energy = Spectra(SpectraConfig(), rate_hz=rate_hz)(sound, length)[0][0].exp().numpy().T  # (M, T)
    theirs = librosa.pcen(
        energy,
        sr=rate_hz,
        b=0.04,
        gain=0.8,
        bias=2,
        power=0.25,
        eps=1e-9,
        zi=signal.lfilter_zi([0.04], [1, -0.96]) * energy[:, :1],
    )
    ours = Spectra(SpectraConfig(form="pcen"), rate_hz=rate_hz)(sound, length)[0][0].T.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_level_forgets_how_loud_a_sound_is():
    spectra = Spectra(SpectraConfig(form="pcen", bands=8), rate_hz=RATE)
    sound = noise(1, 2000)
    quiet, loud = spectra.frames(sound), spectra.frames(10 * sound)
    assert bool((loud / quiet < 3).all())  # of energies that are a hundred times as large


@pytest.mark.parametrize("form", ["mel", "mfcc", "pcen"])
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_a_stream_has_the_frames_of_the_whole(form, cuts):
    spectra = Spectra(SpectraConfig(form=form, bands=14, window_seconds=0.032), rate_hz=RATE)
    sound, size, hop = noise(1, 700), spectra.num_samples, spectra.hop
    whole, frames, level = spectra.frames(sound), [], None
    edges = sorted({0, *cuts, whole.shape[1]})
    for first, last in itertools.pairwise(edge for edge in edges if edge <= whole.shape[1]):
        some, level = spectra.follow(sound[:, first * hop : (last - 1) * hop + size], level)
        frames.append(some)
    torch.testing.assert_close(torch.cat(frames, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_filters_have_an_area_and_cover_what_is_between():
    filters = mel_filters(8000, num_samples=1024, bands=20)
    area = filters.sum(dim=1) * 8000 / 1024
    torch.testing.assert_close(area[5:], torch.ones(15), atol=0.05, rtol=0)
    assert bool((filters >= 0).all())


def test_the_scale_goes_there_and_back():
    hertz = torch.tensor([0.0, 440.0, 1000.0, 3999.0], dtype=torch.float64)
    mel = torch.tensor([mel_of_hz(value) for value in hertz.tolist()], dtype=torch.float64)
    torch.testing.assert_close(hz_of_mel(mel), hertz)
    assert mel_of_hz(1000.0) == pytest.approx(15)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.sampled_from(["training", "utterance"]))
@settings(max_examples=25, deadline=None)
def test_neither_padding_nor_neighbours_change_a_frame(lengths, normalise):
    config = SpectraConfig(bands=6, window_seconds=0.03, normalise=normalise)
    spectra = Spectra(config, rate_hz=RATE, mean=[-3.0] * 6, deviation=[2.0] * 6)
    sound = noise(len(lengths), max(lengths) + 50)
    frames, count = spectra(sound, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, _ = spectra(sound[row : row + 1, :length], torch.tensor([length]))
        assert count[row] == alone.shape[1] == 1 + length // 20
        torch.testing.assert_close(frames[row, : count[row]], alone[0], atol=1e-4, rtol=1e-4)
        assert bool((frames[row, count[row] :] == 0).all())


def test_a_tail_is_silence_after_the_sound():
    sound, tail = noise(2, 300), round(0.05 * RATE)
    length = torch.tensor([300, 170])
    frames, count = Spectra(SpectraConfig(bands=6, window_seconds=0.03, tail_seconds=0.05), rate_hz=RATE)(
        sound, length
    )
    silent = torch.nn.functional.pad(sound * (torch.arange(300) < length[:, None]), (0, tail))
    wanted, plain = Spectra(SMALL, rate_hz=RATE)(silent, length + tail)
    assert count.tolist() == plain.tolist() == [21, 14]
    torch.testing.assert_close(frames, wanted)


def test_each_utterance_is_normalised_by_its_own_frames():
    frames = noise(2, 9, 3) * 5 + 7
    mask = torch.arange(9) < torch.tensor([[9], [4]])
    made = over_utterances(frames, mask)
    for row, count in enumerate((9, 4)):
        torch.testing.assert_close(made[row, :count].mean(0), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(made[row, :count].square().mean(0), torch.ones(3), atol=1e-3, rtol=0)
    assert bool((made[1, 4:] == 0).all())


def test_bands_that_hear_nothing_are_refused():
    with pytest.raises(UsageError, match="GR-SOUND-022"):
        Spectra(SpectraConfig(bands=200), rate_hz=8000)
    with pytest.raises(UsageError, match="GR-SOUND-022"):
        Spectra(SpectraConfig(form="mfcc", bands=6, coefficients=9), rate_hz=8000)


def test_a_warp_moves_frequencies_in_two_lines():
    """By the factor up to 0.8 of the top, or to what is warped there; then straight to the top."""
    given = torch.tensor([0.0, 300.0, 600.0, 900.0, 1000.0]).double()
    made = warped_hz(given, torch.tensor([0.8, 1.0, 1.25]).double(), top_hz=1000.0)
    lower = [0, 240, 480, 640 + 360 * 0.5, 1000]  # bent at 800, which is heard at 640
    higher = [0, 375, 750, 800 + 200 * (900 - 640) / 360, 1000]  # bent at 640, which is heard at 800
    torch.testing.assert_close(made, torch.tensor([lower, given.tolist(), higher]).double())
    assert bool((made.diff(dim=1) > 0).all())


@pytest.mark.parametrize("warp", [0.8, 1.0, 1.2])
def test_a_warped_tone_is_heard_where_its_frequency_went(warp):
    spectra, time = Spectra(SpectraConfig(bands=20), rate_hz=8000), torch.arange(1600) / 8000
    tones = torch.stack([torch.sin(2 * math.pi * hertz * time) for hertz in (1000, 1000 * warp)])
    frames, _ = spectra(tones, torch.tensor([1600, 1600]), torch.tensor([warp, 1.0]))
    assert frames[0, 10].argmax() == frames[1, 10].argmax()
    plain, _ = spectra(tones, torch.tensor([1600, 1600]))
    torch.testing.assert_close(plain[1], frames[1], atol=1e-4, rtol=1e-4)
    assert torch.allclose(plain[0], frames[0], atol=0.1) == (warp == 1.0)


def test_half_precision_does_not_reach_the_spectrum():
    sound = noise(1, 300)
    spectra = Spectra(SMALL, rate_hz=RATE)
    plain = spectra.frames(sound)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(spectra.frames(sound), plain)
