"""What a recogniser says of one recording: its text, how sure it is, and a picture of what was heard."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gradus.data.spectra import Spectra, SpectraConfig
from gradus.jobs.speech.data import sound_of

WIDTH, HEIGHT, LINE = 640, 160, 20
LETTERS_A_LINE = 80
PICTURE = SpectraConfig(bands=32, window_seconds=0.032)  # what a person looks at, whatever the model hears


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of one recording."""

    text: str
    confidence: float
    """Mean over the steps of the likeliest token's probability."""
    seconds: float
    raw: Any
    rate_hz: int

    @classmethod
    def of(
        cls,
        output: dict[str, Tensor],
        *,
        decode: Callable[[dict[str, Tensor]], list[str]],
        raw: Any,
        rate_hz: int,
    ) -> "Transcript":
        """The answer that the output for one recording gives."""
        steps = int(output["steps"][0])
        best = output["log_probs"][0, :steps].float().exp().amax(dim=1)  # (steps, V) -> (steps,)
        seconds = len(sound_of(raw, rate_hz=rate_hz)) / rate_hz
        return cls(decode(output)[0], best.mean().item(), seconds, raw, rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return {"text": self.text, "confidence": self.confidence, "seconds": round(self.seconds, 3)}

    def draw(self) -> Image.Image:
        """The spectrogram with the text below it."""
        lines = wrapped(self.text or "(nothing heard)", most=LETTERS_A_LINE)
        drawn = Image.new("RGB", (WIDTH, HEIGHT + LINE * len(lines) + 10), "white")
        shown = spectrogram(sound_of(self.raw, rate_hz=self.rate_hz), rate_hz=self.rate_hz)
        drawn.paste(Image.fromarray(coloured(shown)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
        pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(14)
        for place, line in enumerate(lines):
            pen.text((6, HEIGHT + 5 + place * LINE), line, fill="black", font=font)
        return drawn


def spectrogram(sound: Float[Tensor, "S"], *, rate_hz: int) -> Float[Tensor, "M T"]:
    """Log-mel bands from 0, which is 60 dB below the loudest, to 1; the highest band first."""
    spectra = Spectra(PICTURE, rate_hz=rate_hz)
    edge = spectra.num_samples // 2
    frames = spectra.frames(torch.nn.functional.pad(sound[None], (edge, edge)))[0]  # (T, M)
    loudest, range_nats = frames.max(), 6 * np.log(10)
    return ((frames - loudest) / range_nats + 1).clamp(min=0).T.flip(0)


def coloured(shown: Float[Tensor, "M T"]) -> UInt8[np.ndarray, "M T 3"]:
    """Numbers from 0 to 1 as colours from white over blue to black."""
    level = shown.numpy()[..., None]
    stops = np.array([0.0, 0.5, 1.0])
    colours = np.array([[255, 255, 255], [70, 130, 200], [10, 10, 40]])
    channels = [np.interp(level, stops, colours[:, channel]) for channel in range(3)]
    return np.concatenate(channels, axis=2).astype(np.uint8)


def wrapped(text: str, *, most: int) -> list[str]:
    """A text as lines of at most so many letters, cut between words where there are any."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line[start : start + most] for line in lines for start in range(0, max(1, len(line)), most)]
