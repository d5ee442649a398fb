"""Reversible instance normalisation: each window is put on its own scale, and its forecast back.

Papers: Kim et al. 2022, RevIN, ICLR 2022, section 3.2; Zeng et al. 2023, arXiv 2205.13504, section 4 (the
last value taken off).
Departures: no learned affine map; the deviation has a floor, so a window of one value stays finite.
Letters: B windows, L steps of the past, H steps ahead, C series.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Instance = Literal["none", "last", "mean", "deviation"]
FLOOR = 1e-2  # of the deviation in training: what a window of one value is divided by

Shift = Float[Tensor, "B 1 C"]


def window_scale(past: Float[Tensor, "B L C"], kind: Instance) -> tuple[Shift, Shift]:
    """What to take off each window and what to divide it by: (centre, spread).

    none changes nothing; last takes off the last value; mean the mean; deviation the mean, and divides by the
    deviation (over L).
    """
    centre, spread = torch.zeros_like(past[:, :1]), torch.ones_like(past[:, :1])
    if kind == "last":
        centre = past[:, -1:]
    elif kind in ("mean", "deviation"):
        centre = past.mean(dim=1, keepdim=True)
    if kind == "deviation":
        variance = past.var(dim=1, keepdim=True, correction=0)
        spread = (variance + FLOOR**2).sqrt()
    return centre, spread
