"""The vision transformer against torch's encoder layer, transformers' model and a forward in plain loops."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.models.vit import Vit, VitConfig, sincos_positions


def randomised(model: nn.Module) -> nn.Module:
    """Every parameter a plausible number, those that start at zero or one as well."""
    numbers = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.2, generator=numbers)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
    return model.eval()


def written_out(config: VitConfig, model: Vit, image: Tensor) -> list[Tensor]:
    """The logits of each image: patches cut by hand, attention head by head and token by token."""
    state, side, depth = model.state_dict(), config.patch_side, config.width // config.num_heads

    def norm(x: Tensor, name: str) -> Tensor:
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def attention(x: Tensor, name: str) -> Tensor:
        queries, keys, values = linear(x, f"{name}.queries_keys_values").split(config.width, dim=1)
        heads = []
        for start in range(0, config.width, depth):
            part = slice(start, start + depth)
            rows = []
            for query in queries[:, part]:
                fit = torch.stack([query @ key / math.sqrt(depth) for key in keys[:, part]]).exp()
                rows.append(sum(w * v for w, v in zip(fit / fit.sum(), values[:, part], strict=True)))
            heads.append(torch.stack(rows))
        return linear(torch.cat(heads, dim=1), f"{name}.output")

    logits = []
    for one in image:
        tokens = []
        for top in range(0, one.shape[1], side):
            for left in range(0, one.shape[2], side):
                patch = one[:, top : top + side, left : left + side].reshape(-1)
                tokens.append(state["patches.weight"].flatten(1) @ patch + state["patches.bias"])
        if config.pooling == "class_token":
            tokens.insert(0, state["class_token"][0, 0])
        x = torch.stack(tokens) + model.positions[0]
        for place in range(config.depth):
            x = x + attention(norm(x, f"blocks.{place}.norm1"), f"blocks.{place}.attention")
            hidden = F.gelu(linear(norm(x, f"blocks.{place}.norm2"), f"blocks.{place}.mlp.0"))
            x = x + linear(hidden, f"blocks.{place}.mlp.2")
        x = norm(x, "norm")
        logits.append(linear(x[0] if config.pooling == "class_token" else x.mean(0), "head"))
    return logits


@pytest.mark.parametrize("pooling", ["mean", "class_token"])
@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_it_computes_what_its_tensors_say(pooling: Any, positions: Any) -> None:
    config = VitConfig(patch_side=2, width=8, depth=2, num_heads=2, pooling=pooling, positions=positions)
    model = randomised(Vit(config, shape=(3, 4, 6), num_classes=5).double())
    image = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    expected = torch.stack(written_out(config, model, image))
    torch.testing.assert_close(model(image), expected, rtol=1e-10, atol=1e-10)


def test_it_agrees_with_transformers() -> None:
    transformers = pytest.importorskip("transformers", minversion="5")
    config = VitConfig(patch_side=4, width=16, depth=2, num_heads=2, pooling="class_token")
    ours = randomised(Vit(config, shape=(3, 16, 16), num_classes=5))
    theirs = transformers.ViTForImageClassification(
        transformers.ViTConfig(
            image_size=16,
            patch_size=4,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            layer_norm_eps=1e-6,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            num_labels=5,
        )
    ).eval()
    theirs.load_state_dict(_their_state(ours.state_dict()))
    image = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(ours(image), theirs(image).logits, rtol=1e-4, atol=1e-5)


def _their_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under transformers' names; ours keeps queries, keys and values in one."""
    names = {
        "class_token": "vit.embeddings.cls_token",
        "positions": "vit.embeddings.position_embeddings",
        "patches": "vit.embeddings.patch_embeddings.projection",
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attention.output": "attention.o_proj",
        "mlp.0": "mlp.fc1",
        "mlp.2": "mlp.fc2",
        "norm": "vit.layernorm",
        "head": "classifier",
    }
    theirs = {}
    for name, tensor in state.items():
        block, rest = "", name
        if name.startswith("blocks."):
            _, place, rest = name.split(".", 2)
            block = f"vit.layers.{place}."
        if rest in names:
            theirs[names[rest]] = tensor
            continue
        module, leaf = rest.rsplit(".", 1)
        if module == "attention.queries_keys_values":
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                theirs[f"{block}attention.{letter}_proj.{leaf}"] = part
        else:
            theirs[f"{block}{names[module]}.{leaf}"] = tensor
    return theirs


def test_sincos_positions_are_these_waves() -> None:
    got = sincos_positions(2, 3, width=8)
    rows = []
    for row in range(2):
        for column in range(3):
            waves = []
            for place in (column, row):
                waves += [
                    math.sin(place),
                    math.sin(place / 10_000),
                    math.cos(place),
                    math.cos(place / 10_000),
                ]
            rows.append(waves)
    torch.testing.assert_close(got, torch.tensor(rows), rtol=0, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(2, 9), columns=st.integers(2, 9), quarter=st.integers(1, 16))
def test_sincos_positions_tell_places_apart_and_depend_on_distance(
    rows: int, columns: int, quarter: int
) -> None:
    grid = sincos_positions(rows, columns, width=4 * quarter).view(rows, columns, -1)
    assert torch.pdist(grid.flatten(0, 1)).min() > 0.1
    right = (grid[:, :-1] * grid[:, 1:]).sum(-1)  # how alike neighbours are is the same everywhere
    torch.testing.assert_close(right, right[0, 0].expand_as(right), rtol=1e-4, atol=1e-4)


def test_only_positions_tell_the_order_of_patches() -> None:
    config = VitConfig(patch_side=2, width=8, depth=2, num_heads=2)
    model = randomised(Vit(config, shape=(1, 4, 4), num_classes=3))
    image = torch.randn(2, 1, 4, 4)
    swapped = torch.cat([image[:, :, 2:], image[:, :, :2]], dim=2)  # upper and lower patches change places
    assert (model(image) - model(swapped)).abs().max() > 1e-3
    with torch.no_grad():
        model.positions.zero_()
    torch.testing.assert_close(model(image), model(swapped), rtol=1e-5, atol=1e-5)


def test_it_begins_with_the_blind_guess() -> None:
    model = Vit(VitConfig(width=16, depth=1), shape=(3, 8, 8), num_classes=5)
    assert torch.equal(model(torch.randn(2, 3, 8, 8)), torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        (VitConfig(patch_side=4), "GR-MODEL-002", r"--model\.patch_side: wanted .* 8 x 10 pixels, got 4"),
        (VitConfig(patch_side=2, width=20, num_heads=3), "GR-MODEL-003", r"--model\.num_heads: .* got 3"),
        (
            VitConfig(patch_side=2, width=18, num_heads=3, positions="sincos"),
            "GR-MODEL-003",
            r"--model\.width: wanted a multiple of 4",
        ),
    ],
)
def test_settings_that_do_not_divide_are_refused(config: VitConfig, code: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as e:
        Vit(config, shape=(3, 8, 10), num_classes=2)
    assert e.value.code == code
