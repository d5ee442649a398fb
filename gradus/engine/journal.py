"""The journal: one JSON line a fact, in the order of the run, readable without gradus."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from gradus.core import facts
from gradus.core.errors import InputError
from gradus.core.files import fits, json_line, naming, read_regular, without_nan, write_bytes

WRITTEN = (facts.Started, facts.Measured, facts.Evaluated, facts.Saved, facts.Found, facts.Ended)
KINDS = {kind.__name__.lower(): kind for kind in WRITTEN}


class Journal:
    """Appends the facts of a run to a file, each written as it comes: nothing is left for the end to fail."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with naming(path):
            self._file = path.open("ab", buffering=0)

    def listen(self, listeners: facts.Listeners) -> None:
        """Write down what this run tells from now on."""
        for kind in WRITTEN:
            listeners.add(kind, self.write)

    def write(self, fact: Any) -> None:
        """Append one fact."""
        row = {"fact": type(fact).__name__.lower()} | {
            f.name: getattr(fact, f.name) for f in dataclasses.fields(fact)
        }
        line = f"{json_line(row)}\n".encode()
        with naming(self.path):
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The facts in a journal; a line that is none, such as a last one cut short by a kill, is left out.

    So are those whose values are not what the fact has: who reads a row need not look at it again. A number
    that was none is None. InputError where the file cannot be read.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            "GR-RUN-003",
            where=str(path),
            wanted="a file of JSON lines",
            got=(error.strerror or str(error)).lower(),
            remedy="Restore the file from a backup, or remove it: the report lacks its curves then.",
        ) from error
    return [row for line in content.split(b"\n") if (row := _row(line)) is not None]


def _row(line: bytes) -> dict[str, Any] | None:
    """The fact on a line, or None."""
    try:
        row: dict[str, Any] = without_nan(json.loads(line.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None
    kind = KINDS.get(str(row.get("fact"))) if isinstance(row, dict) else None
    if kind is None:
        return None
    for field in dataclasses.fields(kind):
        if field.name not in row and field.default is not dataclasses.MISSING:
            row[field.name] = field.default
        if field.name not in row or not fits(row[field.name], field.type):
            return None
    return row if row["step"] >= 0 else None


def cut_journal(path: Path, step: int) -> None:
    """Drop what lies after ``step``, where a resumed run goes on, and an end: one story is left."""
    before = [row for row in read_journal(path) if row["step"] <= step]
    rows = [row for row in before if row["fact"] != "ended" and row.get("split") != "test"]
    write_bytes(path, "".join(f"{json_line(row)}\n" for row in rows).encode())
