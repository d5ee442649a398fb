"""The settings of a recogniser, and the models it can be."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from torch import nn

from gradus.core.configs import Count, NotNegative, Positive, Whole
from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.spectra import SpectraConfig
from gradus.engine.settings import TrainConfig
from gradus.jobs.speech.data import DataConfig
from gradus.models.conformer import Conformer, ConformerConfig
from gradus.models.speech_recurrent import SpeechRecurrent, SpeechRecurrentConfig

Model = SpeechRecurrentConfig | ConformerConfig
MODELS: dict[type, type[nn.Module]] = {SpeechRecurrentConfig: SpeechRecurrent, ConformerConfig: Conformer}
assert set(MODELS) == set(get_args(Model))


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeConfig:
    """How a recording becomes log-probabilities, and these text."""

    warps: tuple[Positive, ...] = ()
    """Factors on the frequencies of a recording: it is heard at each of them, and the mean of the outputs
    is decoded; a stream is heard once, as it is."""
    beam: Whole = 0
    """Prefixes that a beam search keeps at each step; 0 takes the likeliest token of each step."""
    order: Whole = 0
    """Length of the n-grams of a language model counted on the training transcripts; 0 is none."""
    weight: NotNegative = 0.5
    """Weight of the language model in the search."""
    bonus: float = 0.0
    """Added to the score for each token: a language model alone prefers short texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything about one training run of a recogniser."""

    data: DataConfig = field(default_factory=DataConfig)
    features: SpectraConfig = field(default_factory=SpectraConfig)
    model: Model = field(default_factory=SpeechRecurrentConfig)
    augment: SoundAugmentConfig = field(default_factory=SoundAugmentConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    committee: tuple[Literal["mel", "pcen"], ...] = ()
    """Forms of the features of further recognisers that learn beside the first; the mean of their
    probabilities is decoded."""
    merges: Whole = 0
    """Pairs of letters that become tokens of their own (subwords); 0 spells letter by letter."""
    stream_chunk_steps: Count = 10
    """Steps in a chunk of the report's streaming measurement, where the model can stream."""
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def hearings(self) -> list[SpectraConfig]:
        """The features of each recogniser, the first one's first."""
        return [self.features, *(replace(self.features, form=form) for form in self.committee)]
