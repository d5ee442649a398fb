"""Batches from memory: a loader whose whole state is two numbers, and padding for ragged items."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator

Tensors = dict[str, Tensor]


class Batches:
    """Endless batches of tensors that share their first dimension, on the device where they are.

    The order of an epoch depends on the seed and the epoch alone, so epoch and cursor are all that is saved.
    ``tensors`` and ``weights`` may be functions: they are called when the first batch is asked for. With
    ``weights``, items are drawn with replacement by their weight (balanced sampling). The first batch is a
    UsageError where the data hold no whole batch, and an InputError where the saved position is beyond them.
    """

    def __init__(
        self,
        tensors: Tensors | Callable[[], Tensors],
        *,
        batch: int,
        seed: int,
        shuffle: bool = True,
        drop_last: bool = True,
        weights: Float[Tensor, "N"] | Callable[[], Float[Tensor, "N"]] | None = None,
    ) -> None:
        self.batch, self.seed, self.shuffle, self.drop_last = batch, seed, shuffle, drop_last
        self._source, self._weights = tensors, weights
        self._tensors: Tensors = {}
        self._order: Tensor | None = None
        self.epoch = self.cursor = 0

    def next_batch(self) -> Tensors:
        """The batch that comes next; a new epoch begins where the items, or the whole batches, end."""
        order = self._order if self._order is not None else self._begin()
        if self.cursor + (self.batch if self.drop_last else 1) > len(order):
            self.epoch, self.cursor = self.epoch + 1, 0
            order = self._begin()
        rows = order[self.cursor : self.cursor + self.batch]
        self.cursor += len(rows)
        return {name: tensor.index_select(0, rows) for name, tensor in self._tensors.items()}

    def in_order(self) -> Iterator[Tensors]:
        """Every item once, as they come, the last batch ragged; training goes on where it was."""
        self._load()
        for first in range(0, self._count(), self.batch):
            yield {name: tensor[first : first + self.batch] for name, tensor in self._tensors.items()}

    def state_dict(self) -> dict[str, int]:
        """Epoch and cursor."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where ``state_dict`` was taken."""
        self.epoch, self.cursor, self._order = state["epoch"], state["cursor"], None

    def _load(self) -> None:
        if not self._tensors:
            self._tensors = self._source() if callable(self._source) else self._source
            counts = {name: len(tensor) for name, tensor in self._tensors.items()}
            assert len(set(counts.values())) == 1, f"tensors of unequal length: {counts}"

    def _count(self) -> int:
        return len(next(iter(self._tensors.values())))

    def _begin(self) -> Tensor:
        """The order of the current epoch."""
        self._load()
        count = self._count()
        if count == 0 or (self.drop_last and count < self.batch):
            raise UsageError(
                "GR-DATA-040",
                where="--train.batch",
                wanted=f"at most the {count} items of the training split",
                got=str(self.batch),
                remedy="Give a smaller batch, or more data.",
            )
        if self.cursor > count:
            raise InputError(
                "GR-DATA-085",
                where="the saved position in the data",
                wanted=f"one within the {count} items of the training split",
                got=str(self.cursor),
                remedy="Resume with the data that the run was started on.",
            )
        rng = generator(self.seed, "order", self.epoch)
        if self._weights is not None:
            weights = self._weights() if callable(self._weights) else self._weights
            order = draw(weights.cpu().double(), count, rng)
        else:
            order = torch.randperm(count, generator=rng) if self.shuffle else torch.arange(count)
        self._order = order.to(next(iter(self._tensors.values())).device)
        return self._order


def draw(weights: Float[Tensor, "N"], count: int, rng: torch.Generator) -> Int[Tensor, "{count}"]:
    """Places by weight, with replacement; torch.multinomial would stop at 2^24 items."""
    assert len(weights) == count
    assert bool((weights >= 0).all())
    ends = weights.cumsum(0)
    assert 0 < ends[-1] < float("inf")
    thrown = torch.rand(count, generator=rng, dtype=torch.float64) * ends[-1]
    return torch.searchsorted(ends, thrown, right=True).clamp(max=int(weights.nonzero()[-1]))


def pad(
    sequences: Sequence[Shaped[Tensor, "_ ..."]], *, value: float = 0
) -> tuple[Shaped[Tensor, "B T ..."], Int[Tensor, "B"], Bool[Tensor, "B T"]]:
    """Sequences of unequal length as one tensor, their lengths, and a mask: true where an item is real."""
    padded = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True, padding_value=value)
    lengths = torch.tensor([len(sequence) for sequence in sequences], device=padded.device)
    mask = torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]
    return padded, lengths, mask
