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
from gradus.metrics.figures import confusion_figure, reliability_figure, short

SHOWN = 24
COLUMNS = 8


def panels(parts: Any, run: Run, *, batch: Batch) -> list[Panel]:
    """The panels of a run, from its test split and a training batch."""
    classes = parts.pictures.classes
    test = parts.pictures.tensors("test")
    with torch.no_grad(), run.aside("report"):
        chances = torch.cat([parts.predictor(as_float(image)).cpu() for image in test["image"].split(500)])
    label, seen = test["label"].cpu(), batch["image"][:SHOWN]
    score = ClassificationScore(len(classes))
    score.update(chances, label)
    rows = [(r.name, r.count, r.precision, r.recall, r.f1) for r in score.per_class(classes)]
    wrong = (chances.argmax(1) != label).nonzero().flatten()
    return [
        Panel(
            title="Confusion matrix",
            sentence="Rows are the true classes, columns what the model said. Numbers count pictures; the "
            "darker a cell, the larger its share of the row.",
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
                (seen[:, 0] if seen.ndim == 5 else seen).cpu(),  # of a committee, what its first member saw
                [classes[i] for i in batch["label"][:SHOWN].tolist()],
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


def pictures_figure(image: Float[Tensor, "N C H W"], captions: Sequence[str]) -> Any:
    """A grid of pictures, each with its caption."""
    from matplotlib.figure import Figure

    rows = -(-len(image) // COLUMNS)
    figure = Figure(figsize=(1.25 * COLUMNS, 1.6 * rows), layout="constrained")
    for place, (picture, caption) in enumerate(zip(image, captions, strict=True)):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        shown = picture.float().clamp(0, 1).permute(1, 2, 0)  # (C, H, W) -> (H, W, C)
        axes.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title("\n".join(short(line) for line in caption.split("\n")), fontsize=6.5)
        axes.axis("off")
    return figure
