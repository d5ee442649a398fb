"""Changes to sounds: tones whose pitch and length are known, noise that is measured, counted gaps."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data.sound_augment import (
    SoundAugmentConfig,
    at_speed,
    augment_sounds,
    gaps,
    in_room,
    pitch_shift,
    tilted,
    time_stretch,
    warps,
    with_noise,
)
from tests.unit.data.made_sounds import tone

RATE = 8000


def sine(hertz, seconds=0.5):
    return torch.tensor(tone(seconds, hertz=hertz)).float()


def pitch_of(sound):
    """The loudest frequency in the middle of a sound, in Hz."""
    middle = sound[len(sound) // 4 : -len(sound) // 4]
    spectrum = torch.fft.rfft(middle * torch.hann_window(len(middle)), n=2**16).abs()
    return spectrum.argmax().item() * RATE / 2**16


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0, 1.1, 1.25])
def test_speed_moves_length_and_pitch_together(factor):
    made = at_speed(sine(500), factor)
    assert len(made) == pytest.approx(4000 / factor, abs=1)
    assert pitch_of(made) == pytest.approx(500 * factor, rel=0.01)


@pytest.mark.parametrize("tempo", [0.7, 0.95, 1.0, 1.3])
def test_stretching_moves_the_length_alone(tempo):
    made = time_stretch(sine(500), tempo)
    assert len(made) == round(4000 / tempo)
    assert pitch_of(made) == pytest.approx(500, rel=0.01)
    middle = made[len(made) // 4 : -len(made) // 4]
    assert middle.square().mean().sqrt() == pytest.approx(0.5 / math.sqrt(2), rel=0.1)


def test_a_tempo_of_one_gives_the_sound_back():
    sound = torch.randn(3000, generator=rng()) * 0.1
    torch.testing.assert_close(time_stretch(sound, 1.0)[200:-200], sound[200:-200], atol=1e-4, rtol=0)


@pytest.mark.parametrize("semitones", [-4, -1, 0, 3])
def test_shifting_moves_the_pitch_alone(semitones):
    made = pitch_shift(sine(500), semitones)
    assert len(made) == 4000
    assert pitch_of(made) == pytest.approx(500 * 2 ** (semitones / 12), rel=0.015)


@pytest.mark.parametrize("share", [-0.6, 0.0, 0.6])
def test_a_tilt_weighs_frequencies_as_its_formula_says(share):
    """|1 + share exp(-i w)| is the gain at the angular frequency w."""
    for hertz in (100, 2000, 3900):
        made, wave = tilted(sine(hertz), share), 2 * math.pi * hertz / RATE
        gain = math.hypot(1 + share * math.cos(wave), share * math.sin(wave))
        ratio = made[100:-100].square().mean().sqrt() / sine(hertz)[100:-100].square().mean().sqrt()
        assert ratio == pytest.approx(gain, rel=0.01)


@pytest.mark.parametrize("tilt", [-0.9, 0.0, 0.5])
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_has_the_power_that_was_asked_for(snr_db, tilt):
    sound = sine(500, seconds=4)
    added = with_noise(sound, snr_db, tilt=tilt, generator=rng()) - sound
    ratio = 10 * math.log10(sound.square().mean() / added.square().mean())
    assert ratio == pytest.approx(snr_db, abs=0.3)
    assert bool((with_noise(torch.zeros(50), snr_db, generator=rng()) == 0).all())


@pytest.mark.parametrize(("tilt", "loud"), [(-0.9, "treble"), (0.9, "bass")])
def test_tilted_noise_hisses_or_hums(tilt, loud):
    power = torch.fft.rfft(with_noise(torch.ones(8000), 0.0, tilt=tilt, generator=rng()) - 1).abs().square()
    bass, treble = power[1:1000].sum(), power[3000:4000].sum()
    assert max(bass, treble) > 10 * min(bass, treble)
    assert (bass > treble) == (loud == "bass")


def test_margins_come_before_and_after_a_sound_and_are_filled_with_noise():
    sound, length = torch.ones(400, 100), torch.full((400,), 100)
    made, lengths = augment_sounds(
        sound, length, SoundAugmentConfig(margin_seconds=0.05), rate_hz=RATE, generator=rng()
    )
    before = (made != 0).float().argmax(dim=1)
    after = lengths - before - 100
    assert bool((made.sum(dim=1) == 100).all())  # nothing but silence came
    for margin in (before, after):
        assert 0.4 < (margin == 0).float().mean() < 0.6
        assert 380 < margin.max() < 400
    together = ((before > 0) & (after > 0)).float().mean()
    assert 0.15 < together < 0.35  # each end by itself
    noisy = SoundAugmentConfig(margin_seconds=0.05, noise_share=1.0)
    made, lengths = augment_sounds(sound, length, noisy, rate_hz=RATE, generator=rng())
    silent = torch.arange(made.shape[1]) >= lengths[:, None]
    assert bool(((made == 0) == silent).all())


EVERYTHING = SoundAugmentConfig(
    margin_seconds=0.02,
    noise_tilt=0.5,
    speed=(0.9, 1.0, 1.1),
    stretch=(0.9, 1.1),
    pitch_semitones=2,
    cut_share=0.1,
    tilt=0.5,
    echo_share=0.5,
    echo_seconds=0.05,
    gain_db=6,
    noise_share=0.5,
)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_batch_keeps_its_rows_apart_and_its_padding_silent(lengths, seed):
    sound = torch.randn(len(lengths), max(lengths), generator=rng(seed))
    count = torch.tensor(lengths)
    made, length = augment_sounds(sound, count, EVERYTHING, rate_hz=RATE, generator=rng(seed))
    again, _ = augment_sounds(sound, count, EVERYTHING, rate_hz=RATE, generator=rng(seed))
    assert torch.equal(made, again)
    assert made.isfinite().all()
    for row, (before, after) in enumerate(zip(lengths, length.tolist(), strict=True)):
        longest = before / 0.81 + 2 + (0.05 + 2 * EVERYTHING.margin_seconds) * RATE
        assert before / EVERYTHING.fastest - 2 <= after <= longest
        assert bool((made[row, after:] == 0).all())


@pytest.mark.parametrize("direct_db", [0.0, 12.0])
def test_a_click_in_a_room_dies_away_behind_itself(direct_db):
    click = torch.zeros(6000)
    click[1000] = 1
    made = in_room(click, 4000.0, direct_db=direct_db, generator=rng())
    assert made[:1000].abs().max() < 1e-6
    assert made[1000] == pytest.approx(1.0, abs=1e-5)
    echo = made[1001:]
    assert 10 * math.log10(echo.square().sum()) == pytest.approx(-direct_db, abs=1e-3)
    early, late = (echo[at : at + 500].square().sum() for at in (0, 2000))
    assert 10 * math.log10(early / late) == pytest.approx(30, abs=2)  # half of 60 dB in half of the time
    assert echo[4000:].abs().max() < 1e-6


def test_rooms_make_sounds_longer_and_no_shorter():
    sound = torch.randn(40, 800, generator=rng())
    config = SoundAugmentConfig(echo_share=0.5, echo_seconds=0.3)
    made, length = augment_sounds(sound, torch.full((40,), 800), config, rate_hz=RATE, generator=rng())
    plain = torch.tensor([bool(torch.equal(made[i, :800], sound[i])) for i in range(40)])
    assert 8 < plain.sum() < 32
    assert bool((length[plain] == 800).all())
    assert bool(((length >= 800) & (length < 800 + 0.3 * RATE)).all())
    assert length.unique().numel() > 8


def test_nothing_is_done_by_default():
    sound = torch.randn(2, 50, generator=rng())
    made, length = augment_sounds(
        sound, torch.tensor([50, 50]), SoundAugmentConfig(), rate_hz=RATE, generator=rng()
    )
    assert torch.equal(made, sound)
    assert length.tolist() == [50, 50]
    left = gaps(torch.tensor([5, 9]), SoundAugmentConfig(), num_frames=9, num_bands=4, generator=rng())
    assert all(bool(one.all()) for one in left)
    assert warps(3, SoundAugmentConfig(), generator=rng()) is None


def test_cuts_take_from_both_ends_and_no_more_than_their_share():
    sound = torch.arange(1.0, 101.0).expand(300, 100)
    config = SoundAugmentConfig(cut_share=0.2)
    made, length = augment_sounds(sound, torch.full((300,), 100), config, rate_hz=RATE, generator=rng())
    first, last = made[:, 0], made[torch.arange(300), length - 1]
    assert sorted(set(first.tolist())) == list(range(1, 22))
    assert sorted(set(last.tolist())) == list(range(80, 101))
    assert torch.equal(length, (last - first + 1).long())
    assert config.fastest == pytest.approx(1 / 0.6)


def test_warps_are_even_over_their_range():
    drawn = warps(4000, SoundAugmentConfig(warp=0.2), generator=rng())
    assert 0.8 <= drawn.min() < 0.801
    assert 1.199 < drawn.max() <= 1.2
    assert drawn.std(correction=0) == pytest.approx(0.4 / math.sqrt(12), abs=0.005)


def test_gaps_are_as_many_and_as_wide_as_was_asked():
    config = SoundAugmentConfig(time_masks=1, time_mask_share=0.25, band_masks=1, band_mask_width=3)
    count = torch.full((500,), 40)
    frames, bands = gaps(count, config, num_frames=60, num_bands=8, generator=rng())
    hidden = (~frames).sum(1)
    assert hidden.max() == 10
    assert hidden.float().mean() == pytest.approx(5, abs=0.5)
    assert bool(frames[:, 40:].all())
    edges = (frames[:, 1:] != frames[:, :-1]).sum(1)
    assert edges.max() <= 2  # one gap each
    assert (~bands).sum(1).unique().tolist() == [0, 1, 2, 3]
