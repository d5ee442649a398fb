"""What every image-classification model must do, whatever its architecture."""

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import jaxtyping
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from gradus.core.configs import check, from_json, to_json
from gradus.layers.weights import start_from
from gradus.models.capsnet import Capsnet, CapsnetConfig, capsnet_loss_sum
from gradus.models.convnet import Convnet, ConvnetConfig
from gradus.models.mlp import Mlp, MlpConfig
from gradus.models.quicknet import Quicknet, QuicknetConfig
from gradus.models.resnet import Resnet, ResnetConfig
from gradus.models.vit import Vit, VitConfig

NUM_CLASSES = 5


@dataclass(frozen=True)
class Case:
    """A small version of a model, the images that it takes and the name of its head."""

    model: Callable[..., nn.Module]
    config: Any
    shape: tuple[int, int, int]
    head: str = "head"

    def build(self, *, seed: int = 0, num_classes: int = NUM_CLASSES, **changes: Any) -> nn.Module:
        torch.manual_seed(seed)
        return self.model(replace(self.config, **changes), shape=self.shape, num_classes=num_classes)

    def batch(self, size: int, *, seed: int = 1) -> tuple[Tensor, Tensor]:
        numbers = torch.Generator().manual_seed(seed)
        image = torch.randn(size, *self.shape, generator=numbers)
        return image, torch.randint(0, NUM_CLASSES, (size,), generator=numbers)


SMALL_CAPSNET = CapsnetConfig(
    convolution_width=16, kernel_side=3, primary_maps=4, class_width=8, decoder_widths=(32,)
)
CASES = {
    "mlp": Case(Mlp, MlpConfig(widths=(32, 16)), (3, 6, 5)),
    "linear": Case(Mlp, MlpConfig(widths=()), (1, 8, 8)),
    "convnet": Case(Convnet, ConvnetConfig(widths=(8, 16), dense_width=32), (3, 12, 10)),
    "convnet_plain": Case(Convnet, ConvnetConfig(widths=(8, 16), batch_norm=False, dense_width=0), (1, 8, 8)),
    "resnet18": Case(Resnet, ResnetConfig(depth=18, width=8), (1, 12, 16), "fc"),
    "resnet50": Case(Resnet, ResnetConfig(depth=50, width=4, stem="imagenet"), (3, 40, 32), "fc"),
    "vit": Case(Vit, VitConfig(width=32, depth=2), (3, 8, 12)),
    "vit_token": Case(
        Vit, VitConfig(width=32, depth=2, pooling="class_token", positions="sincos"), (1, 8, 8)
    ),
    "quicknet": Case(Quicknet, QuicknetConfig(stem_width=8, widths=(16, 16), num_blocks=(0, 1)), (3, 12, 10)),
    "quicknet_enlarged": Case(
        Quicknet, QuicknetConfig(enlarge=2, widths=(16,), num_blocks=(1,), pooling="both"), (1, 8, 8)
    ),
    "capsnet": Case(Capsnet, SMALL_CAPSNET, (1, 8, 8)),
    "capsnet_sigmoid": Case(Capsnet, replace(SMALL_CAPSNET, decoder_output="sigmoid"), (3, 9, 10)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def loss_of(model: nn.Module, image: Tensor, label: Tensor) -> Tensor:
    if isinstance(model, Capsnet):
        return capsnet_loss_sum(model, image, label, reconstruction_weight=0.0005)[0] / len(image)
    return F.cross_entropy(model(image), label)


def test_logits_have_a_row_for_each_image_and_are_finite(case: Case) -> None:
    logits = case.build().eval()(case.batch(4)[0])
    assert logits.shape == (4, NUM_CLASSES)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_every_parameter_gets_a_gradient(case: Case) -> None:
    model, (image, label) = case.build(), case.batch(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(
        3
    ):  # what starts at zero hides what lies below it until it has moved: three layers deep at most
        optimizer.zero_grad()
        loss_of(model, image, label).backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.count_nonzero() > 0, name


def test_it_overfits_one_batch(case: Case) -> None:
    model, (image, label) = case.build(), case.batch(16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        loss_of(model, image, label).backward()
        optimizer.step()
    assert torch.equal(model.eval()(image).argmax(1), label)


def test_the_first_loss_is_near_the_blind_guess(case: Case) -> None:
    image, label = case.batch(64)
    ratios = [F.cross_entropy(case.build(seed=s)(image), label).item() / math.log(5) for s in range(3)]
    assert max(ratios) < 1.25, ratios
    assert min(ratios) > 0.9, ratios


def test_an_image_is_judged_alone(case: Case) -> None:
    model, (image, _) = case.build().eval(), case.batch(6)
    settle(model)
    together = model(image)
    alone = torch.cat([model(one) for one in image.split(1)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    order = torch.tensor([3, 1, 5, 0, 4, 2])
    torch.testing.assert_close(model(image[order]), together[order], rtol=1e-4, atol=1e-5)


def test_different_images_get_different_logits(case: Case) -> None:
    model = case.build().eval()
    settle(model)
    logits = model(case.batch(6)[0])
    assert torch.pdist(logits).min() > 1e-4


def test_prediction_changes_nothing(case: Case) -> None:
    model, (image, _) = case.build().eval(), case.batch(3)
    before, given = {n: t.clone() for n, t in model.state_dict().items()}, image.clone()
    first, second = model(image), model(image)
    assert torch.equal(first, second)
    assert torch.equal(image, given)
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())


def test_memory_format_changes_no_logit(case: Case) -> None:
    model, (image, _) = case.build().eval(), case.batch(4)
    settle(model)
    expected = model(image)
    model = model.to(memory_format=torch.channels_last)
    got = model(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_half_precision_stays_near_and_trains(case: Case) -> None:
    model, (image, label) = case.build().eval(), case.batch(8)
    settle(model)
    expected = model(image)
    model = model.to(memory_format=torch.channels_last)
    image = image.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = model(image)
        loss = loss_of(model.train(), image, label)
    assert (got.float() - expected).abs().max() < 0.05 * (1.0 + expected.abs().max())
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_same_seed_gives_the_same_training(case: Case) -> None:
    def trained(seed: int) -> dict[str, Tensor]:
        model, (image, label) = case.build(seed=seed), case.batch(8)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for _ in range(2):
            optimizer.zero_grad()
            loss_of(model, image, label).backward()
            optimizer.step()
        return model.state_dict()

    first, second, other = trained(0), trained(0), trained(1)
    assert all(torch.equal(first[n], second[n]) for n in first)
    assert any(not torch.equal(first[n], other[n]) for n in first)


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet18", "vit"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    model, (image, _) = CASES[name].build(dropout=0.5), CASES[name].batch(4)
    settle(model)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    assert not torch.equal(model(image), model(image))
    model.eval()
    assert torch.equal(model(image), model(image))


def test_its_weights_load_into_another_number_of_classes(case: Case, tmp_path: Any) -> None:
    given = case.build(seed=0)
    settle(given)
    save_file(given.state_dict(), tmp_path / "given.safetensors")

    same = case.build(seed=1)
    assert not start_from(same, tmp_path / "given.safetensors", head=case.head).missing
    image, _ = case.batch(3)
    assert torch.equal(same.eval()(image), given.eval()(image))

    other = case.build(seed=1, num_classes=NUM_CLASSES + 2)
    report = start_from(other, tmp_path / "given.safetensors", head=case.head)
    assert report.skipped_head
    assert all(n.startswith(case.head) for n in report.missing)
    assert set(report.loaded) == {n for n in given.state_dict() if not n.startswith(case.head + ".")}
    assert other.eval()(image).shape == (3, NUM_CLASSES + 2)


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet18", "vit_token", "capsnet"])
def test_it_exports_for_any_batch_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # checks of shapes cannot be traced
    model = case.build().eval()
    settle(model)
    sizes = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(model, (case.batch(2)[0],), dynamic_shapes=sizes).module()
    image, _ = case.batch(5)
    torch.testing.assert_close(exported(image), model(image), rtol=1e-5, atol=1e-5)


def test_its_config_is_a_checked_frozen_value(case: Case) -> None:
    check(case.config)
    check(type(case.config)())
    assert case.config.start_from is None
    assert from_json(type(case.config), to_json(case.config), "model") == case.config
    with pytest.raises(FrozenInstanceError):
        case.config.start_from = "elsewhere"


def settle(model: nn.Module) -> None:
    """Replace what starts at a special value (zero heads, fresh running statistics) by plausible numbers."""
    numbers = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0.0, 0.1, generator=numbers)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=numbers)
            elif tensor.is_floating_point() and (tensor == 0).all():
                tensor.normal_(0.0, 0.1, generator=numbers)
