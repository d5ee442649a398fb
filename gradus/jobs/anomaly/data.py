"""Rows for a detector: where they come from, and the splits of a run.

A detector learns from normal rows alone. A share of them is held out: the threshold is set on it. Anomalies
of the training table are in the validation split only, where variants are compared.
"""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.data.encode import Encoder
from gradus.data.manifest import LEFT_OUT, Manifest, data_changed
from gradus.data.members import folder_names, is_left_behind
from gradus.data.row_windows import windows_at
from gradus.data.rows import Table, joined, read_table, table_of
from gradus.data.sources import locate
from gradus.engine.job import Split
from gradus.engine.run import Run
from gradus.jobs.anomaly.drift import Profile
from gradus.jobs.anomaly.formats import Format, recognise
from gradus.jobs.anomaly.prepare import (
    NORMAL,
    DataConfig,
    Part,
    RowSet,
    keys_of,
    read_rows,
    row_set,
)
from gradus.jobs.anomaly.synthetic import correlated_rows

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
NSL_KDD = {"train": "KDDTrain+_20Percent.txt.gz", "test": "KDDTest+.txt.gz"}


def load(config: DataConfig, *, window: int, encoder: Encoder | None = None, whole: bool = False) -> RowSet:
    """The rows of a config, encoded and split; with the ``encoder`` of a trained run nothing is fitted.

    ``whole`` gives all rows as they come as the one split ``all``.
    """
    return _load(config, window, encoder, whole, _stamp(config))


@lru_cache(maxsize=4)  # probes build a job several times; a table is read once
def _load(
    config: DataConfig, window: int, encoder: Encoder | None, whole: bool, stamp: tuple[Any, ...]
) -> RowSet:
    tables, kind = _tables(config, stamp)
    if whole:
        tables = {"all": joined(list(tables.values()))}
    reading = read_rows(tables, kind, config, encoder=encoder)
    return row_set(reading, config, window=window, divided=not whole, encoder=encoder)


@lru_cache(maxsize=1)
def _tables(config: DataConfig, stamp: tuple[Any, ...]) -> tuple[dict[str, Table], Format]:
    return tables_of(config)


def _stamp(config: DataConfig) -> tuple[Any, ...]:
    """What tells whether the files of a config are those that were read before."""
    if config.source == "correlated":
        return ()
    paths = files_at(_place(config))
    return tuple((str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths)


def _place(config: DataConfig) -> Path:
    """The file or folder that a config reads."""
    if config.source == "nsl_kdd":
        return locate("nsl_kdd", config.path)
    if config.path is None:
        raise UsageError(
            "GR-ROWS-012",
            where="--data",
            wanted="a table, or a folder of tables",
            got="none",
            remedy="Give --data PATH.",
        )
    return Path(config.path).expanduser()


def files_at(place: Path) -> list[Path]:
    """The tables at a path and below it, in the order of their names; InputError where there is none."""
    if place.is_dir():
        names = [name for name in folder_names(place) if not is_left_behind(name)]
        found = [place / name for name in names if name.lower().endswith(ENDINGS)]
    else:
        found = [place] if place.exists() else []
    if not found:
        raise InputError(
            "GR-ROWS-011" if place.is_dir() else "GR-DATA-001",
            where=str(place),
            wanted="a table: .csv, .tsv or .txt, plain or .gz",
            got="a folder without one" if place.is_dir() else "nothing",
            remedy="Check the path.",
        )
    return found


def tables_of(config: DataConfig) -> tuple[dict[str, Table], Format]:
    """The tables by the split that they are named for, or one called ``all``; all of one format."""
    if config.source == "correlated":
        if config.path is not None:
            raise UsageError(
                "GR-CLI-006",
                where=f"--data {config.path}",
                wanted="a recipe that reads rows from a path",
                got="one that makes its own",
                remedy="Leave --data out, or use the recipe anomaly/folder.",
            )
        text = {
            name: correlated_rows(config.count // scale, anomalies=config.count // 4, seed=0, name=name)
            for name, scale in (("train", 1), ("test", 2))
        }
        made = {name: table_of(content.splitlines(), where=name) for name, content in text.items()}
        return made, recognise(made["train"])[1]
    place = _place(config)
    by_split: dict[str, list[Path]] = {}
    if config.source == "nsl_kdd" and place.is_dir():
        by_split = {split: [place / name] for split, name in NSL_KDD.items()}
    else:
        for path in files_at(place):
            split = _split_of(path.relative_to(place).as_posix()) if place.is_dir() else "all"
            by_split.setdefault(split, []).append(path)
    if by_split.keys() not in ({"all"}, {"train", "test"}):
        raise InputError(
            "GR-ROWS-011",
            where=str(place),
            wanted="tables that all have train or test in their name, or in that of their folder, or none",
            got=" and ".join(f"{len(paths)} for {split}" for split, paths in sorted(by_split.items())),
            remedy="Rename them, or give the path of one table.",
        )
    tables, kinds = {}, []
    for split, paths in sorted(by_split.items(), reverse=True):  # train, then test
        each = [
            recognise(read_table(path, skip_bad=config.skip_bad, notation=config.notation)) for path in paths
        ]
        kinds += [kind for _, kind in each]
        tables[split] = joined([table for table, _ in each])
    return tables, kinds[0]


def _split_of(name: str) -> str:
    """The split that a file or a folder that it is in is named for."""
    found = re.search("train|test", name, re.IGNORECASE)
    return found[0].lower() if found else "all"


def survey(config: DataConfig, *, window: int) -> dict[str, Any]:
    """What a run must know of its data to be opened again, and what should be known before it is trained."""
    found = load(config, window=window)
    train = found.splits["train"]
    return {
        "columns": found.encoder.to_json(),
        "table": list(found.columns),
        "labelled": found.labelled,
        "known": list(found.known),
        "profile": Profile.of(found.encoder, train.row[train.ends]).to_json(),
        "typical": train.row[train.ends].mean(0).tolist(),
        "rows": {
            split: {"normal": int((~part.anomalous).sum()), "anomalous": int(part.anomalous.sum())}
            for split, part in found.splits.items()
        },
        "skipped": [str(fault) for fault in found.faults],
        "notes": list(found.notes),
    }


class RowSplits:
    """The rows of a run by split, on its device; they are read when a split is first asked for."""

    def __init__(self, config: DataConfig, *, window: int, about: dict[str, Any], run: Run) -> None:
        self.config, self.window, self.device = config, window, run.device
        self.encoder = Encoder.from_json(about["columns"])
        self.profile = Profile(self.encoder, **about["profile"])
        self.table: tuple[str, ...] = tuple(about["table"])
        self.known: tuple[str, ...] = tuple(about["known"])
        self._labelled: bool = about["labelled"]
        self._run = run
        self._parts: dict[Split, Part | None] = {}
        self._kept: tuple[Manifest, RowSet | None] | None = None

    def part(self, split: Split) -> Part | None:
        """The rows of a split, or None where there is none of that name.

        InputError where rows of the run are gone: all of the split, or some that windows reach over.
        """
        if split not in self._parts:
            begun = self._run.manifest
            found = self._opened(begun)[1] if begun and split != "all" else None
            if begun and found:
                assert begun.found is not None
                if self.window > 1 and begun.found.lost("train", "validation", "test"):
                    raise data_changed(begun, self._run.folder, wanted="all of its rows, for windows of them")
                if not len(found.splits[split].rows):
                    raise data_changed(begun, self._run.folder, wanted=f"a row of its {split} split")
            found = found or self._load(whole=split == "all")
            part = found.splits.get(split)
            self._parts[split] = part.to(self.device) if part else None
        return self._parts[split]

    def manifest(self) -> Manifest:
        """The keys of all rows, by split."""
        if begun := self._run.manifest:
            return self._opened(begun)[0]
        found, splits = self._load(whole=False), {}
        for split, part in found.splits.items():
            unchanged = np.full(len(part.rows), NORMAL, dtype=object)  # before anomalies were planted
            label = part.label if self._labelled else unchanged
            columns = self.encoder.names
            splits[split] = keys_of(part.table, part.rows, label, columns, self.config, window=self.window)
        return Manifest.of(splits)

    def _load(self, *, whole: bool) -> RowSet:
        return load(self.config, window=self.window, encoder=self.encoder, whole=whole)

    def _opened(self, begun: Manifest) -> tuple[Manifest, RowSet | None]:
        """The rows of now by the splits of a run that is opened again: their keys, and what they are.

        Rows of the run's own data that cannot be read are left out; other data may hold none of its rows.
        """
        if self._kept is None:
            config = replace(self.config, skip_bad=True) if self._run.own_data else self.config
            tables, kind = _tables(config, _stamp(config))
            reading = read_rows(tables, kind, config, encoder=self.encoder, labelled=self._labelled)
            keys = reading.keyed(config, window=self.window)
            places = self._run.arrange(keys)
            now = Manifest.of({split: keys.at(rows) for split, rows in (places or {}).items()}, read=keys)
            found = None
            if places is not None:
                kept = {split: rows for split, rows in places.items() if split != LEFT_OUT}
                found = row_set(
                    reading, config, window=self.window, divided=True, encoder=self.encoder, kept=kept
                )
            self._kept = now, found
        return self._kept

    def items(self, split: Split, ends: Tensor) -> Float[Tensor, "B *T F"]:
        """The rows that ``ends`` names, (B, F), or the windows that end at them, (B, T, F)."""
        part = self.part(split)
        assert part is not None
        if self.window == 1:
            return part.row[ends]
        return windows_at(part.row, ends, starts=part.starts, length=self.window)
