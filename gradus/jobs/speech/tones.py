"""The synthetic twin of speech: letters are tones, words are runs of them, silence is a space."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.randomness import generator
from gradus.data.ragged import Ragged
from gradus.data.sound_sets import Clips, SoundSet

LETTERS = "aeiou"
LOWEST, HIGHEST = 0.08, 0.4  # of the sampling rate, the tones of the first and the last letter
LETTER_SECONDS, GAP_SECONDS, SPACE_SECONDS = (0.07, 0.11), 0.03, 0.12
NOISE = 0.03  # deviation; a tone's amplitude is between 0.3 and 0.9


def tones(count: int, *, rate_hz: int) -> SoundSet:
    """Utterances of one or two words of two or three letters, by split: as many again for the other two."""
    counts = {"train": count, "validation": max(1, count // 5), "test": max(1, count // 5)}
    return SoundSet({split: _split(number, split, rate_hz) for split, number in counts.items()})


def _split(count: int, split: str, rate_hz: int) -> Clips:
    rng = generator("tones", split)

    def between(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=rng).item()

    def word() -> str:
        size = int(torch.randint(2, 4, (), generator=rng))
        return "".join(LETTERS[i] for i in torch.randint(len(LETTERS), (size,), generator=rng).tolist())

    def tone(letter: str) -> Float[Tensor, "S"]:
        share = LETTERS.index(letter) / (len(LETTERS) - 1)
        frequency_hz = rate_hz * LOWEST * (HIGHEST / LOWEST) ** share * between(0.95, 1.05)
        time = torch.arange(round(between(*LETTER_SECONDS) * rate_hz)) / rate_hz
        envelope = torch.sin(math.pi * (torch.arange(len(time)) + 0.5) / len(time))
        return between(0.3, 0.9) * envelope * torch.sin(2 * math.pi * frequency_hz * time)

    def utterance(text: str) -> Float[Tensor, "S"]:
        gap = torch.zeros(round(GAP_SECONDS * rate_hz))
        space = torch.zeros(round(SPACE_SECONDS * rate_hz))
        pieces = [gap]
        for letter in text:
            pieces += [space] if letter == " " else [tone(letter), gap]
        clean = torch.cat(pieces)
        return clean + NOISE * torch.randn(len(clean), generator=rng)

    texts = [
        " ".join(word() for _ in range(int(torch.randint(1, 3, (), generator=rng)))) for _ in range(count)
    ]
    sounds = Ragged.of([utterance(text) for text in texts])
    return Clips(sounds, texts, [f"{split}/{i}" for i in range(count)], [""] * count)
