"""Skewed classes: how skewed they are, and what is done about it when nobody says.

Source of the effective number of items: Cui et al. 2019, arXiv 1901.05555, section 3.
"""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

Remedy = Literal["none", "weights", "sampling", "focal"]
MILD, HEAVY = 1.5, 20.0
BETA = 0.999  # each further item of a class counts a little less than the one before


def skew(counts: Int[Tensor, "K"]) -> float:
    """Items of the largest class for each one of the smallest."""
    return (counts.max() / counts.min().clamp(min=1)).item()


def choose_remedy(counts: Int[Tensor, "K"]) -> tuple[Remedy, str]:
    """What to do about unequal classes, and why: nothing, class weights, or balanced sampling.

    Weights are enough while every class is met in most epochs; beyond that a rare class would get a few huge
    gradients, and sampling it more often is steadier. Focal loss is only ever used when asked for.
    """
    measured = skew(counts)
    said = f"the largest class has {measured:.1f} times the items of the smallest"
    if measured <= MILD:
        return "none", f"{said}: near enough to equal"
    if measured <= HEAVY:
        return "weights", f"{said}: class weights"
    return "sampling", f"{said}: balanced sampling"


def class_weights(counts: Int[Tensor, "K"]) -> Float[Tensor, "K"]:
    """Weights by the inverse effective number of items; their mean over the items is 1."""
    effective = (1 - BETA ** counts.double()) / (1 - BETA)
    weights = 1 / effective.clamp(min=1)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def sample_weights(labels: Int[Tensor, "N"], counts: Int[Tensor, "K"]) -> Float[Tensor, "N"]:
    """Chances that draw each class equally often."""
    return (1.0 / counts.clamp(min=1))[labels]
