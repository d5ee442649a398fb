"""How well word vectors agree with people, and a count of neighbours as the naive answer.

Sources: Levy, Goldberg and Dagan 2015, TACL 3 (positive pointwise mutual information); Mikolov et al. 2013,
arXiv 1301.3781, section 4 (analogies).
Letters: N pairs, V words, D width.
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from gradus.models.skipgram import windows

AT_ONCE = 65_536
CONTEXTS = 2000


def ranks(values: Float64[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """The rank of each value, equal ones sharing the mean of theirs."""
    _, place, count = values.unique(return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    return (last - (count - 1) / 2)[place]


def spearman(one: Float64[Tensor, "N"], other: Float64[Tensor, "N"]) -> float:
    """Spearman's rank correlation; 0 where either side has a single value."""
    a, b = (ranks(values) - ranks(values).mean() for values in (one, other))
    scale = (a.square().sum() * b.square().sum()).sqrt()
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def unit(vectors: Float[Tensor, "V D"]) -> Float[Tensor, "V D"]:
    """Vectors of length 1; a vector of zeros stays."""
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)


def similarity_scores(
    vectors: Float[Tensor, "V D"],
    number: dict[str, int],
    *,
    sets: dict[str, list[tuple[str, str, float]]],
    analogies: list[tuple[str, str, str, str]],
) -> dict[str, float]:
    """Rank correlations on sets of word pairs, and the share of analogies whose word comes first.

    What holds an unknown word is passed over; ``known_`` figures say how much is left. A correlation of fewer
    than two pairs is 0.
    """
    directions = unit(vectors.float())
    scores = dict[str, float]()
    for name, pairs in sets.items():
        known = [(number[a], number[b], score) for a, b, score in pairs if a in number and b in number]
        scores[f"known_{name}"] = len(known) / max(1, len(pairs))
        if len(known) < 2:
            scores[f"spearman_{name}"] = 0.0
            continue
        first, second = (torch.tensor([pair[i] for pair in known]) for i in (0, 1))
        people = torch.tensor([score for *_, score in known], dtype=torch.float64)
        cosine = (directions[first] * directions[second]).sum(dim=1).double()
        scores[f"spearman_{name}"] = spearman(cosine, people)
    known_ones = [[number[w] for w in words] for words in analogies if all(w in number for w in words)]
    scores["known_analogies"] = len(known_ones) / max(1, len(analogies))
    if known_ones:
        scores["analogy_accuracy"] = analogy_accuracy(directions, torch.tensor(known_ones))
    return scores


def analogy_accuracy(directions: Float[Tensor, "V D"], questions: Int64[Tensor, "N 4"]) -> float:
    """The share of questions a : b = c : d whose d lies nearest b - a + c among all words but a, b and c."""
    hits = 0
    for some in questions.split(1024):
        a, b, c, d = some.unbind(1)
        alike = unit(directions[b] - directions[a] + directions[c]) @ directions.T  # (N, V)
        alike.scatter_(1, some[:, :3], -2.0)
        hits += int((alike.argmax(dim=1) == d).sum())
    return hits / len(questions)


def count_vectors(
    word: Int64[Tensor, "N"], sentence: Int64[Tensor, "N"], *, num_words: int, window: int
) -> Float[Tensor, "V D"]:
    """Words by how much oftener than chance each of the most frequent words stands near them.

    Numbers of words go by frequency, so the first are the most frequent.
    """
    contexts = min(CONTEXTS, num_words)
    counts = torch.zeros(num_words * contexts)
    for places in torch.arange(len(word)).split(AT_ONCE):
        around, real = windows(places, torch.full_like(places, window), window=window, sentence=sentence)
        real &= word[around] < contexts
        cells = word[places][:, None] * contexts + word[around]  # (B, C)
        counts += cells[real].bincount(minlength=len(counts))
    table = counts.view(num_words, contexts)
    chance = table.sum(dim=1, keepdim=True) * table.sum(dim=0) / table.sum().clamp(min=1)
    return (table / chance.clamp(min=1e-12)).clamp(min=1e-12).log().clamp(min=0)
