"""A look at one's own texts before training: classes, lengths, bad lines, empty texts, repeated texts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from gradus.core.errors import GradusError
from gradus.data.clean import CleanConfig, clean
from gradus.data.texts import Text
from gradus.data.tokenise import split_words
from gradus.engine.job import Panel
from gradus.jobs.sentiment.config import Config
from gradus.jobs.sentiment.corpus import CorpusConfig, read_corpus
from gradus.jobs.sentiment.data import DataConfig, items_of, load
from gradus.jobs.sentiment.word_vectors import WordVectorsConfig

FEW = 10  # texts of a class that cannot be learnt from


def examine(config: Config | WordVectorsConfig) -> list[Panel]:
    """What the texts of a config are, and all that is wrong; InputError where no line can be read."""
    if isinstance(config, WordVectorsConfig):
        return [_corpus(config.data)]
    items = list(items_of(config.data))
    texts = [item for item in items if isinstance(item, Text)]
    faults = [item for item in items if isinstance(item, GradusError)]
    return [
        _splits(config.data, texts),
        *_classes(texts),
        _lengths(texts),
        Panel(
            title="Bad lines",
            sentence=f"{len(faults)} cannot be used; --skip-bad trains without them." if faults else "None.",
            columns=("where", "wanted", "got"),
            rows=[
                (fault.where.removeprefix(f"{config.data.path}, "), fault.wanted, fault.got)
                for fault in faults
            ],
        ),
        _unseen(texts),
        _empty(texts, config.clean),
        _repeated(texts, config.data),
    ]


def _corpus(data: CorpusConfig) -> Panel:
    """The running text that word vectors are learnt from."""
    sentences = read_corpus(data)
    counts = Counter(word for sentence in sentences for word in sentence)
    kept = sum(count >= data.min_count for count in counts.values())
    return Panel(
        title="Corpus",
        sentence=f"{len(sentences)} sentences, {counts.total()} words, {len(counts)} different ones; {kept} "
        f"occur --data.min-count {data.min_count} times or more and get a vector.",
        columns=("word", "times"),
        rows=counts.most_common(),
    )


def _splits(data: DataConfig, texts: Sequence[Text]) -> Panel:
    """How many texts of each class each split has: as they will be, or as they come if that cannot be."""
    try:
        splits = load(replace(data, skip_bad=True, repeated="keep")).texts.splits
        counts = {s: Counter(one for labels in part.labels for one in labels) for s, part in splits.items()}
        said = ""
    except GradusError as error:
        counts = {}
        for text in texts:
            counts.setdefault(text.split, Counter()).update(text.labels)
        said = f" They cannot be divided: {error}"
    total = sum(counts.values(), Counter[str]())
    return Panel(
        title="Texts",
        sentence=f"{len(texts)} in {len(total)} classes.{said}",
        columns=("class", *counts),
        rows=[(name, *(counts[split][name] for split in counts)) for name, _ in total.most_common()],
    )


def _classes(texts: Sequence[Text]) -> list[Panel]:
    """Classes that are likely to be a slip: too small to be learnt, or one class in two spellings."""
    counts = Counter(label for text in texts for label in text.labels)
    small = [(name, count) for name, count in counts.items() if count < FEW]
    alike = dict[str, list[str]]()
    for name in counts:
        alike.setdefault(" ".join(name.lower().split()), []).append(name)
    spellings = [" | ".join(sorted(names)) for names in alike.values() if len(names) > 1]
    panels = []
    if small:
        said = f"Those with fewer than {FEW} texts: {len(small)}"
        said += (
            "; --data.label-column names the column of labels, if it is another." if len(small) > 2 else "."
        )
        panels.append(Panel(title="Small classes", sentence=said, columns=("class", "texts"), rows=small))
    if spellings:
        said = f"Classes that are written in several ways, each a class of its own: {len(spellings)}."
        panels.append(
            Panel(title="Spellings", sentence=said, columns=("written",), rows=[(s,) for s in spellings])
        )
    return panels


def _lengths(texts: Sequence[Text]) -> Panel:
    """How long the texts of each split are."""
    counts = dict[str, list[int]]()
    for text in texts:
        counts.setdefault(text.split, []).append(len(split_words(text.text)))
    return Panel(
        title="Lengths",
        sentence="Words and signs of a text.",
        columns=("split", "least", "median", "most"),
        rows=[(split, min(found), median(found), max(found)) for split, found in counts.items()],
    )


def _unseen(texts: Sequence[Text]) -> Panel:
    """Labels of validation and test texts that no training text has."""
    known = {label for text in texts if text.split == "train" for label in text.labels}
    lost = [(t.name, label) for t in texts for label in t.labels if known and label not in known]
    return Panel(
        title="Labels that training lacks",
        sentence=f"{len(lost)} texts have one: spell the labels alike in every split." if lost else "None.",
        columns=("where", "label"),
        rows=lost,
    )


def _empty(texts: Sequence[Text], cleaning: CleanConfig) -> Panel:
    names = [text.name for text in texts if not clean(text.text, cleaning).strip()]
    return Panel(
        title="Empty texts",
        sentence=f"{len(names)} after cleaning; each is read as one unknown word." if names else "None.",
        columns=("where",),
        rows=[(name,) for name in names],
    )


def _repeated(texts: Sequence[Text], data: DataConfig) -> Panel:
    """Texts that are there more than once, and how many of them with another label."""
    seen = dict[str, set[tuple[str, ...]]]()
    counts = Counter[str]()
    for text in texts:
        key = " ".join(text.text.lower().split())
        counts[key] += 1
        seen.setdefault(key, set()).add(text.labels)
    often = [(key, count) for key, count in counts.most_common() if count > 1]
    torn = sum(len(seen[key]) > 1 for key, _ in often)
    kept = "stays where it is" if data.repeated == "keep" else "is left out (--data.repeated keep keeps it)"
    return Panel(
        title="Repeated texts",
        sentence=f"{len(often)}, {torn} of them with different labels; a training text that a later split "
        f"has as well {kept}."
        if often
        else "None.",
        columns=("text", "times"),
        rows=[(key[:80], count) for key, count in often],
    )
