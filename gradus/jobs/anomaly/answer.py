"""What a detector says of one row: whether it is an alarm, by how much, and which columns speak for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

TOP = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """A column of the row and the share of the score that it is to blame for."""

    column: str
    value: str
    share: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row's score against the threshold; the reasons are the columns that the model expected otherwise."""

    score: float
    threshold: float
    reasons: tuple[Reason, ...]
    row: Float[Tensor, "F"] = field(repr=False, compare=False)
    """The row as features, for what is said of many rows together."""

    @property
    def alarm(self) -> bool:
        return self.score > self.threshold

    @classmethod
    def of(
        cls,
        score: float,
        error: Float[Tensor, "C"],
        *,
        threshold: float,
        columns: tuple[str, ...],
        cells: Mapping[str, str],
        row: Float[Tensor, "F"],
    ) -> "Verdict":
        """The verdict on a row of these cells, given each column's part of its error."""
        shares = error.float() / error.sum().clamp(min=1e-12)
        values, places = shares.topk(min(TOP, len(columns)))
        reasons = tuple(
            Reason(columns[place], cells[columns[place]], value)
            for place, value in zip(places.tolist(), values.tolist(), strict=True)
        )
        return cls(score, threshold, reasons, row)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain JSON values; ``reasons`` has the share of each column, with its value."""
        return {
            "alarm": self.alarm,
            "score": self.score,
            "threshold": self.threshold,
            "reasons": {f"{reason.column}={reason.value}": reason.share for reason in self.reasons},
        }

    def draw(self) -> None:
        """A verdict is a line; a picture of each row of a table would help nobody."""
