"""Speech as it comes: chunks of samples in, the text so far out, as the whole recording would give it."""

import math
import time
from dataclasses import dataclass
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.data.characters import Spelling
from gradus.data.sound_sets import Clips
from gradus.data.spectra import Spectra
from gradus.layers.ctc import BLANK
from gradus.models.speech_recurrent import SpeechRecurrent


class Streamer:
    """Hears one recording chunk by chunk; memory and time a chunk do not grow with what was heard."""

    def __init__(self, spectra: Spectra, net: SpeechRecurrent, *, spelling: Spelling) -> None:
        refuse_unstreamable(spectra, net)
        self.spectra, self.net, self.spelling = spectra, net, spelling
        self.frames_a_step = math.prod(net.config.strides)
        self._waiting = torch.zeros(1, spectra.num_samples // 2)  # the silence before the first sample
        self._samples = self._frames = 0  # heard so far
        self._state = net.start(like=self._waiting)
        self._level: Tensor | None = None  # of loudness, where the features go by it
        self._last, self._tokens = BLANK, list[int]()

    @property
    def text(self) -> str:
        """What was said so far, by the likeliest token of each step."""
        return self.spelling.decode(self._tokens)

    def hear(self, samples: Float[Tensor, "S"]) -> Float[Tensor, "1 t V"]:
        """The log-probabilities of the steps that some more samples complete; the others wait."""
        self._samples += len(samples)
        self._waiting = torch.cat([self._waiting, samples[None]], dim=1)
        whole = (self._waiting.shape[1] - self.spectra.num_samples) // self.spectra.hop + 1
        return self._take(max(0, whole) // self.frames_a_step * self.frames_a_step)

    def end(self) -> Float[Tensor, "1 t V"]:
        """The log-probabilities of the last steps, with silence after the last sample."""
        spectra = self.spectra
        silence = torch.zeros(1, spectra.num_samples // 2 + spectra.hop + spectra.tail)
        self._waiting = torch.cat([self._waiting, silence], dim=1)
        before = self._take(int(spectra.count(torch.tensor(self._samples))) - self._frames)
        with torch.no_grad():
            last = self.net.finish(self._state)
        self._write(last)
        return torch.cat([before, last], dim=1)

    @torch.no_grad()
    def _take(self, count: int) -> Float[Tensor, "1 t V"]:
        """Hear so many of the frames that wait."""
        if not count:
            return torch.zeros(1, 0, len(self.spelling.tokens))
        spectra = self.spectra
        next_samples = self._waiting[:, : (count - 1) * spectra.hop + spectra.num_samples]
        frames, self._level = spectra.follow(next_samples, self._level)
        frames = spectra.normalised(frames, torch.ones(frames.shape[:2], dtype=torch.bool))
        log_probs, self._state = self.net.follow(frames, self._state)
        self._waiting = self._waiting[:, count * spectra.hop :]
        self._frames += count
        self._write(log_probs)
        return log_probs

    def _write(self, log_probs: Float[Tensor, "1 t V"]) -> None:
        """Take the likeliest token of each step, repeats and blanks left out."""
        for token in log_probs[0].argmax(dim=1).tolist():
            if token not in (BLANK, self._last):
                self._tokens.append(token)
            self._last = token


def can_stream(spectra: Spectra, net: nn.Module) -> bool:
    """Whether a model and its features hear the past only."""
    one_way = isinstance(net, SpeechRecurrent) and net.config.directions == "one"
    return one_way and spectra.config.normalise == "training"


def refuse_unstreamable(spectra: Spectra, net: nn.Module) -> None:
    """UsageError where a model must hear the whole recording before it can say anything."""
    if not can_stream(spectra, net):
        by_utterance = spectra.config.normalise == "utterance"
        raise UsageError(
            "GR-SOUND-023",
            where="streaming",
            wanted="a recurrent model in one direction, and features normalised by the training split",
            got="features normalised by the utterance" if by_utterance else "a model that hears the future",
            remedy="Train with --model.directions one and --features.normalise training.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How long a listener waits for text, measured on this machine."""

    clips: int
    same: int
    """Clips whose text is that of the whole recording."""
    chunk_seconds: float
    window_seconds: float
    """Sound that must have come before a chunk's last frame is whole."""
    ahead_seconds: float
    """Sound that the model waits for before it names a step."""
    compute_seconds: float
    """Median over chunks of the time to compute one."""
    slowest_seconds: float
    real_time_factor: float
    """Time to compute over time of sound."""

    @property
    def most_seconds(self) -> float:
        """From a sound to its token: its chunk, half a window, the steps ahead, and the computation."""
        return self.chunk_seconds + self.window_seconds + self.ahead_seconds + self.compute_seconds


def measure_latency(
    spectra: Spectra, net: SpeechRecurrent, *, spelling: Spelling, clips: Clips, whole: list[str], steps: int
) -> Latency:
    """Stream clips in chunks of so many steps, and time every chunk; ``whole`` are the texts to compare."""
    spent, same = list[float](), 0
    first = Streamer(spectra, net, spelling=spelling)
    chunk = steps * first.frames_a_step * spectra.hop
    for place in range(len(clips)):
        streamer = Streamer(spectra, net, spelling=spelling)
        for samples in clips.sounds[place].split(chunk):
            began = time.perf_counter()
            streamer.hear(samples)
            spent.append(time.perf_counter() - began)
        streamer.end()
        same += streamer.text == whole[place]
    rate_hz = spectra.rate_hz
    return Latency(
        clips=len(clips),
        same=same,
        chunk_seconds=chunk / rate_hz,
        window_seconds=spectra.num_samples / 2 / rate_hz,
        ahead_seconds=net.config.steps_ahead * first.frames_a_step * spectra.hop / rate_hz,
        compute_seconds=median(spent),
        slowest_seconds=max(spent),
        real_time_factor=sum(spent) / (len(clips.sounds.values) / rate_hz),
    )
