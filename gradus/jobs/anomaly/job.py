"""Anomalies in rows: what is not like the normal ones. Headline: area under the ROC curve."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.data.batches import Batches
from gradus.engine.job import Answer, Deployable, Headline, Job, Panel, Split, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.jobs.anomaly.answer import Verdict, strangest, unnamed
from gradus.jobs.anomaly.baseline import shallow_baselines
from gradus.jobs.anomaly.config import Config, window_of
from gradus.jobs.anomaly.data import RowSplits, survey
from gradus.jobs.anomaly.detector import Detector
from gradus.jobs.anomaly.drift import LEAST_ROWS, SHIFTED, remark
from gradus.jobs.anomaly.examine import examine
from gradus.jobs.anomaly.formats import family_of
from gradus.jobs.anomaly.inputs import RowReader
from gradus.jobs.anomaly.panels import panels
from gradus.jobs.anomaly.prepare import NORMAL, Part
from gradus.jobs.anomaly.recipes import RECIPES
from gradus.metrics.ranking import alarm_scores, auroc, average_precision, best_f1
from gradus.models.autoencoder import Autoencoder, AutoencoderConfig
from gradus.models.deep_svdd import DeepSvdd, DeepSvddConfig, centre_of
from gradus.models.sequence_autoencoder import SequenceAutoencoder, SequenceAutoencoderConfig
from gradus.models.variational_autoencoder import (
    VariationalAutoencoder,
    VariationalAutoencoderConfig,
    standard_noise,
)

EVALUATION_BATCH = 2048
MOST_FAMILIES = 20  # whose recall is a score of its own; the report has all


@dataclass
class Parts:
    """The state of a run: the detector, its optimizer, and where the training batches are."""

    detector: Detector
    optim: Optim
    train: Batches
    rows: RowSplits


def build(config: Config, run: Run) -> Parts:
    """Read nothing that the plan knows: a run that is opened to predict needs no data."""
    if config.one_class and isinstance(config.model, DeepSvddConfig | SequenceAutoencoderConfig):
        raise UsageError(
            "GR-CONFIG-003",
            where="--one_class",
            wanted="0 with this model: a Deep SVDD goes beside an autoencoder of rows",
            got=str(config.one_class),
            remedy="Leave it out, or use --model autoencoder or variational_autoencoder.",
        )
    window = window_of(config.model)
    about: dict[str, Any] = run.decide(
        "data", lambda: survey(config.data, window=window), "measured on the training split"
    )
    rows = RowSplits(config.data, window=window, about=about, run=run)
    num_features = len(rows.encoder.owners)
    nets = [_make(config.model, num_features)]
    if config.one_class:
        nets.append(DeepSvdd(DeepSvddConfig(), num_features=num_features))
    for net in map(run.place, nets):
        if isinstance(net, DeepSvdd):
            centre = run.decide("centre", partial(_centre, net, rows), "where normal rows came out at first")
            net.centre.copy_(torch.tensor(centre))
    detector = Detector(nets, owners=rows.encoder.owners, typical=about["typical"], share=config.one_class)
    detector = run.place(detector)
    batches = Batches(
        lambda: {"end": _part(rows, "train").ends}, batch=config.train.batch, seed=config.train.seed
    )
    return Parts(detector, Optim(detector.nets, config.train), batches, rows)


def _make(model: Any, num_features: int) -> nn.Module:
    """The network that the config names."""
    match model:
        case VariationalAutoencoderConfig():
            return VariationalAutoencoder(model, num_features=num_features)
        case SequenceAutoencoderConfig():
            return SequenceAutoencoder(model, num_features=num_features)
        case DeepSvddConfig():
            return DeepSvdd(model, num_features=num_features)
        case _:
            return Autoencoder(model, num_features=num_features)


def _centre(net: DeepSvdd, rows: RowSplits) -> list[float]:
    """The centre that a Deep SVDD draws rows to."""
    train = _part(rows, "train")
    return centre_of(net, train.row[train.ends]).tolist()


def _part(rows: RowSplits, split: Split) -> Part:
    part = rows.part(split)
    assert part is not None, f"there is a split {split}"
    return part


def stream(config: Config, parts: Parts, run: Run) -> Iterator[Batch]:
    """Normal rows or windows without end, as they are and as a denoising model is shown them."""
    while True:
        ends = parts.train.next_batch()["end"]
        target = parts.rows.items("train", ends)
        batch = {"row": target, "target": target}
        if isinstance(config.model, AutoencoderConfig):
            batch["row"] = damaged(parts, target, config.model, generator=run.rng("damage"))
        net = parts.detector.nets[0]
        if isinstance(net, VariationalAutoencoder):
            batch["noise"] = standard_noise(len(ends), net, generator=run.rng("sample"))
        yield batch


def damaged(
    parts: Parts, row: Float[Tensor, "B F"], model: AutoencoderConfig, *, generator: torch.Generator
) -> Float[Tensor, "B F"]:
    """Rows with some columns from another row of the batch, and with noise."""
    detector = parts.detector
    if model.swap:
        chance = torch.rand(len(row), len(detector.sizes), generator=generator, device=row.device)
        swapped = (chance < model.swap)[:, detector.owner]  # (B, C) -> (B, F)
        others = torch.randint(len(row), (len(row),), generator=generator, device=row.device)
        row = torch.where(swapped, row[others], row)
    if model.noise_std:
        row = row + model.noise_std * torch.randn(row.shape, generator=generator, device=row.device)
    return row


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """Squared errors of drawings, with a model's own terms, and distances from a centre, over rows."""
    target, notes = batch["target"], {}
    total = target.new_zeros(())
    for net in parts.detector.nets:
        match net:
            case DeepSvdd():
                notes["distance"] = net.distance(target).sum()
                total = total + notes["distance"]
            case VariationalAutoencoder():
                error, divergence = net.costs(batch["row"], target=target, noise=batch["noise"])
                notes |= {"error": error.sum(), "divergence": divergence.sum()}
                total = total + notes["error"] + net.beta * notes["divergence"]
            case SequenceAutoencoder():
                notes["error"] = (net(batch["row"]) - target).square().mean(1).sum()  # a mean over T
                total = total + notes["error"]
            case _:
                notes["error"] = (net(batch["row"]) - target).square().sum()
                total = total + notes["error"]
    return Loss(total, len(target), {name: note.detach() for name, note in notes.items()})


def settle(config: Config, parts: Parts, run: Run) -> None:
    """Fit the detector's scale and threshold to the weights of now."""
    train, held = _part(parts.rows, "train"), _part(parts.rows, "validation")
    normal = held.ends[~held.anomalous.to(held.ends.device)]
    parts.detector.calibrate(
        (parts.rows.items("train", ends) for ends in train.ends.split(EVALUATION_BATCH)),
        (parts.rows.items("validation", ends) for ends in normal.split(EVALUATION_BATCH)),
        false_alarm_rate=config.false_alarm_rate,
    )


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """How rows are ranked, what the threshold gives, and how far their columns have moved from training."""
    part = parts.rows.part(split)
    if part is None:
        return {}
    scores, threshold = scores_of(parts, split), parts.detector.threshold.item()
    common = {"alarm_rate": (scores > threshold).double().mean().item()}
    if len(part.row) >= LEAST_ROWS:  # of fewer, chance moves columns as far
        drift = parts.rows.profile.index(part.row.cpu())
        common["shifted_columns"] = (drift > SHIFTED).double().mean().item()
    positive = part.anomalous
    if not positive.any() or positive.all():  # nothing to rank: no label says which is which
        return common
    alarms = alarm_scores(scores, positive, threshold=threshold)
    return {
        "auroc": auroc(scores, positive),
        "auprc": average_precision(scores, positive),
        "precision": alarms.precision,
        "recall": alarms.recall,
        "f1": alarms.f1,
        "false_alarm_rate": alarms.false_alarm_rate,
        "oracle_f1": best_f1(scores, positive)[0],
        **_recalls(part, scores > threshold, parts.rows.known),
        **common,
    }


def _recalls(part: Part, alarm: Tensor, known: tuple[str, ...]) -> dict[str, float]:
    """The share of the anomalies of each family that raise an alarm, and of those that training lacked."""
    families = [family_of(label) for label in part.labels]
    recalls = {}
    for family in sorted(set(families) - {NORMAL})[:MOST_FAMILIES]:
        chosen = torch.tensor([one == family for one in families])
        name = re.sub("[^a-z0-9]+", "_", family.lower()).strip("_") or "other"
        recalls[f"recall_{name}"] = alarm[chosen].double().mean().item()
    unseen = torch.tensor([label != NORMAL and label not in known for label in part.labels])
    if known and unseen.any():
        recalls["recall_unseen_labels"] = alarm[unseen].double().mean().item()
    return recalls


def scores_of(parts: Parts, split: Split) -> Float[Tensor, "M"]:
    """The score of every item of a split, on the CPU."""
    ends = _part(parts.rows, split).ends.split(EVALUATION_BATCH)
    return torch.cat([parts.detector.score(parts.rows.items(split, some)).float().cpu() for some in ends])


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """An isolation forest, and the error of a drawing by principal components, on the same encoded rows."""
    return shallow_baselines(parts.rows, false_alarm_rate=config.false_alarm_rate)


def deploy(config: Config, parts: Parts) -> Deployable:
    """The detector; a row of a table is an input, a line each, and alarms are what matters of a stream."""
    rows = parts.rows
    reader = RowReader(
        rows.encoder,
        table=rows.table,
        missing=config.data.missing,
        window=rows.window,
        notation=config.data.notation,
    )

    def answer(output: dict[str, Tensor], raw: Any) -> Verdict:
        placed = reader.placed(raw)
        return Verdict.of(
            output["score"].item(),
            output["error"][0],
            threshold=threshold,
            columns=rows.encoder.names,
            cells=placed.cells[-1],
            row=placed.features[-1][0],
            where=placed.where,
            id_column=config.data.id_column,
        )

    def remarks(answers: Sequence[Answer]) -> list[str]:
        verdicts = [verdict for verdict in answers if isinstance(verdict, Verdict)]
        if not verdicts:
            return []
        moved = remark(rows.profile, torch.stack([verdict.row for verdict in verdicts]))
        return [*unnamed(verdicts, config.data.id_column), *moved, *strangest(verdicts)]

    device, threshold = parts.detector.threshold.device, parts.detector.threshold.item()
    shape = (2, len(rows.encoder.owners)) if rows.window == 1 else (2, rows.window, len(rows.encoder.owners))
    return Deployable(
        module=parts.detector,
        example={"row": torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)},
        axes={"row": {0: "batch"}},
        read=lambda raw: {"row": reader.read(raw).to(device)},
        answer=answer,
        lines=reader.lines,
        spoken=True,
        matters=lambda verdict: verdict.alarm,
        remarks=remarks,
    )


def show(config: Config, parts: Parts, run: Run) -> list[Panel]:
    """Scores by kind, recall by label, missed and false alarms, drift."""
    with torch.no_grad(), run.aside("report"):
        return panels(parts.rows, parts.detector, scores_of(parts, "test"))


JOB = Job(
    name="anomaly",
    headline=Headline("auroc"),
    recipes=RECIPES,
    build=build,
    stream=stream,
    step=supervised(loss),
    evaluate=evaluate,
    settle=settle,
    baseline=baseline,
    deploy=deploy,
    panels=show,
    items=lambda config, parts: parts.rows.manifest(),
    examine=examine,
)
