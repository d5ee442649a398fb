"""What predict is given: a text, bytes, or the lines of a file that hold a text each."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from gradus.core.errors import GradusError, InputError
from gradus.data.texts import JSON_LINES, TABLES, cells_in, suffix_of
from gradus.engine.job import Raw


def text_of(raw: Raw) -> str:
    """An input of predict as text: itself, or bytes in UTF-8."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bytes):
        with suppress(UnicodeDecodeError):
            return raw.decode()
    raise InputError(
        "GR-TEXT-018",
        where="an input",
        wanted="a text, or its bytes in UTF-8",
        got="other bytes" if isinstance(raw, bytes) else type(raw).__name__,
        remedy="Give a text.",
    )


def texts_in(lines: Iterable[str], name: str, column: str) -> Iterator[tuple[str, Raw | GradusError]]:
    """The texts in a file's lines: a column of a table, a field of JSON lines, else a text a line.

    Empty lines are passed over.
    """
    suffix = suffix_of(name)
    if suffix in TABLES:
        yield from _cells(lines, name, column)
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        yield place, _field(line, place, column) if suffix in JSON_LINES else line


def _field(line: str, place: str, column: str) -> str | GradusError:
    """The text of one JSON line."""
    value: Any = None
    with suppress(ValueError, RecursionError):
        value = json.loads(line)
    text = value.get(column) if isinstance(value, dict) else None
    if isinstance(text, str):
        return text
    return InputError(
        "GR-TEXT-012",
        where=place,
        wanted=f"an object with a text in {column!r}",
        got=line[:40],
        remedy="Mend the line, or pass over it with --skip-bad.",
    )


def _cells(lines: Iterable[str], name: str, column: str) -> Iterator[tuple[str, Raw | GradusError]]:
    """One column of a table."""
    rows = cells_in(lines, name, strict=False)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        if column not in header:
            raise InputError(
                "GR-TEXT-010",
                where=f"{name}, line 1",
                wanted=f"the column {column}",
                got=", ".join(header)[:200] or "nothing",
                remedy="Name the column of texts so, or give a .txt file with a text a line.",
            )
        at = header.index(column)
        for row in rows:
            place = f"{name}, line {rows.line_num}"
            if len(row) > at:
                yield place, row[at]
            elif row:
                yield place, _short_row(place, f"{len(row)}", at)
    except csv.Error as error:
        raise _short_row(f"{name}, line {rows.line_num}", str(error), 0) from error


def _short_row(place: str, got: str, at: int) -> InputError:
    return InputError(
        "GR-TEXT-011",
        where=place,
        wanted=f"a row of at least {at + 1} cells",
        got=got,
        remedy="Mend the row, or pass over it with --skip-bad.",
    )
