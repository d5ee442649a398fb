"""Connectionist temporal classification: the loss of a text of unknown timing, and the text of an output.

Papers: Graves et al. 2006, ICML (the loss, and the best path); Hannun et al. 2014, arXiv 1408.2873, algorithm
1 (prefix beam search with a language model).
Departures: the language model scores tokens and not words, and the end of the text too.
Letters: B texts, T steps, V tokens of which 0 is the blank, U tokens of the longest text.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

BLANK = 0
NEVER = -math.inf

NextLogProbs = Callable[[tuple[int, ...]], Sequence[float]]
"""A language model: for each token its log-probability after a text so far, at 0 that of the text's end."""


def ctc_loss_sum(
    log_probs: Float[Tensor, "B T V"],
    steps: Int64[Tensor, "B"],
    text: Int64[Tensor, "B U"],
    text_length: Int64[Tensor, "B"],
) -> tuple[Float[Tensor, ""], Int64[Tensor, ""]]:
    """The negative log-likelihood of all texts, and the number of their tokens, which is its count.

    Infinite where a text needs more steps than its output has: who calls has refused such items.
    """
    total = F.ctc_loss(
        log_probs.float().transpose(0, 1),  # (B, T, V) -> (T, B, V)
        text,
        steps,
        text_length,
        blank=BLANK,
        reduction="sum",
    )
    return total, text_length.sum()


def greedy(log_probs: Float[Tensor, "B T V"], steps: Int64[Tensor, "B"]) -> list[list[int]]:
    """The likeliest token of each step, repeats and blanks taken out."""
    best = log_probs.argmax(dim=2)  # (B, T, V) -> (B, T)
    changed = torch.ones_like(best, dtype=torch.bool)
    changed[:, 1:] = best[:, 1:] != best[:, :-1]
    inside = torch.arange(best.shape[1], device=best.device) < steps[:, None]
    kept = changed & inside & (best != BLANK)
    return [row[keep].tolist() for row, keep in zip(best.cpu(), kept.cpu(), strict=True)]


def prefix_beam(
    log_probs: Float[Tensor, "T V"],
    *,
    beam: int,
    next_log_probs: NextLogProbs | None = None,
    weight: float = 0.0,
    bonus: float = 0.0,
    least_log_prob: float = NEVER,
) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest texts over all their timings, best first, each with its score.

    A score is the log-likelihood of the text, plus ``weight`` times its log-probability in the language
    model, plus ``bonus`` for each of its tokens. Tokens below ``least_log_prob`` at a step are passed over
    there. Cost: T x ``beam`` x V.
    """
    assert beam >= 1
    # For each prefix: the log-likelihood that its last step was blank, and that it was its last token.
    ends: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    written: dict[tuple[int, ...], float] = {(): 0.0}  # what model and bonus add to a prefix

    def ranked(found: dict[tuple[int, ...], tuple[float, float]]) -> list[tuple[int, ...]]:
        return sorted(found, key=lambda prefix: (-(_either(*found[prefix]) + written[prefix]), prefix))

    for step in log_probs.detach().cpu().double().tolist():
        following: dict[tuple[int, ...], tuple[float, float]] = {}
        tokens = [token for token, value in enumerate(step) if token != BLANK and value > least_log_prob]
        for prefix, (by_blank, by_token) in ends.items():
            both = _either(by_blank, by_token)
            last = prefix[-1] if prefix else BLANK
            stayed = by_token + step[last] if prefix else NEVER
            _add(following, prefix, both + step[BLANK], stayed)
            likely = next_log_probs(prefix) if next_log_probs and weight else None
            for token in tokens:
                longer = (*prefix, token)
                before = by_blank if token == last else both  # two equal tokens have a blank between them
                if before == NEVER:
                    continue
                written[longer] = written[prefix] + bonus + (weight * likely[token] if likely else 0.0)
                _add(following, longer, NEVER, before + step[token])
        ends = {prefix: following[prefix] for prefix in ranked(following)[:beam]}
    if next_log_probs and weight:
        written = {prefix: written[prefix] + weight * next_log_probs(prefix)[BLANK] for prefix in ends}
    return [(prefix, _either(*ends[prefix]) + written[prefix]) for prefix in ranked(ends)]


def _add(
    found: dict[tuple[int, ...], tuple[float, float]],
    prefix: tuple[int, ...],
    by_blank: float,
    by_token: float,
) -> None:
    """Add likelihoods to those that a prefix has."""
    blank, token = found.get(prefix, (NEVER, NEVER))
    found[prefix] = (_either(blank, by_blank), _either(token, by_token))


def _either(one: float, other: float) -> float:
    """The logarithm of the sum of two numbers, from theirs."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
