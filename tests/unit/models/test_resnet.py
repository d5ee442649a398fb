"""The residual network: its public names, its known sizes, and two independent forwards."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.models.resnet import BasicBlock, Bottleneck, Resnet, ResnetConfig

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def imagenet(depth: int) -> Resnet:
    with torch.device("meta"):  # shapes without numbers
        config = ResnetConfig(depth=depth, stem="imagenet", initialiser="default", identity_start=False)
        return Resnet(config, shape=(3, 224, 224), num_classes=1000)


@pytest.mark.parametrize(
    ("depth", "num_parameters", "num_tensors"),
    [(18, 11_689_512, 122), (34, 21_797_672, 218), (50, 25_557_032, 320)],
)
def test_it_has_the_published_number_of_parameters(depth: int, num_parameters: int, num_tensors: int) -> None:
    model = imagenet(depth)
    assert sum(p.numel() for p in model.parameters()) == num_parameters
    assert len(model.state_dict()) == num_tensors


NAMES_18 = {
    "conv1.weight": (64, 3, 7, 7),
    "bn1.running_var": (64,),
    "layer1.0.conv1.weight": (64, 64, 3, 3),
    "layer1.1.bn2.weight": (64,),
    "layer2.0.conv1.weight": (128, 64, 3, 3),
    "layer2.0.conv2.weight": (128, 128, 3, 3),
    "layer2.0.downsample.0.weight": (128, 64, 1, 1),
    "layer2.0.downsample.1.num_batches_tracked": (),
    "layer4.1.conv2.weight": (512, 512, 3, 3),
    "fc.weight": (1000, 512),
    "fc.bias": (1000,),
}
NAMES_50 = {
    "layer1.0.conv1.weight": (64, 64, 1, 1),
    "layer1.0.conv2.weight": (64, 64, 3, 3),
    "layer1.0.conv3.weight": (256, 64, 1, 1),
    "layer1.0.downsample.0.weight": (256, 64, 1, 1),
    "layer1.0.downsample.1.running_mean": (256,),
    "layer1.1.conv1.weight": (64, 256, 1, 1),
    "layer3.0.conv1.weight": (256, 512, 1, 1),
    "layer3.0.downsample.0.weight": (1024, 512, 1, 1),
    "layer3.5.bn3.bias": (1024,),
    "layer4.2.conv3.weight": (2048, 512, 1, 1),
    "fc.weight": (1000, 2048),
}


@pytest.mark.parametrize(("depth", "names"), [(18, NAMES_18), (50, NAMES_50)])
def test_tensors_have_their_public_names_and_shapes(depth: int, names: dict[str, tuple[int, ...]]) -> None:
    state = imagenet(depth).state_dict()
    assert {n: tuple(state[n].shape) for n in names if n in state} == names


def test_the_list_of_names_is_complete() -> None:
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    expected = ["conv1.weight", *(f"bn1.{n}" for n in norm)]
    for stage in range(1, 5):
        for block in range(2):
            for place in (1, 2):
                expected += [f"layer{stage}.{block}.conv{place}.weight"]
                expected += [f"layer{stage}.{block}.bn{place}.{n}" for n in norm]
            if stage > 1 and block == 0:
                expected += [f"layer{stage}.0.downsample.0.weight"]
                expected += [f"layer{stage}.0.downsample.1.{n}" for n in norm]
    assert list(imagenet(18).state_dict()) == [*expected, "fc.weight", "fc.bias"]


def written_out(config: ResnetConfig, state: dict[str, Tensor], image: Tensor) -> Tensor:
    """The forward in eval mode, reading the state dict by its public names."""

    def norm(x: Tensor, name: str) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))

    def block(x: Tensor, name: str, stride: int) -> Tensor:
        y = x
        strides = (1, stride, 1) if config.depth == 50 else (stride, 1)
        for place, step in enumerate(strides, start=1):
            weight = state[f"{name}.conv{place}.weight"]
            y = norm(F.conv2d(y, weight, stride=step, padding=weight.shape[-1] // 2), f"{name}.bn{place}")
            y = y.relu() if place < len(strides) else y
        if f"{name}.downsample.0.weight" in state:
            x = norm(F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
        return (x + y).relu()

    if config.stem == "imagenet":
        x = norm(F.conv2d(image, state["conv1.weight"], stride=2, padding=3), "bn1").relu()
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    else:
        x = norm(F.conv2d(image, state["conv1.weight"], padding=1), "bn1").relu()
    for stage, num_blocks in enumerate(STAGES[config.depth], start=1):
        for place in range(num_blocks):
            x = block(x, f"layer{stage}.{place}", stride=2 if stage > 1 and place == 0 else 1)
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), state["fc.weight"], state["fc.bias"])


def with_plausible_numbers(model: nn.Module) -> nn.Module:
    for name, tensor in model.state_dict().items():
        if name.endswith(("running_mean", "bias")):
            tensor.normal_(0.0, 0.2)
        elif name.endswith("running_var") or tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
    return model.eval()


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_it_computes_what_its_named_tensors_say(depth: int, stem: str) -> None:
    torch.manual_seed(0)
    config = ResnetConfig(depth=depth, stem=stem, width=4)
    model = with_plausible_numbers(Resnet(config, shape=(3, 45, 36), num_classes=6).double())
    image = torch.randn(3, 3, 45, 36, dtype=torch.float64)
    expected = written_out(config, model.state_dict(), image)
    torch.testing.assert_close(model(image), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [18, 50])
def test_it_agrees_with_transformers(depth: int) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    ours = with_plausible_numbers(
        Resnet(ResnetConfig(depth=depth, stem="imagenet", width=8), shape=(3, 64, 64), num_classes=6)
    )
    expansion = 4 if depth == 50 else 1
    theirs = transformers.ResNetForImageClassification(
        transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8 * expansion * 2**i for i in range(4)],
            depths=list(STAGES[depth]),
            layer_type="bottleneck" if depth == 50 else "basic",
            num_labels=6,
        )
    ).eval()
    theirs.load_state_dict({_their_name(n): t for n, t in ours.state_dict().items()})
    image = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(image), theirs(image).logits, rtol=1e-4, atol=1e-4)


def _their_name(name: str) -> str:
    """Where transformers keeps the tensor that torchvision calls ``name``."""
    parts = name.split(".")
    leaf = parts[-1]
    if parts[0] == "fc":
        return f"classifier.1.{leaf}"
    if parts[0] in ("conv1", "bn1"):
        return f"resnet.embedder.embedder.{'convolution' if parts[0] == 'conv1' else 'normalization'}.{leaf}"
    at = f"resnet.encoder.stages.{int(parts[0][-1]) - 1}.layers.{parts[1]}"
    if parts[2] == "downsample":
        return f"{at}.shortcut.{'convolution' if parts[3] == '0' else 'normalization'}.{leaf}"
    kind = "convolution" if parts[2].startswith("conv") else "normalization"
    return f"{at}.layer.{int(parts[2][-1]) - 1}.{kind}.{leaf}"


@pytest.mark.parametrize(
    ("stem", "side", "sides"), [("cifar", 32, (32, 16, 8, 4)), ("imagenet", 224, (56, 28, 14, 7))]
)
def test_stages_shrink_the_picture_as_published(stem: str, side: int, sides: tuple[int, ...]) -> None:
    model = Resnet(ResnetConfig(stem=stem, width=2), shape=(3, side, side), num_classes=2).eval()
    seen = []
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        stage.register_forward_hook(lambda module, given, made: seen.append(tuple(made.shape[2:])))
    model(torch.zeros(1, 3, side, side))
    assert seen == [(s, s) for s in sides]


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_identity_start_passes_rectified_input_on(block: type[nn.Module]) -> None:
    depth = 50 if block is Bottleneck else 18
    model = Resnet(ResnetConfig(depth=depth, width=4), shape=(3, 8, 8), num_classes=2).eval()
    blocks = [m for m in model.modules() if isinstance(m, block) and len(m.downsample) == 0]
    assert len(blocks) == sum(STAGES[depth]) - (4 if depth == 50 else 3)
    for each in blocks:
        x = torch.rand(2, each.conv1.in_channels, 4, 4)
        assert torch.equal(each(x), x)
    config = ResnetConfig(depth=depth, width=4, identity_start=False)
    moved = Resnet(config, shape=(3, 8, 8), num_classes=2).eval().layer1[1]
    x = torch.rand(2, moved.conv1.in_channels, 4, 4)
    assert not torch.equal(moved(x), x)


@pytest.mark.parametrize(("stem", "side"), [("cifar", 7), ("imagenet", 31)])
def test_images_that_are_too_small_are_refused(stem: str, side: int) -> None:
    with pytest.raises(UsageError, match=rf"--model\.stem: wanted images of at least {side + 1} pixels") as e:
        Resnet(ResnetConfig(stem=stem, width=2), shape=(3, side, 64), num_classes=2)
    assert e.value.code == "GR-MODEL-001"
    Resnet(ResnetConfig(stem=stem, width=2), shape=(3, side + 1, 64), num_classes=2)
