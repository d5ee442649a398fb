"""Columns of numbers and categories as features for a network, fitted on training rows alone.

A number becomes its signed logarithm, sign(x) log(1 + |x|): amounts of bytes, counts and durations are
heavy-tailed, and a few rows would be all that a squared error sees of them. Then the median goes to zero and
the middle half of the rows to the width that it has in a standard Gaussian (where it has none, the deviation
to one), and what lies beyond ``LIMIT`` is cut off. A category becomes a one among zeros, with a place for
values that training never saw.
Letters: N rows, F features, A columns of numbers, K columns of categories.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from gradus.core.errors import InputError
from gradus.data.notation import PLAIN, Notation, about_notations, notations_of, number
from gradus.data.rows import Table

LIMIT = 5.0
GAUSSIAN_HALF = 1.349  # width of the middle half of a standard Gaussian
NUMBERS_AT_LEAST = 0.9  # share of cells that are numbers in a column of numbers; the others are mistakes
MEND = "Mend the cell, or leave such rows out with --skip-bad."
Missing = Literal["refuse", "mark"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberColumn:
    """A column of numbers, by what its signed logarithms were in training."""

    name: str
    centre: float
    scale: float
    misses: bool
    """Whether a number was missing in training: that is a feature then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryColumn:
    """A column of names, by those that training saw."""

    name: str
    values: tuple[str, ...]


Column = NumberColumn | CategoryColumn


@dataclass(frozen=True)
class Encoder:
    """Columns in the order of their table. Features are numbers first, then missing ones, then categories."""

    columns: tuple[Column, ...]

    @cached_property
    def numbers(self) -> tuple[NumberColumn, ...]:
        return tuple(column for column in self.columns if isinstance(column, NumberColumn))

    @cached_property
    def categories(self) -> tuple[CategoryColumn, ...]:
        return tuple(column for column in self.columns if isinstance(column, CategoryColumn))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """For each feature the place of its column."""
        place_of = {name: place for place, name in enumerate(self.names)}
        of_number = [place_of[column.name] for column in self.numbers]
        of_missing = [place_of[column.name] for column in self.numbers if column.misses]
        of_category = [
            place_of[column.name] for column in self.categories for _ in range(len(column.values) + 1)
        ]
        return (*of_number, *of_missing, *of_category)

    @cached_property
    def _codes(self) -> list[dict[str, int]]:
        return [{name: code for code, name in enumerate(column.values)} for column in self.categories]

    @cached_property
    def _scales(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        columns = [(column.centre, column.scale, column.misses) for column in self.numbers]
        centre, scale, misses = np.array(columns, dtype=np.float64).reshape(-1, 3).T
        return centre, scale, misses.astype(bool)

    def encode(
        self, numbers: Float64[np.ndarray, "N A"], codes: Int64[np.ndarray, "N K"]
    ) -> Float[Tensor, "N F"]:
        """Rows as features. A number missing where training had none missing is as far off as can be."""
        centre, scale, misses = self._scales
        absent = np.isnan(numbers)
        scaled = np.clip((signed_log(numbers) - centre) / scale, -LIMIT, LIMIT)
        scaled = np.where(absent, np.where(misses, 0.0, LIMIT), scaled)
        blocks = [scaled, absent[:, misses]]
        for column, code in zip(self.categories, codes.T, strict=True):
            blocks.append(np.eye(len(column.values) + 1, dtype=np.float32)[code])  # (N,) -> (N, values + 1)
        return torch.from_numpy(np.concatenate(blocks, axis=1, dtype=np.float32))

    def code_of(self, place: int, value: str) -> int:
        """The place of a name among those of a category; the last one is for names never seen."""
        return self._codes[place].get(value, len(self._codes[place]))

    def to_json(self) -> list[dict[str, Any]]:
        """The columns as plain JSON values."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, columns: Sequence[Mapping[str, Any]]) -> "Encoder":
        """What ``to_json`` wrote."""
        made: list[Column] = []
        for column in columns:
            if "values" in column:
                made.append(CategoryColumn(name=column["name"], values=tuple(column["values"])))
            else:
                made.append(NumberColumn(**column))
        return cls(tuple(made))


def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """sign(x) log(1 + |x|): a logarithm that takes zero and negative numbers."""
    return np.sign(values) * np.log1p(np.abs(values))


# -- fitting ---------------------------------------------------------------------------------------------


def fit_number(name: str, values: NDArray[np.float64]) -> NumberColumn:
    """Centre and scale of a column's training values, of which at least one must be finite."""
    logs = signed_log(values[np.isfinite(values)])
    low, centre, high = np.quantile(logs, (0.25, 0.5, 0.75))
    scale = (high - low) / GAUSSIAN_HALF
    if scale < 1e-6:  # more than half of the rows have one value
        scale = logs.std()
    if scale < 1e-6:  # all have
        scale = 1.0
    misses = bool(np.isnan(values).any())
    return NumberColumn(name=name, centre=float(centre), scale=float(scale), misses=misses)


def fit_category(name: str, values: NDArray[np.object_]) -> CategoryColumn:
    """The names in a column's training values."""
    return CategoryColumn(name=name, values=tuple(sorted(set(values.tolist()))))


def kind_of(table: Table, name: str) -> Literal["number", "category", "empty"]:
    """What a column holds, by its content: numbers, names, or nothing."""
    values, is_text = table.numbers(name)
    if not is_text.any() and np.isnan(values).all():
        return "empty"
    return "number" if is_text.mean() <= 1 - NUMBERS_AT_LEAST else "category"


# -- reading ---------------------------------------------------------------------------------------------


def read_columns(
    table: Table, numbers: Sequence[str], *, missing: Missing
) -> tuple[Float64[np.ndarray, "N A"], dict[int, InputError]]:
    """The columns of numbers of a table, and what is wrong with rows, by row."""
    values, faults = np.empty((len(table), len(numbers))), dict[int, InputError]()
    for place, name in enumerate(numbers):
        values[:, place], is_text = table.numbers(name)
        other = notations_of(table.cells[name]) if is_text.any() else []
        bad = is_text | (~np.isfinite(values[:, place]) if missing == "refuse" else False)
        for row in np.flatnonzero(bad).tolist():
            cell = str(table.cells[name][row])
            fault = _fault(cell, name, table.place(row), is_text=bool(is_text[row]), other=other)
            faults.setdefault(row, fault)
    return values, faults


def read_row(
    encoder: Encoder,
    cells: Mapping[str, str],
    *,
    missing: Missing,
    place: str,
    notation: Notation = PLAIN,
) -> Float[Tensor, "1 F"]:
    """One row as features; InputError names the column that is not there, or no number where one must be."""
    for name in encoder.names:
        if name not in cells:
            raise lacks_column(place, name)
    values = []
    for column in encoder.numbers:
        value = number(cells[column.name], notation)
        if value is None or (missing == "refuse" and not math.isfinite(value)):
            raise _fault(cells[column.name], column.name, place, is_text=value is None, notation=notation)
        values.append(value)
    codes = [encoder.code_of(k, cells[column.name]) for k, column in enumerate(encoder.categories)]
    return encoder.encode(np.array([values], dtype=np.float64), np.array([codes], dtype=np.int64))


def read_codes(encoder: Encoder, table: Table) -> Int64[np.ndarray, "N K"]:
    """The columns of categories of a table."""
    codes = np.empty((len(table), len(encoder.categories)), dtype=np.int64)
    for place, column in enumerate(encoder.categories):
        codes[:, place] = [encoder.code_of(place, value) for value in table.texts(column.name)]
    return codes


def lacks_column(place: str, name: str) -> InputError:
    """The error for rows without a column that the model was trained on."""
    return InputError(
        "GR-ROWS-009",
        where=place,
        wanted=f"the column {name!r}, as in training",
        got="none of that name",
        remedy="Give the table that column, or its rows in the order of the training table.",
    )


def _fault(
    cell: str,
    column: str,
    place: str,
    *,
    is_text: bool,
    other: Sequence[Notation] = (),
    notation: Notation = PLAIN,
) -> InputError:
    """The error for a cell; ``other`` are notations in which all cells of its column are numbers."""
    if is_text and other:
        remedy = f"The column holds {about_notations(other, cell=cell)}."
    elif is_text:
        remedy = f"{MEND} Columns of names go into --data.categories."
    else:
        remedy = f"{MEND} --data.missing mark keeps them."
    return InputError(
        "GR-ROWS-007" if is_text else "GR-ROWS-008",
        where=f"{place}, column {column!r}",
        wanted=f"a number{'' if notation == PLAIN else f' {notation.words}'}"
        if is_text
        else "a finite number",
        got=repr(cell)[:80] if cell else "an empty cell",
        remedy=remedy,
    )
