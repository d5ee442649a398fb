"""Texts with labels: the lines of SST, tables, JSON lines and class folders, each text with its place.

A reader yields items in the order of their files, and a fault in the place of an item that cannot be used;
what cannot be read at all is raised. ``gather`` sorts them into splits and settles the classes.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from gradus.core.errors import GradusError, InputError
from gradus.data import manifest
from gradus.data.lines import read_lines
from gradus.data.listings import SPLITS
from gradus.data.members import folder_names, is_left_behind
from gradus.data.rows import separator_of

TABLES, JSON_LINES = {".csv": ",", ".tsv": "\t"}, (".jsonl", ".ndjson")
BRACKETS = {"-lrb-": "(", "-rrb-": ")"}  # how the treebank writes them
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Text:
    """One text as its file gives it."""

    split: str
    labels: tuple[str, ...]
    """One, or any number where a text may have several."""
    text: str
    name: str
    """Its place: ``reviews.csv, line 3``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """What a table calls its columns, or JSON lines their fields."""

    text: str = "text"
    label: str = "label"
    split: str = "split"
    separator: str | None = None
    """Between the labels of a cell, where a text may have several."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one split."""

    texts: list[str]
    labels: list[tuple[str, ...]]
    names: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, places: Iterable[int]) -> "Texts":
        """The texts at these places, in this order."""
        chosen = list(places)
        return Texts(
            [self.texts[i] for i in chosen], [self.labels[i] for i in chosen], [self.names[i] for i in chosen]
        )

    @classmethod
    def together(cls, parts: Iterable["Texts"]) -> "Texts":
        """The texts of all parts, one part after the other."""
        parts = list(parts)
        return cls(
            [text for part in parts for text in part.texts],
            [labels for part in parts for labels in part.labels],
            [name for part in parts for name in part.names],
        )

    def keyed(self) -> manifest.Keys:
        """A key of each text with its labels."""
        pairs = zip(self.texts, self.labels, strict=True)
        return manifest.Keys.of(
            (manifest.key_of(text, *sorted(labels)) for text, labels in pairs), self.names
        )


@dataclass(frozen=True, slots=True)
class TextSet:
    """What was read: texts by split, the classes in order, and the places that were left out."""

    splits: dict[str, Texts]
    classes: tuple[str, ...]
    skipped: tuple[str, ...] = ()


Items = Iterator[Text | GradusError]


def read_texts(path: Path, fields: Fields) -> Items:
    """The texts of a table (.csv, .tsv), of JSON lines (.jsonl), either gzipped, or of a class folder.

    InputError for another kind of file.
    """
    if path.is_dir():
        return read_class_folders(path)
    suffix = suffix_of(path.name)
    if suffix in TABLES:
        return read_table(path, fields)
    if suffix in JSON_LINES:
        return read_json_lines(path, fields)
    raise InputError(
        "GR-TEXT-016",
        where=str(path),
        wanted="a folder with a folder a class, or a .csv, .tsv or .jsonl file",
        got="a file of another kind" if path.exists() else "nothing",
        remedy="Check the path, or write the texts in one of these layouts.",
    )


def read_sst(folder: Path, kind: Literal["binary", "fine"]) -> Items:
    """The sentences of the Stanford Sentiment Treebank: ``<label> <words apart by spaces>`` a line."""
    for split, part in {"train": "train", "validation": "dev", "test": "test"}.items():
        path = folder / f"stsa.{kind}.{part}"
        for number, line in enumerate(read_lines(path), start=1):
            where = f"{path}, line {number}"
            label, _, text = line.partition(" ")
            if not label.isdecimal() or not text:
                yield _fault(where, "a label, a space and a sentence", repr(line[:40]))
                continue
            words = " ".join(BRACKETS.get(word, word) for word in text.split())
            yield Text(split, (label,), words, where)


def read_table(path: Path, fields: Fields) -> Items:
    """The rows of a .csv or .tsv whose first line names its columns; without a split column all is "train".

    A .csv has the separator (comma, semicolon or tab) that its first line has most of, and a quoted cell of
    it may hold line ends; a .tsv knows no quotes. InputError where a column is missing or a quote never ends.
    """
    faults = list[InputError]()  # of the lines that a row is on
    rows = cells_in(read_lines(path, faults=faults), path.name, strict=True)
    first = 1
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in (fields.text, fields.label) if name not in header]
        if missing:
            raise InputError(
                "GR-TEXT-010",
                where=f"{path}, line 1",
                wanted=f"the columns {fields.text} and {fields.label}",
                got=", ".join(header)[:200] or "nothing",
                remedy=_columns_remedy(header, fields),
            )
        first = rows.line_num + 1
        for row in rows:
            where, first = f"{path}, line {first}", rows.line_num + 1
            if faults:
                yield from faults
                faults.clear()
            elif len(row) == len(header):
                values = dict(zip(header, row, strict=True))
                yield _item(values, fields, where)
            elif row:
                yield _fault(where, f"{len(header)} cells", f"{len(row)}")
    except csv.Error as error:
        raise _fault(f"{path}, line {first}", "a row of cells", str(error)) from error


def _columns_remedy(header: Sequence[str], fields: Fields) -> str:
    """What to do about a table without its columns: settings, with the names where capitals differ."""
    by_lower = {name.lower(): quote(name) for name in header}
    text, label = by_lower.get(fields.text.lower()), by_lower.get(fields.label.lower())
    if text and label:
        return f"Give --data.text-column {text} --data.label-column {label}."
    return "Name the columns in the first line, or give --data.text-column and --data.label-column."


def suffix_of(name: str) -> str:
    """The ending of a file's name in small letters, whether the file is gzipped or not."""
    path = Path(name)
    return Path(path.stem if path.suffix.lower() == ".gz" else name).suffix.lower()


def cells_in(lines: Iterable[str], name: str, *, strict: bool) -> Any:
    """A reader of csv for the lines of a table, by the ending of its name and its first line."""
    rest, quotes = iter(lines), TABLES[suffix_of(name)] == ","
    begin = list(islice(rest, 1))
    return csv.reader(
        (f"{line}\n" for line in chain(begin, rest)),
        delimiter=separator_of("".join(begin)) if quotes else "\t",
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=strict,
    )


def read_json_lines(path: Path, fields: Fields) -> Items:
    """One JSON object a line; empty lines are passed over. A label is a text, a number or a list of them."""
    faults = list[InputError]()
    for number, line in enumerate(read_lines(path, faults=faults), start=1):
        yield from faults
        faults.clear()
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            values = f"no JSON: {error}"
        if not isinstance(values, dict):
            yield InputError(
                "GR-TEXT-012",
                where=where,
                wanted=f'an object such as {{"{fields.text}": "...", "{fields.label}": "..."}}',
                got=repr(values)[:80],
                remedy="Mend the line or remove it; --skip-bad leaves such lines out and counts them.",
            )
            continue
        yield _item(values, fields, where)


def read_class_folders(folder: Path) -> Items:
    """Every .txt file below a folder as one text, labelled by the folder it is in.

    Layouts: ``<class>/**/*.txt``, or ``{train,val,valid,validation,test}/<class>/**/*.txt``. InputError where
    a file lies elsewhere.
    """
    names = [n for n in folder_names(folder) if n.lower().endswith(".txt") and not is_left_behind(n)]
    parts = {name: name.split("/") for name in names}
    by_split = bool(names) and all(p[0].lower() in SPLITS for p in parts.values())
    depth = 3 if by_split else 2
    loose = [name for name, p in parts.items() if len(p) < depth]
    if loose or not names:
        raise InputError(
            "GR-TEXT-016",
            where=str(folder),
            wanted="every .txt file in a class folder, or in a class folder of train, validation or test",
            got=f"{len(loose)} outside one, the first {loose[0]}" if loose else "no .txt file",
            remedy="Move the files into one folder a class, or give the path of a .csv, .tsv or .jsonl file.",
        )
    for name, (top, *rest) in parts.items():
        split, label = (SPLITS[top.lower()], rest[0]) if by_split else ("train", top)
        try:
            yield Text(split, (label,), "\n".join(read_lines(folder / name)), str(folder / name))
        except InputError as fault:
            yield fault


def _item(values: dict[str, Any], fields: Fields, where: str) -> Text | GradusError:
    """One row or object as a text; a fault where it has no text, no label, or an unknown split."""
    text, label = values.get(fields.text), values.get(fields.label)
    split = values.get(fields.split, "train")
    if not isinstance(text, str):
        return _fault(where, f"a text in {fields.text}", repr(text)[:40])
    labels = _labels(label, fields.separator)
    if labels is None:
        several = ", or a list of them" if fields.separator else ""
        return _fault(where, f"a label in {fields.label}{several}", repr(label)[:40])
    if not isinstance(split, str) or split.lower() not in SPLITS:
        return _fault(where, f"train, validation or test in {fields.split}", repr(split)[:40])
    return Text(SPLITS[split.lower()], labels, text, where)


def _labels(value: Any, separator: str | None) -> tuple[str, ...] | None:
    """The labels in a cell or a JSON value; None where there is none and one is needed."""
    if separator is None:
        label = str(value).strip() if isinstance(value, str | int) else ""
        return (label,) if label else None
    given = value.split(separator) if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str | int) for one in given):
        return None
    return tuple(dict.fromkeys(label for label in (str(one).strip() for one in given) if label))


def _fault(where: str, wanted: str, got: str) -> InputError:
    return InputError(
        "GR-TEXT-011",
        where=where,
        wanted=wanted,
        got=got,
        remedy="Mend the line or remove it; --skip-bad leaves such lines out and counts them.",
    )


def gather(
    items: Iterable[Text | GradusError],
    *,
    where: str,
    skip_bad: bool = False,
    classes: tuple[str, ...] | None = None,
) -> TextSet:
    """The items by split, with their classes: those of the training split, as numbers or by the alphabet.

    InputError for the first fault unless ``skip_bad``; where there is no text; where the training split holds
    a single class, or any split a label that is not in ``classes`` (or, without them, in training).
    """
    kept = dict[str, list[Text]]()
    faults = list[GradusError]()
    for item in items:
        if isinstance(item, GradusError):
            faults.append(item)
        else:
            kept.setdefault(item.split, []).append(item)
    if faults and not skip_bad:
        raise _counted(faults)
    if not kept:
        raise InputError(
            "GR-TEXT-013",
            where=where,
            wanted="texts",
            got=f"none, and {len(faults)} lines that cannot be used" if faults else "none",
            remedy="Check the path, and what is in the file.",
        )
    if classes is None:
        classes = _classes_of(kept.get("train") or [text for part in kept.values() for text in part], where)
    _refuse_unseen((text for part in kept.values() for text in part), classes)
    splits = {
        split: Texts([t.text for t in part], [t.labels for t in part], [t.name for t in part])
        for split, part in kept.items()
    }
    return TextSet(splits, classes, tuple(fault.where for fault in faults))


def _counted(faults: Sequence[GradusError]) -> InputError:
    """The first fault, with the number of the others."""
    first, more = faults[0], len(faults) - 1
    got = f"{first.got} (and {more} more lines that cannot be used)" if more else first.got
    return InputError(first.code, where=first.where, wanted=first.wanted, got=got, remedy=first.remedy)


def _classes_of(texts: Sequence[Text], where: str) -> tuple[str, ...]:
    counts = Counter(label for text in texts for label in text.labels)
    if len(counts) < 2:
        raise InputError(
            "GR-TEXT-014",
            where=where,
            wanted="two or more classes to tell apart",
            got=f"only {next(iter(counts))!r}" if counts else "no label",
            remedy="Add texts of another class, or check the label column.",
        )
    numbers = all(name.removeprefix("-").isdecimal() for name in counts)
    return tuple(sorted(counts, key=lambda name: (int(name) if numbers else 0, name)))


def _refuse_unseen(texts: Iterable[Text], classes: tuple[str, ...]) -> None:
    known = set(classes)
    for text in texts:
        if unseen := [label for label in text.labels if label not in known]:
            shown = ", ".join(classes[:SHOWN]) + (" ..." if len(classes) > SHOWN else "")
            raise InputError(
                "GR-TEXT-015",
                where=text.name,
                wanted=f"one of the {len(classes)} classes of the training split: {shown}",
                got=repr(unseen[0]),
                remedy="Spell the labels alike in every split, and give the training split texts of each.",
            )


def label_tensor(
    labels: Sequence[tuple[str, ...]], classes: Sequence[str], *, several: bool
) -> Int64[Tensor, "N"] | Float[Tensor, "N K"]:
    """The number of each text's class or, where a text may have several, a one for each that it has."""
    number = {name: i for i, name in enumerate(classes)}
    if not several:
        return torch.tensor([number[one] for (one,) in labels], dtype=torch.int64)
    target = torch.zeros(len(labels), len(classes))
    for row, names in enumerate(labels):
        target[row, [number[name] for name in names]] = 1.0
    return target


def key_of(text: str) -> str:
    """What two texts share that are the same but for case and spaces."""
    return " ".join(text.lower().split())


def drop_repeated(splits: dict[str, Texts]) -> tuple[dict[str, Texts], dict[str, Texts]]:
    """The splits without the texts that a later one (train, validation, then test) has, and those texts.

    Case and spaces make no difference.
    """
    seen = set[str]()
    kept, dropped = dict[str, Texts](), dict[str, Texts]()
    for split in ("test", "validation", "train"):
        if split not in splits:
            continue
        keys = [key_of(text) for text in splits[split].texts]
        kept[split] = splits[split].select(i for i, key in enumerate(keys) if key not in seen)
        dropped[split] = splits[split].select(i for i, key in enumerate(keys) if key in seen)
        seen.update(keys)
    return {split: kept[split] for split in splits}, {s: some for s, some in dropped.items() if len(some)}
