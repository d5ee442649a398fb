"""Sentiment: one label a text, or any number of labels. Headline: accuracy on the held-out split.

The recipe word_vectors learns vectors of words instead; its functions are in ``word_vectors``, its baseline
in the recipe.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gradus.core.errors import UsageError
from gradus.data.balance import choose_remedy, class_weights, sample_weights
from gradus.data.clean import clean
from gradus.data.ragged import BucketBatches, Ragged, padded
from gradus.data.text_augment import augment_words, nearest_words, read_synonyms, synonym_table
from gradus.data.tokenise import Tokeniser, fit_tokeniser, tokeniser_of
from gradus.data.translate import Translations, with_translations
from gradus.data.vocabulary import PADDING
from gradus.engine.job import Deployable, Headline, Job, Panel, Raw, Split, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.jobs.sentiment import word_vectors
from gradus.jobs.sentiment.answer import drivers, verdict
from gradus.jobs.sentiment.baseline import tfidf_baseline
from gradus.jobs.sentiment.config import Config
from gradus.jobs.sentiment.data import TextSplits, about_words, load, survey
from gradus.jobs.sentiment.examine import examine
from gradus.jobs.sentiment.inputs import text_of, texts_in
from gradus.jobs.sentiment.networks import Voting, make
from gradus.jobs.sentiment.panels import panels
from gradus.jobs.sentiment.reader import Reader
from gradus.jobs.sentiment.recipes import RECIPES
from gradus.jobs.sentiment.scores import THRESHOLD, scores_of
from gradus.jobs.sentiment.translations import translations_of
from gradus.jobs.sentiment.word_vectors import WordVectorsConfig
from gradus.layers.losses import cross_entropy_sum, focal_sum

T = TypeVar("T")
EVALUATION_TOKENS = 16_384  # of a batch, padding included


@dataclass
class Parts:
    """The state of a run: the networks, their optimizer, and where the training batches are."""

    model: Voting
    optim: Optim
    train: BucketBatches
    splits: TextSplits
    synonyms: Tensor
    class_weights: Tensor | None


def build(config: Config, run: Run) -> Parts:
    """Read nothing that the plan knows: a run that is opened to predict needs no data."""
    about = run.decide("data", lambda: survey(config.data, config.clean), "read before training")
    translations = translations_of(config.data, config.augment, run)
    tokeniser = tokeniser_of(
        run.decide(
            "tokens",
            lambda: fit_tokeniser(_cleaned(config, translations), config.tokens).to_json(),
            "fitted on the training texts only",
        )
    )
    reader = Reader(tokeniser, config.clean, longest=config.longest)
    splits = TextSplits(
        config.data,
        classes=about["classes"],
        reader=reader,
        run=run,
        translations=translations,
    )
    run.decide("words", lambda: about_words(splits, about["texts"]), "counted over each split")
    model = run.place(make(config, run, splits))
    counts = torch.tensor(about["counts"])
    remedy, weights = _balance(config, run, counts)
    return Parts(
        model=model,
        optim=Optim(model, config.train),
        train=BucketBatches(
            lambda: splits.columns("learnt"),
            batch=config.train.batch,
            seed=config.train.seed,
            padding=PADDING,
            weights=(lambda: sample_weights(splits.columns("learnt")["label"].cpu(), counts))
            if remedy == "sampling"
            else None,
        ),
        splits=splits,
        synonyms=run.place(_synonyms(config, run, tokeniser, model)),
        class_weights=run.place(weights) if weights is not None else None,
    )


def _cleaned(config: Config, translations: Translations) -> list[str]:
    """The cleaned training texts, and what was made of them."""
    texts = with_translations(load(config.data).texts.splits["train"], translations)
    return [clean(text, config.clean) for text in texts.texts]


def _balance(config: Config, run: Run, counts: Tensor) -> tuple[str, Tensor | None]:
    """What is done about unequal classes, and the class weights if that is it."""
    if config.data.labels == "several":
        if config.imbalance not in ("auto", "none"):
            raise UsageError(
                "GR-CONFIG-003",
                where="--imbalance",
                wanted="auto or none where a text may have several labels",
                got=config.imbalance,
                remedy="Leave it out.",
            )
        return "none", None
    measured, reason = choose_remedy(counts)
    given = config.imbalance != "auto"
    remedy = run.decide("imbalance", config.imbalance if given else measured, "given" if given else reason)
    if remedy == "inverse":
        return remedy, counts.sum() / (len(counts) * counts.clamp(min=1))
    return remedy, class_weights(counts) if remedy == "weights" else None


def _synonyms(config: Config, run: Run, tokeniser: Tokeniser, model: Voting) -> Tensor:
    """The synonyms that augmentation draws from: a user's list, or neighbours among the word vectors."""
    augment, vocabulary = config.augment, tokeniser.vocabulary
    if augment.synonyms:
        path = Path(augment.synonyms).expanduser()
        found = run.decide("synonyms", lambda: read_synonyms(path, vocabulary), "given")
    elif augment.neighbours:
        if not config.vectors.path:
            raise UsageError(
                "GR-CONFIG-003",
                where="--augment.neighbours",
                wanted="word vectors to find neighbours in",
                got="none",
                remedy="Give --vectors.path, or a list with --augment.synonyms.",
            )
        found = run.decide(
            "synonyms",
            lambda: nearest_words(
                model.members[-1].embedding.weight.detach().cpu(), vocabulary, count=augment.neighbours
            ),
            "nearest in the word vectors",
        )
    else:
        found = {}
    if augment.synonym_share and not found:
        raise UsageError(
            "GR-CONFIG-003",
            where="--augment.synonym_share",
            wanted="synonyms of words of the training texts",
            got="none",
            remedy="Give --augment.synonyms FILE, or --augment.neighbours with --vectors.path.",
        )
    return synonym_table(found, vocabulary)


def stream(config: Config, parts: Parts, run: Run) -> Iterator[Batch]:
    """Batches of texts of about one length, randomly changed where the settings say so."""
    while True:
        batch = parts.train.next_batch()
        word, mask = augment_words(
            batch["word"],
            batch["mask"],
            config.augment,
            synonyms=parts.synonyms,
            generator=run.rng("augment"),
        )
        pieces = {"piece": batch["piece"]} if "piece" in batch else {}
        yield {"word": word, "mask": mask, **pieces, "label": batch["label"]}


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """Cross-entropy, focal loss or, with several labels, one loss a label; the mean over the members."""
    label = batch["label"]
    each = parts.model.each(batch["word"], batch["mask"], batch.get("piece"))  # (M, B, K)
    total = sum(_cost(config, parts, logits, label) for logits in each) / len(each)
    if label.is_floating_point():
        hits = ((parts.model.chances(each) > THRESHOLD) == (label > THRESHOLD)).all(dim=1).sum()
    else:
        hits = (parts.model.chances(each).argmax(dim=1) == label).sum()
    return Loss(total, len(label), {"accuracy": hits})


def _cost(config: Config, parts: Parts, logits: Float[Tensor, "B K"], label: Tensor) -> Float[Tensor, ""]:
    """The loss of one network, summed over the batch."""
    smoothing = config.label_smoothing
    if label.is_floating_point():
        soft = label * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits.float(), soft, reduction="sum")
    if config.imbalance == "focal":
        return focal_sum(logits, label, gamma=config.focal_gamma)[0]
    return cross_entropy_sum(logits, label, class_weights=parts.class_weights, label_smoothing=smoothing)[0]


def probabilities(parts: Parts, split: Split) -> tuple[Tensor, Tensor] | None:
    """The probabilities of a split's texts in their order, and their labels; None without such a split."""
    columns = parts.splits.columns(split)
    if not columns:
        return None
    word, label = columns["word"], columns["label"]
    assert isinstance(word, Ragged)
    assert isinstance(label, Tensor)
    order = word.lengths.argsort(stable=True)
    chances = torch.zeros(len(word), len(parts.splits.classes), device=label.device)
    start = 0
    while start < len(order):
        some = order[start : start + max(1, EVALUATION_TOKENS // int(word.lengths[order[start]]))]
        longest = int(word.lengths[some[-1]])
        some = some[: max(1, EVALUATION_TOKENS // longest)]
        batch = padded(columns, some, value=PADDING)
        chances[some] = parts.model(batch["word"], batch["mask"], batch.get("piece")).float()
        start += len(some)
    return chances, label


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """Accuracy, F1, precision, recall, calibration on a split; empty if there is no such split."""
    found = probabilities(parts, split)
    return scores_of(*found) if found else {}


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """Logistic regression on TF-IDF of words and pairs, and the most frequent class."""
    return tfidf_baseline(parts.splits, config.clean)


def deploy(config: Config, parts: Parts) -> Deployable:
    """The networks with their vote; a text is cleaned and cut as the training texts were."""
    splits, reader = parts.splits, parts.splits.reader
    several = config.data.labels == "several"
    device = parts.synonyms.device
    rng = torch.Generator().manual_seed(0)
    word = torch.randint(2, max(3, len(reader.tokeniser.vocabulary)), (2, 7), generator=rng)
    mask = torch.arange(7) < torch.tensor([[7], [5]])
    example = {"word": word * mask, "mask": mask}
    axes = {"word": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}}
    if reader.spelling:
        example["piece"] = torch.randint(1, len(reader.spelling) + 1, (2, 9), generator=rng)
        axes["piece"] = {0: "batch", 1: "pieces"}

    def read(raw: Raw) -> dict[str, Tensor]:
        return {name: tensor.to(device) for name, tensor in reader.inputs(text_of(raw)).items()}

    def answer(output: dict[str, Tensor], raw: Raw) -> Any:
        chances, text = output["output"][0], text_of(raw)
        weights = drivers(parts.model, reader, text, place=int(chances.argmax()))
        words = tuple(zip(reader.tokens(text), weights, strict=False))  # an empty text has no token
        return verdict(chances, classes=splits.classes, words=words, several=several)

    return Deployable(
        module=parts.model,
        example={name: tensor.to(device) for name, tensor in example.items()},
        axes=axes,
        read=read,
        answer=answer,
        lines=lambda lines, name: texts_in(lines, name, config.data.text_column),
        spoken=True,
    )


def show(config: Config, parts: Parts, run: Run) -> list[Panel]:
    """Confusions, classes, mistakes with the words that drove them, calibration, and a training batch."""
    with run.aside("report"), torch.no_grad():
        found = probabilities(parts, "test")
        assert found is not None
        return panels(config, parts, scored=found, batch=next(stream(config, parts, run)))


def by_config(of_texts: Callable[..., T], of_vectors: Callable[..., T]) -> Callable[..., T]:
    """One function for both kinds of recipe: the config, which comes first, says which is meant."""

    def either(config: Any, *rest: Any) -> T:
        return (of_vectors if isinstance(config, WordVectorsConfig) else of_texts)(config, *rest)

    return either


JOB = Job(
    name="sentiment",
    headline=Headline("accuracy"),
    recipes=RECIPES,
    build=by_config(build, word_vectors.build),
    stream=by_config(stream, word_vectors.stream),
    step=by_config(supervised(loss), supervised(word_vectors.loss)),
    evaluate=by_config(evaluate, word_vectors.evaluate),
    baseline=baseline,
    deploy=by_config(deploy, word_vectors.deploy),
    panels=by_config(show, word_vectors.show),
    items=by_config(lambda config, parts: parts.splits.manifest(), word_vectors.items),
    examine=examine,
)
