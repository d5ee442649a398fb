"""How well scores rank positive items above negative ones, and what a threshold on them gives.

Sources: area under the ROC curve, Hanley & McNeil 1982, Radiology 143, 29-36; average precision (no
    interpolation), Davis & Goadrich 2006, ICML.
Conventions, scikit-learn's wherever it has one:
    equal scores count half in the ROC area, and enter the precision together;
    a score above the threshold is an alarm, one at it is none;
    precision without an alarm is 0, and so is F1 without a hit.
Letters: N items.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def auroc(scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"]) -> float:
    """The chance that a positive item scores above a negative one; NaN without both kinds."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return math.nan
    _, places, ties = scores.double().unique(sorted=True, return_inverse=True, return_counts=True)
    last = ties.cumsum(0).double()  # the highest rank, from 1, among items of one score
    rank = (last - (ties - 1) / 2)[places]  # their mean rank
    wins = rank[positive].sum().item() - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def average_precision(scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"]) -> float:
    """The area under the precision-recall curve as a sum of steps; NaN without a positive item."""
    positives = int(positive.sum())
    if not positives:
        return math.nan
    hits, alarms, _ = _cumulated(scores, positive)
    gained = hits.diff(prepend=hits.new_zeros(1)) / positives
    return (gained * hits / alarms).sum().item()


def threshold_at(scores: Float[Tensor, "N"], *, false_alarm_rate: float) -> float:
    """The lowest of the scores of normal items that at most this share of them exceeds."""
    assert len(scores) > 0, "a threshold needs scores"
    assert 0 <= false_alarm_rate < 1, f"a rate of {false_alarm_rate}"
    allowed = math.floor(false_alarm_rate * len(scores) + 1e-9)
    return scores.double().sort(descending=True).values[allowed].item()


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmScores:
    """What alarms above a threshold are worth."""

    precision: float
    """Share of the alarms that are right."""
    recall: float
    """Share of the positive items that raise one."""
    f1: float
    false_alarm_rate: float
    """Share of the negative items that raise one; NaN where there are none."""


def alarm_scores(scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"], *, threshold: float) -> AlarmScores:
    """Precision, recall, F1 and false alarm rate of an alarm for each score above ``threshold``."""
    alarm = scores.double() > threshold
    hits, alarms = int((alarm & positive).sum()), int(alarm.sum())
    positives, negatives = int(positive.sum()), int((~positive).sum())
    return AlarmScores(
        precision=hits / max(1, alarms),
        recall=hits / positives if positives else math.nan,
        f1=2 * hits / max(1, alarms + positives),
        false_alarm_rate=(alarms - hits) / negatives if negatives else math.nan,
    )


def best_f1(scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"]) -> tuple[float, float]:
    """The highest F1 that any threshold reaches, and that threshold: an oracle's, chosen on the answers."""
    hits, alarms, levels = _cumulated(scores, positive)
    f1 = 2 * hits / (alarms + int(positive.sum()))
    best = int(f1.argmax())
    lower = levels[best + 1] if best + 1 < len(levels) else levels[best] - 1  # an alarm lies above it
    return f1[best].item(), lower.item()


def roc_curve(
    scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"]
) -> tuple[Float[Tensor, "P"], Float[Tensor, "P"]]:
    """False alarm rates and recalls, a point a threshold, from (0, 0) to (1, 1); both kinds must be there."""
    hits, alarms, _ = _cumulated(scores, positive)
    zero = hits.new_zeros(1)
    false_alarms = torch.cat([zero, alarms - hits]) / int((~positive).sum())
    return false_alarms, torch.cat([zero, hits]) / int(positive.sum())


def _cumulated(
    scores: Float[Tensor, "N"], positive: Bool[Tensor, "N"]
) -> tuple[Float[Tensor, "P"], Float[Tensor, "P"], Float[Tensor, "P"]]:
    """Hits and alarms if everything down to a score is one, for each different score from the highest."""
    levels, places = scores.double().unique(sorted=True, return_inverse=True)
    hits = torch.zeros_like(levels).scatter_add_(0, places, positive.to(levels))
    alarms = places.bincount(minlength=len(levels)).to(levels)
    return hits.flip(0).cumsum(0), alarms.flip(0).cumsum(0), levels.flip(0)
