"""Recordings with their transcripts, in the layouts that such sets are published in, on disk or in a zip.

Layouts, each with or without one folder around it:
    recordings/<digit>_<speaker>_<index>.wav                Free Spoken Digit Dataset; 0 to 4 are the test
    <subset>/<speaker>/<chapter>/*.flac, *.trans.txt        LibriSpeech; subsets train-*, dev-*, test-*
    metadata.csv (id|text|normalised text), wavs/<id>.wav   LJSpeech
    train.tsv, dev.tsv, test.tsv, clips/                    Common Voice; without them validated.tsv
    [split/]wav.scp, text, utt2spk                          Kaldi; a command in wav.scp is never run
    transcripts.csv or .tsv                                 columns path and text; also split, speaker
    **/<name>.wav beside **/<name>.txt                      one's own; a folder train or test is a split
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from torch import Tensor

from gradus.core.errors import GradusError, InputError
from gradus.data import listings
from gradus.data.characters import Case, tidy
from gradus.data.lines import decoded
from gradus.data.members import Members, is_left_behind, open_members
from gradus.data.ragged import Ragged
from gradus.data.rows import separator_of
from gradus.data.sounds import SUFFIXES, at_rate, read_sound

ORDER = listings.ORDER
SPLITS = listings.SPLITS | {"dev": "validation"}  # as folders and columns name them
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
DIGIT_TESTS = 5  # recordings of each speaker and digit that are the official test split
TABLES = ("transcripts.csv", "transcripts.tsv")
LAYOUTS = (
    "spoken digits, LibriSpeech, LJSpeech, Common Voice, Kaldi tables, transcripts.csv, or .txt beside .wav"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a set, before it is read."""

    name: str
    """Its path inside the set."""
    text: str
    said_in: str
    """Where its transcript stands, for messages."""
    split: str = "train"
    speaker: str = ""


@dataclass(slots=True)
class Listing:
    """What a set says it holds, and what of that is known to be wrong before a sound is read."""

    items: list[Item] = field(default_factory=list)
    faults: list[GradusError] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)
    """Sounds that are rightly without a transcript."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Recordings of one channel at one rate, decoded and in memory: 64 kB a second at 16 kHz."""

    sounds: Ragged
    texts: list[str]
    names: list[str]
    speakers: list[str]
    """Empty names where the set does not say."""

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, places: list[int]) -> "Clips":
        """The clips at these places, in this order."""
        return Clips(
            Ragged.of([self.sounds[place] for place in places]),
            [self.texts[place] for place in places],
            [self.names[place] for place in places],
            [self.speakers[place] for place in places],
        )


@dataclass(frozen=True, slots=True)
class SoundSet:
    """What was read: clips by split, what was changed or passed over, and what was left out."""

    splits: dict[str, Clips]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def read_sound_set(path: Path, *, rate_hz: int, case: Case = "lower", skip_bad: bool = False) -> SoundSet:
    """The recordings at a path, whichever of the layouts it holds.

    Sounds of several channels or of another rate are mixed and resampled, and counted in the notes. What is
    broken is an InputError that names the first and counts the rest; with ``skip_bad`` it is left out and
    listed. A folder with one zip and no folders is read as that zip.
    """
    if not path.exists():
        raise InputError(
            "GR-DATA-001",
            where=str(path),
            wanted="recordings with transcripts",
            got="nothing at that path",
            remedy="Check the path.",
        )
    if path.is_dir():
        visible = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        archives = [entry for entry in visible if entry.suffix.lower() == ".zip"]
        if len(archives) == 1 and not any(entry.is_dir() for entry in visible):
            path = archives[0]
    with open_members(path) as members:
        return _read(members, list_sounds(members), rate_hz=rate_hz, case=case, skip_bad=skip_bad)


def list_sounds(members: Members) -> Listing:
    """What a set holds, by the layout that its names show; InputError where they show none."""
    names = [name for name in members.names if not is_left_behind(name)]
    around = _around(names)
    inner = [name.removeprefix(around) for name in names]
    sounds = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
    tables = [name for name in TABLES if name in inner]
    if any(name.endswith(".trans.txt") for name in inner):
        listing = _librispeech(members, names)
    elif tables:
        listing = _table(members, around + tables[0])
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
        raise InputError(
            "GR-SOUND-010",
            where=members.where,
            wanted=LAYOUTS,
            got=f"{len(sounds)} sounds among {len(names)} files",
            remedy="Bring the recordings into one of these layouts.",
        )
    _settle(listing, members, sounds)
    return listing


def _around(names: list[str]) -> str:
    """The one folder that everything is in, with its slash; nothing where there is none, or it is a split."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    if len(tops) != 1 or any("/" not in name for name in names):
        return ""
    top = tops.pop()
    return "" if top.lower() in SPLITS or top in ("recordings", "clips", "wavs") else f"{top}/"


def _settle(listing: Listing, members: Members, sounds: list[str]) -> None:
    """Turn items without a sound, and sounds without an item, into faults; each sound is read once."""
    known, seen, kept = set(members.names), dict[str, str](), list[Item]()
    for item in listing.items:
        if item.name not in known:
            listing.faults.append(
                InputError(
                    "GR-SOUND-012",
                    where=item.said_in,
                    wanted="a transcript of a sound that is there",
                    got=f"no file at {item.name}",
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
    listing.faults += [
        InputError(
            "GR-SOUND-011",
            where=f"{members.where}/{name}",
            wanted="a transcript for each sound",
            got="none",
            remedy="Write what is spoken in it, or take the file out.",
        )
        for name in sounds
        if name not in seen and name not in listing.passed_over
    ]


# -- layouts ---------------------------------------------------------------------------------------------


def _digits(sounds: list[str]) -> Listing:
    listing = Listing()
    for name in sounds:
        found = DIGIT_NAME.fullmatch(PurePosixPath(name).name)
        assert found is not None
        digit, speaker, index = found.groups()
        split = "test" if int(index) < DIGIT_TESTS else "train"
        listing.items.append(Item(name, DIGITS[int(digit)], name, split, speaker))
    return listing


def _librispeech(members: Members, names: list[str]) -> Listing:
    listing = Listing()
    known = set(names)
    for name in names:
        if not name.endswith(".trans.txt"):
            continue
        folder = PurePosixPath(name).parent
        split = _librispeech_split(folder.parts)
        for line, text in _lines(members, name):
            key, _, said = text.partition(" ")
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
    listing = Listing()
    known = set(members.names)
    for line, text in _lines(members, f"{around}metadata.csv"):
        columns = text.split("|")
        if len(columns) not in (2, 3):
            listing.faults.append(_bad_line(line, "id|text|normalised text", f"{len(columns)} columns"))
            continue
        endings = [f"{around}wavs/{columns[0]}{suffix}" for suffix in SUFFIXES]
        sound = next((name for name in endings if name in known), endings[0])
        listing.items.append(Item(sound, columns[-1], line))
    return listing


def _common_voice(members: Members, around: str, inner: list[str]) -> Listing:
    listing = Listing()
    tables = {"train.tsv": "train", "dev.tsv": "validation", "test.tsv": "test"}
    tables = {name: split for name, split in tables.items() if name in inner} or {"validated.tsv": "train"}
    for table, split in tables.items():
        for line, row in _rows(members, around + table, ("path", "sentence"), listing, quoted=False):
            sound = f"{around}clips/{row['path']}"
            listing.items.append(Item(sound, row["sentence"], line, split, row.get("client_id", "")))
    # Clips that people found wrong are part of every release and of no split.
    clips = {name for name in members.names if name.startswith(f"{around}clips/")}
    listing.passed_over = clips - {item.name for item in listing.items}
    return listing


def _kaldi(members: Members, around: str, names: list[str]) -> Listing:
    listing = Listing()
    known = set(names)
    for name in names:
        path = PurePosixPath(name)
        if path.name != "wav.scp":
            continue
        folder = "" if str(path.parent) == "." else f"{path.parent}/"
        split = next((SPLITS[part] for part in path.parts if part in SPLITS), "train")
        speakers = dict(_pairs(members, f"{folder}utt2spk")) if f"{folder}utt2spk" in known else {}
        texts = {}
        if f"{folder}text" in known:
            for line, text in _lines(members, f"{folder}text"):
                key, _, said = text.partition(" ")
                texts[key] = (line, said)
        for line, text in _lines(members, name):
            key, _, place = text.partition(" ")
            place = place.strip()
            if place.endswith("|"):
                listing.faults.append(_bad_line(line, "the path of a sound", "a command, which is not run"))
                texts.pop(key, None)
                continue
            if key not in texts:
                listing.faults.append(_bad_line(line, f"a line of {folder}text with its transcript", "none"))
                continue
            said_in, said = texts.pop(key)
            sound = next((one for one in (place, around + place, folder + place) if one in known), place)
            listing.items.append(Item(sound, said, said_in, split, speakers.get(key, "")))
        listing.faults += [
            _bad_line(line, "a line of wav.scp with its sound", "none") for line, _ in texts.values()
        ]
    return listing


def _table(members: Members, table: str) -> Listing:
    listing = Listing()
    folder = "" if "/" not in table else table.rpartition("/")[0] + "/"
    for line, row in _rows(members, table, ("path", "text"), listing, quoted=True):
        split = row.get("split") or "train"
        if split.lower() not in SPLITS:
            listing.faults.append(_bad_line(line, "a split (train, validation or test)", repr(split)))
            continue
        speaker = row.get("speaker") or ""
        listing.items.append(Item(folder + row["path"], row["text"], line, SPLITS[split.lower()], speaker))
    return listing


def _beside(members: Members, around: str, names: list[str]) -> Listing:
    """A text beside each sound; texts that stand beside none are transcripts without their sound."""
    listing = Listing()
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


# -- lines -----------------------------------------------------------------------------------------------


def _lines(members: Members, name: str) -> Iterator[tuple[str, str]]:
    """The lines of a text file that hold something, each with its place."""
    where = f"{members.where}/{name}"
    for number, line in enumerate(decoded(members.read(name).split(b"\n"), where=where), start=1):
        if line.strip():
            yield f"{where}, line {number}", line.strip()


def _pairs(members: Members, name: str) -> Iterator[tuple[str, str]]:
    for _, text in _lines(members, name):
        key, _, value = text.partition(" ")
        yield key, value.strip()


def _rows(
    members: Members, name: str, columns: tuple[str, ...], listing: Listing, *, quoted: bool
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table with their places; what lacks a column, or ends in a quote, goes to the faults."""
    lines = _lines(members, name)
    first = next(lines, ("", ""))[1] or " "
    separator = "\t" if name.endswith(".tsv") else separator_of(first)

    def cells(text: str) -> list[str]:
        if not quoted:
            return text.split(separator)
        try:
            return next(csv.reader([text], delimiter=separator, strict=True))
        except csv.Error:
            return []

    header = cells(first)
    if not set(columns) <= set(header):
        raise InputError(
            "GR-SOUND-014",
            where=f"{members.where}/{name}, line 1",
            wanted=f"the columns {' and '.join(columns)}",
            got=first[:200],
            remedy="Name the columns so in the first line.",
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


# -- sounds ----------------------------------------------------------------------------------------------


def _read(members: Members, listing: Listing, *, rate_hz: int, case: Case, skip_bad: bool) -> SoundSet:
    """Every sound of a listing in memory, by split; the broken are refused together, or left out."""
    changes = Counter[str]()
    faults = list(listing.faults)

    def fetch(item: Item) -> tuple[Tensor, str, list[str]] | GradusError:
        try:
            return _fetch(members, item, rate_hz=rate_hz, case=case)
        except GradusError as error:
            return error

    found: dict[str, list[tuple[Item, Tensor, str]]] = {}
    with ThreadPoolExecutor() as pool:
        for item, result in zip(listing.items, pool.map(fetch, listing.items), strict=True):
            if isinstance(result, GradusError):
                faults.append(result)
                continue
            sound, text, changed = result
            changes.update(changed)
            found.setdefault(item.split, []).append((item, sound, text))
    if faults and not (skip_bad and found):
        _refuse(faults, total=len(listing.items) + len(listing.faults))
    splits = {
        split: Clips(
            Ragged.of([sound for _, sound, _ in found[split]]),
            [text for _, _, text in found[split]],
            [item.name for item, _, _ in found[split]],
            [item.speaker for item, _, _ in found[split]],
        )
        for split in ORDER
        if split in found
    }
    if listing.passed_over:
        changes["that no table of a split names were passed over"] = len(listing.passed_over)
    notes = [f"{count} sounds {what}" for what, count in sorted(changes.items())]
    return SoundSet(splits, tuple(notes), tuple(str(fault) for fault in faults))


def _fetch(members: Members, item: Item, *, rate_hz: int, case: Case) -> tuple[Tensor, str, list[str]]:
    """One sound, its text, and what had to be done to the sound."""
    text = tidy(item.text, case=case)
    if not text:
        raise InputError(
            "GR-SOUND-013",
            where=item.said_in,
            wanted="a transcript with a word in it",
            got=repr(item.text) if item.text else "nothing",
            remedy="Write what is spoken, or take the item out.",
        )
    name = f"{members.where}/{item.name}"
    sound = read_sound(members.read(item.name), name=name)
    changed = []
    if sound.samples.shape[1] > 1:
        changed.append(f"of {sound.samples.shape[1]} channels were mixed to one")
    if sound.rate_hz != rate_hz:
        changed.append(f"of {sound.rate_hz} Hz were resampled to {rate_hz}")
    return at_rate(sound, rate_hz), text, changed


def _refuse(faults: list[GradusError], *, total: int) -> None:
    """Raise the one fault, or one error that names the first of several."""
    first = faults[0]
    if len(faults) == 1:
        raise first
    raise InputError(
        "GR-SOUND-015",
        where=first.where,
        wanted=f"{total} recordings with transcripts",
        got=f"{len(faults)} that are not; this first one: wanted {first.wanted}, got {first.got}",
        remedy="Mend or remove them; --data.skip-bad leaves them out and lists them.",
    ) from first
