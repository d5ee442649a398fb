"""Instance normalisation by hand, and that it undoes itself."""

import pytest
import torch

from gradus.layers.scaling import FLOOR, window_scale


@pytest.mark.parametrize("kind", ["none", "last", "mean", "deviation"])
def test_a_window_comes_back(kind):
    past = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(0)) * 5 + 2
    centre, spread = window_scale(past, kind)
    own = (past - centre) / spread
    torch.testing.assert_close(own * spread + centre, past)
    if kind == "last":
        assert not own[:, -1].any()
    if kind in ("mean", "deviation"):
        torch.testing.assert_close(own.mean(dim=1), torch.zeros(3, 2), atol=1e-5, rtol=0)
    if kind == "deviation":
        torch.testing.assert_close(own.std(dim=1, correction=0), torch.ones(3, 2), atol=1e-4, rtol=0)
    if kind == "none":
        assert torch.equal(own, past)


def test_a_window_of_one_value_stays_finite():
    centre, spread = window_scale(torch.full((1, 5, 1), 3.0), "deviation")
    assert (centre.item(), spread.item()) == (3.0, pytest.approx(FLOOR))
