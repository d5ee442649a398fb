"""A table of pictures: a .csv or .tsv with the columns path, label and, if there are splits, split."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import PurePosixPath

from gradus.core.errors import GradusError, InputError
from gradus.data.listings import SPLITS, Item, Listing

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def has_columns(content: bytes, name: str) -> bool:
    """Whether the first line of a table names a path and a label."""
    first = re.split(rb"[\r\n]", content, maxsplit=1)[0].decode("utf-8-sig", errors="replace")
    return {"path", "label"} <= {column.strip(' "') for column in first.split(_separator(name))}


def list_table(content: bytes, name: str, *, where: str, exists: Callable[[str], bool]) -> Listing:
    """The pictures that a table names; each bad row is a fault with its line, the header being line 1.

    Paths start at the folder of the table ``name``. A bad row lacks its path or label, has an unknown split,
    repeats a path, or names a file for which ``exists`` is false. Empty rows are passed over. InputError
    where the table cannot be read at all.
    """
    table_at = f"{where}/{name}"
    rows = _rows(content, name, table_at)
    header = next(rows, (1, []))[1]
    if not {"path", "label"} <= set(header):
        raise InputError(
            "GR-DATA-020",
            where=table_at,
            wanted="a first line that names the columns path and label",
            got=", ".join(header)[:200] or "an empty table",
            remedy="Name the columns; a .csv separates them by commas, a .tsv by tabs.",
        )
    by_split = "split" in header
    folder = PurePosixPath(name).parent
    items, faults, seen = list[Item](), list[GradusError](), dict[str, int]()
    for line, cells in rows:
        if not any(cells):
            continue
        if len(cells) > len(header):
            raise _bad_row(table_at, line, f"{len(header)} columns", f"{len(cells)}")
        values = dict(zip_longest(header, (cell or None for cell in cells)))
        path, label = values["path"], values["label"]
        split = values["split"] if by_split else "train"
        picture = str(folder / path) if path else ""
        wrong = _wrong_with(path, label, split)
        if not wrong and picture in seen:
            wrong = ("a path once", f"that of line {seen[picture]} again")
        if not wrong and not exists(picture):
            wrong = ("a picture", f"no file at {picture}")
        if wrong:
            faults.append(_bad_row(table_at, line, *wrong))
            continue
        seen[picture] = line
        items.append(Item(SPLITS[split.lower()], label, picture))
    return Listing(items, faults, ())


def _wrong_with(path: str | None, label: str | None, split: str | None) -> tuple[str, str] | None:
    """What was wanted of a row and what it has, or None where its values will do."""
    if not path:
        return "a path", "none"
    if not label:
        return "a label", "none"
    if not split or split.lower() not in SPLITS:
        return "a split (train, validation or test)", repr(split)
    return None


def _bad_row(table_at: str, line: int, wanted: str, got: str) -> InputError:
    return InputError(
        "GR-DATA-021",
        where=f"{table_at}, line {line}",
        wanted=wanted,
        got=got,
        remedy="Mend the row or remove it; --skip-bad leaves such rows out and lists them.",
    )


def _rows(content: bytes, name: str, table_at: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the lines that they begin on: a quoted cell may hold line ends.

    InputError where it is no text, or no table.
    """
    line = 1
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")  # each of three line ends is one
        rows = csv.reader(text, delimiter=_separator(name), strict=True)
        for cells in rows:
            yield line, cells
            line = rows.line_num + 1
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "GR-DATA-020",
            where=table_at if isinstance(error, UnicodeDecodeError) else f"{table_at}, line {line}",
            wanted="a table in UTF-8 with the columns path and label",
            got=str(error),
            remedy="Save the table as CSV in UTF-8.",
        ) from error


def _separator(name: str) -> str:
    return SEPARATORS[PurePosixPath(name).suffix.lower()]
