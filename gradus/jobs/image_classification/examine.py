"""A look at one's own pictures before training: classes, sizes, broken files, duplicates across splits."""

from dataclasses import replace

from gradus.core.errors import InputError
from gradus.data.leaks import Pair, find_leaks
from gradus.engine.job import Panel
from gradus.jobs.image_classification.data import DataConfig, load

LOOKED_AT_SIDE = 64
SHOWN = 10


def examine(path: str) -> list[Panel]:
    """What is at ``path``, as it would be trained on; InputError where it cannot be."""
    config = DataConfig(path=path, side=LOOKED_AT_SIDE, skip_bad=True)
    found = load(config)
    classes = found.splits["train"].classes
    parts = found.splits.items()
    counts = {split: part.labels.bincount(minlength=len(classes)).tolist() for split, part in parts}
    total = sum(len(part.labels) for part in found.splits.values())
    leaks = find_leaks(found.splits)
    return [
        Panel(
            title="Pictures",
            sentence=f"{total} in {len(classes)} classes. {_about_sizes(config)}",
            columns=("class", *counts),
            rows=[(name, *(counts[split][place] for split in counts)) for place, name in enumerate(classes)],
        ),
        Panel(
            title="Broken files",
            sentence=f"{len(found.skipped)} cannot be read; --skip-bad trains without them."
            if found.skipped
            else "None.",
            columns=("file",),
            rows=[(name,) for name in found.skipped[:SHOWN]],
        ),
        _duplicates("The same picture in two splits", leaks.exact),
        _duplicates("Almost the same picture in two splits", leaks.near),
        Panel(title="Notes", sentence=" ".join(found.notes) or "None."),
    ]


def _about_sizes(config: DataConfig) -> str:
    """Whether pictures can be trained on in the size that they have."""
    try:
        shape = load(replace(config, side=None)).splits["train"].images.shape
    except InputError as error:
        return f"Not all have one size ({error.got}): training brings them to --data.side pixels."
    return f"All have {shape[3]} x {shape[2]} pixels."


def _duplicates(title: str, pairs: tuple[Pair, ...]) -> Panel:
    return Panel(
        title=title,
        sentence=f"{len(pairs)} pictures; a score on them says little." if pairs else "None.",
        columns=("split", "picture", "also in", "as"),
        rows=[(p.split, p.name, p.earlier_split, p.earlier_name) for p in pairs[:SHOWN]],
    )
