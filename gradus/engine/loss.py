"""A loss is a sum and what it was summed over: the engine divides, once."""

from dataclasses import dataclass, field

from jaxtyping import Shaped
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Loss:
    """A sum over items, the number of items, and other sums over the same items (hits, entropy).

    So micro-batches, a ragged last batch, masks and several devices all give the same update.
    """

    total: Shaped[Tensor, ""]
    count: int | float | Shaped[Tensor, ""]
    notes: dict[str, Tensor] = field(default_factory=dict)
