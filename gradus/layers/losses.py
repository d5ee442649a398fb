"""Losses of classification as a sum and what to divide it by, for one label or a mixture of labels a sample.

Papers: Szegedy et al. 2016, arXiv 1512.00567, section 7 (label smoothing); Zhang et al. 2018, arXiv
1710.09412 (mixtures of labels); Lin et al. 2017, arXiv 1708.02002, equation 5 (focal loss).
Departures: the focal loss is taken over a softmax, not over independent sigmoids.
Letters: B samples, K classes.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def cross_entropy_sum(
    logits: Float[Tensor, "B K"],
    target: Int[Tensor, "B"] | Float[Tensor, "B K"],
    *,
    class_weights: Float[Tensor, "K"] | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], int | Float[Tensor, ""]]:
    """The summed cross-entropy in nats, and its divisor; total / count is torch's mean.

    ``target`` holds classes or, for mixed samples, probabilities. Half precision is summed in single
    precision.
    """
    logits = _at_least_float32(logits)
    total = F.cross_entropy(
        logits, target, weight=class_weights, label_smoothing=label_smoothing, reduction="sum"
    )
    return total, _divisor(target, class_weights)


def focal_sum(
    logits: Float[Tensor, "B K"],
    target: Int[Tensor, "B"] | Float[Tensor, "B K"],
    *,
    gamma: float,
    class_weights: Float[Tensor, "K"] | None = None,
) -> tuple[Float[Tensor, ""], int | Float[Tensor, ""]]:
    """The summed focal loss, -(1 - p)^gamma log p of the true class, and its divisor.

    It is ``cross_entropy_sum`` at gamma 0; a larger gamma (2 in the paper) lets go of samples that are
    already right.
    """
    log_share = F.log_softmax(_at_least_float32(logits), dim=-1)
    # 1 - p without cancellation. The floor keeps the derivative of x^gamma finite where p is 1 and gamma
    # below 1.
    doubt = (-torch.expm1(log_share)).clamp_min(torch.finfo(log_share.dtype).tiny)
    cost = -log_share * doubt**gamma  # (B, K)
    if class_weights is not None:
        cost = cost * class_weights
    chosen = cost * target if target.is_floating_point() else cost.gather(1, target[:, None])
    return chosen.sum(), _divisor(target, class_weights)


def _divisor(
    target: Int[Tensor, "B"] | Float[Tensor, "B K"], class_weights: Float[Tensor, "K"] | None
) -> int | Float[Tensor, ""]:
    """The number of samples, or the sum of their classes' weights if each has one class, as in torch."""
    if class_weights is None or target.is_floating_point():
        return target.shape[0]
    return class_weights[target].sum()


def _at_least_float32(logits: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
