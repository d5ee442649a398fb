"""Tables of rows: .csv, .tsv or .txt, plain or .gz, a row a line, every cell a text until a column is read.

The first line names the columns unless a number stands in it. The separator is the comma, semicolon or tab
that the first line has most of; where numbers have a decimal comma, the comma only if there is no other.
"""

import csv
import io
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradus.core.errors import InputError
from gradus.data.lines import read_lines
from gradus.data.notation import PLAIN, Notation, number, numbers_of

SEPARATORS = (",", ";", "\t")
BLANK = " \t,;"  # a line of nothing else is an empty one
TWINS = ("Fwd Header Length",)  # the files of CICIDS2017 name this column twice


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one set of columns, from one file or several."""

    columns: tuple[str, ...]
    cells: Any
    """A polars frame of these columns; every cell is a text without blanks around it."""
    origins: tuple[tuple[str, NDArray[np.int64]], ...]
    """Each file with the lines in it that its rows were on."""
    faults: tuple[InputError, ...] = ()
    """Rows that were left out."""
    notation: Notation = PLAIN

    def __len__(self) -> int:
        return int(self.cells.height)

    @property
    def bounds(self) -> list[int]:
        """Where the rows of each file begin; one more bound says where the last one's end."""
        return [0, *np.cumsum([len(lines) for _, lines in self.origins]).tolist()]

    def place(self, row: int) -> str:
        """The file and the line of a row."""
        bounds = self.bounds
        part = bisect_right(bounds, row) - 1
        where, lines = self.origins[part]
        return f"{where}, line {lines[row - bounds[part]]}"

    def texts(self, column: str) -> NDArray[np.object_]:
        """The cells of a column."""
        return self.cells[column].to_numpy()

    def numbers(self, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """A column as numbers, NaN where one is missing, and where there is a text that is no number."""
        return numbers_of(self.cells[column], self.notation)

    def select(self, rows: NDArray[np.bool_], *, faults: tuple[InputError, ...]) -> "Table":
        """The rows at which ``rows`` is true, in order; ``faults`` say why the others are left out."""
        import polars

        pieces = np.split(rows, self.bounds[1:-1])
        kept = tuple(
            (where, lines[piece]) for (where, lines), piece in zip(self.origins, pieces, strict=True)
        )
        cells = self.cells.filter(polars.Series(rows))
        return Table(self.columns, cells, kept, self.faults + faults, self.notation)


def cells_of(line: str, *, separator: str, place: str) -> list[str]:
    """The cells of a line, without blanks around them; InputError names the place of a quote left open."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    try:
        (cells,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error as error:
        raise unclosed(place, str(error)) from error
    return [cell.strip() for cell in cells]


def unclosed(place: str, got: str) -> InputError:
    """The error for a line that is no whole row, for a quote that opens or closes in it alone."""
    return InputError(
        "GR-ROWS-005",
        where=place,
        wanted="a row on a line of its own, quotes closed",
        got=got,
        remedy="Close the quotes, or double those in a cell; --skip-bad leaves such rows out.",
    )


def separator_of(line: str, notation: Notation = PLAIN) -> str:
    """The separator that a first line has most of; a comma that may be a decimal one counts for less."""
    others = [mark for mark in SEPARATORS if mark != "," and mark in line]
    return max(others if others and notation.decimal == "comma" else SEPARATORS, key=line.count)


def names_columns(cells: Sequence[str], notation: Notation = PLAIN) -> bool:
    """Whether a first line is a header: no cell of it is a number, and none is empty but the first or last.

    Programs that write a table with the numbers of its rows leave the name of these away, and others end each
    line with a separator.
    """
    inner = cells[cells[0] == "" : len(cells) - (cells[-1] == "")]
    return len(inner) > 0 and all(cell and number(cell, notation) is None for cell in inner)


def wrong_width(place: str, *, wanted: int, got: int) -> InputError:
    """The error for a row with more or fewer cells than there are columns."""
    return InputError(
        "GR-ROWS-004",
        where=place,
        wanted=f"{wanted} cells, one for each column",
        got=str(got),
        remedy="Mend the row; --skip-bad leaves such rows out and counts them.",
    )


def read_table(path: Path, *, skip_bad: bool = False, notation: Notation = PLAIN) -> Table:
    """The rows of a file: see ``table_of``; InputError as well where it is no text that can be read."""
    faults = list[InputError]()
    lines = read_lines(path, faults=faults if skip_bad else None)
    return table_of(lines, where=str(path), skip_bad=skip_bad, notation=notation, faults=faults)


def table_of(
    lines: Iterable[str],
    *,
    where: str,
    skip_bad: bool = False,
    notation: Notation = PLAIN,
    faults: list[InputError] | None = None,
) -> Table:
    """The rows in the lines of a text; columns without a header are called ``column 1``, ``column 2``, ...

    Empty lines are passed over. InputError names the line that has too many or too few cells, or a quote left
    open (``skip_bad`` leaves such rows out), and a table without rows or with a column named twice.
    ``faults`` are those of the lines themselves, as they are read.
    """
    import polars

    numbered = ((place, line) for place, line in enumerate(lines, start=1) if line.strip(BLANK))
    first_line, first = next(numbered, (0, ""))
    if not first:
        raise InputError(
            "GR-ROWS-001",
            where=where,
            wanted="a table, a row a line",
            got="an empty file",
            remedy="Check the path, or export the table again.",
        )
    separator = separator_of(first, notation)
    head = cells_of(first, separator=separator, place=f"{where}, line {first_line}")
    has_header = names_columns(head, notation)
    columns = (
        column_names(head, where=f"{where}, line {first_line}")
        if has_header
        else tuple(f"column {place}" for place in range(1, len(head) + 1))
    )
    content, kept, opened = io.BytesIO(), list[int](), 0
    faults = [] if faults is None else faults
    for place, line in numbered if has_header else chain([(first_line, first)], numbered):
        at = f"{where}, line {place}"
        if opened and line.count('"') % 2:
            faults.append(unclosed(at, f"the rest of a cell that begins on line {opened}"))
            opened = 0
            continue
        try:
            content.write(_plain(line, separator=separator, width=len(columns), place=at).encode())
        except InputError as fault:
            if not skip_bad:
                raise
            faults.append(fault)
            opened = place if fault.code == "GR-ROWS-005" else opened
            continue
        kept.append(place)
    if not kept:
        raise InputError(
            "GR-ROWS-002",
            where=where,
            wanted="rows below the names of the columns",
            got=f"none but {len(faults)} bad ones; {faults[0].where}: wanted {faults[0].wanted}, got "
            f"{faults[0].got}"
            if faults
            else "none",
            remedy=faults[0].remedy if faults else "Export the table again, with its rows.",
        )
    frame = polars.read_csv(
        io.BytesIO(content.getvalue()),
        has_header=False,
        new_columns=list(columns),
        separator=separator,
        infer_schema=False,
    )
    assert frame.shape == (len(kept), len(columns)), f"{frame.shape} is not {(len(kept), len(columns))}"
    trimmed = frame.with_columns(polars.all().fill_null("").str.strip_chars())
    return Table(columns, trimmed, ((where, np.array(kept)),), tuple(faults), notation)


def _plain(line: str, *, separator: str, width: int, place: str) -> str:
    """A row with its quotes as polars reads them; InputError where it has another number of cells."""
    if '"' not in line:  # quotes are rare, and slower to read
        if line.count(separator) + 1 != width:
            raise wrong_width(place, wanted=width, got=line.count(separator) + 1)
        return f"{line}\n"
    cells = cells_of(line, separator=separator, place=place)
    if len(cells) != width:
        raise wrong_width(place, wanted=width, got=len(cells))
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator="\n").writerow(cells)
    return written.getvalue()


def column_names(head: Sequence[str], *, where: str) -> tuple[str, ...]:
    """The names in a header, ``column 1`` for an empty one; InputError where two columns have one name."""
    names = dict[str, int]()  # with their places: there may be tens of thousands
    for place, given in enumerate(head, start=1):
        name = given or f"column {place}"
        if name in names and name not in TWINS:
            raise InputError(
                "GR-ROWS-003",
                where=where,
                wanted="a name for each column, none twice",
                got=f"{name!r} as columns {names[name]} and {place}",
                remedy="Rename one of them, or remove it.",
            )
        names[f"{name} (again)" if name in names else name] = place
    return tuple(names)


def joined(tables: Sequence[Table]) -> Table:
    """Tables of the same columns as one; InputError names the file whose columns differ from the first's."""
    import polars

    first = tables[0]
    for table in tables[1:]:
        if table.columns != first.columns:
            raise InputError(
                "GR-ROWS-006",
                where=table.origins[0][0],
                wanted=f"the {len(first.columns)} columns of {first.origins[0][0]}, in their order",
                got=_difference(first.columns, table.columns),
                remedy="Give the tables the same columns, or keep them in folders of their own.",
            )
    return Table(
        first.columns,
        polars.concat([table.cells for table in tables]),
        tuple(origin for table in tables for origin in table.origins),
        tuple(fault for table in tables for fault in table.faults),
        first.notation,
    )


def _difference(wanted: tuple[str, ...], got: tuple[str, ...]) -> str:
    """How one list of columns differs from another, in a few words."""
    had, has = set(wanted), set(got)
    lacking = [name for name in wanted if name not in has]
    added = [name for name in got if name not in had]
    if lacking:
        return f"{len(got)} without {lacking[0]!r}"
    return f"{len(got)} with {added[0]!r}" if added else "another order"
