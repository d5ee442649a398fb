"""Recordings from elsewhere that are trained on as well, and what two sets of recordings have in common."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from gradus.data.manifest import Keys
from gradus.data.sound_sets import Clips, SoundSet


def join(found: SoundSet, path: str, further: SoundSet) -> SoundSet:
    """A set whose training split has the recordings of another one, read from ``path``, as well.

    Whatever splits the other one has, all of it is trained on, but for two kinds of recordings: those that
    the set has already, sample for sample, in any split; and those by speakers whom only its held-out splits
    have, for a score on speakers that were never heard would become one on speakers that were.
    """
    train = found.splits["train"]
    held_out = [part for split, part in found.splits.items() if split != "train"]
    known = {key_of(part.sounds[place]) for part in [train, *held_out] for place in range(len(part))}
    unheard = {name for part in held_out for name in part.speakers} - {*train.speakers, ""}
    everything = Clips.together(further.splits.values())
    new = [place for place in range(len(everything)) if key_of(everything.sounds[place]) not in known]
    kept = [place for place in new if everything.speakers[place] not in unheard]
    splits = [f"{len(part)} of its {name} split" for name, part in further.splits.items() if name != "train"]
    counts = [
        (len(kept), "are trained on as well"),
        (len(everything) - len(new), "were left out: the set has the same sounds"),
        (len(new) - len(kept), "were left out: their speakers are held out"),
    ]
    notes = [f"{count} recordings of {path} {what}" for count, what in counts if count]
    notes += [f"of {path}, {', '.join(splits)} are no split here"] if splits else []
    notes += [f"of {path}, {note}" for note in further.notes]
    if kept:
        train = Clips.together([train, placed(everything.select(kept), path)])
    left_out = placed(everything, path).keyed().at(np.setdiff1d(np.arange(len(everything)), kept))
    return replace(
        found,
        left_out=Keys.together([found.left_out, left_out]),
        splits=found.splits | {"train": train},
        notes=(*found.notes, *notes),
        skipped=(*found.skipped, *further.skipped),
    )


def placed(clips: Clips, path: str) -> Clips:
    """The clips with their whole paths, which no recording of another set has."""
    return replace(clips, names=[f"{Path(path).absolute()}/{name}" for name in clips.names])


def joined_from(clips: Clips, path: str) -> list[int]:
    """The places of the clips that ``join`` took from a path."""
    return [i for i, name in enumerate(clips.names) if name.startswith(f"{Path(path).absolute()}/")]


def duplicates(found: SoundSet) -> list[tuple[str, str]]:
    """Recordings of other splits that are one of the training split, sample for sample, with its name."""
    train = found.splits["train"]
    known = {key_of(train.sounds[place]): train.names[place] for place in range(len(train))}
    return [
        (part.names[place], known[key])
        for split, part in found.splits.items()
        for place in range(len(part))
        if split != "train" and (key := key_of(part.sounds[place])) in known
    ]


def key_of(sound: Tensor) -> bytes:
    """What two recordings share that have the same samples."""
    return hashlib.blake2b(sound.numpy().tobytes(), digest_size=16).digest()
