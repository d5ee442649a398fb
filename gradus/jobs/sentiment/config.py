"""The settings of a text classifier, and the models it can be."""

from dataclasses import dataclass, field
from typing import Literal

from gradus.core.configs import Count, Fraction, NotNegative
from gradus.data.clean import CleanConfig
from gradus.data.text_augment import TextAugmentConfig
from gradus.data.tokenise import SubwordsConfig, WordsConfig
from gradus.engine.settings import TrainConfig
from gradus.jobs.sentiment.data import DataConfig
from gradus.models.text_bag import TextBagConfig
from gradus.models.text_cnn import TextCnnConfig
from gradus.models.text_recurrent import TextRecurrentConfig
from gradus.models.text_transformer import TextTransformerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class BagAndCnnConfig:
    """A bag of n-grams and convolutional networks; the bag has half of the vote."""

    bag: TextBagConfig = field(default_factory=TextBagConfig)
    cnn: TextCnnConfig = field(default_factory=TextCnnConfig)


Model = TextBagConfig | TextCnnConfig | TextRecurrentConfig | TextTransformerConfig | BagAndCnnConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorsConfig:
    """Word vectors to start from."""

    path: str | None = None
    """GloVe's or word2vec's text (or .gz), word2vec's binary file, or a run of sentiment/word_vectors."""
    freeze: bool = False
    """Keep the vectors as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything about one training run of a text classifier."""

    data: DataConfig = field(default_factory=DataConfig)
    clean: CleanConfig = field(default_factory=CleanConfig)
    tokens: WordsConfig | SubwordsConfig = field(default_factory=WordsConfig)
    longest: Count = 400
    """Tokens of a text that are read; what comes after them is cut off and counted."""
    vectors: VectorsConfig = field(default_factory=VectorsConfig)
    model: Model = field(default_factory=TextBagConfig)
    members: Count = 1
    """Networks that learn side by side and vote; each costs as much as one. Beside a bag, those of the other
    kind."""
    augment: TextAugmentConfig = field(default_factory=TextAugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    label_smoothing: Fraction = 0.0
    """Share of each target that is spread over all classes."""
    imbalance: Literal["auto", "none", "weights", "inverse", "sampling", "focal"] = "auto"
    """What is done about unequal classes: mild weights, weights that make all classes count alike (better
    macro F1, a little less accuracy), batches in which each class is as frequent, or focal loss; auto
    measures the classes and decides between none, weights and sampling."""
    focal_gamma: NotNegative = 2.0
    """How strongly focal loss looks away from what is easy, with --imbalance focal."""
