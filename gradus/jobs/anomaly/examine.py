"""A look at one's own tables before training: labels, columns, broken rows, repetitions."""

from dataclasses import replace

import numpy as np

from gradus.data.encode import NumberColumn
from gradus.engine.job import Panel
from gradus.jobs.anomaly.data import DataConfig, load
from gradus.jobs.anomaly.prepare import NORMAL, Part, RowSet

SHOWN = 10


def examine(path: str) -> list[Panel]:
    """What is at ``path``, as it would be trained on; InputError where it cannot be."""
    config = DataConfig(path=path, skip_bad=True)
    found = load(config, window=1)
    bad = len(found.skipped)
    if bad:  # with numbers that are missing marked, how many rows would still be lost
        kept = len(load(replace(config, missing="mark"), window=1).skipped)
        said = f"{bad} rows cannot be read; --skip-bad trains without them"
        said += f", --data.missing mark loses {kept}." if kept < bad else "."
    return [
        _labels(found),
        _columns(found),
        Panel(
            title="Broken rows",
            sentence=said if bad else "None.",
            columns=("row",),
            rows=[(fault,) for fault in found.skipped[:SHOWN]],
        ),
        _repeated(found.splits["train"], found.splits["test"]),
        Panel(title="Notes", sentence="; ".join(found.notes) + "." if found.notes else "None."),
    ]


def _labels(found: RowSet) -> Panel:
    """How many rows of each label each split has."""
    counts = {
        split: dict(zip(*np.unique(part.label.astype(str), return_counts=True), strict=True))
        for split, part in found.splits.items()
    }
    names = sorted({name for count in counts.values() for name in count} - {NORMAL})
    total = sum(len(part.label) for part in found.splits.values())
    return Panel(
        title="Rows",
        sentence=f"{total} rows"
        + (f", labels of anomalies: {len(names)}." if found.labelled else " without labels."),
        columns=("label", *counts),
        rows=[(name, *(int(count.get(name, 0)) for count in counts.values())) for name in (NORMAL, *names)],
    )


def _columns(found: RowSet) -> Panel:
    """What each column holds in the normal training rows."""
    rows = []
    for column in found.encoder.columns:
        if isinstance(column, NumberColumn):
            rows.append((column.name, "numbers", "some are missing" if column.misses else ""))
        else:
            seen = ", ".join(column.values)
            rows.append((column.name, f"{len(column.values)} categories", seen[:60]))
    return Panel(
        title="Columns",
        sentence=f"{len(rows)} columns become {len(found.encoder.owners)} features.",
        columns=("column", "holds", ""),
        rows=rows,
    )


def _repeated(train: Part, test: Part) -> Panel:
    """Test rows whose features are those of a training row: a score on them says little."""
    seen = {row.tobytes() for row in train.row.numpy()}
    count = sum(row.tobytes() in seen for row in test.row.numpy())
    return Panel(
        title="Rows in both splits",
        sentence=f"{count} of {len(test.row)} test rows are, feature by feature, one of the training rows."
        if count
        else "None.",
    )
