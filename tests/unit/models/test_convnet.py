"""The convolutional network against a forward that reads its weights one after the other."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.core.errors import UsageError
from gradus.models.convnet import Convnet, ConvnetConfig


def written_out(config: ConvnetConfig, tensors: list[Tensor], image: Tensor) -> Tensor:
    """The forward in eval mode, from the state dict's values in their order."""
    remaining = iter(tensors)
    x = image
    for _ in config.widths:
        for _ in range(config.convolutions_per_stage):
            weight = next(remaining)
            if config.batch_norm:
                x = F.conv2d(x, weight, padding=config.kernel_side // 2)
                gain, shift, mean, variance, _ = (next(remaining) for _ in range(5))
                x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
                x = x * gain[:, None, None] + shift[:, None, None]
            else:
                x = F.conv2d(x, weight, next(remaining), padding=config.kernel_side // 2)
            x = torch.tanh(x)
        x = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).amax(dim=(3, 5))
    x = x.reshape(len(x), -1)
    if config.dense_width:
        x = torch.tanh(x @ next(remaining).T + next(remaining))
    logits = x @ next(remaining).T + next(remaining)
    assert next(remaining, None) is None
    return logits


@pytest.mark.parametrize(
    "config",
    [
        ConvnetConfig(widths=(3, 4), activation="tanh"),
        ConvnetConfig(widths=(3,), convolutions_per_stage=3, kernel_side=5, activation="tanh", dense_width=0),
        ConvnetConfig(widths=(2, 3, 4), batch_norm=False, activation="tanh", dense_width=6, dropout=0.3),
    ],
)
def test_it_computes_stages_then_a_dense_layer_then_the_head(config: ConvnetConfig) -> None:
    torch.manual_seed(0)
    model = Convnet(config, shape=(3, 9, 14), num_classes=4).double().eval()
    for name, tensor in model.state_dict().items():
        if name.endswith(("running_mean", "bias")):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
    image = torch.randn(5, 3, 9, 14, dtype=torch.float64)
    expected = written_out(config, list(model.state_dict().values()), image)
    torch.testing.assert_close(model(image), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("side", "refused"), [(7, True), (8, False)])
def test_images_that_pooling_would_use_up_are_refused(side: int, refused: bool) -> None:
    config = ConvnetConfig(widths=(4, 4, 4))
    if not refused:
        assert Convnet(config, shape=(1, side, 20), num_classes=2)(torch.zeros(2, 1, side, 20)).shape == (
            2,
            2,
        )
        return
    with pytest.raises(
        UsageError, match=r"--model\.widths: wanted images of at least 8 x 8 .* got 7 x 20"
    ) as e:
        Convnet(config, shape=(1, side, 20), num_classes=2)
    assert e.value.code == "GR-MODEL-001"


def test_every_stage_and_the_dense_layer_leave_their_share_out() -> None:
    torch.manual_seed(0)
    config = ConvnetConfig(widths=(16, 32), dense_width=256, dropout=0.4, activation="linear")
    model = Convnet(config, shape=(3, 16, 16), num_classes=2).train()
    x = torch.randn(16, 3, 16, 16)
    for part in [*model.stages, model.dense]:
        x = part(x if part is not model.dense else x.flatten(1))
        assert (x == 0).float().mean().item() == pytest.approx(0.4, abs=0.03)
