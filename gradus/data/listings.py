"""From a list of files with labels to pictures in memory, decoded by several threads at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import PurePath

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from gradus.core.errors import GradusError, InputError
from gradus.data.manifest import key_of
from gradus.data.members import Members
from gradus.data.picture_sets import Pictures, PictureSet, allocate, settle_classes
from gradus.data.pictures import PictureForm, read_picture, resize

SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
ORDER = ("train", "validation", "test")
RUN = 32  # pictures that a thread decodes before it asks for more


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a listing, before it is read."""

    split: str
    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a set says it holds, and what of that is known to be wrong before a picture is read."""

    items: list[Item]
    faults: list[GradusError]
    notes: tuple[str, ...]


def read_listing(
    members: Members,
    listing: Listing,
    form: PictureForm,
    *,
    skip_bad: bool,
    classes: tuple[str, ...] | None,
) -> PictureSet:
    """The pictures of a listing by split; broken ones are refused together, or left out and listed."""
    items = sorted(listing.items, key=lambda item: ORDER.index(item.split))  # each split is one run of rows
    total = len(items) + len(listing.faults)
    if not skip_bad:
        _refuse(listing.faults, total)
    settle_classes(_labels(items), where=members.where, classes=classes)  # before the long work
    images, files, broken = _decode(members, [item.name for item in items], form)
    if not skip_bad:
        _refuse(list(broken.values()), total)
    if broken:
        kept = [i for i in range(len(items)) if i not in broken]
        items, images, files = [items[i] for i in kept], images[kept], files[kept]
    settled, notes = settle_classes(_labels(items), where=members.where, classes=classes)
    number = {name: i for i, name in enumerate(settled)}
    splits, start = dict[str, Pictures](), 0
    for split, run in groupby(items, key=lambda item: item.split):
        mine = list(run)
        stop = start + len(mine)
        labels = torch.tensor([number[item.label] for item in mine])
        names = [item.name for item in mine]
        pictures = torch.from_numpy(images[start:stop])
        splits[split] = Pictures(pictures, labels, settled, names, files[start:stop])
        start = stop
    skipped = tuple(str(fault) for fault in chain(listing.faults, broken.values()))
    return PictureSet(splits, listing.notes + notes, skipped)


def _labels(items: Sequence[Item]) -> dict[str, list[str]]:
    runs = groupby(items, key=lambda item: item.split)
    return {split: [item.label for item in run] for split, run in runs}


def _refuse(faults: Sequence[GradusError], total: int) -> None:
    """Raise the one fault, or one error that names the first of several."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        first = faults[0]
        raise InputError(
            "GR-DATA-016",
            where=first.where,
            wanted=f"{total} readable pictures",
            got=f"{len(faults)} that are not; this first one: wanted {first.wanted}, got {first.got}",
            remedy="Mend or remove them; --skip-bad leaves them out and lists them.",
        ) from first


def _decode(
    members: Members, names: Sequence[str], form: PictureForm
) -> tuple[UInt8[np.ndarray, "N C H W"], Int64[np.ndarray, "N"], dict[int, GradusError]]:
    """All pictures in one array, the keys of their files, and what was wrong with the others."""
    read = partial(_read_one, members, form)
    height, width, first = (form.side, form.side, "") if form.side is not None else _first_size(read, names)
    images = allocate(len(names), form.channels, height, width, where=members.where)
    files = np.zeros(len(names), dtype=np.int64)

    def fill(start: int) -> dict[int, GradusError]:
        broken = {}
        for i in range(start, min(start + RUN, len(names))):
            try:
                picture, files[i] = read(names[i])
            except GradusError as error:
                broken[i] = error
                continue
            if picture.shape[:2] != (height, width):
                raise _differs(members.where, names[i], picture.shape, first, (height, width))
            images[i] = picture.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
        return broken

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow lets other threads run while it decodes
        runs = pool.map(fill, range(0, len(names), RUN))
        return images, files, {i: error for broken in runs for i, error in broken.items()}


def _read_one(members: Members, form: PictureForm, name: str) -> tuple[UInt8[np.ndarray, "H W C"], int]:
    """A picture in its form, and a key of its file."""
    content = members.read(name)
    picture = read_picture(
        content,
        name=str(PurePath(members.where, name)),
        channels=form.channels,
        background_rgb255=form.background_rgb255,
        max_megapixels=form.max_megapixels,
    )
    return picture if form.side is None else resize(picture, form.side, fit=form.fit), key_of(content)


def _first_size(read: Callable[[str], tuple[np.ndarray, int]], names: Sequence[str]) -> tuple[int, int, str]:
    """Height and width of the first picture that can be read, and its name."""
    for name in names:
        try:
            height, width, _ = read(name)[0].shape
        except GradusError:
            continue  # it is met again, and reported, with the others
        return height, width, name
    return 1, 1, ""


def _differs(
    where: str, name: str, size: tuple[int, ...], first: str, first_size: tuple[int, int]
) -> InputError:
    return InputError(
        "GR-DATA-008",
        where=f"{where}/{name}",
        wanted=f"{first_size[1]} x {first_size[0]} pixels, as {first} has",
        got=f"{size[1]} x {size[0]}",
        remedy="Set data.side to the side that all pictures shall get.",
    )
