"""Recordings with their transcripts, decoded and in memory, from a folder or a zip in any known layout.

``sound_layouts`` has the layouts.
"""

import math
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from torch import Tensor

from gradus.core.errors import GradusError, InputError
from gradus.data import listings
from gradus.data.characters import Case, tidy
from gradus.data.manifest import NOTHING, Keys, content_keys, key_of
from gradus.data.members import Members, open_members
from gradus.data.ragged import Ragged
from gradus.data.sound_layouts import Columns, Item, Listing, Span, list_sounds
from gradus.data.sounds import Sound, at_rate, read_sound

OVERSHOOT_SECONDS = 0.01  # the times of a span are often written to the hundredth
Utterance = tuple[Item, Tensor, str, int]
"""An item with its samples, its transcript, and a key of its file and span."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Recordings of one channel at one rate, decoded and in memory: 64 kB a second at 16 kHz."""

    sounds: Ragged
    texts: list[str]
    names: list[str]
    speakers: list[str]
    """Empty names where the set does not say."""
    files: Int64[np.ndarray, "N"] | None = None
    """A key of the content of each file, and of the span in it, where they were read from files."""

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, places: list[int]) -> "Clips":
        """The clips at these places, in this order."""
        return Clips(
            Ragged.of([self.sounds[place] for place in places]),
            [self.texts[place] for place in places],
            [self.names[place] for place in places],
            [self.speakers[place] for place in places],
            None if self.files is None else self.files[places],
        )

    @classmethod
    def together(cls, parts: Iterable["Clips"]) -> "Clips":
        """The clips of all parts, one part after the other; at least one."""
        parts = list(parts)
        from_files = any(part.files is not None for part in parts)
        return cls(
            Ragged.of([part.sounds[place] for part in parts for place in range(len(part))]),
            [text for part in parts for text in part.texts],
            [name for part in parts for name in part.names],
            [speaker for part in parts for speaker in part.speakers],
            np.concatenate([part.contents() for part in parts]) if from_files else None,
        )

    def contents(self) -> Int64[np.ndarray, "N"]:
        """A key of the content of each clip: of its file where it has one, else of its samples."""
        if self.files is not None:
            return self.files
        return content_keys(self.sounds[place].numpy() for place in range(len(self)))

    def keyed(self) -> Keys:
        """A key of each clip with its transcript."""
        said = np.array([key_of(text) for text in self.texts], dtype=np.int64)
        return Keys(self.contents() ^ said, self.names)


@dataclass(frozen=True, slots=True)
class SoundSet:
    """What was read: clips by split, what was changed or passed over, and what was left out."""

    splits: dict[str, Clips]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    layout: str = ""
    left_out: Keys = NOTHING
    """Keys of clips that were read and are in no split."""


def read_sound_set(
    path: Path, *, rate_hz: int, case: Case = "lower", skip_bad: bool = False, columns: Columns | None = None
) -> SoundSet:
    """The recordings at a path, whichever of the layouts it holds; ``columns`` are those of a table.

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
        listing = list_sounds(members, columns or Columns())
        return _read(members, listing, rate_hz=rate_hz, case=case, skip_bad=skip_bad)


# -- sounds ----------------------------------------------------------------------------------------------


def _read(members: Members, listing: Listing, *, rate_hz: int, case: Case, skip_bad: bool) -> SoundSet:
    """Every sound of a listing in memory, by split; the broken are refused together, or left out."""
    changes = Counter[str]()
    faults = list(listing.faults)
    by_sound: dict[str, list[Item]] = {}  # a file with several utterances is read once
    for item in listing.items:
        by_sound.setdefault(item.sound, []).append(item)

    def fetch(items: list[Item]) -> tuple[list[Utterance | GradusError], list[str]]:
        try:
            return _fetch(members, items, rate_hz=rate_hz, case=case)
        except GradusError as error:
            return [error], []

    found: dict[str, list[Utterance]] = {}
    with ThreadPoolExecutor() as pool:
        for results, changed in pool.map(fetch, by_sound.values()):
            changes.update(changed)
            for result in results:
                if isinstance(result, GradusError):
                    faults.append(result)
                else:
                    found.setdefault(result[0].split, []).append(result)
    if faults and not (skip_bad and found):
        _refuse(faults, total=len(listing.items) + len(listing.faults))
    splits = {
        split: Clips(
            Ragged.of([sound for _, sound, _, _ in found[split]]),
            [text for _, _, text, _ in found[split]],
            [item.name for item, _, _, _ in found[split]],
            [item.speaker for item, _, _, _ in found[split]],
            np.array([key for _, _, _, key in found[split]]),
        )
        for split in listings.ORDER
        if split in found
    }
    if listing.passed_over:
        changes["that no table of a split names were passed over"] = len(listing.passed_over)
    notes = [f"{count} sounds {what}" for what, count in sorted(changes.items())]
    return SoundSet(splits, tuple(notes), tuple(str(fault) for fault in faults), listing.layout)


def _fetch(
    members: Members, items: list[Item], *, rate_hz: int, case: Case
) -> tuple[list[Utterance | GradusError], list[str]]:
    """The utterances of one file, a fault in the place of each that is broken; what was done to the file."""
    name = f"{members.where}/{items[0].sound}"
    content = members.read(items[0].sound)
    sound, file = read_sound(content, name=name), str(key_of(content))
    changed = []
    if sound.samples.shape[1] > 1:
        changed.append(f"of {sound.samples.shape[1]} channels were mixed to one")
    if sound.rate_hz != rate_hz:
        changed.append(f"of {sound.rate_hz} Hz were resampled to {rate_hz}")
    results: list[Utterance | GradusError] = []
    for item in items:
        try:
            text, part = _text(item, case), _part(sound, item.span)
            times = f"{item.span.start_seconds:g} {item.span.end_seconds:g}" if item.span else ""
            results.append((item, at_rate(part, rate_hz), text, key_of(file, times)))
        except GradusError as error:
            results.append(error)
    return results, changed


def _text(item: Item, case: Case) -> str:
    """The transcript of an item; InputError where nothing of it is left."""
    text = tidy(item.text, case=case)
    if not text:
        raise InputError(
            "GR-SOUND-013",
            where=item.said_in,
            wanted="a transcript with a word in it",
            got=repr(item.text) if item.text else "nothing",
            remedy="Write what is spoken, or take the item out.",
        )
    return text


def _part(sound: Sound, span: Span | None) -> Sound:
    """The samples of a span; InputError where the recording does not reach that far."""
    if span is None:
        return sound
    seconds = len(sound.samples) / sound.rate_hz
    end = seconds if math.isinf(span.end_seconds) else span.end_seconds
    part = sound.samples[round(span.start_seconds * sound.rate_hz) : round(end * sound.rate_hz)]
    if end > seconds + OVERSHOOT_SECONDS or not len(part):
        raise InputError(
            "GR-SOUND-017",
            where=span.written_in,
            wanted=f"times within the {seconds:.2f} seconds of the recording",
            got=f"{span.start_seconds:g} to {span.end_seconds:g}",
            remedy="Mend the times, or take the line out.",
        )
    return Sound(part, sound.rate_hz)


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
