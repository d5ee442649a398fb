"""From tables to encoded splits: the part that each column plays, sound rows, labels, order, division.

Letters: N rows of a split, M items, F features.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from shlex import quote
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from gradus.core.configs import Count, Within
from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator, seed_from
from gradus.data.encode import (
    Column,
    Encoder,
    Missing,
    NumberColumn,
    fit_category,
    fit_number,
    kind_of,
    lacks_column,
    read_codes,
    read_columns,
)
from gradus.data.manifest import Keys, content_keys, key_of
from gradus.data.notation import Decimal, Notation, about_notations, notations_of, numbers_of, unit_of
from gradus.data.row_windows import starts_of, window_ends
from gradus.data.rows import Table, joined
from gradus.jobs.anomaly.formats import Format

NORMAL, PLANTED = "normal", "planted"
ALL = "all"  # tables together: that of a set without a table for each split
PLANTED_SHARE = 0.2
FEWEST = 10  # normal rows to learn from: fewer show nothing

Rows = NDArray[np.int64]
LabelsOfRows = NDArray[np.object_]
PartOfRows = Annotated[float, Within(above=0.0, below=1.0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which rows, what their columns mean, and how they are split."""

    source: Literal["folder", "nsl_kdd", "correlated"] = "folder"
    """A set that gradus knows, or folder: a table or a folder of tables of your own."""
    path: str | None = None
    """The table, or the folder of tables; for a known set, where its files are."""
    label: str | None = None
    """Column that says what a row is. Default: what the format has, or label, class, attack, anomaly."""
    normal: tuple[str, ...] = ("normal", "benign", "0", "false")
    """Labels of normal rows, in capitals or not; every other label is an anomaly."""
    time: str | None = None
    """Column of times: rows are put in its order, the last ones test. Default: divided at random."""
    categories: tuple[str, ...] = ()
    """Columns whose values are names although they are numbers, such as ports."""
    leave_out: tuple[str, ...] = ()
    """Columns that are not looked at."""
    most_categories: Count = 200
    """A column with more different texts than this names rows and is left out."""
    id_column: str | None = None
    """Column that names a row: never learnt from, and told with each answer."""
    decimal: Decimal = "point"
    """Whether numbers are written 1.5, or with a decimal comma: 1,5."""
    thousands: bool = False
    """Read the other of the two as a mark between thousands: 1,234.5, or with a decimal comma 1.234,5."""
    missing: Missing = "refuse"
    """Numbers that are missing or infinite: refuse the row, or mark it as unusual in that column."""
    validation: PartOfRows = 0.1
    """Share of the normal training rows held out, on which the threshold is set."""
    test: PartOfRows = 0.3
    """Share of all rows held out for the test, where no table is named for it."""
    skip_bad: bool = False
    """Leave broken rows out, and count them, instead of stopping."""
    count: Count = 2000
    """Normal rows that the source correlated makes."""

    @property
    def notation(self) -> Notation:
        """How the numbers of a table are written."""
        return Notation(self.decimal, self.thousands)


@dataclass(frozen=True)
class Part:
    """The rows of a split, and those of them that are items: the last rows of windows."""

    row: Float[Tensor, "N F"]
    label: NDArray[np.object_]
    """What each row is: ``normal``, or the label of an anomaly."""
    table: Table
    rows: Rows
    """Where each row is in ``table``."""
    starts: Int64[Tensor, "N"]
    """Where the stretch begins that a window may reach back to."""
    ends: Int64[Tensor, "M"]

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """What each item is: what its last row is."""
        return self.label[self.ends.cpu().numpy()]

    @cached_property
    def anomalous(self) -> Bool[Tensor, "M"]:
        """Which items are anomalies."""
        return torch.from_numpy(np.asarray(self.labels != NORMAL, dtype=np.bool_))

    def to(self, device: torch.device) -> "Part":
        """The same with its tensors on a device."""
        row, starts, ends = (tensor.to(device) for tensor in (self.row, self.starts, self.ends))
        return Part(row, self.label, self.table, self.rows, starts, ends)

    def cell(self, row: int, column: str) -> str:
        """What the table says in a column of a row."""
        return str(self.table.cells[column][int(self.rows[row])])

    def place(self, row: int) -> str:
        """The file and line of a row."""
        return self.table.place(int(self.rows[row]))


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSet:
    """Encoded rows by split, and what was found out about them."""

    splits: dict[str, Part]
    encoder: Encoder
    columns: tuple[str, ...]
    """All columns of the table, in its order."""
    labelled: bool
    known: tuple[str, ...]
    """Labels of the anomalies in the training table."""
    notes: tuple[str, ...]
    faults: tuple[InputError, ...]
    """Rows that were left out."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A table without its broken rows, read."""

    table: Table
    numbers: Float64[np.ndarray, "N A"]
    label: NDArray[np.object_]
    order: Rows
    """Its rows in the order of time, or as they come."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The tables of a config by the split that they are named for, without their broken rows."""

    sound: dict[str, Sound]
    kinds: dict[str, str]
    """What each column that is learnt from holds: number or category."""
    label: str | None
    labelled: bool
    columns: tuple[str, ...]
    """All columns of the first table, the one to train on."""
    notes: list[str]

    def keyed(self, config: DataConfig, *, window: int) -> Keys:
        """The keys of the rows of all tables, one table after the other."""
        each = [(one.table, np.arange(len(one.table)), one.label) for one in self.sound.values()]
        return Keys.together(keys_of(*one, tuple(self.kinds), config, window=window) for one in each)


def read_rows(
    tables: Mapping[str, Table],
    kind: Format,
    config: DataConfig,
    *,
    encoder: Encoder | None,
    labelled: bool | None = None,
) -> Reading:
    """The rows of tables that can be used; ``encoder`` and ``labelled`` are what a trained run knows."""
    first = next(iter(tables.values()))
    label = config.label or kind.label if labelled is not False else None
    if label is not None and label == config.id_column:
        raise UsageError(
            "GR-CONFIG-003",
            where="--data.id-column",
            wanted="a column that names rows",
            got=f"{label!r}, which says which of them are normal",
            remedy="Name another; --data.label names the column of labels.",
        )
    if encoder is None:
        _refuse_unknown(first, config)
        kinds, notes = _kinds(first, config, kind, label=label)
    else:
        label = label if label in first.columns else None  # rows to score need none
        notes = []
        kinds = {c.name: "number" if isinstance(c, NumberColumn) else "category" for c in encoder.columns}
    numbers = [name for name, what in kinds.items() if what == "number"]
    sound = {
        split: _sound(table, list(kinds), numbers, config, label=label) for split, table in tables.items()
    }
    is_labelled = label is not None if labelled is None else labelled
    return Reading(sound, kinds, label, is_labelled, first.columns, notes)


def row_set(
    reading: Reading,
    config: DataConfig,
    *,
    window: int,
    divided: bool,
    encoder: Encoder | None,
    kept: Mapping[str, Rows] | None = None,
) -> RowSet:
    """The splits train, validation and test, or all rows as they come; an ``encoder`` that is given is used.

    Rows that follow each other, because there is a time or a window, are divided into stretches. ``kept`` are
    the rows of each split, of all tables one after the other, where they are known.
    """
    sound, notes = reading.sound, list(reading.notes)
    if kept is not None:
        pieces = _kept_in(sound, kept)
    elif divided:
        pieces = _divided(sound, config, in_order=config.time is not None or window > 1)
    else:
        pieces = {split: (split, one.order) for split, one in sound.items()}
    if encoder is None:
        table, rows = pieces["train"]
        rows = rows[sound[table].label[rows] == NORMAL]
        _refuse_few(sound[table], rows, config, reading.label)
        encoder = _fitted(sound[table], rows, reading.kinds)
    encoded = {
        split: encoder.encode(one.numbers, read_codes(encoder, one.table)) for split, one in sound.items()
    }
    if any(table == ALL and ALL not in sound for table, _ in pieces.values()):
        encoded[ALL] = torch.cat(list(encoded.values()))
        sound = sound | {ALL: _together(list(sound.values()))}
    splits = {
        split: _part(split, sound[table], encoded[table], rows, config, window=window)
        for split, (table, rows) in pieces.items()
    }
    if not reading.labelled and divided:
        splits |= {name: _planted(splits[name], encoder, name) for name in ("validation", "test")}
        notes.append(
            f"no label column: every row is taken for normal, and scores are against {PLANTED_SHARE:.0%} of "
            "rows with half of their columns taken from another row"
        )
    if divided and kept is None:
        _refuse_uneven(splits, window=window)
    known = sorted(set(next(iter(sound.values())).label.tolist()) - {NORMAL})
    return RowSet(
        splits=splits,
        encoder=encoder,
        columns=reading.columns,
        labelled=reading.labelled,
        known=tuple(known),
        notes=tuple(notes),
        faults=tuple(fault for one in sound.values() for fault in one.table.faults),
    )


# -- columns ---------------------------------------------------------------------------------------------


def _refuse_unknown(table: Table, config: DataConfig) -> None:
    """Raise UsageError where a setting names a column that is not there."""
    named = [("label", config.label), ("time", config.time), ("id-column", config.id_column)]
    named += [("categories", name) for name in config.categories]
    named += [("leave_out", name) for name in config.leave_out]
    for setting, name in named:
        if name is not None and name not in table.columns:
            raise UsageError(
                "GR-ROWS-009",
                where=f"--data.{setting}",
                wanted="a column of the table: " + ", ".join(table.columns)[:200],
                got=repr(name),
                remedy="Check the spelling.",
            )


def _kinds(
    table: Table, config: DataConfig, kind: Format, *, label: str | None
) -> tuple[dict[str, str], list[str]]:
    """What each column that is learnt from holds, numbers or categories, and which were left out and why."""
    kinds, notes = dict[str, str](), list[str]()
    if kind.name != "plain":
        notes.append(f"read as {kind.name}")
    notes += [
        f"{name}: left out, it names rows or tells the answer" for name in kind.left_out if name != label
    ]
    tells = {label, config.time, config.id_column, *kind.left_out, *config.leave_out}
    given = {*kind.categories, *config.categories}
    for name in table.columns:
        if name in tells:
            continue
        what = "category" if name in given else kind_of(table, name)
        if what == "category" and name not in given:
            _refuse_other_notation(table, name)
            if unit := unit_of(table.cells[name]):
                notes.append(
                    f"{name}: numbers with {unit!r} beside them are taken for names; take it out of the "
                    f"table to have them as numbers, or give --data.categories {quote(name)}"
                )
        different = len(set(table.texts(name).tolist())) if what == "category" else 0
        if what == "empty":
            notes.append(f"{name}: left out, it is empty")
        elif different > config.most_categories:
            said = f"{name}: left out, {different} different texts rather name rows than kinds of rows"
            if different == len(table):
                said += f"; --data.id-column {quote(name)} tells them with each answer"
            notes.append(said)
        else:
            kinds[name] = what
    if not kinds:
        raise InputError(
            "GR-ROWS-014",
            where=table.origins[0][0],
            wanted="a column to learn from",
            got=f"none of {len(table.columns)}: " + "; ".join(notes)[:200],
            remedy="Leave fewer out (--data.leave_out, --data.label), or raise --data.most_categories.",
        )
    return kinds, notes


def _refuse_other_notation(table: Table, name: str) -> None:
    """Raise InputError for a column of texts that are numbers, if written as the settings do not say."""
    cells = table.cells[name]
    if notations := notations_of(cells):
        row = int(numbers_of(cells, table.notation)[1].argmax())
        raise InputError(
            "GR-ROWS-007",
            where=f"{table.place(row)}, column {name!r}",
            wanted=f"numbers {table.notation.words}, or names",
            got=about_notations(notations, cell=cells[row]),
            remedy=f"Give that setting; --data.categories {quote(name)} learns them as names.",
        )


def _fitted(sound: Sound, rows: Rows, kinds: Mapping[str, str]) -> Encoder:
    """The encoder of the columns, fitted on normal training rows."""
    columns, numbers = list[Column](), iter(sound.numbers.T)
    for name, what in kinds.items():
        if what == "category":
            columns.append(fit_category(name, sound.table.texts(name)[rows]))
            continue
        values = next(numbers)[rows]
        columns.append(fit_number(name, values if np.isfinite(values).any() else np.append(values, 0.0)))
    return Encoder(tuple(columns))


# -- rows ------------------------------------------------------------------------------------------------


def _sound(
    table: Table, names: list[str], numbers: list[str], config: DataConfig, *, label: str | None
) -> Sound:
    """The rows that can be read; the first broken one is an InputError unless such rows are left out."""
    there = set(table.columns)
    for name in names:
        if name not in there:
            raise lacks_column(table.origins[0][0], name)
    values, faults = read_columns(table, numbers, missing=config.missing)
    times, late_faults = _times(table, config)
    faults = late_faults | faults
    if faults and not config.skip_bad:
        raise faults[min(faults)]
    kept = np.ones(len(table), dtype=np.bool_)
    kept[list(faults)] = False
    found = tuple(faults[row] for row in sorted(faults))
    if faults:
        table = table.select(kept, faults=found)
    order = np.arange(len(table)) if times is None else np.argsort(times[kept], kind="stable")
    return Sound(table, values[kept], _labels(table, config, label), order)


def _labels(table: Table, config: DataConfig, label: str | None) -> NDArray[np.object_]:
    """What each row is; a table without the column is taken for normal. KDD Cup 1999 ends labels by a dot."""
    if label is None or label not in table.columns:
        return np.full(len(table), NORMAL, dtype=object)
    normal = {name.lower() for name in config.normal}
    cleaned = [text.rstrip(".") for text in table.texts(label)]
    odd = {NORMAL: f"called {NORMAL}"}  # an anomaly by the settings, whatever its name
    named = [NORMAL if text.lower() in normal else odd.get(text, text) for text in cleaned]
    return np.array(named, dtype=object)


def _times(table: Table, config: DataConfig) -> tuple[NDArray[np.float64] | None, dict[int, InputError]]:
    """The time of each row in seconds (or in whatever unit its numbers have), and rows without one."""
    if config.time is None or config.time not in table.columns:
        return None, {}
    times, is_text = table.numbers(config.time)
    faults = {}
    for row in np.flatnonzero(is_text | ~np.isfinite(times)).tolist():
        text = table.cells[config.time][row]
        try:
            times[row] = datetime.fromisoformat(text).timestamp()
        except ValueError:
            faults[row] = InputError(
                "GR-ROWS-015",
                where=f"{table.place(row)}, column {config.time!r}",
                wanted="a number, or a date and time such as 2017-07-07T08:59:00",
                got=repr(text)[:80],
                remedy="Mend the cell, or leave such rows out with --skip-bad.",
            )
    return times, faults


def keys_of(
    table: Table,
    rows: Rows,
    label: LabelsOfRows,
    columns: tuple[str, ...],
    config: DataConfig,
    *,
    window: int,
) -> Keys:
    """Keys of rows of a table: of the cells of these columns, their time and what they are.

    Where windows end at the borders of files, the first row of a file is another than the same one elsewhere.
    """
    import polars

    time = (config.time,) if config.time is not None and config.time in table.columns else ()
    cells = table.cells.select(list(dict.fromkeys((*columns, *time))))
    texts = cells.select(polars.concat_str(polars.all(), separator="\0")).to_series().gather(rows)
    names, which = np.unique(label.astype(str), return_inverse=True)
    keys = content_keys(text.encode() for text in texts)
    keys ^= np.array([key_of(name) for name in names], dtype=np.int64)[which]
    if window > 1 and config.time is None:
        keys[np.isin(rows, table.bounds[:-1])] ^= key_of("the first row of a file")
    places = np.concatenate([[f"{where}, line {line}" for line in lines] for where, lines in table.origins])
    return Keys(keys, places[rows].tolist())


def _kept_in(sound: Mapping[str, Sound], kept: Mapping[str, Rows]) -> dict[str, tuple[str, Rows]]:
    """For each split its table and its rows there; all tables together where its rows are in several now."""
    bounds = np.cumsum([0, *(len(one.table) for one in sound.values())])
    pieces = {}
    for split, rows in kept.items():
        tables = np.unique(np.searchsorted(bounds, rows, side="right") - 1)
        if len(tables) == 1:
            pieces[split] = (list(sound)[tables[0]], rows - bounds[tables[0]])
        else:
            pieces[split] = (ALL, rows)
    return pieces


def _together(sound: list[Sound]) -> Sound:
    """The rows of all tables, with the columns that all of them have."""
    in_all = set(sound[0].table.columns).intersection(*(one.table.columns for one in sound))
    common = tuple(name for name in sound[0].table.columns if name in in_all)
    tables = [replace(one.table, columns=common, cells=one.table.cells.select(common)) for one in sound]
    label = np.concatenate([one.label for one in sound])
    numbers = np.concatenate([one.numbers for one in sound])
    return Sound(joined(tables), numbers, label, np.arange(len(label)))


# -- splits ----------------------------------------------------------------------------------------------


def _divided(
    sound: Mapping[str, Sound], config: DataConfig, *, in_order: bool
) -> dict[str, tuple[str, Rows]]:
    """For each split its table and its rows there."""
    table = "train" if "train" in sound else ALL
    rows = sound[table].order
    if table == "train":
        tested = ("test", sound["test"].order)
    else:
        rows, last = _cut(rows, config.test, sound[table].label, in_order=in_order)
        tested = (table, last)
    if in_order:
        train, held = _cut(rows, config.validation, sound[table].label, in_order=in_order)
    else:
        is_normal = sound[table].label[rows] == NORMAL
        train, held = _cut(rows[is_normal], config.validation, sound[table].label, in_order=in_order)
        held = np.concatenate([held, rows[~is_normal]])
    return {"train": (table, train), "validation": (table, held), "test": tested}


def _cut(rows: Rows, share: float, label: NDArray[np.object_], *, in_order: bool) -> tuple[Rows, Rows]:
    """Rows in two: the last ones where they follow each other, else some at random, normal or not alike."""
    if in_order:
        first = len(rows) - round(share * len(rows))
        return rows[:first], rows[first:]
    mixed = np.random.default_rng(seed_from(0, "divide")).permutation(rows)
    parts = [mixed[label[mixed] == NORMAL], mixed[label[mixed] != NORMAL]]
    cuts = [(part, round(share * len(part))) for part in parts]
    taken = np.concatenate([part[:count] for part, count in cuts])
    kept = np.concatenate([part[count:] for part, count in cuts])
    return np.sort(kept), np.sort(taken)


def _part(
    split: str, sound: Sound, encoded: Float[Tensor, "n F"], rows: Rows, config: DataConfig, *, window: int
) -> Part:
    """The rows of a split with their items: in training, windows without an anomaly in them."""
    label = sound.label[rows]
    if window == 1:
        starts = torch.arange(len(rows))
    elif config.time is not None:
        starts = torch.zeros(len(rows), dtype=torch.int64)
    else:
        begins = starts_of(sound.table.bounds)[rows]  # rows of one stretch, in the order of the table
        is_first = begins.diff(prepend=torch.tensor([-1])) != 0
        starts = torch.where(is_first, torch.arange(len(rows)), 0).cummax(0).values
    ends = torch.arange(len(rows))
    if split == "train":
        is_normal = torch.from_numpy(np.asarray(label == NORMAL, dtype=np.bool_))
        ends = window_ends(is_normal, starts, length=window)
    return Part(encoded[torch.from_numpy(rows)], label, sound.table, rows, starts, ends)


def _planted(part: Part, encoder: Encoder, name: str) -> Part:
    """A part with some rows that are no longer of one piece: half of their columns are those of another."""
    rng = generator("planted", name)
    count = len(part.row)
    places = torch.randperm(count, generator=rng)[: round(PLANTED_SHARE * count)]
    others = torch.randint(count, (len(places),), generator=rng)
    swapped = torch.rand(len(places), len(encoder.columns), generator=rng) < 1 / 2
    row, label = part.row.clone(), part.label.copy()
    swapped = swapped[:, list(encoder.owners)]  # (P, C) -> (P, F)
    row[places] = torch.where(swapped, part.row[others], part.row[places])
    label[places.numpy()] = PLANTED
    return Part(row, label, part.table, part.rows, part.starts, part.ends)


def _refuse_few(sound: Sound, rows: Rows, config: DataConfig, label: str | None) -> None:
    """Raise InputError where there are too few normal rows to learn from."""
    if len(rows) < FEWEST:
        seen = ", ".join(sorted(set(sound.label.tolist()) - {NORMAL}))[:100]
        column, labelled = "", ""
        if label is not None:
            column, labelled = f", column {label!r}", f", labelled {' or '.join(config.normal)}"
        raise InputError(
            "GR-ROWS-010",
            where=f"{sound.table.origins[0][0]}{column}",
            wanted=f"{FEWEST} rows or more to train on{labelled}",
            got=f"{len(rows)}" + (f" beside {seen}" if seen else ""),
            remedy="Name the normal labels in --data.normal, the column in --data.label, or give more rows.",
        )


def _refuse_uneven(splits: Mapping[str, Part], *, window: int) -> None:
    """Raise InputError where a split cannot do what it is for."""
    train, held, test = (splits[name] for name in ("train", "validation", "test"))
    if not len(train.ends) or held.anomalous.all():
        raise InputError(
            "GR-ROWS-010",
            where="the training split" if not len(train.ends) else "the validation split",
            wanted=f"normal rows, {window} in a row"
            if not len(train.ends)
            else "a normal row, to set the threshold on",
            got="none",
            remedy="Give more rows, a smaller --model.window or another --data.validation.",
        )
    if test.anomalous.all() or not test.anomalous.any():
        raise InputError(
            "GR-ROWS-013",
            where="the test split",
            wanted="normal rows and anomalies",
            got=f"{len(test.ends)} rows, all {'anomalies' if test.anomalous.all() else 'normal'}",
            remedy="Raise --data.test, check --data.label and --data.normal, or give a table with both.",
        )
