"""The autoencoder against a forward written out, and against principal components where it is linear."""

import pytest
import torch
from torch import Tensor

from gradus.models.autoencoder import Autoencoder, AutoencoderConfig


def written_out(tensors: list[Tensor], row: Tensor, *, bends: list[bool]) -> Tensor:
    """The forward from weights and biases in their order; ``bends`` says where a rectifier follows."""
    for place, bend in enumerate(bends):
        row = row @ tensors[2 * place].T + tensors[2 * place + 1]
        row = row.clamp(min=0) if bend else row
    assert len(tensors) == 2 * len(bends)
    return row


@pytest.mark.parametrize(
    ("widths", "bends"),
    [((7, 5), [True, True, False, True, True, False]), ((6,), [True, False] * 2), ((), [False, False])],
)
def test_it_computes_layers_in_and_the_same_out(widths, bends):
    torch.manual_seed(0)
    config = AutoencoderConfig(widths=widths, latent_width=3, activation="relu")
    model = Autoencoder(config, num_features=9).double()
    row = torch.randn(4, 9, dtype=torch.float64)
    expected = written_out(list(model.state_dict().values()), row, bends=bends)
    torch.testing.assert_close(model(row), expected, rtol=1e-12, atol=1e-12)


def test_a_linear_one_learns_the_plane_of_the_principal_components():
    """Its best drawing is the projection on the leading components (Bourlard and Kamp 1988)."""
    torch.manual_seed(0)
    rows = torch.randn(300, 2, dtype=torch.float64) @ torch.randn(2, 6, dtype=torch.float64)
    rows = rows + 0.05 * torch.randn(300, 6, dtype=torch.float64)
    rows = rows - rows.mean(0)
    config = AutoencoderConfig(widths=(), latent_width=2, activation="linear")
    model = Autoencoder(config, num_features=6).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=400, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        error = (model(rows) - rows).square().sum()
        error.backward()
        return error

    optimizer.step(closure)
    _, _, axes = torch.linalg.svd(rows, full_matrices=False)
    plane = axes[:2].T @ axes[:2]
    best = (rows - rows @ plane).square().sum()
    with torch.no_grad():
        assert (model(rows) - rows).square().sum() <= 1.001 * best
        torch.testing.assert_close(model(rows), rows @ plane, rtol=0, atol=0.02)


def test_the_first_drawing_is_nearly_the_typical_row():
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderConfig(), num_features=20)
    assert model(torch.randn(64, 20)).square().mean() < 0.2
