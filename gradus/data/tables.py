"""A table of pictures: a .csv or .tsv with the columns path, label and, if there are splits, split."""

import csv
import io
import re
from collections.abc import Callable, Iterator
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
    import polars

    table_at = f"{where}/{name}"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(content, name, table_at, error) from error
    try:
        table = polars.read_csv(io.BytesIO(content), separator=_separator(name), infer_schema=False)
    except polars.exceptions.PolarsError as error:
        raise _unreadable(content, name, table_at, error) from error
    if not {"path", "label"} <= set(table.columns):
        raise InputError(
            "GR-DATA-020",
            where=table_at,
            wanted="a first line that names the columns path and label",
            got=", ".join(table.columns)[:200],
            remedy="Name the columns; a .csv separates them by commas, a .tsv by tabs.",
        )
    by_split = "split" in table.columns
    folder = PurePosixPath(name).parent
    items, faults, seen = list[Item](), list[GradusError](), dict[str, int]()
    numbered = (line for line, _ in _numbered(content, name) if line > 1)
    for line, values in zip(numbered, table.iter_rows(named=True), strict=True):
        if not any(values.values()):
            continue
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


def _unreadable(content: bytes, name: str, table_at: str, error: Exception) -> InputError:
    """The error for a table that polars refuses: it names the row that is too long, if that is the reason."""
    try:
        rows = list(_numbered(content, name))
    except (UnicodeDecodeError, csv.Error) as reason:
        rows, error = [], reason
    for line, cells in rows:
        if len(cells) > len(rows[0][1]):
            return _bad_row(table_at, line, f"{len(rows[0][1])} columns", f"{len(cells)}")
    return InputError(
        "GR-DATA-020",
        where=table_at,
        wanted="a table in UTF-8 with the columns path and label",
        got=str(error).splitlines()[0],
        remedy="Save the table as CSV in UTF-8.",
    )


def _numbered(content: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the lines that they begin on: a quoted cell may hold line ends."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=_separator(name))
    line = 1
    for cells in rows:
        yield line, cells
        line = rows.line_num + 1


def _separator(name: str) -> str:
    return SEPARATORS[PurePosixPath(name).suffix.lower()]
