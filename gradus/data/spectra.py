"""What is heard in a sound, some hundred times a second: mel bands on one of two scales, or their cepstrum.

Papers: Davis and Mermelstein 1980, IEEE Transactions on Acoustics, Speech and Signal Processing 28(4) (MFCC);
Slaney 1998, Auditory Toolbox, Interval Technical Report 1998-010 (the mel scale that librosa follows);
Jaitly and Hinton 2013, Vocal Tract Length Perturbation, ICML workshop on deep learning for audio (the warp);
Wang et al. 2017, Trainable Frontend for Robust and Far-Field Keyword Spotting, arXiv 1607.05666 (PCEN).
Departures: logarithms are natural and stop at ``FLOOR``, which is near the rounding noise of 16-bit samples;
PCEN's constants are given, not learnt, and softer than the paper's; its level begins as the first frame.
Letters: B sounds, S samples, T frames, M bands, K coefficients, N samples of a window.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, NotNegative, Positive
from gradus.core.errors import UsageError

FLOOR = 1e-10
LINEAR_HZ, LOG_FROM_HZ, LOG_STEP = 200 / 3, 1000.0, math.log(6.4) / 27  # the scale: a line, then a logarithm
LEAST_VARIANCE = 1e-5
LEVEL_SECONDS, LEVEL_GAIN, LEVEL_BIAS, LEVEL_POWER = 0.25, 0.8, 2.0, 0.25  # of PCEN
LEAST_LEVEL = 1e-9
WARPED_SHARE = 0.8  # of half the sampling rate: up to there frequencies are warped, beyond it brought back


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectraConfig:
    """How sound becomes frames."""

    form: Literal["mel", "mfcc", "pcen"] = "mel"
    """Logarithms of the energy in each mel band, or cosines of them (mel-frequency cepstral coefficients), or
    energies by the level of the last quarter of a second (per-channel energy normalisation), which evens out
    rooms and loudness."""
    bands: Count = 40
    """Mel bands up to half the sampling rate."""
    coefficients: Count = 13
    """Cosines that mfcc keeps."""
    window_seconds: Positive = 0.025
    """Length of the window around a frame."""
    hop_seconds: Positive = 0.01
    """Time from one frame to the next."""
    tail_seconds: NotNegative = 0.0
    """Silence heard after each sound: time to write its last word, above all where only the past is heard."""
    normalise: Literal["training", "utterance"] = "training"
    """Mean 0 and deviation 1 in each band: by the training split, or by each utterance itself, which takes
    off the microphone and cannot stream."""


class Spectra(nn.Module):
    """Frames of a batch of sounds; what lies beyond a sound's length changes none of them."""

    window: Tensor
    filters: Tensor
    cosines: Tensor | None
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        config: SpectraConfig,
        *,
        rate_hz: int,
        mean: list[float] | None = None,
        deviation: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.rate_hz = config, rate_hz
        self.window_samples = max(2, round(config.window_seconds * rate_hz))
        self.hop = max(1, round(config.hop_seconds * rate_hz))
        self.tail = round(config.tail_seconds * rate_hz)  # samples
        self.num_samples = 2 ** math.ceil(math.log2(self.window_samples))  # of a Fourier transform
        self.width = config.coefficients if config.form == "mfcc" else config.bands
        filters = mel_filters(rate_hz, num_samples=self.num_samples, bands=config.bands)
        _refuse_deaf_bands(filters, config)
        self.register_buffer("window", torch.hann_window(self.window_samples), persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        cosines = cosine_rows(config.bands, count=config.coefficients)
        self.register_buffer("cosines", cosines if config.form == "mfcc" else None, persistent=False)
        self.register_buffer("mean", torch.tensor(mean or [0.0] * self.width), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation or [1.0] * self.width), persistent=False)

    def count(self, length: Int64[Tensor, "*B"]) -> Int64[Tensor, "*B"]:
        """The frames of sounds of so many samples: one at each hop, to the end of the tail."""
        return 1 + (length + self.tail) // self.hop

    def forward(
        self, sound: Float[Tensor, "B S"], length: Int64[Tensor, "B"], warp: Float[Tensor, "B"] | None = None
    ) -> tuple[Float[Tensor, "B T M"], Int64[Tensor, "B"]]:
        """Normalised frames, zero beyond each sound's own, and how many those are.

        With ``warp`` the resonances of each sound are heard at so many times their frequency.
        """
        return self.of_energies(self.energies(sound, length, warp), length)

    def energies(
        self, sound: Float[Tensor, "B S"], length: Int64[Tensor, "B"], warp: Float[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T M"]:
        """The energy in each band of each frame, which all forms of as many bands are made from."""
        inside = torch.arange(sound.shape[1], device=sound.device) < length[:, None]
        edge = self.num_samples // 2
        return self._filtered(F.pad(torch.where(inside, sound, 0.0), (edge, edge + self.tail)), warp)

    def of_energies(
        self, energy: Float[Tensor, "B T M"], length: Int64[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B T K"], Int64[Tensor, "B"]]:
        """What the whole gives, from energies."""
        count = self.count(length)
        mask = torch.arange(energy.shape[1], device=energy.device) < count[:, None]
        return self.normalised(self._formed(energy, None)[0], mask), count

    def frames(
        self, sound: Float[Tensor, "B S"], warp: Float[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T M"]:
        """Frames as they are, one for each whole window: a sound brings its own edges."""
        return self._formed(self._filtered(sound, warp), None)[0]

    def follow(
        self, sound: Float[Tensor, "B S"], level: Float[Tensor, "B M"] | None
    ) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B M"] | None]:
        """The same for the next samples of a stream, given the ``level`` after the last ones, or None."""
        return self._formed(self._filtered(sound, None), level)

    def _filtered(
        self, sound: Float[Tensor, "B S"], warp: Float[Tensor, "B"] | None
    ) -> Float[Tensor, "B T M"]:
        with torch.autocast(sound.device.type, enabled=False):  # eight bits are too few for a power
            spectrum = torch.stft(
                sound.float(),
                self.num_samples,
                self.hop,
                self.window_samples,
                self.window,
                center=False,
                return_complex=True,
            )
            power = torch.view_as_real(spectrum).square().sum(-1)  # (B, N / 2 + 1, T)
            filters = self.filters if warp is None else self._warped_filters(warp)
            return (filters @ power).transpose(1, 2)  # (B, M, T) -> (B, T, M)

    def _formed(
        self, energy: Float[Tensor, "B T M"], level: Float[Tensor, "B M"] | None
    ) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B M"] | None]:
        """Energies in the form that the config names; only PCEN has a level."""
        with torch.autocast(energy.device.type, enabled=False):
            if self.config.form == "pcen":
                return by_level(energy, level, share=min(1.0, self.hop / self.rate_hz / LEVEL_SECONDS))
            bands = energy.clamp(min=FLOOR).log()
            return bands if self.cosines is None else bands @ self.cosines.T, None  # (B, T, M) -> (B, T, K)

    def _warped_filters(self, warp: Float[Tensor, "B"]) -> Float[Tensor, "B M bins"]:
        """Each sound's own filters, which hear its frequencies as others."""
        return mel_filters(self.rate_hz, num_samples=self.num_samples, bands=self.config.bands, warp=warp)

    def normalised(self, frames: Float[Tensor, "B T M"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T M"]:
        """Mean 0 and deviation 1 in each band, by the training split or over each sound's own frames."""
        if self.config.normalise == "training":
            return torch.where(mask[:, :, None], (frames - self.mean) / self.deviation, 0.0)
        return over_utterances(frames, mask)


def by_level(
    energy: Float[Tensor, "B T M"], level: Float[Tensor, "B M"] | None, *, share: float
) -> tuple[Float[Tensor, "B T M"], Float[Tensor, "B M"]]:
    """Per-channel energy normalisation, and the level after the last frame.

    The level is a running mean that takes a ``share`` of each frame, and begins as the first one.
    """
    level = energy[:, 0] if level is None else level
    levels = []
    for frame in energy.unbind(dim=1):
        level = torch.lerp(level, frame, share)
        levels.append(level)
    even = energy * (torch.stack(levels, dim=1) + LEAST_LEVEL) ** -LEVEL_GAIN
    return (even + LEVEL_BIAS) ** LEVEL_POWER - LEVEL_BIAS**LEVEL_POWER, level


def over_utterances(frames: Float[Tensor, "B T M"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T M"]:
    """Cepstral mean and variance normalisation: each band of each sound by its own frames."""
    inside = mask[:, :, None]
    count = inside.sum(dim=1, keepdim=True)  # (B, 1, 1)
    mean = torch.where(inside, frames, 0.0).sum(dim=1, keepdim=True) / count
    centred = torch.where(inside, frames - mean, 0.0)
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / (variance + LEAST_VARIANCE).sqrt()


def mel_filters(
    rate_hz: int, *, num_samples: int, bands: int, warp: Float[Tensor, "*B"] | None = None
) -> Float[Tensor, "*B {bands} bins"]:
    """Triangles over the bins of a Fourier transform, even on the mel scale, each of area 2 / width in Hz.

    With ``warp`` a bin counts as one of so many times its frequency.
    """
    bins = torch.linspace(0, rate_hz / 2, num_samples // 2 + 1, dtype=torch.float64)
    if warp is not None:
        bins = warped_hz(bins.to(warp.device), warp.double(), top_hz=rate_hz / 2)[..., None, :]
    corners = hz_of_mel(
        torch.linspace(0, mel_of_hz(rate_hz / 2), bands + 2, dtype=torch.float64, device=bins.device)
    )
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (high - low)).float()


def warped_hz(
    frequency_hz: Float[Tensor, "bins"], warp: Float[Tensor, "*B"], *, top_hz: float
) -> Float[Tensor, "*B bins"]:
    """Frequencies times ``warp`` up to ``WARPED_SHARE`` of the top; from there in a line to the top."""
    warp = warp[..., None]
    knee = WARPED_SHARE * top_hz / warp.clamp(min=1)
    steep = (top_hz - warp * knee) / (top_hz - knee)
    return torch.where(frequency_hz <= knee, warp * frequency_hz, top_hz - steep * (top_hz - frequency_hz))


def mel_of_hz(frequency_hz: float) -> float:
    """Slaney's scale: even up to 1000 Hz, then even in the logarithm."""
    if frequency_hz < LOG_FROM_HZ:
        return frequency_hz / LINEAR_HZ
    return LOG_FROM_HZ / LINEAR_HZ + math.log(frequency_hz / LOG_FROM_HZ) / LOG_STEP


def hz_of_mel(mel: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """The way back from ``mel_of_hz``."""
    beyond = mel - LOG_FROM_HZ / LINEAR_HZ
    return torch.where(beyond < 0, mel * LINEAR_HZ, LOG_FROM_HZ * (beyond * LOG_STEP).exp())


def cosine_rows(bands: int, *, count: int) -> Float[Tensor, "K {bands}"]:
    """The first rows of the orthonormal cosine transform, type II; no more than there are bands."""
    places = torch.arange(bands, dtype=torch.float64) + 0.5
    rows = torch.arange(min(count, bands), dtype=torch.float64)[:, None]
    cosines = torch.cos(math.pi / bands * rows * places) * math.sqrt(2 / bands)
    cosines[0] /= math.sqrt(2)
    return cosines.float()


def _refuse_deaf_bands(filters: Float[Tensor, "M bins"], config: SpectraConfig) -> None:
    deaf = int((filters.sum(dim=1) == 0).sum())
    if deaf or (config.form == "mfcc" and config.coefficients > config.bands):
        raise UsageError(
            "GR-SOUND-022",
            where="--features.bands" if deaf else "--features.coefficients",
            wanted="bands that each hold a bin of the window" if deaf else f"at most {config.bands}",
            got=f"{config.bands}, of which {deaf} hold none" if deaf else str(config.coefficients),
            remedy="Give fewer bands, or a longer --features.window-seconds."
            if deaf
            else "Give as many bands.",
        )
