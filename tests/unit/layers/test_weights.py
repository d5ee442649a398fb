"""Starting from a file: names, heads, wrappers, channels, and every way in which a file can be wrong."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.layers.weights import fit_channels, start_from


class Small(nn.Module):
    """A network with a first convolution, a batch norm and a head."""

    def __init__(self, *, channels: int = 3, num_classes: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 1)
        self.fc_norm = nn.LayerNorm(8)  # not part of the head "fc"
        self.fc = nn.Linear(8, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv2(F.relu(self.bn1(self.conv1(image)))).mean(dim=(2, 3))
        return self.fc(self.fc_norm(x))


def other_numbers(**options: int) -> dict[str, Tensor]:
    return {n: torch.randn(t.shape).to(t.dtype) for n, t in Small(**options).state_dict().items()}


def write(folder: Path, tensors: dict[str, Tensor]) -> Path:
    path = folder / "weights.safetensors"
    save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod.model."])
def test_every_tensor_is_copied_whatever_wrapped_it(tmp_path: Path, prefix: str) -> None:
    given_tensors = other_numbers()
    path = write(tmp_path, {prefix + n: t for n, t in given_tensors.items()})
    module = Small()
    report = start_from(module, path, head="fc")
    assert set(report.loaded) == set(given_tensors)
    assert (report.adapted, report.skipped_head, report.missing, report.unexpected) == ((), (), (), ())
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, given_tensors[name]), name


def test_a_prefix_that_the_module_has_itself_is_kept(tmp_path: Path) -> None:
    wrapped = nn.ModuleDict({"model": Small()})
    tensors = {f"model.{n}": t for n, t in other_numbers().items()}
    start_from(wrapped, str(write(tmp_path, tensors)), head="model.fc")
    assert torch.equal(wrapped["model"].conv1.weight, tensors["model.conv1.weight"])


def test_a_head_of_another_shape_is_skipped_whole(tmp_path: Path) -> None:
    tensors = other_numbers(num_classes=9)
    module = Small(num_classes=4)
    start = {n: t.clone() for n, t in module.state_dict().items()}
    report = start_from(module, write(tmp_path, tensors), head="fc")
    assert report.skipped_head == ("fc.bias", "fc.weight")
    assert report.missing == ("fc.weight", "fc.bias")
    assert "fc_norm.weight" in report.loaded
    assert torch.equal(module.fc.weight, start["fc.weight"])
    assert torch.equal(module.fc.bias, start["fc.bias"])
    assert torch.equal(module.conv2.bias, tensors["conv2.bias"])


def test_a_head_that_fits_in_part_is_skipped_whole(tmp_path: Path) -> None:
    module = Small()
    bias = module.fc.bias.clone()
    report = start_from(module, write(tmp_path, other_numbers() | {"fc.scale": torch.ones(1)}), head="fc")
    assert report.unexpected == ("fc.scale",)
    assert report.skipped_head == ("fc.bias", "fc.weight")
    assert torch.equal(module.fc.bias, bias)


def test_a_file_without_a_head_leaves_the_head(tmp_path: Path) -> None:
    tensors = {n: t for n, t in other_numbers().items() if not n.startswith("fc.")}
    report = start_from(Small(), write(tmp_path, tensors), head="fc")
    assert report.missing == ("fc.weight", "fc.bias")
    assert report.skipped_head == ()
    assert set(report.loaded) == set(tensors)


def test_batch_counters_may_be_missing(tmp_path: Path) -> None:
    tensors = other_numbers()
    del tensors["bn1.num_batches_tracked"]
    assert start_from(Small(), write(tmp_path, tensors), head="fc").missing == ("bn1.num_batches_tracked",)


def test_half_precision_files_fill_single_precision_modules(tmp_path: Path) -> None:
    tensors = other_numbers()
    halves = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    module = Small()
    start_from(module, write(tmp_path, halves), head="fc")
    assert module.conv1.weight.dtype == torch.float32
    torch.testing.assert_close(module.conv1.weight.detach(), tensors["conv1.weight"], rtol=1e-3, atol=1e-3)


def test_a_grey_picture_gets_the_response_that_it_had_as_rgb(tmp_path: Path) -> None:
    rgb, grey = Small(channels=3).eval(), Small(channels=1).eval()
    report = start_from(grey, write(tmp_path, rgb.state_dict()), head="fc")
    assert report.adapted == ("conv1.weight",)
    image = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(grey(image), rgb(image.expand(-1, 3, -1, -1)), rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(old=st.integers(1, 7), new=st.integers(1, 7))
def test_fitted_channels_keep_the_response_to_equal_channels(old: int, new: int) -> None:
    weight = torch.randn(4, old, 3, 3)
    fitted = fit_channels(weight, new)
    assert fitted.shape == (4, new, 3, 3)
    torch.testing.assert_close(fitted.sum(1), weight.sum(1), rtol=1e-5, atol=1e-5)
    if old == new:
        assert torch.equal(fitted, weight)


def test_fitted_channels_by_hand() -> None:
    weight = torch.tensor([3.0, 5.0, 7.0]).view(1, 3, 1, 1)
    assert fit_channels(weight, 1).flatten().tolist() == [15.0]
    assert fit_channels(weight, 2).flatten().tolist() == [10.0, 5.0]
    assert fit_channels(weight, 4).flatten().tolist() == [1.5, 5.0, 7.0, 1.5]
    assert fit_channels(weight, 6).flatten().tolist() == [1.5, 2.5, 3.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            {"conv2.bias": None},
            "GR-MODEL-011",
            "tensor 'conv2.bias' of .*wanted shape (8,), got no such tensor",
        ),
        ({"bn1.running_var": None}, "GR-MODEL-011", "tensor 'bn1.running_var'"),
        (
            {"conv3.bias": (5,)},
            "GR-MODEL-012",
            "tensor 'conv3.bias' of .*wanted no such tensor, got shape (5,)",
        ),
        ({"conv2.weight": (8, 7, 1, 1)}, "GR-MODEL-013", "tensor 'conv2.weight' of"),
        ({"conv1.weight": (6, 3, 5, 5)}, "GR-MODEL-013", "wanted shape (6, 3, 3, 3), got shape (6, 3, 5, 5)"),
        ({"conv1.weight": (9, 1, 3, 3)}, "GR-MODEL-013", "tensor 'conv1.weight' of"),
        ({"fc_norm.bias": (9,)}, "GR-MODEL-013", "tensor 'fc_norm.bias' of"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_is_copied(
    tmp_path: Path, change: dict[str, tuple[int, ...] | None], code: str, words: str
) -> None:
    tensors = other_numbers()
    for name, shape in change.items():
        tensors.pop(name, None)
        if shape is not None:
            tensors[name] = torch.randn(shape)
    module = Small()
    start = {n: t.clone() for n, t in module.state_dict().items()}
    with pytest.raises(InputError, match=re.escape(words).replace(r"\.\*", ".*")) as e:
        start_from(module, write(tmp_path, tensors), head="fc")
    assert e.value.code == code
    assert all(torch.equal(t, start[n]) for n, t in module.state_dict().items())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 0.999))
def test_a_file_cut_short_anywhere_is_an_input_error(tmp_path: Path, share: float) -> None:
    path = write(tmp_path, other_numbers())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"weights\.safetensors: wanted a whole \.safetensors file") as e:
        start_from(Small(), path, head="fc")
    assert e.value.code == "GR-MODEL-010"


def test_other_files_and_no_file_are_input_errors(tmp_path: Path) -> None:
    torch.save(Small().state_dict(), tmp_path / "pickle.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "text.safetensors").write_text("not weights, and long enough to have a header of eight bytes")
    for name in ("pickle", "folder", "text", "absent"):
        with pytest.raises(InputError, match=name) as e:
            start_from(Small(), tmp_path / f"{name}.safetensors", head="fc")
        assert e.value.code == "GR-MODEL-010"


def test_a_file_without_tensors_misses_the_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tensor 'conv1\.weight'") as e:
        start_from(Small(), write(tmp_path, {}), head="fc")
    assert e.value.code == "GR-MODEL-011"
