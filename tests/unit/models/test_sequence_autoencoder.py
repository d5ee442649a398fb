"""The sequence autoencoder against LSTM cells stepped by hand."""

import torch
from torch import Tensor, nn

from gradus.models.sequence_autoencoder import SequenceAutoencoder, SequenceAutoencoderConfig


def stepped(lstm: nn.LSTM, inputs: list[Tensor]) -> list[Tensor]:
    """The states of an LSTM, from the equations: gates in the order input, forget, cell, output."""
    width = lstm.hidden_size
    state = cell = torch.zeros(len(inputs[0]), width, dtype=torch.float64)
    states = []
    for given in inputs:
        gates = given @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + state @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        let_in, keep, new, let_out = gates.split(width, dim=1)
        cell = keep.sigmoid() * cell + let_in.sigmoid() * new.tanh()
        state = let_out.sigmoid() * cell.tanh()
        states.append(state)
    return states


def test_it_reads_a_window_and_draws_it_backwards():
    torch.manual_seed(0)
    config = SequenceAutoencoderConfig(window=4, width=6, latent_width=2)
    model = SequenceAutoencoder(config, num_features=3).double()
    window = torch.randn(5, 4, 3, dtype=torch.float64)
    last = stepped(model.encoder, list(window.unbind(1)))[-1]
    summary = last @ model.summary.weight.T + model.summary.bias
    drawn = stepped(model.decoder, [summary] * 4)
    rows = [state @ model.output.weight.T + model.output.bias for state in reversed(drawn)]
    torch.testing.assert_close(model(window), torch.stack(rows, dim=1), rtol=1e-10, atol=1e-10)


def test_every_row_of_a_window_matters():
    torch.manual_seed(0)
    config = SequenceAutoencoderConfig(window=4, width=6, latent_width=2)
    model = SequenceAutoencoder(config, num_features=3)
    window = torch.randn(1, 4, 3, requires_grad=True)
    model(window)[0, -1].sum().backward()
    assert (window.grad.abs().sum(2) > 0).all()
