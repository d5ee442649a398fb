"""From a config to networks: what a bag counts in the training texts, and word vectors to start from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.errors import InputError, UsageError
from gradus.data.ragged import Ragged
from gradus.data.tokenise import Tokeniser
from gradus.data.vocabulary import SPECIAL
from gradus.data.word_vectors import WordVectors, read_vectors
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.plan import Plan
from gradus.engine.run import Run
from gradus.jobs.sentiment.config import BagAndCnnConfig, Config
from gradus.models.text_bag import TextBag, TextBagConfig, count_ngrams, log_count_ratios
from gradus.models.text_cnn import TextCnn, TextCnnConfig
from gradus.models.text_recurrent import TextRecurrent, TextRecurrentConfig
from gradus.models.text_transformer import TextTransformer, TextTransformerConfig

Columns = dict[str, Ragged | Tensor]
COUNTED_AT_ONCE = 512


class Voting(nn.Module):
    """Networks that each classify a text; their mean probability, by their votes, is scored and deployed."""

    def __init__(self, members: list[nn.Module], *, votes: list[float], several: bool) -> None:
        super().__init__()
        assert len(votes) == len(members)
        self.members = nn.ModuleList(members)
        self.register_buffer("votes", torch.tensor(votes) / sum(votes), persistent=False)
        self.several = several

    def each(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "M B K"]:
        """The logits of each member: what they learn by, for each has a loss of its own."""
        return torch.stack([member(word, mask).float() for member in self.members])

    def chances(self, logits: Float[Tensor, "M B K"]) -> Float[Tensor, "B K"]:
        """The probabilities that the members' logits stand for together."""
        each = logits.sigmoid() if self.several else logits.softmax(dim=2)
        return torch.einsum("m,mbk->bk", self.votes, each)

    def forward(self, word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        """The probability of each class, or of each label by itself where a text may have several."""
        return self.chances(self.each(word, mask))


def make(
    config: Config, run: Run, *, tokeniser: Tokeniser, num_classes: int, train: Callable[[], Columns]
) -> Voting:
    """The networks of a config; what is counted in the training texts is read of ``train`` once."""
    sizes = {"num_words": len(tokeniser.vocabulary), "num_classes": num_classes}
    model, count = config.model, config.members
    votes = [1.0] * count
    members: list[nn.Module]
    match model:
        case TextBagConfig():
            counted = _bag(config, model, run, tokeniser, num_classes, train)
            members = [TextBag(model, **sizes, **counted) for _ in range(count)]
        case TextCnnConfig():
            members = [TextCnn(model, **sizes) for _ in range(count)]
        case TextRecurrentConfig():
            members = [TextRecurrent(model, **sizes) for _ in range(count)]
        case TextTransformerConfig():
            members = [TextTransformer(model, **sizes) for _ in range(count)]
        case BagAndCnnConfig():
            counted = _bag(config, model.bag, run, tokeniser, num_classes, train)
            members = [TextBag(model.bag, **sizes, **counted)]
            members += [TextCnn(model.cnn, **sizes) for _ in range(count)]
            votes = [float(count), *votes]
    if config.vectors.path:
        run.decide("vectors", lambda: _start_from_vectors(config, members, tokeniser), "given")
        for member in _with_vectors(members):
            member.embedding.weight.requires_grad_(not config.vectors.freeze)
    return Voting(members, votes=votes, several=config.data.labels == "several")


# -- what a bag counts ------------------------------------------------------------------------------------


def _bag(
    config: Config,
    model: TextBagConfig,
    run: Run,
    tokeniser: Tokeniser,
    num_classes: int,
    train: Callable[[], Columns],
) -> dict[str, Any]:
    """``listed`` n-grams of a bag, and its log-count ``ratios``; from the plan where they are known."""
    words, number = tokeniser.vocabulary.words, tokeniser.vocabulary.number
    if model.ratio_smoothing and config.data.labels == "several":
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.ratio_smoothing",
            wanted="0 where a text may have several labels",
            got=f"{model.ratio_smoothing:g}",
            remedy="Set it to 0.",
        )
    listed = list[tuple[int, ...]]()
    if model.longest > 1 and not model.buckets:
        grams: list[str] = run.decide(
            "ngrams",
            lambda: [" ".join(words[i] for i in gram) for gram in _count(train(), model)],
            "counted in the training texts",
        )
        listed = [tuple(number[word] for word in gram.split(" ")) for gram in grams]
    if not model.ratio_smoothing:
        return {"listed": listed}
    ratios: list[list[float]] = run.decide(
        "log_count_ratios",
        lambda: _ratios(train(), model, listed=listed, num_words=len(words), num_classes=num_classes),
        "counted in the training texts, for each word and then each n-gram",
    )
    return {"listed": listed, "ratios": torch.tensor(ratios)}


def _count(columns: Columns, model: TextBagConfig) -> list[tuple[int, ...]]:
    word = columns["word"]
    assert isinstance(word, Ragged)
    texts = (word[place].tolist() for place in range(len(word)))
    return count_ngrams(texts, longest=model.longest, min_count=model.min_count)


def _ratios(
    columns: Columns,
    model: TextBagConfig,
    *,
    listed: list[tuple[int, ...]],
    num_words: int,
    num_classes: int,
) -> list[list[float]]:
    """The log-count ratio of each feature and class, to four decimals."""
    word, label = columns["word"], columns["label"]
    assert isinstance(word, Ragged)
    assert isinstance(label, Tensor)
    bag = TextBag(model, num_words=num_words, num_classes=num_classes, listed=listed)
    present = list[Tensor]()
    for places in torch.arange(len(word)).split(COUNTED_AT_ONCE):
        padded, _, mask = word.rows(places.to(word.bounds.device))
        features, real = bag.features(padded.cpu(), mask.cpu())
        present += [one[there].unique() for one, there in zip(features, real, strict=True)]
    ratios = log_count_ratios(
        present,
        label.cpu(),
        num_features=len(bag.embedding.weight),
        num_classes=num_classes,
        smoothing=model.ratio_smoothing,
    )
    return [[round(value, 4) for value in row] for row in ratios.tolist()]


# -- word vectors -----------------------------------------------------------------------------------------


def _start_from_vectors(config: Config, members: list[nn.Module], tokeniser: Tokeniser) -> dict[str, Any]:
    """Copy the vectors of known words into every member; what the plan says of it."""
    path, known = Path(str(config.vectors.path)).expanduser(), tokeniser.vocabulary
    wanted = set(known.words) - set(SPECIAL)
    found = vectors_of_run(path, wanted) if path.is_dir() else read_vectors(path, wanted)
    learners = _with_vectors(members)
    width = learners[0].embedding.weight.shape[1]
    if not found.words:
        raise InputError(
            "GR-TEXT-034",
            where=str(path),
            wanted=f"vectors of some of the {len(wanted):,} words of the training texts",
            got="of none of them",
            remedy="Check that the vectors are of this language, and that --clean writes words as they do.",
        )
    if found.vectors.shape[1] != width:
        raise UsageError(
            "GR-TEXT-033",
            where="--model.width",
            wanted=f"{found.vectors.shape[1]}, as in {path}",
            got=f"a model with {width} numbers a word",
            remedy="Give the model that width, or other vectors.",
        )
    places = torch.tensor([known.number[word] for word in found.words])
    with torch.no_grad():
        for member in learners:
            member.embedding.weight[places] = found.vectors.to(member.embedding.weight)
    return {"file": str(path), "found": len(found.words), "of": len(wanted), "repeated": found.repeated}


def _with_vectors(members: list[nn.Module]) -> list[Any]:
    """The members that describe words by vectors: beside others, a bag of plain weights does not."""
    return [m for m in members if not isinstance(m, TextBag) or m.config.width] or members


def vectors_of_run(folder: Path, wanted: set[str]) -> WordVectors:
    """The vectors of the wanted words that a run of sentiment/word_vectors has learnt; InputError where the
    folder is no such run."""
    state = Checkpoints(folder / "checkpoints").load()
    decisions = Plan.read(folder / "plan.json").decisions
    if state is None or "words" not in decisions or "inside.weight" not in state.get("model", {}):
        raise InputError(
            "GR-TEXT-030",
            where=str(folder),
            wanted="a trained run of sentiment/word_vectors",
            got="another folder",
            remedy="Give the folder of such a run, or a file of word vectors.",
        )
    words: list[str] = decisions["words"]["value"]["words"]
    places = [place for place, word in enumerate(words) if word in wanted]
    return WordVectors([words[p] for p in places], state["model"]["inside.weight"][places], 0)
