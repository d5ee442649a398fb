"""Windows of consecutive rows, each named by the row that it ends at; none is held in memory before its turn.

Letters: N rows, M windows, T rows of a window, F features.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def starts_of(bounds: Sequence[int]) -> Int64[Tensor, "N"]:
    """For each row where its file begins; ``bounds`` are those of the files, with one more for the end."""
    edges = torch.tensor(bounds)
    return edges[:-1].repeat_interleave(edges.diff())


def window_ends(allowed: Bool[Tensor, "N"], starts: Int64[Tensor, "N"], *, length: int) -> Int64[Tensor, "M"]:
    """The rows that end a window of ``length`` allowed rows of one file."""
    places = torch.arange(len(allowed))
    banned_before = torch.cat([torch.zeros(1, dtype=torch.int64), (~allowed).cumsum(0)])
    first = places - length + 1
    fits = first >= starts
    inside = banned_before[places + 1] - banned_before[first.clamp(min=0)]
    return (fits & (inside == 0)).nonzero()[:, 0]


def windows_at(
    rows: Float[Tensor, "N F"], ends: Int64[Tensor, "M"], *, starts: Int64[Tensor, "N"], length: int
) -> Float[Tensor, "M T F"]:
    """The windows that end at some rows; before the beginning of a file its first row is repeated."""
    steps = torch.arange(1 - length, 1, device=ends.device)
    places = torch.maximum(ends[:, None] + steps, starts[ends][:, None])  # (M, T)
    return rows[places]  # (M, T) places -> (M, T, F)
