"""Deep SVDD: where rows come out, how far that is from the centre, and that it cannot answer all alike."""

import pytest
import torch

from gradus.models.deep_svdd import DeepSvdd, DeepSvddConfig, centre_of


def model_of(**settings) -> DeepSvdd:
    torch.manual_seed(0)
    return DeepSvdd(DeepSvddConfig(widths=(6, 4), output_width=3, **settings), num_features=5).double()


def test_it_computes_layers_without_biases():
    model = model_of()
    row = torch.randn(7, 5, dtype=torch.float64)
    x = row
    *hidden, head = [p for _, p in model.named_parameters()]
    for weight in hidden:
        x = x @ weight.T
        x = torch.where(x > 0, x, 0.01 * x)
    torch.testing.assert_close(model(row), x @ head.T, rtol=1e-12, atol=1e-12)
    model.centre.normal_()
    wanted = torch.stack(
        [sum((o - c) ** 2 for o, c in zip(out, model.centre, strict=True)) / 3 for out in model(row)]
    )
    torch.testing.assert_close(model.distance(row), wanted)


def test_no_number_of_the_centre_is_near_zero():
    model = model_of()
    rows = torch.randn(50, 5, dtype=torch.float64)
    mean, centre = model(rows).mean(0), centre_of(model, rows)
    torch.testing.assert_close(centre[mean.abs() >= 0.1], mean[mean.abs() >= 0.1])
    assert (centre.abs() >= 0.1).all()
    assert centre_of(model, torch.zeros(3, 5, dtype=torch.float64)).tolist() == pytest.approx([0.1] * 3)


def test_there_is_no_bias_by_which_to_answer_all_alike():
    model = model_of()
    assert model(torch.zeros(2, 5, dtype=torch.float64)).abs().max() == 0
    assert all(p.ndim == 2 for p in model.parameters())
