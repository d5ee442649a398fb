"""Items of unequal length: kept end to end in one tensor, batched with others of about their length.

Letters: N items, T places of the longest item of a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator
from gradus.data.batches import Tensors, draw


@dataclass(frozen=True, slots=True)
class Ragged:
    """Sequences end to end, and where each begins; one more bound says where the last one ends."""

    values: Shaped[Tensor, "total ..."]
    bounds: Int64[Tensor, "bounds"]

    @classmethod
    def of(cls, sequences: Sequence[Shaped[Tensor, "_ ..."]]) -> "Ragged":
        """Sequences of one type and width, at least one of them."""
        return cls.cut(torch.cat(list(sequences)), torch.tensor([len(sequence) for sequence in sequences]))

    @classmethod
    def cut(cls, values: Shaped[Tensor, "total ..."], lengths: Int64[Tensor, "N"]) -> "Ragged":
        """What lies end to end, cut into sequences of these lengths."""
        return cls(values, F.pad(lengths.cumsum(0), (1, 0)))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, place: int) -> Shaped[Tensor, "_ ..."]:
        """One sequence."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        first, last = self.bounds[place : place + 2].tolist()
        return self.values[first:last]

    @property
    def lengths(self) -> Int64[Tensor, "N"]:
        return self.bounds.diff()

    def first(self, most: int) -> "Ragged":
        """The sequences, none longer than ``most``."""
        lengths = self.lengths
        place = torch.arange(len(self.values), device=lengths.device)
        within = place - self.bounds[:-1].repeat_interleave(lengths) < most
        return Ragged.cut(self.values[within], lengths.clamp(max=most))

    def to(self, device: torch.device) -> "Ragged":
        """The same on a device."""
        return Ragged(self.values.to(device), self.bounds.to(device))

    def rows(self, places: Int64[Tensor, "B"], *, value: float = 0) -> tuple[Tensor, Tensor, Tensor]:
        """The sequences at ``places`` padded with ``value``: (B, T, ...), lengths (B,), and a mask (B, T)."""
        first, lengths = self.bounds[places], self.lengths[places]
        steps = torch.arange(int(lengths.max()), device=lengths.device)
        mask = steps < lengths[:, None]
        at = (first[:, None] + steps).clamp(max=len(self.values) - 1)  # what lies beyond is masked
        padded = self.values[at]  # (B, T) places -> (B, T, ...)
        hidden = ~mask.reshape(*mask.shape, *[1] * (padded.ndim - 2))
        return padded.masked_fill_(hidden, value), lengths, mask


class BucketBatches:
    """Endless batches of ragged and plain columns, each batch of items of about one length.

    An epoch mixes all items, sorts pools of ``pool`` batches by length, cuts them into batches and mixes
    those: less padding for a little less chance. Each ragged column ``x`` comes as ``x`` and ``x_length``;
    ``mask`` is that of the first. The order depends on the seed and the epoch alone, so two numbers are all
    the state. With ``weights``, an epoch draws its items by weight and with replacement (balanced sampling).
    ``columns`` and ``weights`` may be functions, called for the first batch. UsageError where there is no
    whole batch, InputError where a saved position lies beyond the data.
    """

    def __init__(
        self,
        columns: dict[str, Ragged | Tensor] | Callable[[], dict[str, Ragged | Tensor]],
        *,
        batch: int,
        seed: int,
        pool: int = 20,
        padding: float = 0,
        weights: Float[Tensor, "N"] | Callable[[], Float[Tensor, "N"]] | None = None,
    ) -> None:
        self.batch, self.seed, self.pool, self.padding = batch, seed, pool, padding
        self._source, self._weights = columns, weights
        self._columns: dict[str, Ragged | Tensor] = {}
        self._order: list[Tensor] = []
        self.epoch = self.cursor = 0

    def next_batch(self) -> Tensors:
        """The batch that comes next; a new epoch begins after the last whole one."""
        order = self._order or self._begin()
        if self.cursor >= len(order):
            self.epoch, self.cursor = self.epoch + 1, 0
            order = self._begin()
        places = order[self.cursor]
        self.cursor += 1
        return padded(self._columns, places, value=self.padding)

    def state_dict(self) -> dict[str, int]:
        """Epoch and cursor."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where ``state_dict`` was taken."""
        self.epoch, self.cursor, self._order = state["epoch"], state["cursor"], []

    def _begin(self) -> list[Tensor]:
        """The batches of the current epoch, as places in the data."""
        if not self._columns:
            self._columns = self._source() if callable(self._source) else self._source
        lengths = next(column for column in self._columns.values() if isinstance(column, Ragged)).lengths
        count = len(lengths)
        if count < self.batch:
            raise UsageError(
                "GR-DATA-040",
                where="--train.batch",
                wanted=f"at most the {count} items of the training split",
                got=str(self.batch),
                remedy="Give a smaller batch, or more data.",
            )
        if self.cursor > count // self.batch:
            raise InputError(
                "GR-DATA-085",
                where="the saved position in the data",
                wanted=f"one within the {count // self.batch} batches of the training split",
                got=str(self.cursor),
                remedy="Resume with the data that the run was started on.",
            )
        rng = generator(self.seed, "order", self.epoch)
        if self._weights is None:
            mixed = torch.randperm(count, generator=rng)
        else:
            weights = self._weights() if callable(self._weights) else self._weights
            mixed = draw(weights.cpu().double(), count, rng)
        mixed = mixed[: count // self.batch * self.batch]
        cut: list[Tensor] = []
        for pool in mixed.split(self.batch * self.pool):
            by_length = pool[lengths.cpu()[pool].argsort(stable=True)]
            cut += by_length.split(self.batch)
        turns = torch.randperm(len(cut), generator=rng).tolist()
        self._order = [cut[turn].to(lengths.device) for turn in turns]
        return self._order


def padded(columns: dict[str, Ragged | Tensor], places: Int64[Tensor, "B"], *, value: float = 0) -> Tensors:
    """The items at ``places`` as one batch."""
    batch: Tensors = {}
    for name, column in columns.items():
        if isinstance(column, Tensor):
            batch[name] = column[places]
            continue
        batch[name], batch[f"{name}_length"], mask = column.rows(places, value=value)
        batch.setdefault("mask", mask)
    return batch
