"""What the report of a text classifier shows: confusions, calibration, mistakes and the words behind them.

Letters: N texts, K classes.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from gradus.data.vocabulary import PADDING
from gradus.engine.job import Panel
from gradus.engine.run import Batch
from gradus.jobs.sentiment.answer import Driven, drivers
from gradus.jobs.sentiment.config import Config
from gradus.jobs.sentiment.scores import THRESHOLD, score
from gradus.metrics.figures import confusion_figure, reliability_figure, short

SHOWN, PICTURED, MOST_WORDS = 12, 6, 24


def panels(config: Config, parts: Any, *, scored: tuple[Tensor, Tensor], batch: Batch) -> list[Panel]:
    """The panels of a run, from its scored test split and a training batch."""
    chances, label = (tensor.cpu() for tensor in scored)
    several = label.is_floating_point()
    found = (
        _of_labels(chances, label, parts.splits.classes) if several else _of_classes(chances, label, parts)
    )
    return [*found, *_mistakes(config, parts, chances, label), _batch(parts, batch)]


def _of_classes(chances: Float[Tensor, "N K"], label: Tensor, parts: Any) -> list[Panel]:
    classes = parts.splits.classes
    made = score(chances, label)
    return [
        Panel(
            title="Confusion matrix",
            sentence="Rows are the true classes, columns what the model said. Numbers count texts; the "
            "darker a cell, the larger its share of the row.",
            figure=confusion_figure(made.confusion, classes),
        ),
        Panel(
            title="Classes",
            sentence="Precision, recall and F1 of each class on the test split.",
            columns=("class", "texts", "precision", "recall", "F1"),
            rows=[(r.name, r.count, r.precision, r.recall, r.f1) for r in made.per_class(classes)],
        ),
        Panel(
            title="Calibration",
            sentence="How often the model is right (bars) where it is so sure; on the line it knows itself.",
            figure=reliability_figure(made),
        ),
    ]


def _of_labels(chances: Float[Tensor, "N K"], label: Tensor, classes: list[str]) -> list[Panel]:
    said, true = chances > THRESHOLD, label > THRESHOLD
    rows = []
    for place, name in enumerate(classes):
        hits = int((said[:, place] & true[:, place]).sum())
        found, there = int(said[:, place].sum()), int(true[:, place].sum())
        rows.append(
            (name, there, hits / max(1, found), hits / max(1, there), 2 * hits / max(1, found + there))
        )
    return [
        Panel(
            title="Labels",
            sentence="Precision, recall and F1 of each label on the test split.",
            columns=("label", "texts", "precision", "recall", "F1"),
            rows=rows,
        )
    ]


def _mistakes(config: Config, parts: Any, chances: Float[Tensor, "N K"], label: Tensor) -> list[Panel]:
    """The mistakes that the model was surest of: what they say, and which words drove them."""
    classes, texts, reader = parts.splits.classes, parts.splits.texts("test"), parts.splits.reader
    if label.is_floating_point():
        wrong = ((chances > THRESHOLD) != (label > THRESHOLD)).any(dim=1).nonzero().flatten()
        sure = (chances - label).abs().amax(dim=1)
        said = (chances - label).argmax(dim=1)  # the label most wrongly said
    else:
        said = chances.argmax(dim=1)
        wrong, sure = (said != label).nonzero().flatten(), chances.amax(dim=1)
    if not len(wrong):
        return [Panel(title="Mistakes", sentence="There is no mistake on the test split.")]
    worst = wrong[sure[wrong].argsort(descending=True)][:SHOWN].tolist()
    rows, driven = [], list[tuple[str, Driven]]()
    for place in worst:
        text, true = texts.texts[place], ", ".join(texts.labels[place]) or "none"
        rows.append((text[:300], true, classes[said[place]], float(chances[place, said[place]])))
        weights = drivers(parts.model, reader, text, place=int(said[place]))
        title = f"said {short(classes[said[place]])}, is {short(true)}"
        driven.append((title, tuple(zip(reader.tokens(text), weights, strict=False))))
    return [
        Panel(
            title="Most confident mistakes",
            sentence=f"{len(wrong)} of {len(label)} texts are wrong; these are the ones that the model was "
            "surest of. Labels that are wrong in the data show here.",
            columns=("text", "is", "said", "probability"),
            rows=rows,
        ),
        Panel(
            title="Words that drove them",
            sentence="How far each word speaks for what was said (right) or against it (left).",
            figure=words_figure(driven[:PICTURED]),
        ),
    ]


def words_figure(driven: Sequence[tuple[str, Driven]]) -> Any:
    """A bar for each of a text's strongest words, in their order, a text a panel."""
    from matplotlib.figure import Figure

    columns = 2
    rows = -(-len(driven) // columns)
    figure = Figure(figsize=(9.0, 3.4 * rows), layout="constrained")
    for place, (title, words) in enumerate(driven):
        axes = figure.add_subplot(rows, columns, place + 1)
        strongest = sorted(range(len(words)), key=lambda i: -abs(words[i][1]))[: MOST_WORDS // 2]
        shown = [words[i] for i in sorted(strongest)]
        colours = ["#4c9f70" if value > 0 else "#c65f5f" for _, value in shown]
        axes.barh(range(len(shown)), [value for _, value in shown], color=colours)
        axes.set_yticks(range(len(shown)), [short(word) for word, _ in shown], fontsize=8)
        axes.invert_yaxis()
        axes.axvline(0, color="black", lw=0.8)
        axes.set_title(title, fontsize=9)
    return figure


def _batch(parts: Any, batch: Batch) -> Panel:
    """Training texts as the model reads them, after cleaning, cutting and random changes."""
    words, classes = parts.splits.reader.tokeniser.vocabulary.words, parts.splits.classes
    rows = []
    for numbers, label in zip(batch["word"][:SHOWN].tolist(), batch["label"][:SHOWN], strict=True):
        true = (
            ", ".join(classes[i] for i in label.nonzero().flatten().tolist())
            if label.is_floating_point()
            else classes[int(label)]
        )
        rows.append((" ".join(words[number] for number in numbers if number != PADDING)[:300], true))
    return Panel(
        title="A batch as the model saw it",
        sentence="Training texts after cleaning and random changes, with their labels.",
        columns=("text", "label"),
        rows=rows,
    )
