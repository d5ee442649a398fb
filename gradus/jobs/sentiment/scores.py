"""Scores of texts: one label each, or any number of labels.

With several labels a label is said where its probability is above one half; accuracy is the share of texts
whose labels are all right and that have no other.
Letters: N texts, K classes.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from gradus.metrics.classification import ClassificationScore

THRESHOLD = 0.5


def score(probabilities: Float[Tensor, "N K"], label: Int64[Tensor, "N"]) -> ClassificationScore:
    """The whole score of texts with one label each."""
    made = ClassificationScore(probabilities.shape[1], device=label.device)
    made.update(probabilities, label)
    return made


def scores_of(probabilities: Float[Tensor, "N K"], label: Tensor) -> dict[str, float]:
    """Every figure of a split; ``label`` is a class a text, or a one for each label that it has."""
    if label.is_floating_point():
        return several(probabilities, label)
    made = score(probabilities, label)
    figures = made.compute()
    classes = made.per_class([str(place) for place in range(made.num_classes)])
    met = [row for row in classes if row.count or row.predicted]
    figures["macro_precision"] = sum(row.precision for row in met) / len(met)
    figures["macro_recall"] = sum(row.recall for row in met) / len(met)
    return figures


def several(probabilities: Float[Tensor, "N K"], target: Float[Tensor, "N K"]) -> dict[str, float]:
    """Figures of texts with any number of labels; nothing over nothing is 0."""
    said, true = probabilities > THRESHOLD, target > THRESHOLD
    hits = (said & true).sum(dim=0).double()
    found, there = said.sum(dim=0), true.sum(dim=0)
    f1 = 2 * hits / (found + there).clamp(min=1)
    met = found + there > 0
    figures = {
        "accuracy": (said == true).all(dim=1).double().mean(),
        "label_accuracy": (said == true).double().mean(),
        "macro_f1": f1[met].mean() if bool(met.any()) else torch.tensor(0.0),
        "micro_f1": 2 * hits.sum() / (found + there).sum().clamp(min=1),
        "micro_precision": hits.sum() / found.sum().clamp(min=1),
        "micro_recall": hits.sum() / there.sum().clamp(min=1),
    }
    return {name: figure.item() for name, figure in figures.items()}
