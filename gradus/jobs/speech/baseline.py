"""The naive answers: the transcript of the training recording most alike, and the most frequent one."""

from collections import Counter

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.data.sound_sets import Clips
from gradus.data.spectra import Spectra, SpectraConfig
from gradus.metrics.transcripts import TranscriptScore

CEPSTRUM = SpectraConfig(form="mfcc", bands=20, window_seconds=0.032)


def nearest_baseline(train: Clips, test: Clips, *, rate_hz: int) -> dict[str, float]:
    """Test scores of the nearest training recording by the mean of its cepstrum, itself left out."""
    known, asked = means(train, rate_hz=rate_hz), means(test, rate_hz=rate_hz)
    scale = known.std(dim=0, correction=0).clamp(min=1e-6)
    distance = torch.cdist(asked / scale, known / scale)  # (tests, trains)
    place_of = {name: place for place, name in enumerate(train.names)}
    for row, name in enumerate(test.names):
        if name in place_of:  # a set that is tested on its training recordings
            distance[row, place_of[name]] = float("inf")
    score = TranscriptScore()
    score.update(test.texts, [train.texts[place] for place in distance.argmin(dim=1).tolist()])
    frequent, _ = Counter(train.texts).most_common(1)[0]
    naive = TranscriptScore()
    naive.update(test.texts, [frequent] * len(test))
    return score.compute() | {"most_frequent_wer": naive.words.rate}


def means(clips: Clips, *, rate_hz: int) -> Float[Tensor, "N K"]:
    """The mean over its frames of each recording's cepstral coefficients."""
    spectra = Spectra(CEPSTRUM, rate_hz=rate_hz)
    edge = spectra.num_samples // 2
    padded = [torch.nn.functional.pad(clips.sounds[place][None], (edge, edge)) for place in range(len(clips))]
    return torch.cat([spectra.frames(sound).mean(dim=1) for sound in padded])
