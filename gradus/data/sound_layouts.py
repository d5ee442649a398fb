"""What a set of recordings says it holds, in the layouts that such sets are published in.

Layouts, each with or without one folder around it:
    recordings/<digit>_<speaker>_<index>.wav                Free Spoken Digit Dataset; 0 to 4 are the test
    <subset>/<speaker>/<chapter>/*.flac, *.trans.txt        LibriSpeech; subsets train-*, dev-*, test-*
    metadata.csv (id|text|normalised text), wavs/<id>.wav   LJSpeech
    train.tsv, dev.tsv, test.tsv, clips/                    Common Voice; without them validated.tsv
    [split/]wav.scp, text, utt2spk, segments                Kaldi; a command in wav.scp is never run
    transcripts.csv or .tsv                                 columns path and text; also split, speaker
    **/<name>.wav beside **/<name>.txt                      one's own; a folder train or test is a split
"""

import csv
import math
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from gradus.core.errors import GradusError, InputError
from gradus.data import listings
from gradus.data.lines import decoded
from gradus.data.members import Members, is_left_behind
from gradus.data.rows import separator_of
from gradus.data.sounds import SUFFIXES

SPLITS = listings.SPLITS | {"dev": "validation"}  # as folders and columns name them
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
DIGIT_TESTS = 5  # recordings of each speaker and digit that are the official test split
TABLES = ("transcripts.csv", "transcripts.tsv")
TABLE = "a table"
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar")
LAYOUTS = (
    "spoken digits, LibriSpeech, LJSpeech, Common Voice, Kaldi tables, transcripts.csv, or .txt beside .wav"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What a table of transcripts calls its columns; a speaker and a split need not be there."""

    path: str = "path"
    text: str = "text"
    speaker: str = "speaker"
    split: str = "split"


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a recording that is one utterance."""

    name: str
    written_in: str
    """Where its times stand, for messages."""
    start_seconds: float
    end_seconds: float
    """Infinite for the end of the recording."""


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a set, or an utterance in it, before it is read."""

    sound: str
    """The path of its file inside the set."""
    text: str
    said_in: str
    """Where its transcript stands, for messages."""
    split: str = "train"
    speaker: str = ""
    span: Span | None = None

    @property
    def name(self) -> str:
        """What no other item of the set is called."""
        return f"{self.sound}#{self.span.name}" if self.span else self.sound


@dataclass(slots=True)
class Listing:
    """What a set says it holds, and what of that is known to be wrong before a sound is read."""

    layout: str
    items: list[Item] = field(default_factory=list)
    faults: list[GradusError] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)
    """Sounds that are rightly without a transcript."""


def list_sounds(members: Members, columns: Columns) -> Listing:
    """What a set holds, by the layout that its names show; InputError where they show none."""
    names = [name for name in members.names if not is_left_behind(name)]
    around = _around(names)
    inner = [name.removeprefix(around) for name in names]
    sounds = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
    tables = [name for name in inner if name.lower() in TABLES]
    if any(name.endswith(".trans.txt") for name in inner):
        listing = _librispeech(members, names)
    elif tables:
        listing = _table(members, around, tables, columns)
    elif "metadata.csv" in inner and any(name.startswith("wavs/") for name in inner):
        listing = _ljspeech(members, around)
    elif any(name.startswith("clips/") for name in inner) and any(name.endswith(".tsv") for name in inner):
        listing = _common_voice(members, around, inner)
    elif any(PurePosixPath(name).name == "wav.scp" for name in inner):
        listing = _kaldi(members, around, names)
    elif sounds and all(DIGIT_NAME.fullmatch(PurePosixPath(name).name) for name in sounds):
        listing = _digits(sounds)
    else:
        listing = _beside(members, around, names)
    if not listing.items and not listing.faults:
        raise _nothing(members.where, names, sounds)
    _settle(listing, members, sounds)
    return listing


def _nothing(where: str, names: list[str], sounds: list[str]) -> InputError:
    """The error for a set in no layout; archives inside it are named, for they are not looked into."""
    archives = [name for name in names if name.lower().endswith(ARCHIVES)]
    unopened = f", {len(archives)} of them archives, the first {archives[0]}" if archives else ""
    return InputError(
        "GR-SOUND-010",
        where=where,
        wanted=LAYOUTS,
        got=f"{len(sounds)} sounds among {len(names)} files{unopened}",
        remedy="Unpack the archives that are inside, and give what they hold."
        if archives
        else "Bring the recordings into one of these layouts.",
    )


def _around(names: list[str]) -> str:
    """The one folder that everything is in, with its slash; nothing where there is none, or it is a split."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    if len(tops) != 1 or any("/" not in name for name in names):
        return ""
    top = tops.pop()
    return "" if top.lower() in SPLITS or top in ("recordings", "clips", "wavs") else f"{top}/"


def _settle(listing: Listing, members: Members, sounds: list[str]) -> None:
    """Turn items without a sound, and sounds without an item, into faults; each item is there once."""
    known, seen, kept = set(members.names), dict[str, str](), list[Item]()
    for item in listing.items:
        if item.sound not in known:
            listing.faults.append(
                InputError(
                    "GR-SOUND-012",
                    where=item.said_in,
                    wanted="a transcript of a sound that is there",
                    got=f"no file at {item.sound}",
                    remedy="Put the sound into place, or take the line out.",
                )
            )
        elif item.name in seen:
            listing.faults.append(
                _bad_line(item.said_in, "each sound once", f"that of {seen[item.name]} again")
            )
        else:
            seen[item.name] = item.said_in
            kept.append(item)
    listing.items = kept
    heard = {item.sound for item in kept} | listing.passed_over
    listing.faults += [
        InputError(
            "GR-SOUND-011",
            where=f"{members.where}/{name}",
            wanted="a transcript for each sound",
            got="none",
            remedy="Write what is spoken in it, or take the file out.",
        )
        for name in sounds
        if name not in heard
    ]


# -- layouts ---------------------------------------------------------------------------------------------


def _digits(sounds: list[str]) -> Listing:
    listing = Listing("spoken digits")
    for name in sounds:
        found = DIGIT_NAME.fullmatch(PurePosixPath(name).name)
        assert found is not None
        digit, speaker, index = found.groups()
        split = "test" if int(index) < DIGIT_TESTS else "train"
        listing.items.append(Item(name, DIGITS[int(digit)], name, split, speaker))
    return listing


def _librispeech(members: Members, names: list[str]) -> Listing:
    listing = Listing("LibriSpeech")
    known = set(names)
    for name in names:
        if not name.endswith(".trans.txt"):
            continue
        folder = PurePosixPath(name).parent
        split = _librispeech_split(folder.parts)
        for line, text in _lines(members, name):
            key, _, said = text.strip().partition(" ")
            endings = [f"{folder}/{key}{suffix}" for suffix in SUFFIXES]
            sound = next((one for one in endings if one in known), f"{folder}/{key}.flac")
            listing.items.append(Item(sound, said, line, split, key.partition("-")[0]))
    return listing


def _librispeech_split(folders: tuple[str, ...]) -> str:
    for folder in folders:
        head = folder.partition("-")[0]
        if head in ("train", "dev", "test"):
            return "validation" if head == "dev" else head
    return "train"


def _ljspeech(members: Members, around: str) -> Listing:
    listing = Listing("LJSpeech")
    known = set(members.names)
    for line, text in _lines(members, f"{around}metadata.csv"):
        columns = text.strip().split("|")
        if len(columns) not in (2, 3):
            listing.faults.append(_bad_line(line, "id|text|normalised text", f"{len(columns)} columns"))
            continue
        endings = [f"{around}wavs/{columns[0]}{suffix}" for suffix in SUFFIXES]
        sound = next((name for name in endings if name in known), endings[0])
        listing.items.append(Item(sound, columns[-1], line))
    return listing


def _common_voice(members: Members, around: str, inner: list[str]) -> Listing:
    listing = Listing("Common Voice")
    tables = {"train.tsv": "train", "dev.tsv": "validation", "test.tsv": "test"}
    tables = {name: split for name, split in tables.items() if name in inner} or {"validated.tsv": "train"}
    for table, split in tables.items():
        for line, row in _rows(members, around + table, ["path", "sentence"], listing, quoted=False):
            sound = f"{around}clips/{row['path']}"
            listing.items.append(Item(sound, row["sentence"], line, split, row.get("client_id", "")))
    # Clips that people found wrong are part of every release and of no split.
    clips = {name for name in members.names if name.startswith(f"{around}clips/")}
    listing.passed_over = clips - {item.sound for item in listing.items}
    return listing


def _kaldi(members: Members, around: str, names: list[str]) -> Listing:
    listing = Listing("Kaldi")
    known = set(names)
    for name in names:
        path = PurePosixPath(name)
        if path.name == "wav.scp":
            folder = "" if str(path.parent) == "." else f"{path.parent}/"
            split = next((SPLITS[part] for part in path.parts if part in SPLITS), "train")
            _kaldi_folder(members, listing, (folder, around, ""), known=known, split=split)
    return listing


def _kaldi_folder(
    members: Members, listing: Listing, folders: tuple[str, str, str], *, known: set[str], split: str
) -> None:
    """The utterances of one folder: its recordings or, if there are ``segments``, parts of them."""
    folder = folders[0]
    texts, speakers, recordings = (
        _keyed(members, folder + name, listing) for name in ("text", "utt2spk", "wav.scp")
    )
    sounds = dict[str, str]()
    for key, (line, place) in recordings.items():
        if place.endswith("|"):
            listing.faults.append(_bad_line(line, "the path of a sound", "a command, which is not run"))
        elif sound := _inside(members.where, place, known=known, folders=folders):
            sounds[key] = sound
        else:
            listing.faults.append(_outside(members.where, place, line))
    whole = f"{folder}segments" not in known
    spans = recordings if whole else _keyed(members, f"{folder}segments", listing)
    for key, (line, times) in spans.items():
        recording = key if whole else times.split()[0] if times else ""
        if key not in texts:
            listing.faults.append(_bad_line(line, f"a line of {folder}text with its transcript", "none"))
            continue
        said_in, said = texts.pop(key)
        if recording not in recordings:
            wanted = f"a recording that {folder}wav.scp names"
            listing.faults.append(_bad_line(line, wanted, repr(recording)))
        elif recording in sounds:
            span = None if whole else _span(key, times, line)
            if isinstance(span, InputError):
                listing.faults.append(span)
                continue
            speaker = speakers.get(key, ("", ""))[1]
            listing.items.append(Item(sounds[recording], said, said_in, split, speaker, span))
    table = "wav.scp" if whole else "segments"
    listing.faults += [
        _bad_line(line, f"a line of {table} with its sound", "none") for line, _ in texts.values()
    ]


def _keyed(members: Members, name: str, listing: Listing) -> dict[str, tuple[str, str]]:
    """What the lines of a file say of their first words, each with its place; nothing without the file."""
    found = dict[str, tuple[str, str]]()
    for line, text in _lines(members, name) if name in members.names else ():
        key, value = (*text.strip().split(maxsplit=1), "")[:2]
        if key in found:
            listing.faults.append(_bad_line(line, "each key once", f"that of {found[key][0]} again"))
        else:
            found[key] = (line, value)
    return found


def _span(name: str, times: str, line: str) -> Span | InputError:
    """A line of ``segments`` without its first word: recording, start, and end or -1 (of the whole)."""
    try:
        _, *numbers = times.split()
        start, end = map(float, numbers)
    except ValueError:
        return _bad_line(line, "utterance, recording, start and end in seconds", f"{name} {times}")
    if end == -1:
        end = math.inf
    if not (0 <= start < end) or math.isinf(start):
        return _bad_line(line, "an end after its start, in seconds from 0", f"{numbers[0]} to {numbers[1]}")
    return Span(name, line, start, end)


def _table(members: Members, around: str, tables: Sequence[str], columns: Columns) -> Listing:
    listing = Listing(TABLE)
    if len(tables) > 1:
        raise InputError(
            "GR-SOUND-014",
            where=members.where,
            wanted="one table of transcripts",
            got=" and ".join(tables),
            remedy="Join them into one, or take the others out.",
        )
    usual = Columns()
    given = [columns.path, columns.text]
    given += [columns.speaker] if columns.speaker != usual.speaker else []
    given += [columns.split] if columns.split != usual.split else []
    remedy = "Name the columns so, or say what they are called: --data.path-column, --data.text-column, "
    remedy += "--data.speaker-column, --data.split-column."
    known = set(members.names)
    for line, row in _rows(members, around + tables[0], given, listing, quoted=True, remedy=remedy):
        split = row.get(columns.split) or "train"
        place = row[columns.path]
        if split.lower() not in SPLITS:
            listing.faults.append(_bad_line(line, "a split (train, validation or test)", repr(split)))
        elif not place:
            listing.faults.append(_bad_line(line, f"a path in {columns.path}", "none"))
        elif sound := _inside(members.where, place, known=known, folders=(around,)):
            speaker = row.get(columns.speaker, "")
            listing.items.append(Item(sound, row[columns.text], line, SPLITS[split.lower()], speaker))
        else:
            listing.faults.append(_outside(members.where, place, line))
    return listing


def _beside(members: Members, around: str, names: list[str]) -> Listing:
    """A text beside each sound; texts that stand beside none are transcripts without their sound."""
    listing = Listing("texts beside sounds")
    sounds = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
    by_stem = {PurePosixPath(name).with_suffix(""): name for name in sounds}
    for name in names:
        path = PurePosixPath(name)
        alone = path.name.lower().startswith(("readme", "licen"))
        if path.suffix.lower() != ".txt" or alone or not sounds:
            continue
        sound = by_stem.get(path.with_suffix(""), str(path.with_suffix(".wav")))
        said = " ".join(text for _, text in _lines(members, name))
        top = name.removeprefix(around).partition("/")[0].lower()
        listing.items.append(Item(sound, said, f"{members.where}/{name}", SPLITS.get(top, "train")))
    return listing


# -- lines and paths -------------------------------------------------------------------------------------


def _inside(where: str, place: str, *, known: Collection[str], folders: Sequence[str]) -> str:
    """The path inside the set that a table means, from one of the folders or absolute; "" if outside."""
    if PurePosixPath(place).is_absolute() or PureWindowsPath(place).drive:
        path, root = Path(place), Path(where).absolute()
        if path.is_relative_to(root) and (name := path.relative_to(root).as_posix()) in known:
            return name  # as it is written; links are followed only where that says nothing
        path, root = path.resolve(), root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
    written = place.replace("\\", "/")
    asked = [name for folder in folders for name in (folder + place, posixpath.normpath(folder + written))]
    name = next((name for name in asked if name in known), asked[1])
    return "" if name.startswith("../") else name


def _outside(where: str, place: str, line: str) -> InputError:
    return _bad_line(line, f"a path inside {where}", f"{place}, which is outside")


def _lines(members: Members, name: str) -> Iterator[tuple[str, str]]:
    """The lines of a text file that hold something, each with its place; any of three ends will do."""
    where = f"{members.where}/{name}"
    ended = re.split(rb"\r\n|\n|\r", members.read(name))
    for number, line in enumerate(decoded(ended, where=where), start=1):
        if line.strip():
            yield f"{where}, line {number}", line


def _rows(
    members: Members,
    name: str,
    columns: Sequence[str],
    listing: Listing,
    *,
    quoted: bool,
    remedy: str = "Name the columns so in the first line.",
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table with their places; what lacks a column, or ends in a quote, goes to the faults."""
    lines = _lines(members, name)
    first = next(lines, ("", ""))[1] or " "
    separator = "\t" if name.lower().endswith(".tsv") else separator_of(first)

    def cells(text: str) -> list[str]:
        if not quoted:
            return text.split(separator)
        try:
            row = next(csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True))
        except csv.Error:
            return []
        return [cell.strip() for cell in row]

    header = cells(first)
    if any(header.count(column) != 1 for column in columns):
        raise InputError(
            "GR-SOUND-014",
            where=f"{members.where}/{name}, line 1",
            wanted=f"the columns {' and '.join(columns)}, each once",
            got=", ".join(header)[:200] or "none",
            remedy=remedy,
        )
    for line, text in lines:
        values = cells(text)
        if not values:
            listing.faults.append(_bad_line(line, "a row on a line of its own, quotes closed", text[:80]))
        elif len(values) != len(header):
            listing.faults.append(_bad_line(line, f"{len(header)} columns", f"{len(values)}"))
        else:
            yield line, dict(zip(header, values, strict=True))


def _bad_line(line: str, wanted: str, got: str) -> InputError:
    remedy = "Mend the line or remove it; --data.skip-bad leaves it out."
    return InputError("GR-SOUND-014", where=line, wanted=wanted, got=got, remedy=remedy)
