"""Pictures made in memory, to try the machinery on: no files, no download, an answer that is known.

Letters: N pictures, C channels, H side.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.randomness import generator
from gradus.data.picture_sets import Pictures
from gradus.data.splits import whole_counts

QUARTERS = ("top left", "top right", "bottom left", "bottom right")
NOISE, BRIGHTER = (
    128,
    112,
)  # values below the first, and what the bright quarter has more: the two ranges overlap


def four_quarters(
    count: int, side: int, *, seed: int, channels: int = 3, shares: Sequence[float] = (0.25, 0.25, 0.25, 0.25)
) -> Pictures:
    """Noise with one brighter quarter, which is the label; ``shares`` makes some labels rarer than others.

    The count of each label is exact, the order random. UsageError where the shares do not add up to 1.
    """
    assert side >= 2
    assert len(shares) == 4
    rng = generator(seed, "four quarters")
    labels = torch.arange(4).repeat_interleave(torch.tensor(whole_counts(count, shares)))
    labels = labels[torch.randperm(count, generator=rng)]
    noise = torch.randint(NOISE, (count, channels, side, side), generator=rng, dtype=torch.uint8)
    bright = (BRIGHTER * _masks(side)[labels]).to(torch.uint8)
    names = [f"quarters/{seed}/{i}" for i in range(count)]
    return Pictures(noise + bright[:, None], labels, QUARTERS, names)  # (N, 1, H, H) over the channels


def _masks(side: int) -> Float[Tensor, "4 {side} {side}"]:
    """1 in a quarter and 0 elsewhere, for each quarter."""
    low = (torch.arange(side) >= side // 2).float()
    ends = torch.stack([1 - low, low])  # (2, H): first half, second half
    return torch.einsum("ih,jw->ijhw", ends, ends).flatten(0, 1)  # (2, 2, H, H) -> (4, H, H)
