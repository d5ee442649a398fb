"""The quick network against a forward written out from its weights, and the memory format it must keep."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.models.quicknet import Block, Layer, Quicknet, QuicknetConfig


def randomised(model: nn.Module) -> nn.Module:
    """The model in eval mode and double precision, its norms and biases no longer ones and zeros."""
    for name, tensor in model.double().state_dict().items():
        if name.endswith(("running_mean", "bias")):
            tensor.normal_()
        elif name.endswith(("running_var", "norm.weight")):
            tensor.uniform_(0.5, 2.0)
    return model.eval()


def window_sums(x: Tensor, weight: Tensor) -> Tensor:
    """A padded 3 x 3 convolution as nine shifted products."""
    padded = F.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    shifted = [padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.einsum("tbchw,dct->bdhw", torch.stack(shifted), weight.flatten(2))


def halved(x: Tensor) -> Tensor:
    """The maximum of each 2 x 2 tile; an odd last row or column is dropped."""
    x = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    return torch.stack([x[..., i::2, j::2] for i in range(2) for j in range(2)]).amax(dim=0)


def written_out(config: QuicknetConfig, tensors: list[Tensor], image: Tensor) -> Tensor:
    """The forward in eval mode, from the state dict's values in their order."""
    remaining = iter(tensors)

    def layer(x: Tensor, *, pool: bool) -> Tensor:
        x = window_sums(x, next(remaining))
        if pool:
            x = halved(x)
        gain, shift, mean, variance, _ = (next(remaining)[..., None, None] for _ in range(5))
        return ((x - mean) / (variance + 1e-5).sqrt() * gain + shift).clamp(min=0)

    x = layer(image, pool=False)
    for num_blocks in config.num_blocks:
        x = layer(x, pool=True)
        for _ in range(num_blocks):
            x = x + layer(layer(x, pool=False), pool=False)
    features = {
        "max": [x.flatten(2).amax(2)],
        "mean": [x.flatten(2).mean(2)],
        "both": [x.flatten(2).amax(2), x.flatten(2).mean(2)],
    }[config.pooling]
    logits = torch.cat(features, dim=1) @ next(remaining).T + next(remaining)
    assert next(remaining, None) is None
    return logits


@pytest.mark.parametrize(
    "config",
    [
        QuicknetConfig(stem_width=3, widths=(4, 5), num_blocks=(0, 2), pooling="max"),
        QuicknetConfig(stem_width=2, widths=(3,), num_blocks=(1,), pooling="mean", dropout=0.4),
        QuicknetConfig(stem_width=4, widths=(3, 2, 5), num_blocks=(1, 0, 1), pooling="both"),
    ],
)
def test_it_computes_a_stem_then_stages_then_the_head(config: QuicknetConfig) -> None:
    torch.manual_seed(0)
    model = randomised(Quicknet(config, shape=(3, 9, 14), num_classes=4))
    image = torch.randn(5, 3, 9, 14, dtype=torch.float64)
    expected = written_out(config, list(model.state_dict().values()), image)
    torch.testing.assert_close(model(image), expected, rtol=1e-10, atol=1e-10)


def test_enlarging_is_bilinear_with_half_pixel_centres() -> None:
    torch.manual_seed(0)
    plain = QuicknetConfig(stem_width=2, widths=(3,), num_blocks=(0,))
    enlarging = QuicknetConfig(stem_width=2, widths=(3,), num_blocks=(0,), enlarge=2)
    model = randomised(Quicknet(enlarging, shape=(1, 1, 2), num_classes=2))
    same = randomised(Quicknet(plain, shape=(1, 2, 4), num_classes=2))
    same.load_state_dict(model.state_dict())
    # Between the centres 0.5 and 1.5 of the two pixels lie 0.75 and 1.25; outside them the edge continues.
    by_hand = torch.tensor([[0.0, 0.25, 0.75, 1.0]] * 2, dtype=torch.float64)[None, None]
    small = torch.tensor([[0.0, 1.0]], dtype=torch.float64)[None, None]
    torch.testing.assert_close(model(small), same(by_hand), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", ["max", "mean", "both"])
def test_the_memory_format_survives_forward_and_backward(pooling: str) -> None:
    config = QuicknetConfig(stem_width=4, widths=(8, 8), num_blocks=(1, 1), pooling=pooling)
    model = Quicknet(config, shape=(2, 12, 12), num_classes=3).to(memory_format=torch.channels_last)
    kept: dict[str, bool] = {}

    def note(name: str, tensor: Tensor) -> None:
        kept[name] = tensor.is_contiguous(memory_format=torch.channels_last)

    def listen(name: str) -> None:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            note(f"{name} forward", output)
            output.register_hook(lambda gradient: note(f"{name} backward", gradient))

        model.get_submodule(name).register_forward_hook(hook)

    names = [name for name, module in model.named_modules() if isinstance(module, Layer | Block | nn.Conv2d)]
    for name in names:
        listen(name)
    image = torch.randn(4, 2, 12, 12).to(memory_format=torch.channels_last)
    model(image).square().sum().backward()
    assert len(kept) == 2 * len(names) == 2 * (2 * 7 + 2)
    assert [name for name, whether in kept.items() if not whether] == []


def test_a_block_whose_second_norm_is_zero_passes_its_input_on() -> None:
    block = Block(3)
    nn.init.zeros_(block.second.norm.weight)
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(4, 11), st.integers(4, 11)),
    enlarge=st.integers(1, 2),
    stages=st.integers(1, 2),
    num_classes=st.integers(1, 4),
)
def test_an_image_is_judged_alone(
    shape: tuple[int, int, int], enlarge: int, stages: int, num_classes: int
) -> None:
    torch.manual_seed(0)
    config = QuicknetConfig(enlarge=enlarge, stem_width=2, widths=(3,) * stages, num_blocks=(1,) * stages)
    model = randomised(Quicknet(config, shape=shape, num_classes=num_classes))
    image = torch.randn(3, *shape, dtype=torch.float64)
    one_by_one = torch.cat([model(image[i : i + 1]) for i in range(3)])
    assert one_by_one.shape == (3, num_classes)
    torch.testing.assert_close(model(image), one_by_one, rtol=1e-12, atol=1e-12)


def test_its_size_is_that_of_its_formula() -> None:
    model = Quicknet(QuicknetConfig(), shape=(1, 28, 28), num_classes=10)
    layers = [(1, 32), (32, 64), (64, 128), (128, 128), (128, 128), (128, 128), (128, 128), (128, 128)]
    expected = sum(9 * channels * width + 2 * width for channels, width in layers) + 128 * 10 + 10
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize(("side", "enlarge", "refused"), [(7, 1, True), (8, 1, False), (4, 2, False)])
def test_pictures_that_the_stages_would_use_up_are_refused(side: int, enlarge: int, refused: bool) -> None:
    config = QuicknetConfig(enlarge=enlarge, stem_width=2, widths=(2, 2, 2), num_blocks=(0, 0, 0))
    if not refused:
        model = Quicknet(config, shape=(1, side, 20), num_classes=2)
        assert model(torch.zeros(2, 1, side, 20)).shape == (2, 2)
        return
    with pytest.raises(UsageError, match=r"--model\.widths: wanted at least 8 x 8 .* got 7 x 20") as e:
        Quicknet(config, shape=(1, side, 20), num_classes=2)
    assert e.value.code == "GR-MODEL-001"


def test_as_many_numbers_of_blocks_as_widths() -> None:
    with pytest.raises(
        UsageError, match=r"--model\.num_blocks: .* each of the 3 stages .* got \(1, 1\)"
    ) as e:
        Quicknet(QuicknetConfig(num_blocks=(1, 1)), shape=(1, 28, 28), num_classes=10)
    assert e.value.code == "GR-CONFIG-003"
