"""What a detector says of a row (is it an alarm, which columns speak for it) and of many rows together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

TOP = 3
STRANGEST = 5  # rows that are told after all answers, where there are more


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
    where: str
    """The file and line of the row."""
    name: str | None
    """What the column of ``--data.id-column`` calls the row; None where there is none, or it is empty."""

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
        where: str,
        id_column: str | None,
    ) -> "Verdict":
        """The verdict on a row of these cells, given each column's part of its error."""
        shares = error.float() / error.sum().clamp(min=1e-12)
        values, places = shares.topk(min(TOP, len(columns)))
        reasons = tuple(
            Reason(columns[place], cells[columns[place]], value)
            for place, value in zip(places.tolist(), values.tolist(), strict=True)
        )
        name = cells.get(id_column) if id_column else None
        return cls(score, threshold, reasons, row, where, name or None)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain JSON values; ``reasons`` has the share of each column, with its value."""
        return {
            **({} if self.name is None else {"id": self.name}),
            "alarm": self.alarm,
            "score": self.score,
            "threshold": self.threshold,
            "reasons": {f"{reason.column}={reason.value}": reason.share for reason in self.reasons},
        }

    def draw(self) -> None:
        """A verdict is a line; a picture of each row of a table would help nobody."""


def strangest(verdicts: Sequence[Verdict]) -> list[str]:
    """The rows with the highest scores, the highest first, a line each; none where a glance shows all."""
    if len(verdicts) <= STRANGEST:
        return []
    first = sorted(verdicts, key=lambda verdict: -verdict.score)[:STRANGEST]
    alarms = sum(verdict.alarm for verdict in verdicts)
    return [
        f"{alarms} alarms in {len(verdicts)} rows; the {STRANGEST} highest scores "
        f"(threshold {first[0].threshold:.4g}):",
        *map(_told, first),
    ]


def _told(verdict: Verdict) -> str:
    """A row in a line: its name or place, its score, and the columns that speak for it."""
    place = verdict.where if verdict.name is None else f"id {verdict.name} ({verdict.where})"
    reasons = ", ".join(f"{r.column}={r.value} ({r.share:.0%})" for r in verdict.reasons)
    return f"{place}: {verdict.score:.4g}{', an alarm' if verdict.alarm else ''}, for {reasons}"


def unnamed(verdicts: Sequence[Verdict], id_column: str | None) -> list[str]:
    """What to say of rows that lack the column that names them, or have nothing in it."""
    count = sum(verdict.name is None for verdict in verdicts)
    if id_column is None or count == 0:
        return []
    said = f"{count} of {len(verdicts)} rows have no name in a column {id_column!r}"
    return [f"{said}: they go by their lines alone"]
