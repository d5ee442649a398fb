"""The image classifier as a job: its data, its decisions, its models, its answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gradus.cli.main import main
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError, UsageError
from gradus.data.augment import AugmentConfig
from gradus.engine import contract, folder
from gradus.engine.probes import Scratch
from gradus.jobs.image_classification import JOB
from gradus.jobs.image_classification.baseline import pixels
from gradus.jobs.image_classification.config import Config
from gradus.jobs.image_classification.data import DataConfig, load, read_input
from gradus.jobs.image_classification.job import loss
from gradus.jobs.image_classification.recipes import RECIPES
from gradus.models.capsnet import CapsnetConfig
from gradus.models.convnet import ConvnetConfig
from gradus.models.mlp import MlpConfig
from gradus.models.quicknet import QuicknetConfig
from gradus.models.resnet import Resnet, ResnetConfig
from gradus.models.vit import VitConfig

CPU = torch.device("cpu")


def smoke(**changes) -> Config:
    return replace(RECIPES["smoke"]().config, **changes)


def scratch(config: Config) -> Scratch:
    return Scratch(JOB, config, CPU)


# -- recipes and data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_in_range_and_comes_back_from_json(name):
    config = RECIPES[name]().config
    check(config)
    assert from_json(Config, json.loads(json.dumps(to_json(config))), name) == config


def test_digits_are_split_in_halves_unshuffled():
    splits = load(DataConfig(source="digits", channels=1, validation=0.0)).splits
    assert {name: len(part.labels) for name, part in splits.items()} == {"train": 898, "test": 899}
    assert splits["train"].names[0] == "digit 0"
    assert splits["test"].names[0] == "digit 898"
    assert int(splits["train"].images.max()) == 255


def test_folds_cover_every_digit_once():
    config = DataConfig(source="digits", channels=1, validation=0.0, folds=4)
    tests = [load(replace(config, fold=fold)).splits["test"].names for fold in range(4)]
    assert sorted(name for names in tests for name in names) == sorted(f"digit {i}" for i in range(1797))
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        load(replace(config, fold=4))


def test_validation_is_taken_from_training_alone():
    whole = load(DataConfig(source="digits", channels=1, validation=0.0)).splits
    held = load(DataConfig(source="digits", channels=1, validation=0.1)).splits
    assert held["test"].names == whole["test"].names
    assert sorted(held["train"].names + held["validation"].names) == sorted(whole["train"].names)


def test_a_folder_without_a_path_is_refused():
    with pytest.raises(UsageError, match="GR-DATA-041"):
        load(DataConfig(source="folder"))


# -- decisions -------------------------------------------------------------------------------------------


def skewed_folder(place, counts):
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (place / name).mkdir(parents=True)
        for number in range(count):
            values = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(values).save(place / name / f"{number}.png")
    return place


@pytest.mark.parametrize(
    ("counts", "remedy"),
    [({"a": 12, "b": 11}, "none"), ({"a": 40, "b": 10}, "weights"), ({"a": 250, "b": 8}, "sampling")],
)
def test_imbalance_is_measured_and_remedied(tmp_path, counts, remedy):
    data = DataConfig(path=str(skewed_folder(tmp_path / "set", counts)), side=12)
    made = scratch(smoke(data=data, train=replace(smoke().train, batch=8)))
    assert made.run.plan.decisions["imbalance"]["value"] == remedy
    assert (made.parts.class_weights is not None) == (remedy == "weights")
    rare = sum(next(made.batches)["label"].sum().item() for _ in range(40)) / (40 * 8)
    assert rare > 0.35 if remedy == "sampling" else rare < 0.6
    made.step()


def test_statistics_are_those_of_the_training_split():
    made = scratch(smoke())
    about = made.run.plan.decisions["data"]["value"]
    train = load(smoke().data).splits["train"].images.double() / 255
    assert about["mean"] == pytest.approx([train.mean().item()], rel=1e-5)
    assert about["std"] == pytest.approx([train.std(correction=0).item()], rel=1e-5)
    assert about["counts"] == [100, 100, 100, 100]


# -- models ----------------------------------------------------------------------------------------------

MODELS = [
    QuicknetConfig(stem_width=4, widths=(8, 8), num_blocks=(0, 1)),
    ConvnetConfig(widths=(4, 8), dense_width=8, batch_norm=True),
    ResnetConfig(width=8),
    VitConfig(width=16, depth=1, num_heads=2),
    MlpConfig(widths=(16,)),
    CapsnetConfig(convolution_width=8, kernel_side=5, primary_maps=2, decoder_widths=(16,)),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_every_model_takes_a_step_and_is_scored(model):
    augment = AugmentConfig() if isinstance(model, CapsnetConfig) else AugmentConfig(cutmix_alpha=1.0)
    made = scratch(smoke(model=model, augment=augment))
    made.step()
    loss = made.run.drain()["loss"]
    assert np.isfinite(loss)
    scores = JOB.evaluate(made.config, made.parts, made.run, "test")
    assert 0 <= scores["accuracy"] <= 1


@pytest.mark.parametrize("imbalance", ["none", "focal"])
def test_losses_learn(imbalance):
    made = scratch(smoke(imbalance=imbalance))
    batch = next(made.batches)
    made.batches = iter(lambda: batch, None)
    losses = []
    for _ in range(40):
        made.step()
        losses.append(made.run.drain()["loss"])
    assert losses[-1] < 0.5 * losses[0]


def test_a_committee_costs_the_mean_of_its_members():
    made = scratch(smoke(members=3))
    batch = next(made.batches)
    together = loss(made.config, made.parts, batch)
    logits = made.parts.model.each(batch["image"])
    alone = [torch.nn.functional.cross_entropy(one, batch["label"], reduction="sum") for one in logits]
    torch.testing.assert_close(together.total, torch.stack(alone).mean())


@pytest.mark.parametrize("mixed", [False, True])
def test_each_member_of_a_committee_learns_from_changes_of_its_own(mixed):
    augment = replace(smoke().augment, mixup_alpha=0.4 if mixed else 0.0)
    made = scratch(smoke(members=2, augment=augment))
    batch = next(made.batches)
    size = len(batch["label"])
    assert batch["image"].shape[:2] == (size, 2)
    assert not torch.equal(batch["image"][:, 0], batch["image"][:, 1])
    logits = made.parts.model.each(batch["image"])
    alone = []
    for member in range(2):
        target = batch["target"][:, member] if mixed else batch["label"]
        torch.testing.assert_close(
            logits[member],
            made.parts.model.net.members[member](made.parts.model.normalise(batch["image"][:, member])),
        )
        alone.append(torch.nn.functional.cross_entropy(logits[member], target, reduction="sum"))
    torch.testing.assert_close(loss(made.config, made.parts, batch).total, torch.stack(alone).mean())


def test_public_weights_start_frozen_and_thaw(tmp_path):
    torch.manual_seed(3)
    public = Resnet(ResnetConfig(width=8), shape=(3, 16, 16), num_classes=7)
    save_file(public.state_dict(), tmp_path / "public.safetensors")
    model = ResnetConfig(width=8, start_from=str(tmp_path / "public.safetensors"))
    config = smoke(model=model, data=replace(smoke().data, channels=3))
    made = scratch(config)
    net = made.parts.model.net
    assert torch.equal(net.conv1.weight, public.conv1.weight)
    assert made.run.plan.decisions["train_last"]["value"] == 1
    before = {name: p.clone() for name, p in net.named_parameters()}
    made.step()
    assert torch.equal(net.conv1.weight, before["conv1.weight"])
    assert not torch.equal(net.fc.weight, before["fc.weight"])
    made.run.step = config.train.steps - 1
    made.step()
    assert not torch.equal(net.conv1.weight, before["conv1.weight"])


# -- answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("classifier") / "run"
    assert main(["train", "image_classification/smoke", "--out", str(place)]) == 0
    return place


def test_the_smoke_recipe_beats_its_baseline(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["value"] >= 0.95 > metrics["baseline"]
    assert "Confusion matrix" in (trained / "report.html").read_text()


def test_predict_answers_files_and_arrays_alike(trained, tmp_path, capsys):
    part = load(smoke().data).splits["test"]
    Image.fromarray(part.images[0, 0].numpy()).save(tmp_path / "one.png")
    np.save(tmp_path / "one.npy", part.images[0, 0].numpy())
    capsys.readouterr()
    inputs = [str(tmp_path / "one.png"), str(tmp_path / "one.npy")]
    assert main(["predict", str(trained), *inputs, "--json", "--out", str(tmp_path / "answers")]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["label"] == second["label"] == part.classes[part.labels[0]]
    assert first["probability"] == pytest.approx(second["probability"])
    assert len(list((tmp_path / "answers" / "pictures").iterdir())) == 2


def test_predict_needs_no_data(trained, monkeypatch):
    monkeypatch.setattr("gradus.jobs.image_classification.data._read", None)
    opened = folder.open_run(JOB, trained)
    deployed = JOB.deploy(opened.config, opened.parts)
    values = np.zeros((16, 16), np.uint8)
    answer = deployed.answer({"output": deployed.module(deployed.read(values)["image"])}, values)
    assert sum(answer.to_dict()["top"].values()) == pytest.approx(1, abs=1e-5)
    assert answer.draw().size[0] == 256


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.full((16, 16), np.nan), "GR-DATA-043"),
        (np.full((16, 16), 2.0), "GR-DATA-043"),
        (np.zeros((16, 16, 5), np.uint8), "GR-DATA-043"),
        (np.zeros((0, 16), np.uint8), "GR-DATA-043"),
        (np.array(["a"]), "GR-DATA-043"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(values, code):
    with pytest.raises(InputError, match=code):
        read_input(values, DataConfig(), shape=(1, 16, 16))


def test_a_picture_that_does_not_fit_an_oblong_model_is_refused():
    with pytest.raises(InputError, match="GR-DATA-042"):
        read_input(np.zeros((8, 8), np.uint8), DataConfig(), shape=(1, 16, 12))


def test_large_pictures_are_averaged_down_for_the_baseline():
    image = torch.arange(64 * 64, dtype=torch.float32).reshape(1, 1, 64, 64).remainder(256).byte()
    rows = pixels(image)
    assert rows.shape == (1, 32 * 32)
    assert rows[0, 0] == pytest.approx(image[0, 0, :2, :2].float().mean().item() / 255)


def test_the_job_holds_its_contract():
    outcomes = {o.name: o.sentence for o in contract.examine(JOB) if not o.passed}
    assert outcomes == {}
