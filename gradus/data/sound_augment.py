"""Other ways to have said the same: in a room, by another throat, faster, noisier, cut closer, with gaps.

Papers: Ko et al. 2015, Audio Augmentation for Speech Recognition, Interspeech (speed); Laroche and Dolson
1999, IEEE Transactions on Speech and Audio Processing 7(3) (time stretching by a phase vocoder); Park et al.
2019, arXiv 1904.08779 (SpecAugment, without its time warping); Jaitly and Hinton 2013, Vocal Tract Length
Perturbation, ICML workshop on deep learning for audio (the warp, which data/spectra.py applies); Polack 1993,
Applied Acoustics 38(2) (a room's echo as noise that dies away).
Letters: B sounds, S samples, T frames, M bands.
"""

import math
from dataclasses import dataclass
from fractions import Fraction as Ratio
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from gradus.core.configs import Fraction, NotNegative, Positive, Share, Whole, Within
from gradus.data.sounds import resample

STRETCH_WINDOW, STRETCH_HOP = 256, 64
SHORTEST_ECHO, LEAST_ECHO_DB = 0.15, 15.0  # as a share of the longest one; of the sound over its echo
FINEST_RATIO = 60  # pitch is shifted by a ratio of numbers up to this one


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundAugmentConfig:
    """What training does to its sounds; nothing by default."""

    speed: tuple[Positive, ...] = ()
    """Factors of which each sound gets one: tempo and pitch together, as a tape that runs faster."""
    stretch: tuple[Positive, Positive] = (1.0, 1.0)
    """Range of the tempo alone."""
    pitch_semitones: NotNegative = 0.0
    """Most that the pitch alone is moved, up or down."""
    stretch_share: Share = 0.5
    """Share of the sounds whose tempo or pitch alone is changed."""
    cut_share: Annotated[float, Within(low=0.0, below=0.5)] = 0.0
    """Most that is cut off at either end of a sound, as a share of it: recordings are trimmed by chance."""
    margin_seconds: NotNegative = 0.0
    """Most that comes before a sound, and after it, each in every other sound: recordings are trimmed by
    chance. It is silent until noise is added."""
    tilt: Fraction = 0.0
    """Most of the last sample that is added to or taken off each one: a duller or a sharper microphone."""
    echo_share: Share = 0.0
    """Share of the sounds that are heard in a room, with an echo behind them that goes on when they end."""
    echo_seconds: Positive = 0.6
    """Longest time in which an echo falls by 60 dB."""
    gain_db: NotNegative = 0.0
    """Most that a sound is made louder or softer."""
    noise_share: Share = 0.0
    """Share of the sounds that get noise, white unless it is tilted."""
    noise_snr_db: tuple[float, float] = (10.0, 30.0)
    """Range of the power of a sound over that of its noise."""
    noise_tilt: Fraction = 0.0
    """Most by which noise is tilted as sounds are by tilt: from a hiss to a hum."""
    warp: Fraction = 0.0
    """Most that the resonances of a sound are moved up or down, as a share of their frequency: another
    throat, at the same tempo and pitch."""
    time_masks: Whole = 0
    """Gaps in time in each sound, each silent in all bands."""
    time_mask_share: Share = 0.1
    """Longest gap as a share of the sound."""
    band_masks: Whole = 0
    """Gaps in frequency in each sound, each silent all the time."""
    band_mask_width: Whole = 8
    """Widest gap in bands."""

    @property
    def fastest(self) -> float:
        """The most that a sound can be shortened by."""
        return max(self.speed, default=1.0) * max(1.0, *self.stretch) / (1 - 2 * self.cut_share)


def augment_sounds(
    sound: Float[Tensor, "B S"],
    length: Int64[Tensor, "B"],
    config: SoundAugmentConfig,
    *,
    rate_hz: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B s"], Int64[Tensor, "B"]]:
    """The sounds with other speed, tempo, pitch, room, loudness, noise, zeros behind, and their lengths."""
    made = []
    for row, samples in zip(sound, length.tolist(), strict=True):
        clip = row[:samples]
        if config.cut_share:
            most = int(config.cut_share * samples)
            clip = clip[_below(most + 1, generator) : samples - _below(most + 1, generator)]
        if config.speed:
            clip = at_speed(clip, config.speed[_below(len(config.speed), generator)])
        low, high = config.stretch
        if (low, high) != (1.0, 1.0) and _chance(generator) < config.stretch_share:
            clip = time_stretch(clip, low + (high - low) * _chance(generator))
        if config.pitch_semitones and _chance(generator) < config.stretch_share:
            clip = pitch_shift(clip, config.pitch_semitones * (2 * _chance(generator) - 1))
        if config.margin_seconds:
            margins = (config.margin_seconds * _chance(generator) * _below(2, generator) for _ in range(2))
            clip = torch.nn.functional.pad(clip, tuple(int(seconds * rate_hz) for seconds in margins))
        if config.echo_share and _chance(generator) < config.echo_share:
            longest = config.echo_seconds * rate_hz
            clip = in_room(
                torch.nn.functional.pad(clip, (0, int(longest * _chance(generator)))),
                longest * (SHORTEST_ECHO + (1 - SHORTEST_ECHO) * _chance(generator)),
                direct_db=LEAST_ECHO_DB * _chance(generator),
                generator=generator,
            )
        if config.tilt:
            clip = tilted(clip, config.tilt * (2 * _chance(generator) - 1))
        if config.gain_db:
            clip = clip * 10 ** (config.gain_db * (2 * _chance(generator) - 1) / 20)
        if _chance(generator) < config.noise_share:
            quiet, loud = config.noise_snr_db
            tilt = config.noise_tilt * (2 * _chance(generator) - 1)
            snr_db = quiet + (loud - quiet) * _chance(generator)
            clip = with_noise(clip, snr_db, tilt=tilt, generator=generator)
        made.append(clip)
    lengths = torch.tensor([len(clip) for clip in made], device=length.device)
    return torch.nn.utils.rnn.pad_sequence(made, batch_first=True), lengths


def at_speed(sound: Float[Tensor, "S"], factor: float) -> Float[Tensor, "s"]:
    """The sound as a tape that runs ``factor`` times as fast: shorter and higher above 1."""
    ratio = Ratio(factor).limit_denominator(FINEST_RATIO)
    return resample(sound, ratio.numerator, ratio.denominator)


def time_stretch(sound: Float[Tensor, "S"], tempo: float) -> Float[Tensor, "s"]:
    """The sound ``tempo`` times as fast at the same pitch: S / tempo samples, by a phase vocoder."""
    length = max(1, round(len(sound) / tempo))
    window = torch.hann_window(STRETCH_WINDOW, device=sound.device)
    spectrum = torch.stft(
        sound, STRETCH_WINDOW, STRETCH_HOP, window=window, pad_mode="constant", return_complex=True
    )  # (bins, frames)
    places = torch.arange(0, spectrum.shape[1], tempo, device=sound.device)
    spectrum = torch.nn.functional.pad(spectrum, (0, 2))
    before = spectrum[:, places.long()]
    after = spectrum[:, places.long() + 1]
    share = places - places.floor()
    size = (1 - share) * before.abs() + share * after.abs()
    # From one frame to the next each bin turns by its own frequency and by what it was seen to turn besides.
    own = torch.linspace(0, math.pi * STRETCH_HOP, spectrum.shape[0], device=sound.device)[:, None]
    besides = after.angle() - before.angle() - own
    turn = own + besides - 2 * math.pi * (besides / (2 * math.pi)).round()
    phase = torch.cat([before[:, :1].angle(), turn[:, :-1]], dim=1).cumsum(dim=1)
    made = torch.polar(size, phase)
    needed = 1 + length // STRETCH_HOP
    made = torch.nn.functional.pad(made, (0, max(0, needed - made.shape[1])))
    return torch.istft(made, STRETCH_WINDOW, STRETCH_HOP, window=window, length=length)


def pitch_shift(sound: Float[Tensor, "S"], semitones: float) -> Float[Tensor, "S"]:
    """The sound so many semitones higher at the same tempo: stretched, then played faster."""
    ratio = Ratio(2 ** (semitones / 12)).limit_denominator(FINEST_RATIO)
    faster = resample(time_stretch(sound, float(1 / ratio)), ratio.numerator, ratio.denominator)
    missing = len(sound) - len(faster)
    return torch.nn.functional.pad(faster, (0, max(0, missing)))[: len(sound)]


def in_room(
    sound: Float[Tensor, "S"], decay_samples: float, *, direct_db: float, generator: torch.Generator
) -> Float[Tensor, "S"]:
    """The sound and an echo, noise that falls by 60 dB in ``decay_samples``.

    The echo of a click has a power ``direct_db`` below that of the click itself.
    """
    places = torch.arange(1, max(2, math.ceil(decay_samples)), device=sound.device)
    noise = torch.randn(len(places), generator=generator, device=sound.device)
    echo = noise * 10 ** (-3 * places / decay_samples)
    response = torch.cat([echo.new_ones(1), echo / echo.norm() * 10 ** (-direct_db / 20)])
    points = 2 ** math.ceil(math.log2(len(sound) + len(response)))  # of the transforms: nothing wraps
    spectrum = torch.fft.rfft(sound, points) * torch.fft.rfft(response, points)
    return torch.fft.irfft(spectrum, points)[: len(sound)]


def tilted(sound: Float[Tensor, "S"], share: float) -> Float[Tensor, "S"]:
    """The sound with a share of the last sample added to each: less treble; below 0, less bass."""
    return sound + share * torch.nn.functional.pad(sound, (1, 0))[:-1]


def with_noise(
    sound: Float[Tensor, "S"], snr_db: float, *, generator: torch.Generator, tilt: float = 0.0
) -> Float[Tensor, "S"]:
    """The sound with noise of a power ``snr_db`` below its own, white or tilted; silence stays silent."""
    noise = torch.randn(sound.shape, generator=generator, device=sound.device)
    noise = tilted(noise, tilt) / (1 + tilt**2) ** 0.5  # of the power that it had
    return sound + noise * (sound.square().mean() / 10 ** (snr_db / 10)).sqrt()


def warps(
    count: int, config: SoundAugmentConfig, *, generator: torch.Generator
) -> Float[Tensor, "{count}"] | None:
    """The factor on the frequencies of each of so many sounds; None where they stay."""
    if not config.warp:
        return None
    drawn = torch.rand(count, generator=generator, device=generator.device)
    return 1 + config.warp * (2 * drawn - 1)


def gaps(
    count: Int64[Tensor, "B"],
    config: SoundAugmentConfig,
    *,
    num_frames: int,
    num_bands: int,
    generator: torch.Generator,
) -> tuple[Bool[Tensor, "B {num_frames}"], Bool[Tensor, "B {num_bands}"]]:
    """SpecAugment: which frames and which bands of each sound are left, given how many frames it has."""
    longest = (config.time_mask_share * count).long()
    frames = _left(count, longest, number=config.time_masks, size=num_frames, generator=generator)
    bands = torch.full_like(count, num_bands)
    widest = torch.full_like(count, min(config.band_mask_width, num_bands))
    return frames, _left(bands, widest, number=config.band_masks, size=num_bands, generator=generator)


def _left(
    count: Int64[Tensor, "B"],
    longest: Int64[Tensor, "B"],
    *,
    number: int,
    size: int,
    generator: torch.Generator,
) -> Bool[Tensor, "B {size}"]:
    """True outside of ``number`` gaps of up to ``longest`` places among the first ``count``."""
    drawn = torch.rand(2, len(count), number, generator=generator, device=count.device)
    width = (drawn[0] * (longest[:, None] + 1)).floor()  # (B, number)
    first = (drawn[1] * (count[:, None] - width + 1)).floor()
    places = torch.arange(size, device=count.device)[:, None, None]  # (size, 1, 1)
    hidden = (places >= first) & (places < first + width)  # (size, B, number)
    return ~hidden.any(dim=2).T  # (size, B) -> (B, size)


def _chance(generator: torch.Generator) -> float:
    return torch.rand((), generator=generator, device=generator.device).item()


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator, device=generator.device))
