"""Sets of labelled pictures: the record that every reader returns, and what must hold of its classes.

Letters: N pictures, C channels, H height, W width.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from gradus.core.errors import InputError
from gradus.data.manifest import Keys, content_keys, key_of
from gradus.data.pictures import PictureForm, resize


@dataclass(frozen=True, slots=True)
class Pictures:
    """Labelled pictures of one size, decoded and in memory."""

    images: UInt8[Tensor, "N C H W"]
    labels: Int64[Tensor, "N"]
    classes: tuple[str, ...]
    """What each label is called."""
    names: list[str]
    """Where each picture comes from: its path inside the set, or its split and number."""
    files: Int64[np.ndarray, "N"] | None = None
    """A key of the content of each file, where every picture has one of its own."""

    def __post_init__(self) -> None:
        assert len(self.images) == len(self.labels) == len(self.names)

    def select(self, places: Int64[Tensor, "M"] | list[int]) -> "Pictures":
        """The pictures at these places, in this order."""
        index = torch.as_tensor(places, dtype=torch.int64)
        names = [self.names[i] for i in index.tolist()]
        files = None if self.files is None else self.files[index.numpy()]
        return Pictures(self.images[index], self.labels[index], self.classes, names, files)

    @classmethod
    def together(cls, parts: Iterable["Pictures"]) -> "Pictures":
        """The pictures of all parts, one part after the other; at least one."""
        parts = list(parts)
        files = [p.files for p in parts if p.files is not None]
        return cls(
            torch.cat([p.images for p in parts]),
            torch.cat([p.labels for p in parts]),
            parts[0].classes,
            [name for p in parts for name in p.names],
            np.concatenate(files) if len(files) == len(parts) else None,
        )

    def keyed(self) -> Keys:
        """A key of each picture with its class: by its file where it has one of its own, else by its pixels.

        Files are as they are on any machine; pixels are so too unless they were scaled.
        """
        content = self.files
        if content is None:
            content = content_keys(np.ascontiguousarray(self.images.numpy()).reshape(len(self.images), -1))
        classes = np.array([key_of(name) for name in self.classes])
        return Keys(content ^ classes[self.labels.numpy()], self.names)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """What was read: pictures by split, what was passed over, and which broken files were left out."""

    splits: dict[str, Pictures]
    """By "train", "validation" and "test"; a set that comes without splits is all "train"."""
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """One split as a file gives it: values, and what each picture is called and shows."""

    images: UInt8[np.ndarray, "N H W C"]
    labels: list[str]
    names: list[str]


def gather(
    splits: Mapping[str, Labelled], form: PictureForm, *, where: str, classes: tuple[str, ...] | None = None
) -> PictureSet:
    """The pictures of an array file in the wanted form, with their classes numbered."""
    labels = {split: part.labels for split, part in splits.items()}
    classes, notes = settle_classes(labels, where=where, classes=classes)
    number = {name: i for i, name in enumerate(classes)}
    pictures = {
        split: Pictures(
            reform(part.images, form, where=where),
            torch.tensor([number[label] for label in part.labels]),
            classes,
            part.names,
        )
        for split, part in splits.items()
    }
    return PictureSet(pictures, notes)


def reform(
    images: UInt8[np.ndarray, "N H W C"], form: PictureForm, *, where: str
) -> UInt8[Tensor, "N {form.channels} H2 W2"]:
    """Pictures of one array with the channels and the side that ``form`` asks for."""
    count, height, width, channels = images.shape
    changes_side = form.side is not None and (height, width) != (form.side, form.side)
    if channels == form.channels and not changes_side:
        return torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C"))
    out_height, out_width = (form.side, form.side) if form.side is not None else (height, width)
    made = allocate(count, form.channels, out_height, out_width, where=where)
    for i, image in enumerate(images):
        some = image if channels == form.channels else _with_channels(image, form.channels)
        if form.side is not None:
            some = resize(some, form.side, fit=form.fit)
        made[i] = some.transpose(2, 0, 1)
    return torch.from_numpy(made)


def _with_channels(image: UInt8[np.ndarray, "H W C"], channels: int) -> UInt8[np.ndarray, "H W {channels}"]:
    """Grey three times over, or colour as grey by ITU-R 601."""
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(image).convert("L"))[:, :, None]


def allocate(
    count: int, channels: int, height: int, width: int, *, where: str
) -> UInt8[np.ndarray, "{count} {channels} {height} {width}"]:
    """Room for pictures; InputError where the machine has too little memory."""
    try:
        return np.empty((count, channels, height, width), np.uint8)
    except (MemoryError, ValueError) as error:  # ValueError: more than any machine can address
        size = count * channels * height * width / 1e9
        raise InputError(
            "GR-DATA-009",
            where=where,
            wanted=f"{size:.1f} GB of memory for {count} pictures of {width} x {height}",
            got="less",
            remedy="Give a smaller data.side, or fewer pictures.",
        ) from error


def settle_classes(
    labels: Mapping[str, Sequence[str]], *, where: str, classes: tuple[str, ...] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes in order, and notes about them, from the label names of each split.

    Order: as numbers where all are whole numbers, else alphabetical. Given ``classes`` (those of a trained
    run, or of a published set) keep their order, and every label must be among them. Else the training split
    must hold two classes with two pictures each, and the other splits no class that it lacks.
    """
    found = {split: Counter(names) for split, names in labels.items()}
    for split, counts in found.items():
        _refuse_unwritable(counts, f"{where}, {split}")
    if not any(found.values()):
        raise InputError(
            "GR-DATA-011",
            where=where,
            wanted="pictures",
            got="none",
            remedy="Check the path, and that the pictures have a usual ending such as .jpg or .png.",
        )
    if classes is not None:
        for split, counts in found.items():
            _refuse_unseen(counts, set(classes), f"{where}, {split}", "the known classes")
        return classes, ()
    learned = found.get("train") or sum(found.values(), Counter())
    _refuse_too_few(learned, where)
    notes = []
    for split, counts in found.items():
        _refuse_unseen(counts, set(learned), f"{where}, {split}", "the classes of the training split")
        if missing := learned.keys() - counts.keys():
            notes.append(f"{split} has no picture of {some_of(sorted(missing, key=_class_order(missing)))}")
    return tuple(sorted(learned, key=_class_order(learned))), tuple(notes)


def _class_order(names: Sequence[str] | Mapping[str, int] | set[str]) -> Callable[[str], tuple[int, str]]:
    """How to sort class names: "10" comes after "9" where all of them are numbers."""
    numbers = all(name.removeprefix("-").isdecimal() for name in names)
    return lambda name: (int(name) if numbers else 0, name)


def _refuse_unwritable(counts: Counter[str], where: str) -> None:
    for name in counts:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "GR-DATA-018",
                where=where,
                wanted="class names that are text",
                got=repr(name),
                remedy="Rename the class: some bytes of its name are no UTF-8.",
            ) from error


def _refuse_too_few(counts: Counter[str], where: str) -> None:
    if len(counts) == 1:
        raise InputError(
            "GR-DATA-013",
            where=where,
            wanted="two or more classes to tell apart",
            got=f"only {next(iter(counts))!r}",
            remedy="Put the pictures of each class into a folder of its own, side by side.",
        )
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        raise InputError(
            "GR-DATA-014",
            where=where,
            wanted="two or more training pictures of each class",
            got=f"a single one of {some_of(single)}",
            remedy="Add pictures of that class, or remove it.",
        )


def _refuse_unseen(counts: Counter[str], known: set[str], where: str, known_as: str) -> None:
    unseen = sorted(counts.keys() - known)
    if unseen:
        raise InputError(
            "GR-DATA-015",
            where=where,
            wanted=f"only {known_as} ({some_of(sorted(known))})",
            got=f"also {some_of(unseen)}",
            remedy="Spell the classes alike in every split, and give the training split pictures of each.",
        )


def some_of(names: Sequence[str], most: int = 5) -> str:
    """The first few names for a message, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
