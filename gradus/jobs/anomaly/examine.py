"""A look at one's own tables before training: labels, columns, broken rows, repetitions."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from shlex import quote

import numpy as np

from gradus.core.errors import GradusError, InputError
from gradus.data.encode import NumberColumn, kind_of
from gradus.data.notation import about_notations, notations_of, numbers_of, unit_of
from gradus.data.rows import Table
from gradus.engine.job import Panel
from gradus.jobs.anomaly.config import Config, window_of
from gradus.jobs.anomaly.data import load, tables_of
from gradus.jobs.anomaly.formats import Format
from gradus.jobs.anomaly.prepare import NORMAL, DataConfig, Part, RowSet

DATE, ISO_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b", r"^\d{4}-\d\d-\d\d\b"


def examine(config: Config) -> list[Panel]:
    """What the rows of a config are, and all that is wrong; InputError where they are no tables."""
    data, window = replace(config.data, skip_bad=True), window_of(config.model)
    tables, kind = tables_of(data)
    try:
        found = load(data, window=window)
    except GradusError as error:
        faults = tuple(fault for table in tables.values() for fault in table.faults)
        return [
            _uncut(tables, data, kind, error),
            _raw_columns(next(iter(tables.values()))),
            _broken(faults, data, ""),
            _hints(tables, data, kind),
        ]
    said = ""
    if found.faults and data.missing == "refuse":
        kept = len(load(replace(data, missing="mark"), window=window).faults)
        said = f", --data.missing mark loses {kept}" if kept < len(found.faults) else ""
    return [
        _labels(found),
        _columns(found),
        _broken(found.faults, data, said),
        _repeated(found.splits["train"], found.splits["test"]),
        _hints(tables, data, kind),
        Panel(title="Notes", sentence="; ".join(found.notes) + "." if found.notes else "None."),
    ]


def _labels(found: RowSet) -> Panel:
    """How many rows of each label each split has."""
    counts = {split: Counter(part.label.tolist()) for split, part in found.splits.items()}
    names = [name for name, _ in sum(counts.values(), Counter[str]()).most_common() if name != NORMAL]
    total = sum(len(part.label) for part in found.splits.values())
    return Panel(
        title="Rows",
        sentence=f"{total} rows"
        + (
            f", labels of anomalies: {len(names)}."
            if found.labelled
            else " without labels; --data.label names the column that has them."
        ),
        columns=("label", *counts),
        rows=[(name, *(count[name] for count in counts.values())) for name in (NORMAL, *names)],
    )


def _uncut(tables: Mapping[str, Table], data: DataConfig, kind: Format, error: GradusError) -> Panel:
    """The labels as the tables have them, where no splits can be made of them."""
    label = data.label or kind.label
    counts = Counter[str]()
    for table in tables.values():
        if label in table.columns:
            counts.update(table.texts(label).tolist())
    return Panel(
        title="Rows",
        sentence=f"{sum(map(len, tables.values()))} rows. They cannot be trained on: {error}",
        columns=(f"{label}", "rows") if counts else (),
        rows=counts.most_common(),
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


def _raw_columns(table: Table) -> Panel:
    """What each column of a table holds by its content."""
    rows = [(name, kind_of(table, name), ", ".join(table.cells[name][:3])[:60]) for name in table.columns]
    return Panel(
        title="Columns", sentence=f"{len(rows)}.", columns=("column", "holds", "begins with"), rows=rows
    )


def _broken(faults: tuple[InputError, ...], data: DataConfig, more: str) -> Panel:
    said = f"{len(faults)} rows cannot be read; --skip-bad trains without them{more}."
    return Panel(
        title="Broken rows",
        sentence=said if faults else "None.",
        columns=("where", "wanted", "got"),
        rows=[(fault.where.removeprefix(f"{data.path}, "), fault.wanted, fault.got) for fault in faults],
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


def _hints(tables: Mapping[str, Table], data: DataConfig, kind: Format) -> Panel:
    """Columns that are likely to be something else than what they are read as."""
    table = next(iter(tables.values()))
    told = {
        data.time,
        data.label,
        data.id_column,
        *data.categories,
        kind.label,
        *data.leave_out,
        *kind.left_out,
    }
    labelled = (data.label or kind.label) is not None
    hints = [
        (name, hint)
        for name in table.columns
        if name not in told and (hint := _hint(table, name, () if labelled else data.normal))
    ]
    return Panel(
        title="Columns to think about",
        sentence=f"{len(hints)}." if hints else "None.",
        columns=("column", "what it may be"),
        rows=hints,
    )


def _hint(table: Table, name: str, normal: tuple[str, ...]) -> str:
    """What a column may be, with the setting that says so; nothing where it looks like what it is read as."""
    cells, quoted, kind = table.cells[name], quote(name), kind_of(table, name)
    if kind == "number" and _counts_rows(table, name):
        return (
            f"whole numbers that only rise: --data.leave-out {quoted} does not learn them, and "
            f"--data.id-column {quoted} tells them with each answer as well"
        )
    if kind != "category":
        return ""
    if notations := notations_of(cells):
        odd = numbers_of(cells, table.notation)[1]
        return about_notations(notations, cell=cells[int(odd.argmax())])
    if cells.str.contains(ISO_DATE).all():
        return f"dates: --data.time {quoted} puts the rows in their order"
    if cells.str.contains(DATE).all():
        return "dates: written as 2017-07-07 08:59 they could put the rows in their order"
    if unit := unit_of(cells):
        return f"numbers with {unit!r} beside them: without it in the table they are read as numbers"
    if cells.str.to_lowercase().is_in(list(normal)).any():
        return f"labels: --data.label {quoted} takes them for what each row is"
    return ""


def _counts_rows(table: Table, name: str) -> bool:
    """Whether a column numbers the rows: whole numbers, each larger than the one before."""
    values, _ = table.numbers(name)
    return len(values) > 1 and bool((np.diff(values) > 0).all() and (values == np.round(values)).all())
