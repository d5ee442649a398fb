"""A detector: how far rows are from what their model expects, column by column, and when that is an alarm.

The error of a column is the distance between what it is and what the model draws: the difference of a number,
the Euclidean distance of a category's block. The score is the sum over columns, which no single heavy tail
dominates as it does a sum of squares. Deep SVDD draws nothing: its score is the distance from the centre,
shared out among the columns by how much of it goes when a column is put to its typical value.
Letters: B items, T rows of a window, F features, C columns.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.metrics.ranking import threshold_at
from gradus.models.autoencoder import Autoencoder
from gradus.models.deep_svdd import DeepSvdd
from gradus.models.sequence_autoencoder import SequenceAutoencoder
from gradus.models.variational_autoencoder import VariationalAutoencoder

Net = Autoencoder | VariationalAutoencoder | SequenceAutoencoder | DeepSvdd


class Detector(nn.Module):
    """Score items and blame columns; with a second net, its share of the score is ``share``."""

    owner: Tensor
    """The column of each feature, (F,)."""
    by_column: Tensor
    """The places of the features, one column's after the other's, (F,)."""
    sizes: Tensor
    """How many features each column has, (C,)."""
    typical: Tensor
    usual: Tensor
    threshold: Tensor

    def __init__(
        self, nets: Sequence[nn.Module], *, owners: Sequence[int], typical: Sequence[float], share: float
    ) -> None:
        super().__init__()
        self.nets, self.share = nn.ModuleList(nets), share
        owner = torch.tensor(owners)  # no matrix of features and columns: a table may have 100,000 of each
        self.register_buffer("owner", owner, persistent=False)
        self.register_buffer("by_column", owner.argsort(stable=True), persistent=False)
        self.register_buffer("sizes", owner.bincount(), persistent=False)
        self.register_buffer("typical", torch.tensor(typical), persistent=False)
        self.register_buffer("usual", torch.ones(len(nets)))  # mean score of normal rows, a net
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, row: Float[Tensor, "B *T F"]) -> dict[str, Tensor]:
        """``score``, (B,), and ``error``, (B, C), each column's part of it."""
        error = self._mixed([self._errors(net, row) for net in self.nets])
        return {"score": error.sum(1), "error": error}

    def score(self, row: Float[Tensor, "B *T F"]) -> Float[Tensor, "B"]:
        """The score alone, which asks a Deep SVDD once and not for every column."""
        return self._mixed(self.each(row))

    def each(self, row: Float[Tensor, "B *T F"]) -> list[Float[Tensor, "B"]]:
        """The score by each net."""
        return [
            net.distance(row).sqrt() if isinstance(net, DeepSvdd) else self._errors(net, row).sum(1)
            for net in self.nets
        ]

    def _mixed(self, parts: list[Tensor]) -> Tensor:
        """The nets' parts in the shares that they have; two are made comparable by what is usual."""
        if len(parts) == 1:
            return parts[0]
        first, second = (part / usual for part, usual in zip(parts, self.usual, strict=True))
        return (1 - self.share) * first + self.share * second

    def _errors(self, net: nn.Module, row: Float[Tensor, "B *T F"]) -> Float[Tensor, "B C"]:
        if isinstance(net, DeepSvdd):
            return self._blamed(net, row)
        drawn = net(row).float()
        square = (drawn - row).square()
        if isinstance(net, SequenceAutoencoder):
            square = square[:, -1]  # the row that the window ends at: (B, T, F) -> (B, F)
        by_column = square[:, self.by_column].T.contiguous()  # (B, F) -> (F, B)
        summed = torch.segment_reduce(by_column, "sum", lengths=self.sizes)  # (C, B)
        return summed.T.contiguous().sqrt()  # contiguous: else sums over columns differ in their last bits

    def _blamed(self, net: DeepSvdd, row: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]:
        """The distance from the centre, shared out among columns."""
        whole = net.distance(row)  # (B,)
        hidden = (torch.arange(len(self.sizes), device=row.device)[:, None] == self.owner)[
            :, None
        ]  # (C, 1, F)
        without = torch.where(hidden, self.typical, row)  # (C, B, F): each column typical in turn
        rest = net.distance(without.flatten(0, 1)).unflatten(0, without.shape[:2])  # (C B,) -> (C, B)
        gone = (whole - rest).clamp(min=0).T  # (B, C)
        uniform = torch.full_like(gone, 1 / gone.shape[1])
        shares = torch.where(gone.sum(1, keepdim=True) > 0, gone / gone.sum(1, keepdim=True), uniform)
        return shares * whole.sqrt()[:, None]

    @torch.no_grad()
    def calibrate(
        self,
        trained: Iterable[Float[Tensor, "_ *T F"]],
        held: Iterable[Float[Tensor, "_ *T F"]],
        *,
        false_alarm_rate: float,
    ) -> None:
        """Set what is usual by training items, if nets mix, and the threshold by held-out normal ones."""
        if len(self.nets) > 1:
            parts = [torch.stack(self.each(items)) for items in trained]  # batches of (nets, B)
            self.usual.copy_(torch.cat(parts, dim=1).mean(1).clamp(min=1e-9))
        scores = torch.cat([self.score(items) for items in held])
        self.threshold.fill_(threshold_at(scores, false_alarm_rate=false_alarm_rate))
