"""The cells of a table of series, from a text or from Parquet: columns as texts, and rows that are bad.

Letters: T rows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int64

from gradus.core.errors import InputError
from gradus.data.notation import Notation
from gradus.data.parquet import read_parquet
from gradus.data.rows import read_table

KEPT = 20  # bad cells of a column that are told one by one

Counted = Literal["line", "row"]


@dataclass(frozen=True, slots=True)
class Cells:
    """A table, whatever its format."""

    where: str
    columns: tuple[str, ...]
    frame: Any
    rows: Int64[np.ndarray, "T"]
    notes: tuple[str, ...]
    bad: Bool[np.ndarray, "T"]
    """Rows to leave out."""
    skip_bad: bool
    faults: list[InputError]
    notation: Notation
    table: Any = None
    """The table of text that this is made of."""

    @property
    def dates(self) -> list[str]:
        """The columns whose type is that of dates, as Parquet has it."""
        return [name for name, kind in self.frame.schema.items() if kind.is_temporal() and has_texts(kind)]

    @property
    def counted(self) -> Counted:
        return "line" if self.table is not None else "row"

    @property
    def narrow(self) -> tuple[InputError, ...]:
        """The first rows that have another number of cells, which are left out already."""
        return self.table.faults[:KEPT] if self.table is not None else ()

    def refuse(self, bad: Bool[np.ndarray, "T"], column: str, code: str, wanted: str, remedy: str) -> None:
        """Raise InputError for the first row of these, unless bad rows are left out."""
        for row in np.flatnonzero(bad)[:KEPT].tolist():
            fault = InputError(
                code,
                where=f"{self.where}, {self.counted} {self.rows[row]}, column {column}",
                wanted=wanted,
                got=repr("" if (cell := self.frame[column][row]) is None else str(cell)[:60]),
                remedy=remedy,
            )
            if not self.skip_bad:
                raise fault
            self.faults.append(fault)
        self.bad[bad] = True

    def groups(self, column: str | None) -> list[tuple[str, Int64[np.ndarray, "_"]]]:
        """The rows that are not bad, by the series that a column names, in the order of their first rows."""
        import polars

        if column is None:
            return [("", np.flatnonzero(~self.bad))]
        rows = polars.DataFrame({"name": self.cells(column), "row": np.arange(len(self.rows))})
        rows = rows.filter(polars.Series(~self.bad))
        groups = rows.group_by("name", maintain_order=True).agg("row")
        return [(name, np.array(mine)) for name, mine in groups.iter_rows()]

    def texts(self, column: str) -> np.ndarray:
        return self.cells(column).to_numpy().astype(object)

    def cells(self, column: str) -> Any:
        """A column as texts without blanks around them; what has no text goes by its type."""
        import polars

        cells = self.frame[column]
        if self.table is not None:
            return cells  # as the table of text has them
        if not has_texts(cells.dtype):
            return polars.Series([str(cells.dtype)] * len(cells), dtype=polars.String)
        return cells.cast(polars.String).fill_null("").str.strip_chars()


def cells_of_text(path: Path, *, skip_bad: bool, notation: Notation) -> Cells:
    """A table of text."""
    table = read_table(path, skip_bad=skip_bad, notation=notation)
    ((_, lines),) = table.origins
    counted = all(name == f"column {place}" for place, name in enumerate(table.columns, start=1))
    notes = ["The first line holds numbers: columns are counted."] if counted else []
    if table.faults:
        notes.append(f"{len(table.faults)} rows are left out, {table.faults[0].where} first.")
    bad = np.zeros(len(lines), dtype=np.bool_)
    return Cells(
        str(path),
        table.columns,
        table.cells,
        lines.astype(np.int64),
        tuple(notes),
        bad,
        skip_bad,
        [],
        notation,
        table,
    )


def cells_of_parquet(path: Path, *, skip_bad: bool, notation: Notation) -> Cells:
    """A Parquet file; InputError where it is none."""
    frame = read_parquet(path)
    if frame.height == 0:
        raise InputError(
            "GR-SERIES-002", where=str(path), wanted="rows", got="none", remedy="Export the table again."
        )
    rows, bad = np.arange(1, frame.height + 1), np.zeros(frame.height, dtype=np.bool_)
    return Cells(str(path), tuple(frame.columns), frame, rows, (), bad, skip_bad, [], notation)


def has_texts(kind: Any) -> bool:
    """Whether the values of a polars type can be written as texts."""
    import polars

    return not (kind.is_nested() or kind in (polars.Binary, polars.Duration, polars.Object))
