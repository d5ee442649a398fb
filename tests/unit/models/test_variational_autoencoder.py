"""The variational autoencoder: its divergence against torch's, its bound against one worked out by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from gradus.models.variational_autoencoder import (
    VariationalAutoencoder,
    VariationalAutoencoderConfig,
    divergence,
    standard_noise,
)


def model_of(**settings) -> VariationalAutoencoder:
    torch.manual_seed(0)
    config = VariationalAutoencoderConfig(widths=(7,), latent_width=3, **settings)
    return VariationalAutoencoder(config, num_features=5).double()


def test_the_divergence_is_that_of_torch():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(2, 6, 4, dtype=torch.float64)
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    torch.testing.assert_close(divergence(mean, log_variance), kl_divergence(posterior, prior))


def test_the_costs_are_the_evidence_bound_but_for_a_constant():
    model = model_of()
    torch.nn.init.normal_(model.encoder[-1].weight)
    row, noise = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    error, nats = model.costs(row, target=row, noise=noise)
    mean, log_variance = model.posterior(row)
    posterior = Normal(mean, (log_variance / 2).exp())
    drawn = model.decoder(mean + posterior.scale * noise)
    likelihood = Normal(drawn, torch.ones_like(drawn)).log_prob(row).sum(1)
    divergences = kl_divergence(posterior, Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum(1)
    torch.testing.assert_close(error + nats, divergences - likelihood - 5 / 2 * math.log(2 * math.pi))


def test_without_noise_a_sample_is_the_mean():
    model = model_of()
    row = torch.randn(4, 5, dtype=torch.float64)
    error, _ = model.costs(row, target=row, noise=torch.zeros(4, 3, dtype=torch.float64))
    torch.testing.assert_close(error, (model(row) - row).square().sum(1) / 2)


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_a_row_from_far_away_costs_no_infinity(size):
    model = model_of()
    row = size * torch.randn(4, 5, dtype=torch.float64)
    costs = model.costs(row, target=row, noise=torch.randn(4, 3, dtype=torch.float64))
    assert all(cost.isfinite().all() for cost in costs)


def test_noise_has_a_number_for_each_of_the_latent():
    noise = standard_noise(2000, model_of(), generator=torch.Generator().manual_seed(0))
    assert noise.shape == (2000, 3)
    assert noise.mean().abs() < 0.05
    assert (noise.std() - 1).abs() < 0.05
