"""What the report of a classifier shows: confusions, calibration, mistakes, a batch as the model saw it."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gradus.engine.job import Panel
from gradus.engine.run import Batch, Run
from gradus.jobs.image_classification.data import as_float
from gradus.metrics.classification import ClassificationScore

SHOWN = 24
COLUMNS = 8
NAMED = 30  # classes up to which axes carry their names


def panels(parts: Any, run: Run, *, batch: Batch) -> list[Panel]:
    """The panels of a run, from its test split and a training batch."""
    classes = parts.pictures.classes
    test = parts.pictures.tensors("test")
    with torch.no_grad(), run.aside("report"):
        chances = torch.cat([parts.predictor(as_float(image)).cpu() for image in test["image"].split(500)])
    label = test["label"].cpu()
    score = ClassificationScore(len(classes))
    score.update(chances, label)
    rows = [(r.name, r.count, r.precision, r.recall, r.f1) for r in score.per_class(classes)]
    wrong = (chances.argmax(1) != label).nonzero().flatten()
    return [
        Panel(
            title="Confusion matrix",
            sentence="Rows are the true classes, columns what the model said; each row adds up to one.",
            figure=confusion_figure(score.confusion.cpu(), classes),
        ),
        Panel(
            title="Classes",
            sentence="Precision, recall and F1 of each class on the test split.",
            columns=("class", "pictures", "precision", "recall", "F1"),
            rows=rows,
        ),
        *_mistakes(test["image"].cpu(), label, chances, wrong, classes),
        Panel(
            title="Calibration",
            sentence="How often the model is right (bars) where it is so sure; on the line it knows itself.",
            figure=reliability_figure(score),
        ),
        Panel(
            title="A batch as the model saw it",
            sentence="Training pictures after augmentation, with their labels.",
            figure=pictures_figure(
                batch["image"][:SHOWN].cpu(), [classes[i] for i in batch["label"][:SHOWN].tolist()]
            ),
        ),
    ]


def _mistakes(
    image: Tensor,
    label: Int[Tensor, "N"],
    chances: Float[Tensor, "N K"],
    wrong: Int[Tensor, "M"],
    classes: list[str],
) -> list[Panel]:
    """The mistakes that the model was surest of, and the pictures that cost it most."""
    if len(wrong) == 0:
        return [Panel(title="Mistakes", sentence="There is no mistake on the test split.")]
    sure = chances.max(1).values
    own = chances.gather(1, label[:, None]).squeeze(1)  # (N, 1) -> (N,)
    confident = wrong[sure[wrong].argsort(descending=True)][:SHOWN]
    worst = wrong[own[wrong].argsort()][:SHOWN]
    said = chances.argmax(1)

    def captions(places: Tensor) -> list[str]:
        return [f"{classes[said[i]]} {100 * sure[i]:.0f} %\nis {classes[label[i]]}" for i in places.tolist()]

    share = f"{len(wrong)} of {len(label)} pictures are wrong"
    return [
        Panel(
            title="Most confident mistakes",
            sentence=f"{share}; these are the ones that the model was surest of.",
            figure=pictures_figure(as_float(image[confident]), captions(confident)),
        ),
        Panel(
            title="Worst mistakes",
            sentence="Pictures whose true class the model thought least likely; wrong labels show here.",
            figure=pictures_figure(as_float(image[worst]), captions(worst)),
        ),
    ]


def confusion_figure(confusion: Int[Tensor, "K K"], classes: Sequence[str]) -> Any:
    """A matrix of shares, with counts in the cells where there is room."""
    from matplotlib.figure import Figure

    size = len(classes)
    side = min(11.0, max(4.5, 0.5 * size + 2))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / confusion.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    if size <= NAMED:
        axes.set_xticks(range(size), [_short(c) for c in classes], rotation=60, ha="right")
        axes.set_yticks(range(size), [_short(c) for c in classes])
    if size <= 20:
        for row, column in confusion.nonzero().tolist():
            colour = "white" if shares[row, column] > 0.5 else "black"
            count = str(confusion[row, column].item())
            axes.text(column, row, count, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    return figure


def reliability_figure(score: ClassificationScore) -> Any:
    """Accuracy by confidence, a bar a bin, on the line of a model that knows itself."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.0), layout="constrained")
    axes = figure.add_subplot()
    bins = score.reliability()
    axes.bar(
        [b.low for b in bins],
        [b.accuracy for b in bins],
        [b.high - b.low for b in bins],
        align="edge",
        ec="white",
    )
    axes.plot([0, 1], [0, 1], color="black", lw=1, ls="--")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
    return figure


def pictures_figure(image: Float[Tensor, "N C H W"], captions: Sequence[str]) -> Any:
    """A grid of pictures, each with its caption."""
    from matplotlib.figure import Figure

    rows = -(-len(image) // COLUMNS)
    figure = Figure(figsize=(1.25 * COLUMNS, 1.6 * rows), layout="constrained")
    for place, (picture, caption) in enumerate(zip(image, captions, strict=True)):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        shown = picture.float().clamp(0, 1).permute(1, 2, 0)  # (C, H, W) -> (H, W, C)
        axes.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title("\n".join(_short(line) for line in caption.split("\n")), fontsize=6.5)
        axes.axis("off")
    return figure


def _short(text: str) -> str:
    return text if len(text) <= 18 else text[:17] + "…"
