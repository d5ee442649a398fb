"""What the report of a detector shows: scores by kind, recall by label, missed and false alarms, drift.

Letters: M items, C columns.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gradus.engine.job import Panel
from gradus.jobs.anomaly.data import RowSplits
from gradus.jobs.anomaly.detector import Detector
from gradus.jobs.anomaly.drift import SHIFTED, unseen_share
from gradus.jobs.anomaly.formats import family_of
from gradus.jobs.anomaly.prepare import NORMAL, PLANTED, Part
from gradus.metrics.ranking import auroc, roc_curve

SHOWN = 12
MADE = "rows as they are, called normal, and anomalies made of them, half of their columns from another row,"
BLAMED = 3


def panels(rows: RowSplits, detector: Detector, scores: Float[Tensor, "M"]) -> list[Panel]:
    """The panels of a run, from its test split and the scores there."""
    part = rows.part("test")
    assert part is not None
    threshold, positive = detector.threshold.item(), part.anomalous
    alarm = scores > threshold
    unlabelled = PLANTED in set(part.label.tolist())
    return [
        Panel(
            title="Scores",
            sentence=f"Where {MADE if unlabelled else 'normal rows and anomalies'} lie; what is right of the "
            f"line, {threshold:.3g}, raises an alarm.",
            figure=scores_figure(scores, positive, threshold),
        ),
        Panel(
            title="Ranking",
            sentence=f"Recall against false alarms over all thresholds; the area is "
            f"{auroc(scores, positive):.4f}, and the dot is the threshold set on normal rows held out.",
            figure=roc_figure(scores, positive, threshold),
        ),
        Panel(
            title="Recall by label",
            sentence="How many of the anomalies of each label raise an alarm; new ones are not in the "
            "training table.",
            columns=("label", "family", "rows", "recall", "AUROC", "new"),
            rows=_by_label(part, scores, alarm, rows.known),
        ),
        _examples(
            "Made anomalies that are missed" if unlabelled else "Missed",
            "Those with the lowest scores." if unlabelled else "Anomalies with the lowest scores.",
            rows,
            detector,
            scores,
            positive & ~alarm,
            highest=False,
        ),
        _examples(
            "The strangest rows" if unlabelled else "False alarms",
            "Alarms among rows as they are in the table, of which no label says what they are."
            if unlabelled
            else "Normal rows with the highest scores.",
            rows,
            detector,
            scores,
            ~positive & alarm,
            highest=True,
        ),
        drift_panel(rows, part),
    ]


def _by_label(
    part: Part, scores: Float[Tensor, "M"], alarm: Bool[Tensor, "M"], known: tuple[str, ...]
) -> list[tuple[str, str, int, float, float, str]]:
    """A row a label of anomalies, the most frequent first."""
    labels = part.labels
    normal = scores[~part.anomalous]
    rows = []
    for label in set(labels.tolist()) - {NORMAL}:
        chosen = torch.from_numpy((labels == label).astype(bool))
        both = torch.cat([normal, scores[chosen]])
        ranked = auroc(both, torch.arange(len(both)) >= len(normal))
        recall = alarm[chosen].double().mean().item()
        is_new = "" if label in known else "new"
        rows.append((label, family_of(label), int(chosen.sum()), recall, ranked, is_new))
    return sorted(rows, key=lambda row: -row[2])


def _examples(
    title: str,
    sentence: str,
    rows: RowSplits,
    detector: Detector,
    scores: Float[Tensor, "M"],
    chosen: Bool[Tensor, "M"],
    *,
    highest: bool,
) -> Panel:
    """The worst mistakes of a kind, by the highest or the lowest score, with the columns to blame."""
    part = rows.part("test")
    assert part is not None
    places = chosen.nonzero()[:, 0]
    places = places[scores[places].argsort(descending=highest)][:SHOWN]
    if not len(places):
        return Panel(title=title, sentence="None.")
    error = detector(rows.items("test", part.ends[places]))["error"].cpu()
    shown = [
        (part.place(row), part.label[row], score, _reasons(part, rows, blame, row))
        for row, score, blame in zip(part.ends[places].tolist(), scores[places].tolist(), error, strict=True)
    ]
    return Panel(
        title=title,
        sentence=f"{int(chosen.sum())} of {len(chosen)} rows. {sentence}",
        columns=("row", "label", "score", "columns to blame"),
        rows=shown,
    )


def _reasons(part: Part, rows: RowSplits, error: Float[Tensor, "C"], row: int) -> str:
    """The columns with the largest errors, with their values."""
    blamed = error.topk(min(BLAMED, len(error))).indices.tolist()
    names = [rows.encoder.names[place] for place in blamed]
    return ", ".join(f"{name}={part.cell(row, name)}" for name in names)


def drift_panel(rows: RowSplits, part: Part) -> Panel:
    """How far each column of the scored rows is from the normal rows of training, the farthest first."""
    index = rows.profile.index(part.row.cpu())
    unseen = unseen_share(rows.encoder, part.row.cpu())
    table = [
        (name, value, f"{unseen[name]:.2%}" if name in unseen else "")
        for name, value in zip(rows.encoder.names, index.tolist(), strict=True)
    ]
    shifted = sum(value > SHIFTED for _, value, _ in table)
    return Panel(
        title="Drift",
        sentence=f"{shifted} of {len(table)} columns of the test rows, anomalies among them, are far from "
        f"the training rows (a population stability index above {SHIFTED}).",
        columns=("column", "stability index", "values never seen"),
        rows=sorted(table, key=lambda row: -row[1])[:SHOWN],
    )


def scores_figure(scores: Float[Tensor, "M"], positive: Bool[Tensor, "M"], threshold: float) -> Any:
    """Histograms of the scores of both kinds, with the threshold; scores on a scale of powers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    axes = figure.add_subplot()
    low, high = max(1e-6, scores.min().item()), max(1e-5, scores.max().item() * 1.0001)
    bins = torch.logspace(torch.tensor(low).log10().item(), torch.tensor(high).log10().item(), 60).tolist()
    shown = scores.clamp(min=low)
    for name, chosen, colour in (("normal", ~positive, "#4477aa"), ("anomaly", positive, "#cc6677")):
        axes.hist(shown[chosen].tolist(), bins, alpha=0.6, color=colour, label=name)
    if threshold > 0:
        axes.axvline(threshold, color="black", lw=1, ls="--", label="threshold")
    axes.set(xscale="log", xlabel="score", ylabel="rows")
    axes.legend(frameon=False)
    return figure


def roc_figure(scores: Float[Tensor, "M"], positive: Bool[Tensor, "M"], threshold: float) -> Any:
    """The ROC curve, with the point of the threshold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    axes = figure.add_subplot()
    false_alarms, recalls = roc_curve(scores, positive)
    axes.plot(false_alarms.tolist(), recalls.tolist(), color="#4477aa")
    alarm = scores > threshold
    point = alarm[~positive].double().mean().item(), alarm[positive].double().mean().item()
    axes.plot(*point, "o", color="black")
    axes.plot([0, 1], [0, 1], color="black", lw=1, ls="--")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="false alarm rate", ylabel="recall")
    return figure
