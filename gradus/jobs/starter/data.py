"""Points on two spirals, made in memory: replace this file by one that reads your data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.randomness import generator


def spirals(split: str, *, count: int, noise: float) -> dict[str, Tensor]:
    """``count`` noisy points for a split: ``point`` (count, 2) and ``label`` (count,), 0 or 1.

    Each split has random numbers of its own, so none of its points is in another.
    """
    rng = generator(0, "spirals", split)
    label = torch.randint(2, (count,), generator=rng)
    turn = torch.rand(count, generator=rng).sqrt() * 2.5 * math.pi  # even along the arm
    angle = turn + math.pi * label
    point = torch.stack([angle.cos(), angle.sin()], dim=1) * turn[:, None] / 8
    return {"point": point + noise * torch.randn(count, 2, generator=rng), "label": label}


def mean_and_deviation(point: Float[Tensor, "N 2"]) -> tuple[list[float], list[float]]:
    """The statistics that inputs are normalised by; of the training split only."""
    return point.mean(0).tolist(), point.std(0).tolist()
