"""Rows given to predict: the lines of a table, mappings from columns to values, or values in order.

An item is a row, or with windows the rows up to one. Letters: T rows of a window, F features.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gradus.core.errors import GradusError, InputError
from gradus.data.encode import Encoder, Missing, lacks_column, read_row
from gradus.data.notation import PLAIN, Notation
from gradus.data.rows import BLANK, cells_of, column_names, names_columns, separator_of, unclosed, wrong_width

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows that have been read, the item's own the last: as texts by column, and as features (1, F)."""

    cells: tuple[Cells, ...]
    features: tuple[Tensor, ...]
    where: str
    """Where the item's own row stands: its file and line."""


class RowReader:
    """Reads what a person hands to predict as the rows that the model was trained on."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        table: tuple[str, ...],
        missing: Missing,
        window: int,
        notation: Notation = PLAIN,
    ) -> None:
        self.encoder, self.table, self.missing, self.window = encoder, table, missing, window
        self.notation = notation

    def read(self, raw: Any) -> Float[Tensor, "1 *T F"]:
        """One item as features; InputError names what is wrong with it."""
        features = self.placed(raw).features
        if self.window == 1:
            return features[-1]
        padded = [features[0]] * (self.window - len(features)) + list(features[-self.window :])
        return torch.cat(padded)[None]  # T of (1, F) -> (1, T, F)

    def lines(self, lines: Iterable[str], name: str) -> Iterator[tuple[str, Placed | GradusError]]:
        """The items in the lines of a table, a row each; a first line that names columns is its header.

        Without a header the cells stand in the order of the training table, with or without the columns that
        are not learnt from. A row that cannot be read is given as its error, and is no part of windows; where
        the header is wrong, its error is all there is. The same header further down, where a log was begun
        anew or files were put together, is passed over.
        """
        numbered = ((place, line) for place, line in enumerate(lines, start=1) if line.strip(BLANK))
        first_place, first = next(numbered, (1, ""))
        if not first:
            return
        separator, where = separator_of(first, self.notation), f"{name}, line {first_place}"
        try:
            columns = self._header(first, separator=separator, where=where)
        except GradusError as error:
            yield where, error
            return
        cells, features = deque[Cells](maxlen=self.window), deque[Tensor](maxlen=self.window)
        opened = 0
        for place, line in numbered if columns else chain([(first_place, first)], numbered):
            if columns and not opened and line.strip() == first.strip():
                continue
            where = f"{name}, line {place}"
            if opened and line.count('"') % 2:
                yield where, unclosed(where, f"the rest of a cell that begins on line {opened}")
                opened = 0
                continue
            try:
                row = self._by_column(cells_of(line, separator=separator, place=where), columns, place=where)
                encoded = self._encoded(row, where)
            except GradusError as error:
                opened = place if error.code == "GR-ROWS-005" else opened
                yield where, error
                continue
            cells.append(row)
            features.append(encoded)
            yield where, Placed(tuple(cells), tuple(features), where)

    def _header(self, line: str, *, separator: str, where: str) -> tuple[str, ...] | None:
        """The columns that a first line names, or None where it is a row; none that is wanted may lack."""
        cells = cells_of(line, separator=separator, place=where)
        if not names_columns(cells, self.notation):
            return None
        columns = column_names(cells, where=where)
        there = set(columns)
        for name in self.encoder.names:
            if name not in there:
                raise lacks_column(where, name)
        return columns

    def placed(self, raw: Any) -> Placed:
        """An input as rows that have been read."""
        if isinstance(raw, Placed):
            return raw
        rows = raw if self.window > 1 and not isinstance(raw, str | Mapping) else [raw]
        if not isinstance(rows, Sequence | np.ndarray) or len(rows) == 0:
            raise _unknown(raw)
        cells = tuple(self._row(row) for row in rows)
        return Placed(cells, tuple(self._encoded(row, "a row") for row in cells), "a row")

    def _encoded(self, row: Cells, place: str) -> Float[Tensor, "1 F"]:
        return read_row(self.encoder, row, missing=self.missing, place=place, notation=self.notation)

    def _row(self, raw: Any) -> Cells:
        """One row, in whatever form, by column."""
        if isinstance(raw, str):
            cells = cells_of(raw, separator=separator_of(raw, self.notation), place="a row")
            return self._by_column(cells, None, place="a row")
        if isinstance(raw, Mapping):
            return {str(name): self._text(value) for name, value in raw.items()}
        if isinstance(raw, Sequence) or (isinstance(raw, np.ndarray) and raw.ndim == 1):
            return self._by_column([self._text(value) for value in raw], None, place="a row")
        raise _unknown(raw)

    def _text(self, value: Any) -> str:
        """A value as a cell of a table; None is a missing one."""
        if isinstance(value, Real):
            return self.notation.written(value)
        return "" if value is None else str(value).strip()

    def _by_column(self, cells: Sequence[str], columns: tuple[str, ...] | None, *, place: str) -> Cells:
        """Cells with the names of their columns: those of the header, else those of the training table."""
        if columns is not None:
            names: Sequence[str] = columns
        elif len(cells) == len(self.encoder.names):
            names = self.encoder.names
        else:
            names = self.table[: len(cells)]  # whole, or without labels that come last
            if not set(self.encoder.names) <= set(names):
                raise wrong_width(place, wanted=len(self.table), got=len(cells))
        if len(names) != len(cells):
            raise wrong_width(place, wanted=len(names), got=len(cells))
        return dict(zip(names, cells, strict=True))


def _unknown(raw: Any) -> InputError:
    return InputError(
        "GR-ROWS-016",
        where="a row",
        wanted="a line of a table, a mapping from columns to values, or values in the order of the columns",
        got=f"{type(raw).__name__} {str(raw)[:60]!r}",
        remedy="Give one of these, or for a model of windows a sequence of them.",
    )
