"""The activations that a config may name, as modules."""

from collections.abc import Callable
from typing import Literal

from torch import nn

Activation = Literal["linear", "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "selu"]

MODULES: dict[Activation, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 below zero
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,  # exact, by the error function
    "selu": nn.SELU,
}


def activation_layer(name: Activation) -> nn.Module:
    """A fresh module that computes the named activation."""
    return MODULES[name]()
