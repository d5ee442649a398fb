"""A toy to ask: it weighs numbers."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from gradus.core.errors import InputError
from gradus.engine.job import Deployable


@dataclass(frozen=True)
class Total:
    """The answer of the toy: a number, and a grey picture if one is wanted."""

    total: float
    pictured: bool = False

    def to_dict(self):
        return {"total": self.total}

    def draw(self):
        return Image.new("L", (2, 3), 128) if self.pictured else None


class Weigher(nn.Module):
    """Sums a row twice over, minus a bias; remembers how many rows came at a time."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(1.0))
        self.drop = nn.Dropout(0.9)
        self.sizes = []

    def forward(self, values, weight):
        if values.shape[1] == 7:
            raise bad("a width of 7")
        self.sizes.append(len(values))
        return self.drop(values).sum(1) * weight - self.bias


def bad(got):
    return InputError("GR-DATA-050", where="input", wanted="numbers", got=got, remedy="Give numbers.")


def read(raw):
    if raw is None:
        raise bad("none")
    values = torch.as_tensor(np.asarray(raw), dtype=torch.float32).reshape(1, -1)
    return {
        "weight": torch.full((1,), 2.0),
        "values": values,
    }  # not in the order in which the module takes them


def answer(output, raw):
    assert set(output) == {"output"}
    assert output["output"].shape == (1,)
    return Total(output["output"].item())


def toy(module=None, answer=answer):
    example = {"values": torch.zeros(2, 3), "weight": torch.ones(2)}
    axes = {"values": {0: "batch", 1: "length"}, "weight": {0: "batch"}}
    return Deployable(module=module or Weigher(), example=example, axes=axes, read=read, answer=answer)
