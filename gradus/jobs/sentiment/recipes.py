"""Whole configs of text classifiers, and what to expect of them."""

from collections.abc import Callable

from gradus.data.clean import CleanConfig
from gradus.data.text_augment import TextAugmentConfig
from gradus.engine.job import Expect, Headline, Recipe
from gradus.engine.schedules import Polynomial
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.sentiment.config import BagAndCnnConfig, Config
from gradus.jobs.sentiment.data import DataConfig
from gradus.jobs.sentiment.word_vectors import WordVectorsConfig, baseline
from gradus.models.text_bag import TextBagConfig
from gradus.models.text_cnn import TextCnnConfig


def smoke() -> Recipe:
    """Sentences in which it matters where "not" stands, made in memory. Proves the machinery."""
    config = Config(
        data=DataConfig(source="sentences"),
        model=TextCnnConfig(width=32, channels=32, dropout=0.2),
        train=TrainConfig(steps=160, batch=32, rate=4e-3, precision="fp32", optim=OptimConfig(ema=0.95)),
    )
    return Recipe(config, Expect(value=0.95, minutes=0.3, first_loss=(0.65, 0.75)))


def sst2() -> Recipe:
    """Film sentences, negative or positive: 6,920 train, 872 select, 1,821 test. No pretraining."""
    config = Config(
        data=DataConfig(source="sst2"),
        model=_bag(),
        train=_train(1000),
    )
    return Recipe(config, Expect(value=0.82, minutes=2, first_loss=(0.65, 0.75)))


def sst5() -> Recipe:
    """Film sentences, very negative to very positive: 8,544 train, 1,101 select, 2,210 test."""
    config = Config(
        data=DataConfig(source="sst5"),
        model=BagAndCnnConfig(bag=_bag()),
        members=3,
        augment=TextAugmentConfig(delete_share=0.1, unknown_share=0.1),
        imbalance="none",
        train=_train(798),
    )
    return Recipe(config, Expect(value=0.42, minutes=10, first_loss=(1.5, 1.7)))


def airline() -> Recipe:
    """Tweets to airlines, negative, neutral or positive: 10,500 train, 1,171 select, 2,928 test."""
    config = Config(
        data=DataConfig(source="airline", label_column="airline_sentiment"),
        clean=CleanConfig(markup="remove", web="mask"),
        model=_bag(),
        imbalance="inverse",
        train=_train(1640),
    )
    expect = Expect(value=0.76, minutes=2, first_loss=(1.0, 1.2))
    return Recipe(config, expect, headline=Headline("macro_f1"))  # two tweets in three are negative


def folder() -> Recipe:
    """Your own texts (--data PATH): a .csv, .tsv or .jsonl file, or a folder of .txt files by class."""
    config = Config(
        data=DataConfig(source="folder"),
        clean=CleanConfig(markup="remove"),
        model=_bag(),
        train=TrainConfig(steps=2000, batch=32, rate=1e-3, precision="fp32", keep="best"),
    )
    return Recipe(config, Expect(value=0.5, minutes=10))


def vectors() -> Recipe:
    """Vectors of words, learnt from the million words of the Brown corpus and scored on what people say."""
    config = WordVectorsConfig(
        train=TrainConfig(steps=6000, batch=2048, rate=2e-3, precision="fp32", schedule=Polynomial()),
    )
    expect = Expect(value=0.25, minutes=10, first_loss=(4.0, 4.3))
    return Recipe(config, expect, headline=Headline("spearman_ws353"), baseline=baseline)


def _bag() -> TextBagConfig:
    return TextBagConfig(letters=5, ratio_smoothing=1.0, even=True, dropout=0.3, pace=10.0)


def _train(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, batch=64, rate=1e-3, precision="fp32")


RECIPES: dict[str, Callable[[], Recipe]] = {
    "sst2": sst2,
    "sst5": sst5,
    "airline": airline,
    "folder": folder,
    "word_vectors": vectors,
    "smoke": smoke,
}
