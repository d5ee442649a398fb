"""The recipe word_vectors: vectors of words learnt from running text by skip-gram or its inverse.

Headline: accuracy, the share of two pairs of WordSim-353 that the vectors put in the order that people do.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.data.batches import Batches
from gradus.data.manifest import Manifest
from gradus.data.sources import locate
from gradus.data.vocabulary import SPECIAL, Vocabulary
from gradus.engine.job import Deployable, Panel, Raw, Split
from gradus.engine.kept import Kept
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.engine.settings import TrainConfig
from gradus.jobs.sentiment.corpus import (
    ANALOGIES,
    SETS,
    Corpus,
    CorpusConfig,
    Sentences,
    numbered,
    read_analogies,
    read_corpus,
    read_pairs,
)
from gradus.jobs.sentiment.similarity import count_vectors, similarity_scores, unit
from gradus.models.skipgram import Skipgram, SkipgramConfig, keep_chances, noise_contrast, windows

NEAREST = 10
SHOWN = ("good", "bad", "king", "money", "doctor", "river", "three", "walked")


@dataclass(frozen=True, kw_only=True, slots=True)
class WordVectorsConfig:
    """Everything about one training run of word vectors."""

    data: CorpusConfig = field(default_factory=CorpusConfig)
    model: SkipgramConfig = field(default_factory=SkipgramConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass
class VectorParts:
    """The state of a run: the vectors, their optimizer, and where in the corpus training is."""

    model: Skipgram
    optim: Optim
    train: Batches
    vocabulary: Vocabulary
    counts: Tensor
    corpus: list[Corpus]
    """The corpus, once it has been read: a run that is opened to be asked needs none."""
    kept: Kept
    """Its sentences, those that the run was begun with."""


def build(config: WordVectorsConfig, run: Run) -> VectorParts:
    """Read nothing that the plan knows."""
    about = run.decide("words", lambda: _count(config.data), "counted in the corpus")
    vocabulary, counts = Vocabulary(about["words"]), torch.tensor(about["counts"])
    model = run.place(Skipgram(config.model, num_words=len(vocabulary)))
    corpus = list[Corpus]()
    kept = Kept(
        run,
        divided=lambda: {"train": Sentences(read_corpus(config.data))},
        undivided=lambda: Sentences(read_corpus(config.data)),
        everything=lambda: Sentences(read_corpus(config.data)),
    )

    def places() -> dict[str, Tensor]:
        found = numbered(kept.of("train").words, vocabulary.number)
        corpus.append(Corpus(run.place(found.word), run.place(found.sentence)))
        return {"place": torch.arange(len(corpus[0].word), device=run.device)}

    return VectorParts(
        model=model,
        optim=Optim(model, config.train),
        train=Batches(places, batch=config.train.batch, seed=config.train.seed),
        vocabulary=vocabulary,
        counts=run.place(counts),
        corpus=corpus,
        kept=kept,
    )


def _count(config: CorpusConfig) -> dict[str, Any]:
    """The words of a corpus, the most frequent first, and how often each occurs."""
    sentences = read_corpus(config)
    counts = Counter(chain.from_iterable(sentences))
    vocabulary = Vocabulary.fit(sentences, min_count=config.min_count)
    if len(vocabulary) < len(SPECIAL) + 2:
        raise InputError(
            "GR-TEXT-036",
            where=config.path or "the corpus",
            wanted=f"two words or more that occur {config.min_count} times",
            got=str(len(vocabulary) - len(SPECIAL)),
            remedy="Give a longer text, or a smaller --data.min-count.",
        )
    return {"words": vocabulary.words, "counts": [0, 0, *(counts[w] for w in vocabulary.words[2:])]}


def stream(config: WordVectorsConfig, parts: VectorParts, run: Run) -> Iterator[Batch]:
    """Words with those around them, each beside noise words.

    Skip-gram gives a row to each word and one word near it; the inverse a row to each word and all near it.
    """
    model = config.model
    chances = keep_chances(parts.counts, frequent=model.frequent)
    ends = (parts.counts.double() ** model.noise_power).masked_fill(parts.counts == 0, 0).cumsum(0)
    while True:
        places = parts.train.next_batch()["place"]
        corpus, rng = parts.corpus[0], run.rng("pairs")
        word, thrown = corpus.word[places], torch.rand(len(places), generator=rng, device=places.device)
        places = places[thrown < chances[word]]
        reach = torch.randint(1, model.window + 1, (len(places),), generator=rng, device=places.device)
        around, real = windows(places, reach, window=model.window, sentence=corpus.sentence)
        near = corpus.word[around]
        real = real & (torch.rand(near.shape, generator=rng, device=near.device) < chances[near])
        if model.algorithm == "skip_gram":
            row, column = real.nonzero().unbind(1)
            given, true = corpus.word[places[row]][:, None], near[row, column]
            mask = torch.ones_like(given, dtype=torch.bool)
        else:
            some = real.any(dim=1)
            given, true, mask = near[some], corpus.word[places[some]], real[some]
        if not len(true):
            continue  # a batch of words that were all passed over
        noise = torch.rand(len(true), model.noise, generator=rng, device=true.device, dtype=torch.float64)
        drawn = torch.searchsorted(ends, noise * ends[-1], right=True).clamp(max=len(ends) - 1)
        yield {"around": given, "mask": mask, "candidate": torch.cat([true[:, None], drawn], dim=1)}


def loss(config: WordVectorsConfig, parts: VectorParts, batch: Batch) -> Loss:
    """The cost of telling true neighbours from noise."""
    logits = parts.model(batch["around"], batch["mask"], batch["candidate"])
    best = (logits[:, 0] > logits[:, 1:].amax(dim=1)).sum()
    return Loss(noise_contrast(logits.float()), len(logits), {"true_above_noise": best})


def evaluate(config: WordVectorsConfig, parts: VectorParts, run: Run, split: Split) -> dict[str, float]:
    """Agreement with people on word pairs, and analogies; there is no validation split."""
    if split not in ("test", "all"):
        return {}
    return _scores(parts.model.inside.weight.cpu(), parts.vocabulary)


def _scores(vectors: Float[Tensor, "V D"], vocabulary: Vocabulary) -> dict[str, float]:
    folder = locate("word_vectors_eval")
    return similarity_scores(
        vectors,
        vocabulary.number,
        sets={name: read_pairs(folder / file) for name, file in SETS.items()},
        analogies=read_analogies(folder / ANALOGIES),
    )


def baseline(config: WordVectorsConfig, parts: VectorParts) -> dict[str, float]:
    """Counts of neighbours: positive pointwise mutual information with the 2,000 most frequent words."""
    corpus = numbered(parts.kept.of("train").words, parts.vocabulary.number)
    counted = count_vectors(
        corpus.word, corpus.sentence, num_words=len(parts.vocabulary), window=config.model.window
    )
    return _scores(counted, parts.vocabulary)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The words nearest to one."""

    word: str
    nearest: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values: cosines by word."""
        return {"word": self.word, "nearest": dict(self.nearest)}

    def draw(self) -> Image.Image | None:
        """A list of words needs no picture."""
        return None


class Nearest(nn.Module):
    """The cosine of a word to every word."""

    def __init__(self, model: Skipgram) -> None:
        super().__init__()
        self.model = model

    def forward(self, word: Int64[Tensor, "B"]) -> Float[Tensor, "B V"]:
        directions = unit(self.model.inside.weight)
        return directions[word] @ directions.T


def deploy(config: WordVectorsConfig, parts: VectorParts) -> Deployable:
    """An input is a word, an answer the words nearest to it."""
    vocabulary, device = parts.vocabulary, parts.counts.device

    def read(raw: Raw) -> dict[str, Tensor]:
        word = str(raw).strip().lower()
        if vocabulary.number.get(word, 0) < len(SPECIAL):
            raise InputError(
                "GR-TEXT-037",
                where="an input",
                wanted=f"one of the {len(vocabulary) - len(SPECIAL):,} words that have a vector",
                got=repr(word[:40]),
                remedy="Ask for another word.",
            )
        return {"word": torch.tensor([vocabulary.number[word]], device=device)}

    def answer(output: dict[str, Tensor], raw: Raw) -> Neighbours:
        return Neighbours(str(raw).strip(), nearest(output["output"][0], str(raw), vocabulary))

    return Deployable(
        module=Nearest(parts.model),
        example={"word": torch.tensor([2, 3], device=device)},
        axes={"word": {0: "batch"}},
        read=read,
        answer=answer,
        lines=lambda lines, name: (
            (f"{name}, line {place}", line) for place, line in enumerate(lines, start=1) if line.strip()
        ),
        spoken=True,
    )


def nearest(cosine: Float[Tensor, "V"], word: str, vocabulary: Vocabulary) -> tuple[tuple[str, float], ...]:
    """The words of the highest cosines, but for the word itself."""
    values, places = cosine.topk(min(NEAREST + 1, len(vocabulary)))
    found = [(vocabulary.words[p], v) for p, v in zip(places.tolist(), values.tolist(), strict=True)]
    return tuple((w, v) for w, v in found if w != word.strip().lower() and w not in SPECIAL)[:NEAREST]


def items(config: WordVectorsConfig, parts: VectorParts) -> Manifest:
    """The keys of the sentences."""
    return parts.kept.manifest()


def show(config: WordVectorsConfig, parts: VectorParts, run: Run) -> list[Panel]:
    """The neighbours of a few words."""
    look = Nearest(parts.model)
    rows = []
    with torch.no_grad():
        for word in SHOWN:
            if word in parts.vocabulary.number:
                place = torch.tensor([parts.vocabulary.number[word]], device=parts.counts.device)
                found = nearest(look(place)[0].cpu(), word, parts.vocabulary)
                rows.append((word, ", ".join(f"{other} {value:.2f}" for other, value in found)))
    return [
        Panel(
            title="Neighbours",
            sentence="The words whose vectors point most nearly the same way, with their cosines.",
            columns=("word", "nearest"),
            rows=rows,
        )
    ]
