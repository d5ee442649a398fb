"""A look at one's own texts before training: classes, lengths, bad lines, empty texts, repeated texts."""

from collections import Counter
from dataclasses import replace
from statistics import median

from gradus.data.texts import Texts
from gradus.data.tokenise import split_words
from gradus.engine.job import Panel
from gradus.jobs.sentiment.data import DataConfig, load

SHOWN = 10


def examine(path: str) -> list[Panel]:
    """What is at ``path``, as it would be trained on; InputError where it cannot be."""
    config = DataConfig(path=path, skip_bad=True)
    found = load(config)
    whole = load(replace(config, repeated="keep")).texts.splits
    classes, skipped = found.texts.classes, found.texts.skipped
    counts = {s: Counter(label for labels in part.labels for label in labels) for s, part in whole.items()}
    total = sum(map(len, whole.values()))
    return [
        Panel(
            title="Texts",
            sentence=f"{total} in {len(classes)} classes.",
            columns=("class", *counts),
            rows=[(name, *(counts[split][name] for split in counts)) for name in classes],
        ),
        _lengths(whole),
        Panel(
            title="Bad lines",
            sentence=f"{len(skipped)} cannot be used; --data.skip-bad trains without them."
            if skipped
            else "None.",
            columns=("line",),
            rows=[(name,) for name in skipped[:SHOWN]],
        ),
        _empty(whole),
        _repeated(whole, found.dropped),
    ]


def _lengths(splits: dict[str, Texts]) -> Panel:
    rows = []
    for split, part in splits.items():
        counts = sorted(len(split_words(text)) for text in part.texts)
        rows.append((split, counts[0], median(counts), counts[-1]))
    return Panel(
        title="Lengths",
        sentence="Words and signs of a text.",
        columns=("split", "least", "median", "most"),
        rows=rows,
    )


def _empty(splits: dict[str, Texts]) -> Panel:
    names = [
        name
        for part in splits.values()
        for name, text in zip(part.names, part.texts, strict=True)
        if not text.strip()
    ]
    return Panel(
        title="Empty texts",
        sentence=f"{len(names)}; each is read as one unknown word." if names else "None.",
        columns=("text",),
        rows=[(name,) for name in names[:SHOWN]],
    )


def _repeated(splits: dict[str, Texts], dropped: dict[str, int]) -> Panel:
    """Texts that are there more than once, and how many of them with another label."""
    seen = dict[str, set[tuple[str, ...]]]()
    counts = Counter[str]()
    for part in splits.values():
        for text, labels in zip(part.texts, part.labels, strict=True):
            key = " ".join(text.lower().split())
            counts[key] += 1
            seen.setdefault(key, set()).add(labels)
    often = [(key, count) for key, count in counts.most_common() if count > 1]
    torn = sum(len(seen[key]) > 1 for key, _ in often)
    gone = ", ".join(f"{count} of {split}" for split, count in dropped.items()) or "none"
    return Panel(
        title="Repeated texts",
        sentence=f"{len(often)}, {torn} of them with different labels. Left out because a later split has "
        f"them: {gone}.",
        columns=("text", "times"),
        rows=[(key[:80], count) for key, count in often[:SHOWN]],
    )
