"""Image classification: one label a picture. Headline: accuracy on the held-out split."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradus.data.augment import View, augment, mix, tta_views
from gradus.data.balance import choose_remedy, class_weights, sample_weights
from gradus.data.batches import Batches
from gradus.data.pictures import SUFFIXES
from gradus.engine.job import Deployable, Headline, Job, Panel, Split, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim, stages_of
from gradus.engine.run import Batch, Run
from gradus.engine.settings import OptimConfig
from gradus.jobs.image_classification.answer import Label
from gradus.jobs.image_classification.baseline import linear_baseline
from gradus.jobs.image_classification.config import MODELS, Config
from gradus.jobs.image_classification.data import PictureSplits, as_float, read_input, survey
from gradus.jobs.image_classification.examine import examine
from gradus.jobs.image_classification.panels import panels
from gradus.jobs.image_classification.recipes import RECIPES
from gradus.layers.losses import cross_entropy_sum, focal_sum
from gradus.layers.weights import start_from
from gradus.metrics.classification import ClassificationScore
from gradus.models.capsnet import Capsnet, capsnet_loss_sum
from gradus.models.committee import Committee

EVALUATION_BATCH = 500


class Classifier(nn.Module):
    """A network that takes pictures in [0, 1] and normalises them by its training split."""

    def __init__(self, net: nn.Module, *, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def normalise(self, image: Float[Tensor, "*B C H W"]) -> Float[Tensor, "*B C H W"]:
        """Mean 0 and deviation 1 in each channel, by the training split."""
        return (image - self.mean) / self.std

    def each(self, image: Float[Tensor, "B C H W"] | Float[Tensor, "B M C H W"]) -> Float[Tensor, "M B K"]:
        """The logits of each member, where the network is a committee."""
        image = self.normalise(image)
        return self.net.each(image) if isinstance(self.net, Committee) else self.net(image)[None]

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        return self.net(self.normalise(image))


class Voting(nn.Module):
    """Probabilities of a classifier, averaged over the views of each picture: what is scored and deployed."""

    def __init__(self, classifier: Classifier, views: tuple[View, ...]) -> None:
        super().__init__()
        self.classifier, self.views = classifier, views

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        if not self.views:
            return self.classifier(image).float().softmax(dim=1)
        seen = tta_views(image, self.views)
        each = self.classifier(seen.flatten(0, 1)).float().softmax(dim=1)  # (V, B, ...) -> (V B, K)
        return each.view(len(seen), len(image), -1).mean(dim=0)  # (V B, K) -> (V, B, K) -> (B, K)


@dataclass
class Parts:
    """The state of a run: the classifier, its optimizer, and where the training batches are."""

    model: Classifier
    optim: Optim
    train: Batches
    pictures: PictureSplits
    predictor: Voting
    class_weights: Tensor | None


def build(config: Config, run: Run) -> Parts:
    """Read nothing that the plan knows: a run that is opened to predict needs no data."""
    about = run.decide("data", lambda: survey(config.data), "measured on the training split")
    pictures = PictureSplits(config.data, about=about, run=run)
    nets = [_make(config, about) for _ in range(config.members)]
    optim_config = config.train.optim
    if config.model.start_from:
        run.decide("start_from", lambda: [_load(net, config) for net in nets], "given")
        optim_config = _gradual(config, run, len(stages_of(nets[0])))
    net = nets[0] if len(nets) == 1 else Committee(nets)
    model = run.place(Classifier(net, mean=about["mean"], std=about["std"]))
    remedy, weights = _balance(config, run, torch.tensor(about["counts"]))
    batches = Batches(
        lambda: pictures.tensors("train"),
        batch=config.train.batch,
        seed=config.train.seed,
        weights=(
            lambda: sample_weights(pictures.tensors("train")["label"].cpu(), torch.tensor(about["counts"]))
        )
        if remedy == "sampling"
        else None,
    )
    return Parts(
        model=model,
        optim=Optim(net, config.train, config=optim_config),
        train=batches,
        pictures=pictures,
        predictor=Voting(model, config.views),
        class_weights=run.place(weights) if weights is not None else None,
    )


def _make(config: Config, about: dict[str, Any]) -> nn.Module:
    """One network of the kind that the config names."""
    make, _ = MODELS[type(config.model)]
    return make(config.model, shape=tuple(about["shape"]), num_classes=len(about["classes"]))


def _load(net: nn.Module, config: Config) -> dict[str, Any]:
    """Start from public weights; what the plan says of it."""
    _, head = MODELS[type(config.model)]
    loaded = start_from(net, config.model.start_from, head=head)
    return {
        "file": config.model.start_from,
        "tensors": len(loaded.loaded),
        "new_head": list(loaded.skipped_head),
    }


def _gradual(config: Config, run: Run, stages: int) -> OptimConfig:
    """Frozen, then unfrozen stages for a pretrained network, where the settings say nothing of it."""
    given = config.train.optim
    if given.train_last is not None:
        return given
    every = max(1, config.train.steps // (stages + 1))
    return replace(
        given,
        train_last=run.decide("train_last", 1, "pretrained weights: the new head learns first"),
        unfreeze_every=run.decide("unfreeze_every", every, f"all {stages} stages have joined by the end"),
    )


def _balance(config: Config, run: Run, counts: Tensor) -> tuple[str, Tensor | None]:
    """What is done about unequal classes, and the class weights if it is weights."""
    measured, reason = choose_remedy(counts)
    given = config.imbalance != "auto"
    remedy = run.decide("imbalance", config.imbalance if given else measured, "given" if given else reason)
    return remedy, class_weights(counts) if remedy == "weights" else None


def stream(config: Config, parts: Parts, run: Run) -> Iterator[Batch]:
    """Augmented batches without end, for each member its own; the tensors stay on the device."""
    members, num_classes = config.members, len(parts.pictures.classes)
    while True:
        batch = parts.train.next_batch()
        image, label = (batch[name].repeat_interleave(members, dim=0) for name in ("image", "label"))
        rng = run.rng("augment")
        made = {"image": as_float(augment(image, config.augment, generator=rng))}
        if config.augment.mixup_alpha or config.augment.cutmix_alpha:
            made["image"], made["target"] = mix(
                made["image"], label, num_classes=num_classes, config=config.augment, generator=rng
            )
        if members > 1:
            made = {name: tensor.unflatten(0, (-1, members)) for name, tensor in made.items()}  # (B, M, ...)
        yield made | {"label": batch["label"]}


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """Cross-entropy or focal loss, for each member of a committee; the capsule network has its own."""
    net, label = parts.model.net, batch["label"]
    if isinstance(net, Capsnet):
        image = parts.model.normalise(batch["image"])
        total, capsules = capsnet_loss_sum(
            net, image, label, reconstruction_weight=config.model.reconstruction_weight
        )
        logits = capsules.norm(dim=2)  # (B, K, D) -> (B, K)
    else:
        each = parts.model.each(batch["image"])  # (M, B, K)
        target = batch.get("target", label)
        targets = target.unbind(dim=1) if target.ndim == 3 else [target] * len(each)  # (B, M, K)
        pairs = zip(each, targets, strict=True)
        total = sum(_cost(config, parts, logits, target) for logits, target in pairs) / len(each)
        logits = each.softmax(dim=2).mean(dim=0)
    return Loss(total, len(label), {"accuracy": (logits.argmax(1) == label).sum()})


def _cost(config: Config, parts: Parts, logits: Float[Tensor, "B K"], target: Tensor) -> Float[Tensor, ""]:
    """The loss of one network, summed over the batch; ``target`` is a class, or a share of each."""
    if config.imbalance == "focal":
        total, _ = focal_sum(logits, target, gamma=config.focal_gamma)
    else:
        smoothing = config.label_smoothing
        total, _ = cross_entropy_sum(
            logits, target, class_weights=parts.class_weights, label_smoothing=smoothing
        )
    return total


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """Accuracy, top-5, F1, calibration and likelihood on a split; empty if there is no such split."""
    score = score_of(parts, split)
    return score.compute() if score else {}


def score_of(parts: Parts, split: Split) -> ClassificationScore | None:
    """The whole score of a split, confusion matrix and reliability included."""
    data = parts.pictures.tensors(split)
    if not data:
        return None
    score = ClassificationScore(len(parts.pictures.classes), device=data["label"].device)
    for image, label in zip(*(data[k].split(EVALUATION_BATCH) for k in ("image", "label")), strict=True):
        score.update(parts.predictor(as_float(image)), label)
    return score


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """A linear classifier on the pixels, and the most frequent class."""
    return linear_baseline(parts.pictures)


def deploy(config: Config, parts: Parts) -> Deployable:
    """The classifier with its voting; inputs are decoded and resized as the training pictures were."""
    pictures = parts.pictures
    channels, height, width = pictures.shape
    device = parts.model.mean.device
    return Deployable(
        module=parts.predictor,
        example={
            "image": torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0)).to(
                device
            )
        },
        axes={"image": {0: "batch"}},
        endings=SUFFIXES,
        read=lambda raw: {"image": as_float(read_input(raw, config.data, shape=pictures.shape)).to(device)},
        answer=lambda output, raw: Label.of(output["output"][0], classes=pictures.classes, raw=raw),
    )


def show(config: Config, parts: Parts, run: Run) -> list[Panel]:
    """Confusions, classes, mistakes, calibration, and a training batch."""
    with run.aside("report"):
        return panels(parts, run, batch=next(stream(config, parts, run)))


JOB = Job(
    name="image_classification",
    headline=Headline("accuracy"),
    recipes=RECIPES,
    build=build,
    stream=stream,
    step=supervised(loss),
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
    panels=show,
    items=lambda config, parts: parts.pictures.manifest(),
    examine=examine,
)
