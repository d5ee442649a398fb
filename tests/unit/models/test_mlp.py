"""The perceptron against scikit-learn's and against a forward written out."""

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn

from gradus.layers.activations import Activation
from gradus.models.mlp import Mlp, MlpConfig


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_it_predicts_what_scikit_learn_predicts_with_the_same_weights(activation: Activation) -> None:
    numbers = np.random.default_rng(0)
    rows, labels = numbers.normal(size=(40, 12)), np.arange(40) % 3
    theirs = MLPClassifier((7, 5), activation={"sigmoid": "logistic"}.get(activation, activation))
    theirs.partial_fit(rows, labels, classes=[0, 1, 2])
    ours = (
        Mlp(MlpConfig(widths=(7, 5), activation=activation), shape=(3, 2, 2), num_classes=3).double().eval()
    )
    linears = [m for m in ours.modules() if isinstance(m, nn.Linear)]
    assert len(linears) == len(theirs.coefs_)
    with torch.no_grad():
        for linear, weight, bias in zip(linears, theirs.coefs_, theirs.intercepts_, strict=True):
            linear.weight.copy_(torch.from_numpy(weight.T))
            linear.bias.copy_(torch.from_numpy(bias))
    shares = ours(torch.from_numpy(rows).view(40, 3, 2, 2)).softmax(1)
    np.testing.assert_allclose(shares.detach().numpy(), theirs.predict_proba(rows), rtol=0, atol=1e-12)


def test_without_hidden_layers_it_is_a_linear_classifier() -> None:
    model = Mlp(MlpConfig(widths=()), shape=(2, 3, 4), num_classes=5)
    image = torch.randn(6, 2, 3, 4)
    expected = image.reshape(6, 24) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(image), expected)
    assert sum(p.numel() for p in model.parameters()) == 24 * 5 + 5


def test_zero_weights_give_the_blind_guess() -> None:
    model = Mlp(MlpConfig(initialiser="zeros"), shape=(1, 4, 4), num_classes=5)
    assert torch.equal(model(torch.randn(3, 1, 4, 4)), torch.zeros(3, 5))
