"""From a config to networks: what a bag counts in the training texts, and word vectors to start from."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.errors import InputError, UsageError
from gradus.data.ragged import Ragged, padded
from gradus.data.spelling import Spelling
from gradus.data.tokenise import Tokeniser
from gradus.data.vocabulary import SPECIAL
from gradus.data.word_vectors import WordVectors, read_vectors
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.plan import Plan
from gradus.engine.run import Run
from gradus.jobs.sentiment.config import BagAndCnnConfig, Config
from gradus.jobs.sentiment.data import TextSplits
from gradus.models.text_bag import TextBag, TextBagConfig, count_ngrams, log_count_ratios
from gradus.models.text_cnn import TextCnn, TextCnnConfig
from gradus.models.text_recurrent import TextRecurrent, TextRecurrentConfig
from gradus.models.text_transformer import TextTransformer, TextTransformerConfig

COUNTED_AT_ONCE = 512


class Voting(nn.Module):
    """Networks that each classify a text; their mean probability, by their votes, is scored and deployed."""

    def __init__(self, members: list[nn.Module], *, votes: list[float], several: bool) -> None:
        super().__init__()
        assert len(votes) == len(members)
        self.members = nn.ModuleList(members)
        self.register_buffer("votes", torch.tensor(votes) / sum(votes), persistent=False)
        self.several = several

    def each(
        self,
        word: Int64[Tensor, "B T"],
        mask: Bool[Tensor, "B T"],
        piece: Int64[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "M B K"]:
        """The logits of each member: what they learn by, for each has a loss of its own.

        ``piece`` are the pieces of each text's words, where a bag looks at them.
        """
        logits = [
            member(word, mask, piece) if isinstance(member, TextBag) else member(word, mask)
            for member in self.members
        ]
        return torch.stack([one.float() for one in logits])

    def chances(self, logits: Float[Tensor, "M B K"]) -> Float[Tensor, "B K"]:
        """The probabilities that the members' logits stand for together."""
        each = logits.sigmoid() if self.several else logits.softmax(dim=2)
        return torch.einsum("m,mbk->bk", self.votes, each)

    def forward(
        self,
        word: Int64[Tensor, "B T"],
        mask: Bool[Tensor, "B T"],
        piece: Int64[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B K"]:
        """The probability of each class, or of each label by itself where a text may have several."""
        return self.chances(self.each(word, mask, piece))


def make(config: Config, run: Run, splits: TextSplits) -> Voting:
    """The networks of a config; what a bag counts is counted in the training texts."""
    tokeniser = splits.reader.tokeniser
    sizes = {"num_words": len(tokeniser.vocabulary), "num_classes": len(splits.classes)}
    model, count = config.model, config.members
    votes = [1.0] * count
    members: list[nn.Module]
    match model:
        case TextBagConfig():
            counted = _bag(config, model, run, splits)
            members = [TextBag(model, **sizes, **counted) for _ in range(count)]
        case TextCnnConfig():
            members = [TextCnn(model, **sizes) for _ in range(count)]
        case TextRecurrentConfig():
            members = [TextRecurrent(model, **sizes) for _ in range(count)]
        case TextTransformerConfig():
            members = [TextTransformer(model, **sizes) for _ in range(count)]
        case BagAndCnnConfig():
            counted = _bag(config, model.bag, run, splits)
            members = [TextBag(model.bag, **sizes, **counted)]
            members += [TextCnn(model.cnn, **sizes) for _ in range(count)]
            votes = [float(count), *votes]
    if config.vectors.path:
        run.decide("vectors", lambda: _start_from_vectors(config, members, tokeniser), "given")
        for member in _with_vectors(members):
            member.embedding.weight.requires_grad_(not config.vectors.freeze)
    return Voting(members, votes=votes, several=config.data.labels == "several")


# -- what a bag counts ------------------------------------------------------------------------------------


def _bag(config: Config, model: TextBagConfig, run: Run, splits: TextSplits) -> dict[str, Any]:
    """What a bag is made of beside its config; from the plan where it is known.

    The pieces of words that it looks at are given to the reader of the ``splits``.
    """
    num_words, listed = len(splits.reader.tokeniser.vocabulary), None
    if model.longest > 1 and not model.buckets:
        keys: list[int] = run.decide(
            "ngram_keys", lambda: _ngrams(splits, model).tolist(), "counted in the training texts"
        )
        listed = torch.tensor(keys, dtype=torch.int64)
    made: dict[str, Any] = {"listed": listed, "num_pieces": _spell(model, run, splits)}
    if not model.ratio_smoothing:
        return made
    counts: list[list[int]] = run.decide(
        "texts_with_each_feature",
        lambda: _count(splits, TextBag(model, num_words=num_words, num_classes=2, **made)),
        "training texts of each class that have each word, then each n-gram, then each piece of a word; with "
        "several labels a text, all texts in the last row",
    )
    of_classes, texts = torch.tensor(counts), None
    if config.data.labels == "several":
        of_classes, texts = of_classes[:-1], of_classes[-1]
    ratios = log_count_ratios(of_classes.T, smoothing=model.ratio_smoothing, texts=texts)
    return made | {"ratios": ratios}


def _spell(model: TextBagConfig, run: Run, splits: TextSplits) -> int:
    """How many pieces of words a bag looks at; the reader finds them in texts from now on."""
    if not model.letters:
        return 0
    sizes, reader = {"shortest": model.fewest_letters, "longest": model.letters}, splits.reader

    def fitted() -> list[str]:
        texts = splits.cut("learnt").first(reader.longest)
        return Spelling.fit(texts, **sizes, min_count=model.min_texts).pieces

    pieces: list[str] = run.decide("pieces", fitted, "counted in the training texts")
    reader.spelling = Spelling(pieces, **sizes)
    return len(pieces)


def _ngrams(splits: TextSplits, model: TextBagConfig) -> Int64[Tensor, "N"]:
    """The keys of the n-grams that a bag lists."""
    reader = splits.reader
    words = splits.cut("learnt").first(reader.longest).encode(reader.tokeniser.vocabulary)
    sizes = {"longest": model.longest, "num_words": len(reader.tokeniser.vocabulary)}
    return count_ngrams(words, **sizes, min_count=model.min_count)


def _count(splits: TextSplits, bag: TextBag) -> list[list[int]]:
    """How many training texts of each class have each feature of a bag and, where a text may have several
    labels, how many of all texts in a last row."""
    columns = splits.columns("learnt")
    word, label = columns["word"], columns["label"]
    assert isinstance(word, Ragged)
    assert isinstance(label, Tensor)
    if label.is_floating_point():
        member = F.pad(label, (0, 1), value=1.0).bool().cpu()  # (N, K) -> (N, K + 1)
    else:
        member = F.one_hot(label, len(splits.classes)).bool().cpu()
    counts = torch.zeros(member.shape[1], len(bag.embedding.weight), dtype=torch.int64)
    for places in word.lengths.argsort().split(COUNTED_AT_ONCE):
        batch = {name: tensor.cpu() for name, tensor in padded(columns, places).items()}
        feature, once = bag.features(batch["word"], batch["mask"], batch.get("piece"))
        for row, has in zip(counts, member[places].T, strict=True):
            row.add_(feature[once & has[:, None]].bincount(minlength=len(row)))
    return counts.tolist()


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
