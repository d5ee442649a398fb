"""What scores look like: figures that the reports of several jobs share.

Letters: K classes.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Int
from torch import Tensor

from gradus.metrics.classification import ClassificationScore

NAMED = 30  # classes up to which axes carry their names


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
        axes.set_xticks(range(size), [short(c) for c in classes], rotation=60, ha="right")
        axes.set_yticks(range(size), [short(c) for c in classes])
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


def short(text: str) -> str:
    """A name as a figure has room for it."""
    return text if len(text) <= 18 else text[:17] + "…"
