"""Random changes of tokenised texts, a whole batch at a time: replace, swap, delete, insert, forget words.

Papers: Wei and Zou 2019, arXiv 1901.11196 (the four operations on sentences); Iyyer et al. 2015, section 3.2
(dropping words). Every function takes numbers of words and a mask and draws from the generator that it is
given; every text keeps at least one word.
Letters: B texts, T places, V words, S synonyms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from gradus.core.configs import Fraction, Whole
from gradus.core.errors import InputError
from gradus.data.lines import read_lines
from gradus.data.vocabulary import PADDING, UNKNOWN, Vocabulary


@dataclass(frozen=True, kw_only=True, slots=True)
class TextAugmentConfig:
    """Changes of training texts: random ones of each batch, and translations there and back."""

    synonym_share: Fraction = 0.0
    """Share of words replaced by a synonym, among those that have one."""
    swap_share: Fraction = 0.0
    """Share of words that change places with another of their text."""
    delete_share: Fraction = 0.0
    """Share of words taken out."""
    insert_share: Fraction = 0.0
    """Share of words after which one is put in: a synonym of some word of the text, or that word itself."""
    unknown_share: Fraction = 0.0
    """Share of words replaced by the unknown word, so that it is learnt too."""
    synonyms: str | None = None
    """A text file with a word and its synonyms a line, apart by spaces."""
    neighbours: Whole = 0
    """Nearest neighbours in the word vectors that count as synonyms, where no file is given."""
    translate_there: str | None = None
    """Folder of a model in Hugging Face's format that translates the training texts to another language. They
    are translated there and back once, before training, and learnt beside the texts themselves."""
    translate_back: str | None = None
    """Folder of the model that translates them back."""


def augment_words(
    word: Int64[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
    config: TextAugmentConfig,
    *,
    synonyms: Int64[Tensor, "V S"],
    generator: torch.Generator,
) -> tuple[Int64[Tensor, "B t"], Bool[Tensor, "B t"]]:
    """All changes of a config, in the order of its fields but for forgetting, which comes last."""
    if config.synonym_share:
        chosen = _chosen(mask, config.synonym_share, generator)
        word = torch.where(chosen, synonyms_of(word, synonyms, generator=generator), word)
    if config.swap_share:
        word = swap(word, mask, share=config.swap_share, generator=generator)
    if config.delete_share:
        word, mask = delete(word, mask, share=config.delete_share, generator=generator)
    if config.insert_share:
        word, mask = insert(word, mask, share=config.insert_share, synonyms=synonyms, generator=generator)
    if config.unknown_share:
        word = word.masked_fill(_chosen(mask, config.unknown_share, generator), UNKNOWN)
    return word, mask


def _chosen(mask: Bool[Tensor, "B T"], share: float, generator: torch.Generator) -> Bool[Tensor, "B T"]:
    """Real places, each with the chance ``share``."""
    return mask & (torch.rand(mask.shape, generator=generator, device=mask.device) < share)


def synonyms_of(
    word: Int64[Tensor, "B T"], synonyms: Int64[Tensor, "V S"], *, generator: torch.Generator
) -> Int64[Tensor, "B T"]:
    """A synonym of each word, drawn among those it has (a row filled up with 0); without one, itself."""
    rows = synonyms[word]  # (B, T) -> (B, T, S)
    count = (rows != PADDING).sum(dim=2)
    thrown = torch.rand(word.shape, generator=generator, device=word.device)
    place = (thrown * count).long().clamp(max=max(0, synonyms.shape[1] - 1))
    found = rows.gather(2, place[:, :, None]).squeeze(2)  # (B, T, 1) -> (B, T)
    return torch.where(count > 0, found, word)


def swap(
    word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, share: float, generator: torch.Generator
) -> Int64[Tensor, "B T"]:
    """The chosen words of each text in another order among their places."""
    chosen = _chosen(mask, share, generator)
    rank = torch.rand(word.shape, generator=generator, device=word.device)
    # The chosen places in order, and the same places mixed: what stands at one goes to the other.
    in_order = (~chosen).to(torch.int8).argsort(dim=1, stable=True)
    mixed = torch.where(chosen, rank, 2.0).argsort(dim=1)
    moves = chosen.gather(1, in_order)  # chosen places come first
    source = torch.where(moves, mixed, in_order)
    return word.scatter(1, in_order, word.gather(1, source))


def delete(
    word: Int64[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, share: float, generator: torch.Generator
) -> tuple[Int64[Tensor, "B t"], Bool[Tensor, "B t"]]:
    """The texts without the chosen words; a text that would lose all keeps its first."""
    kept = mask & ~_chosen(mask, share, generator)
    empty = ~kept.any(dim=1)
    kept[empty, 0] = mask[empty, 0]
    return compact(word, kept)


def insert(
    word: Int64[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
    *,
    share: float,
    synonyms: Int64[Tensor, "V S"],
    generator: torch.Generator,
) -> tuple[Int64[Tensor, "B t"], Bool[Tensor, "B t"]]:
    """The texts with more words: after each chosen place, a synonym of some word of the same text."""
    chosen = _chosen(mask, share, generator)
    thrown = torch.rand(word.shape, generator=generator, device=word.device)
    place = (thrown * mask.sum(dim=1, keepdim=True)).long().clamp(max=word.shape[1] - 1)
    more = synonyms_of(word.gather(1, place), synonyms, generator=generator)
    pairs = torch.stack([word, more], dim=2).flatten(1)  # (B, T, 2) -> (B, 2 T)
    return compact(pairs, torch.stack([mask, chosen], dim=2).flatten(1))


def compact(
    word: Int64[Tensor, "B T"], kept: Bool[Tensor, "B T"]
) -> tuple[Int64[Tensor, "B t"], Bool[Tensor, "B t"]]:
    """The kept words of each text moved together, cut to the longest; the rest is padding."""
    order = (~kept).to(torch.int8).argsort(dim=1, stable=True)[:, : int(kept.sum(dim=1).max())]
    mask = kept.gather(1, order)
    return word.gather(1, order).masked_fill(~mask, PADDING), mask


def read_synonyms(path: Path, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """The synonyms of each known word that are known too; InputError names a line without a synonym."""
    found = dict[str, list[str]]()
    for number, line in enumerate(read_lines(path), start=1):
        words = line.lower().replace(",", " ").split()
        if len(words) == 1:
            raise InputError(
                "GR-TEXT-035",
                where=f"{path}, line {number}",
                wanted="a word and its synonyms",
                got=repr(line[:40]),
                remedy="Add a synonym, or remove the line.",
            )
        known = [word for word in words[1:] if word in vocabulary.number and word != words[0]]
        if known and words[0] in vocabulary.number:
            found[words[0]] = list(dict.fromkeys([*found.get(words[0], []), *known]))
    return found


def nearest_words(
    vectors: Float[Tensor, "V D"], vocabulary: Vocabulary, *, count: int
) -> dict[str, list[str]]:
    """The ``count`` words whose vectors point most nearly the same way; words without a vector have none."""
    length = vectors.norm(dim=1, keepdim=True)
    has = length.squeeze(1) > 0
    has[: UNKNOWN + 1] = False
    places = has.nonzero().squeeze(1)
    unit = vectors[places] / length[places]
    found = dict[str, list[str]]()
    most = min(count, len(places) - 1)
    for start in range(0, len(places) if most > 0 else 0, 1024):
        alike = unit[start : start + 1024] @ unit.T
        alike[torch.arange(len(alike)), torch.arange(start, start + len(alike))] = -2.0  # not itself
        for row, near in enumerate(alike.topk(most, dim=1).indices.tolist()):
            word = vocabulary.words[places[start + row]]
            found[word] = [vocabulary.words[places[place]] for place in near]
    return found


def synonym_table(synonyms: dict[str, Sequence[str]], vocabulary: Vocabulary) -> Int64[Tensor, "V S"]:
    """Synonyms by number, a row a word, filled up with 0."""
    table = torch.zeros(len(vocabulary), max(map(len, synonyms.values()), default=1), dtype=torch.int64)
    for word, others in synonyms.items():
        table[vocabulary.number[word], : len(others)] = torch.tensor([vocabulary.number[o] for o in others])
    return table
