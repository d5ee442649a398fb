"""A look at one's own pictures before training: classes, sizes, broken files, duplicates across splits."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image, UnidentifiedImageError

from gradus.core.errors import GradusError
from gradus.data.leaks import Pair, find_leaks
from gradus.data.members import Members, is_left_behind, open_members
from gradus.data.pictures import SUFFIXES
from gradus.engine.job import Panel
from gradus.jobs.image_classification.config import Config
from gradus.jobs.image_classification.data import DataConfig, load

LOOKED_AT_SIDE = 64
MOST_CLASSES = 50  # that are shown all


def examine(config: Config) -> list[Panel]:
    """What the pictures of a config are, and all that is wrong; InputError where they make no classes."""
    data = replace(config.data, side=config.data.side or LOOKED_AT_SIDE, skip_bad=True)
    found = load(data)
    classes = found.splits["train"].classes
    counts = {
        split: part.labels.bincount(minlength=len(classes)).tolist() for split, part in found.splits.items()
    }
    total = sum(len(part.labels) for part in found.splits.values())
    leaks = find_leaks(found.splits)
    shown, rest = list(range(len(classes))), ""
    if len(classes) > MOST_CLASSES:
        shown, rest = sorted(shown, key=counts["train"].__getitem__), ", the smallest first"
    return [
        Panel(
            title="Pictures",
            sentence=f"{total} in {len(classes)} classes{rest}.",
            columns=("class", *counts),
            rows=[(classes[place], *(count[place] for count in counts.values())) for place in shown],
        ),
        *_about_files(config.data),
        Panel(
            title="Broken files",
            sentence=f"{len(found.skipped)} cannot be read; --skip-bad trains without them."
            if found.skipped
            else "None.",
            columns=("file",),
            rows=[(fault.removeprefix(f"{data.path}/"),) for fault in found.skipped],
        ),
        _duplicates("The same picture in two splits", leaks.exact),
        _duplicates("Almost the same picture in two splits", leaks.near),
        Panel(title="Notes", sentence=" ".join(found.notes) or "None."),
    ]


def _about_files(data: DataConfig) -> list[Panel]:
    """The sizes of the pictures in a folder or zip, by their headers, and folders without one."""
    path = Path(str(data.path)).expanduser()
    if data.path is None or not (path.is_dir() or path.suffix.lower() == ".zip"):
        return []
    with open_members(path) as members:
        names = [name for name in members.names if not is_left_behind(name)]
        pictures = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
        sizes = Counter(size for name in pictures if (size := _size(members, name)))
    if not sizes:
        return []
    side = data.side
    said = f"{len(sizes)} different"
    if side is not None:
        small = sum(count for size, count in sizes.items() if min(size) < side)
        said += f"; training brings them to {side} x {side} (--data.side, --data.fit {data.fit})"
        said += f", {small} of them are smaller" if small else ""
    elif len(sizes) > 1:
        said += f"; they must be brought to one: --data.side {LOOKED_AT_SIDE}"
    panels = [
        Panel(
            title="Sizes",
            sentence=f"{said}.",
            columns=("width x height", "pictures"),
            rows=[(f"{width} x {height}", count) for (width, height), count in sizes.most_common()],
        )
    ]
    holding = {folder for name in pictures for folder in PurePosixPath(name).parents}
    empty = _folders_beside(path, holding) if path.is_dir() else []
    if empty:
        said = f"{len(empty)}: they are no class, and nothing is learnt of what they are called."
        rows = [(name,) for name in empty]
        panels.append(Panel(title="Folders without pictures", sentence=said, columns=("folder",), rows=rows))
    return panels


def _size(members: Members, name: str) -> tuple[int, int] | None:
    """Width and height of a picture by its header; None where it has none that can be read."""
    try:
        with Image.open(io.BytesIO(members.read(name))) as picture:
            return picture.size
    except (GradusError, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None  # it is among the broken files


def _folders_beside(path: Path, holding: set[PurePosixPath]) -> list[str]:
    """The folders at the levels where classes are that hold no picture."""
    levels = {len(folder.parts) for folder in holding} - {0}
    folders = [p.relative_to(path) for p in path.rglob("*") if p.is_dir()]
    names = [PurePosixPath(folder.as_posix()) for folder in folders if not is_left_behind(folder.as_posix())]
    return sorted(str(name) for name in names if name not in holding and len(name.parts) in levels)


def _duplicates(title: str, pairs: tuple[Pair, ...]) -> Panel:
    return Panel(
        title=title,
        sentence=f"{len(pairs)} pictures; a score on them says little." if pairs else "None.",
        columns=("split", "picture", "also in", "as"),
        rows=[(p.split, p.name, p.earlier_split, p.earlier_name) for p in pairs],
    )
