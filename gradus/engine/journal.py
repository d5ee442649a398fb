"""The journal: one JSON line a fact, in the order of the run, readable without gradus."""

import dataclasses
import json
from pathlib import Path
from typing import Any, get_type_hints

from gradus.core import facts
from gradus.core.files import fits, naming, read_regular, without_nan, write_bytes

WRITTEN = (facts.Started, facts.Measured, facts.Evaluated, facts.Saved, facts.Found, facts.Ended)
FIELDS = {kind.__name__.lower(): get_type_hints(kind) for kind in WRITTEN}


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
        line = (json.dumps(without_nan(row)) + "\n").encode()
        with naming(self.path):
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The facts in a journal; a line that is none, such as a last one cut short by a kill, is left out."""
    if not path.exists():
        return []
    with naming(path):
        lines = read_regular(path).decode(errors="replace").split("\n")
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_fact(row):
            rows.append(row)
    return rows


def _is_fact(row: Any) -> bool:
    """Whether a line has the fields of the fact that it names, each of its type."""
    if not isinstance(row, dict) or row.get("fact") not in FIELDS or not fits(row.get("step"), int):
        return False
    return all(name in row and fits(row[name], hint) for name, hint in FIELDS[row["fact"]].items())


def cut_journal(path: Path, step: int) -> None:
    """Drop what lies after ``step``, where a resumed run goes on, and an end: one story is left."""
    before = [row for row in read_journal(path) if row["step"] <= step]
    rows = [row for row in before if row["fact"] != "ended" and row.get("split") != "test"]
    write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
