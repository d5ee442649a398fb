"""How far the columns of scored rows are from those of the training rows.

Source: population stability index, sum of (q - p) log(q / p) over bins; customary readings are below 0.1 for
none and above 0.25 for a shift worth looking into (Siddiqi 2006, Credit Risk Scorecards).
Letters: N rows, F features, C columns.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.data.encode import CategoryColumn, Encoder

SHIFTED = 0.25
BINS = 10
LEAST_ROWS = 200  # with fewer, chance alone moves a tenth of the rows from bin to bin
SHOWN = 5
RAREST = 1e-4  # share that an empty bin counts as: the index would be infinite


class Profile:
    """The training rows of each column as shares of bins: tenths of a number, or the names of a category."""

    def __init__(self, encoder: Encoder, *, edges: list[list[float]], shares: list[list[float]]) -> None:
        self.encoder, self.edges, self.shares = encoder, edges, shares

    @classmethod
    def of(cls, encoder: Encoder, row: Float[Tensor, "N F"]) -> "Profile":
        """The profile of training rows."""
        levels = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1]
        edges = [row[:, place].double().quantile(levels).unique().tolist() for place in _numbers(encoder)]
        made = cls(encoder, edges=edges, shares=[])
        made.shares = [share.tolist() for share in made._shares(row)]
        return made

    def index(self, row: Float[Tensor, "N F"]) -> Float[Tensor, "C"]:
        """The stability index of each column, in the order of the encoder's."""
        found = []
        for trained, scored in zip(self.shares, self._shares(row), strict=True):
            p = torch.tensor(trained, dtype=torch.float64).clamp(min=RAREST)
            q = scored.clamp(min=RAREST)
            found.append(((q - p) * (q / p).log()).sum())
        by_kind = torch.stack(found)  # numbers first, as the encoder has its features
        in_order = (*self.encoder.numbers, *self.encoder.categories)
        place_of = {column.name: place for place, column in enumerate(in_order)}
        return by_kind[[place_of[name] for name in self.encoder.names]]

    def _shares(self, row: Float[Tensor, "N F"]) -> list[Tensor]:
        """For each column the share of rows in each bin."""
        shares = []
        for edges, place in zip(self.edges, _numbers(self.encoder), strict=True):
            # right: a value at an edge belongs to the bin above, whatever side most of the rows are on
            bins = torch.bucketize(
                row[:, place].double().contiguous(), torch.tensor(edges).double(), right=True
            )
            shares.append(bins.bincount(minlength=len(edges) + 1).double() / len(row))
        first = len(self.encoder.numbers) + sum(column.misses for column in self.encoder.numbers)
        for column in self.encoder.categories:
            width = len(column.values) + 1
            shares.append(row[:, first : first + width].double().mean(0))
            first += width
        return shares

    def to_json(self) -> dict[str, Any]:
        """The profile as plain JSON values."""
        return {"edges": self.edges, "shares": self.shares}


def remark(profile: Profile, row: Float[Tensor, "N F"]) -> list[str]:
    """What to say of scored rows whose columns have moved from training; nothing of too few rows to tell."""
    if len(row) < LEAST_ROWS:
        return []
    index = profile.index(row).tolist()
    far = sorted(
        ((value, name) for value, name in zip(index, profile.encoder.names, strict=True) if value > SHIFTED),
        reverse=True,
    )
    if not far:
        return []
    named = ", ".join(f"{name} {value:.2f}" for value, name in far[:SHOWN])
    return [
        f"{len(far)} of {len(index)} columns of these {len(row)} rows are far from those of training (a "
        f"stability index above {SHIFTED}): {named}"
    ]


def unseen_share(encoder: Encoder, row: Float[Tensor, "N F"]) -> dict[str, float]:
    """For each column of categories the share of rows whose name training never saw."""
    last = len(encoder.numbers) + sum(column.misses for column in encoder.numbers) - 1
    shares = {}
    for column in encoder.columns:
        if isinstance(column, CategoryColumn):
            last += len(column.values) + 1
            shares[column.name] = row[:, last].double().mean().item()
    return shares


def _numbers(encoder: Encoder) -> range:
    """The features that are numbers."""
    return range(len(encoder.numbers))
