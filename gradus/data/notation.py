"""How a table writes numbers: with a decimal point or comma, with marks between thousands or without.

Nothing is guessed: ``1,234`` is 1.234 in one notation and 1234 in another, and a text in the others. What is
no number in the notation that was asked for is a text; ``notations_of`` says which of them would read it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Decimal = Literal["point", "comma"]
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")  # what files write where a number is missing
TRIED = 100  # texts that a notation is tried on before it is on all
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?$"
_MARKS = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Notation:
    """One way to write numbers: 1234.5, 1234,5, 1,234.5 or 1.234,5."""

    decimal: Decimal = "point"
    thousands: bool = False
    """Whether the other of the two marks may stand between thousands, in groups of three."""

    def plain(self, text: str) -> str:
        """A number as programs write it; what is none in this notation stays, or becomes, a text."""
        if self.decimal == "comma":
            text = text.translate(_MARKS)  # a point, which is no decimal one here, becomes a comma
        return text.replace(",", "") if self.thousands and re.match(_GROUPED, text) else text

    def plain_column(self, cells: Any) -> Any:
        """The same of a polars column of texts."""
        import polars

        if self.decimal == "comma":
            cells = cells.str.replace_many([",", "."], [".", ","])
        if self.thousands:
            whole = cells.str.replace_all(",", "", literal=True)
            cells = polars.select(polars.when(cells.str.contains(_GROUPED)).then(whole).otherwise(cells))
            cells = cells.to_series()
        return cells

    def written(self, number: Real) -> str:
        """A number, or a truth, in this notation."""
        return str(number).translate(_MARKS) if self.decimal == "comma" else str(number)

    @property
    def settings(self) -> str:
        """What asks for it."""
        return f"--data.decimal {self.decimal}{' --data.thousands' if self.thousands else ''}"

    @property
    def words(self) -> str:
        """What it is called."""
        marks = " and marks between thousands" if self.thousands else ""
        return f"with a decimal {self.decimal}{marks}"


PLAIN = Notation()
NOTATIONS = tuple(Notation(decimal, marks) for marks in (False, True) for decimal in ("point", "comma"))


def number(text: str, notation: Notation = PLAIN) -> float | None:
    """The number that a cell holds, NaN where it is missing, None where it is a text that is no number."""
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    text = notation.plain(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def numbers_of(cells: Any, notation: Notation = PLAIN) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Texts of a polars column as numbers, NaN where one is missing, and where a text is no number."""
    import polars

    values = notation.plain_column(cells).cast(polars.Float64, strict=False)
    result = values.to_numpy(writable=True)  # null is NaN; expressions of polars cost more than a column
    is_text = np.zeros(len(result), dtype=np.bool_)
    for row in np.flatnonzero(~np.isfinite(result)).tolist():  # infinite is also what overflowed
        value = number(cells[row], notation)
        result[row], is_text[row] = (math.nan, True) if value is None else (value, False)
    return result, is_text


def notations_of(cells: Any) -> list[Notation]:
    """The notations in which every text of a polars column is a number or missing; none if all are missing.

    One with marks between thousands is named only where the same one without does not read all.
    """

    def reads(notation: Notation, some: Any) -> bool:
        values, is_text = numbers_of(some, notation)
        return not is_text.any() and (some is not cells or not bool(np.isnan(values).all()))

    found: list[Notation] = []
    for notation in NOTATIONS:
        has_without = Notation(notation.decimal) in found
        if not has_without and reads(notation, cells.head(TRIED)) and reads(notation, cells):
            found.append(notation)
    return found


def unit_of(cells: Any) -> str | None:
    """What every text of a polars column, if not missing, has beside a number: a sign of money before it or
    anything after it. None where they differ, or one has nothing: a letter before a number makes a name."""

    def units(some: Any) -> set[str | None]:
        texts = some.str.strip_chars()
        texts = texts.filter(~texts.str.to_lowercase().is_in(MISSING))
        before = texts.str.extract(r"^[+-]?(\p{Sc})\s*[+-]?[0-9][0-9.,]*$")
        after = texts.str.extract(r"^[+-]?[0-9][0-9.,\s]*?\s*([^0-9.,\s+-][^0-9]*)$")
        return set(before.fill_null(after))

    found = units(cells.head(TRIED))
    if len(found) == 1 and found != {None}:
        found = units(cells)
    return found.pop() if len(found) == 1 else None


def about_notations(notations: Sequence[Notation], *, cell: str) -> str:
    """In words, what asks for these notations, and how each of them reads a cell."""
    return " or ".join(
        f"numbers {notation.words}, which {notation.settings} reads ({cell} is {number(cell, notation):.12g})"
        for notation in notations
    )
