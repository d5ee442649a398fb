"""The journal: one JSON line a fact, in the order of the run, readable without gradus."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from gradus.core import facts
from gradus.core.files import naming, write_bytes

WRITTEN = (facts.Started, facts.Measured, facts.Evaluated, facts.Saved, facts.Found, facts.Ended)


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
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and {"fact", "step"} <= row.keys():
            rows.append(row)
    return rows


def cut_journal(path: Path, step: int) -> None:
    """Drop what lies after ``step``, where a resumed run goes on, and an end: one story is left."""
    before = [row for row in read_journal(path) if row["step"] <= step]
    rows = [row for row in before if row["fact"] != "ended" and row.get("split") != "test"]
    write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are written as null."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
