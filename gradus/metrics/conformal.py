"""Split-conformal bands: how far a forecast may be off, read from its errors on values that it did not learn.

Papers: Vovk et al. 2005, Algorithmic Learning in a Random World; Lei et al. 2018, Journal of the American
Statistical Association 113, 1094-1111, sections 2.2 and 5.2 (errors in units of their own difficulty);
Stankeviciute et al. 2021, Conformal time-series forecasting, NeurIPS (a band for each step ahead).
Conventions: the share is promised for each step by itself, not for a whole path, and where new errors come
as those did; windows that overlap, and years that differ, can only come near it, so it is measured as well.
Letters: N errors.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def fewest_errors(coverage: float) -> int:
    """How many errors a band of this share needs: with fewer, none of them is large enough."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def conformal_margin(errors: Float[Tensor, "N ..."], *, coverage: float) -> Float[Tensor, "..."]:
    """What the absolute value of a new error is at most, with chance ``coverage``.

    The k-th least of the N absolute errors, where k is (N + 1) times the share, rounded up.
    """
    assert len(errors) >= fewest_errors(coverage), f"{len(errors)} errors are too few for {coverage:g}"
    rank = math.ceil((len(errors) + 1) * coverage - 1e-9)
    together = errors.abs().movedim(0, -1).contiguous()  # (N, ...) -> (..., N): one band side by side
    return torch.kthvalue(together, max(1, rank), dim=-1).values
