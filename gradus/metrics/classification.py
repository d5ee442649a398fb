"""Scores of a classifier that gives each item one class: sums and counts, divided once at the end.

Sources: calibration error, Guo et al. 2017, arXiv 1706.04599, section 2; Brier score, Brier 1950, Monthly
    Weather Review 78, 1-3.
Conventions, scikit-learn's wherever it has one:
    a class never predicted has precision 0, one never seen has recall 0, and with neither its F1 is 0;
    macro F1 averages over the classes seen or predicted, balanced accuracy over the classes seen;
    equal probabilities rank in the order of the classes;
    the likelihood counts a probability as at least the smallest step of its number format (1.2e-7 in fp32);
    the Brier score sums over classes, so it lies between 0 and 2.
Letters: B items, K classes, M bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRow:
    """How one class fared."""

    name: str
    precision: float
    recall: float
    f1: float
    count: int
    """Items of this class."""
    predicted: int
    """Items taken for this class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """The items whose top probability lies above ``low`` and at most at ``high``."""

    low: float
    high: float
    count: int
    confidence: float
    """Their mean top probability."""
    accuracy: float
    """How many of them were right, as a share."""


class ClassificationScore:
    """Adds up what batches, micro-batches and devices saw of a split, and scores it as a whole.

    ``state`` holds sums only: adding it up over processes, tensor by tensor, merges them. An update waits for
    nothing on the device; its memory grows with the square of the classes (8 MB for 1000).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        top_k: int = 5,
        num_bins: int = 15,
        device: torch.device | str = "cpu",
    ) -> None:
        assert min(num_classes - 1, top_k, num_bins) >= 1
        self.num_classes, self.top_k, self.num_bins = num_classes, top_k, num_bins
        whole = partial(torch.zeros, dtype=torch.int64, device=device)
        real = partial(torch.zeros, dtype=torch.float64, device=device)
        self.state: dict[str, Tensor] = {
            "confusion": whole(num_classes, num_classes),  # row: the label; column: the prediction
            "top_k_hits": whole(1),
            "bin_count": whole(num_bins),
            "bin_hits": whole(num_bins),
            "bin_confidence": real(num_bins),
            "negative_log_likelihood": real(1),
            "brier": real(1),
        }

    def update(self, probabilities: Float[Tensor, "B K"], labels: Int[Tensor, "B"]) -> None:
        """Add a batch: each item's probabilities, which sum to 1, and its true class."""
        assert probabilities.shape[1] == self.num_classes, f"{probabilities.shape[1]} != {self.num_classes}"
        smallest = torch.finfo(probabilities.dtype).eps
        exact, labels = probabilities.detach().double(), labels.long()
        confidence, predicted = exact.max(dim=1)
        hit = (predicted == labels).long()
        state = self.state
        pairs = labels * self.num_classes + predicted  # a cell of the confusion matrix as one number
        state["confusion"].view(-1).scatter_add_(0, pairs, torch.ones_like(pairs))
        bins = ((confidence * self.num_bins).ceil().long() - 1).clamp(0, self.num_bins - 1)
        state["bin_count"].scatter_add_(0, bins, torch.ones_like(bins))
        state["bin_hits"].scatter_add_(0, bins, hit)
        state["bin_confidence"].scatter_add_(0, bins, confidence)
        own = exact.gather(1, labels[:, None])  # (B, 1)
        if self.num_classes > self.top_k:
            earlier = torch.arange(self.num_classes, device=labels.device) < labels[:, None]
            rank = ((exact > own) | ((exact == own) & earlier)).sum(dim=1)
            state["top_k_hits"] += (rank < self.top_k).sum()
        state["negative_log_likelihood"] -= own.clamp(min=smallest).log().sum()
        # The sum of (p - y)^2 over the classes, with y one-hot.
        state["brier"] += exact.square().sum() - 2 * own.sum() + len(labels)

    def merge(self, other: "ClassificationScore") -> None:
        """Add what another score of the same settings has seen."""
        assert (self.num_classes, self.top_k, self.num_bins) == (
            other.num_classes,
            other.top_k,
            other.num_bins,
        )
        for name, total in self.state.items():
            total.add_(other.state[name].to(total.device))

    @property
    def confusion(self) -> Int64[Tensor, "K K"]:
        """How many items of each class (row) were taken for each class (column)."""
        return self.state["confusion"]

    def compute(self) -> dict[str, float]:
        """The scores of everything added so far."""
        state = {name: total.cpu().double() for name, total in self.state.items()}
        confusion = state["confusion"]
        seen, taken, count = confusion.sum(dim=1), confusion.sum(dim=0), confusion.sum()
        assert count > 0, "nothing was added to the score"
        _, recall, f1 = _ratios(confusion)
        top_k = (
            {f"top{self.top_k}_accuracy": state["top_k_hits"] / count}
            if self.num_classes > self.top_k
            else {}
        )
        scores = {
            "accuracy": confusion.trace() / count,
            **top_k,
            "macro_f1": f1[seen + taken > 0].mean(),
            "weighted_f1": (f1 * seen).sum() / count,
            "balanced_accuracy": recall[seen > 0].mean(),
            "calibration_error": (state["bin_hits"] - state["bin_confidence"]).abs().sum() / count,
            "negative_log_likelihood": state["negative_log_likelihood"] / count,
            "brier": state["brier"] / count,
        }
        return {name: score.item() for name, score in scores.items()}

    def per_class(self, classes: Sequence[str]) -> list[ClassRow]:
        """One row a class, in their order; ``classes`` are their names."""
        assert len(classes) == self.num_classes, f"{len(classes)} names for {self.num_classes} classes"
        confusion = self.confusion.cpu()
        ratios = [ratio.tolist() for ratio in _ratios(confusion.double())]
        counts = confusion.sum(dim=1).tolist(), confusion.sum(dim=0).tolist()
        return [
            ClassRow(name=name, precision=precision, recall=recall, f1=f1, count=count, predicted=predicted)
            for name, precision, recall, f1, count, predicted in zip(classes, *ratios, *counts, strict=True)
        ]

    def reliability(self) -> list[ReliabilityBin]:
        """The bins of a reliability diagram that hold any items, least confident first."""
        names = ("bin_count", "bin_hits", "bin_confidence")
        counts, hits, confidences = (self.state[name].tolist() for name in names)
        return [
            ReliabilityBin(
                low=index / self.num_bins,
                high=(index + 1) / self.num_bins,
                count=count,
                confidence=confidences[index] / count,
                accuracy=hits[index] / count,
            )
            for index, count in enumerate(counts)
            if count
        ]


def _ratios(
    confusion: Float[Tensor, "K K"],
) -> tuple[Float[Tensor, "K"], Float[Tensor, "K"], Float[Tensor, "K"]]:
    """Precision, recall and F1 of each class; nothing over nothing is 0."""
    right, seen, taken = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    return right / taken.clamp(min=1), right / seen.clamp(min=1), 2 * right / (seen + taken).clamp(min=1)
