"""Encoder and decoder with attention: the future is written step by step, looking back at the past.

Papers: Sutskever et al. 2014, arXiv 1409.3215; Luong et al. 2015, arXiv 1508.04025, sections 3.1 (the general
score) and 3.3 (the attention's outcome goes into the next step); Williams and Zipser 1989, Neural Computation
1, 270-280 (teacher forcing); Bengio et al. 2015, arXiv 1506.03099, section 2.4 (its share falls in training).
Departures: which steps are forced is drawn outside, with the batch, so that pieces of it agree.
Letters: B windows, L steps of the past, H steps ahead, C series, F inputs, K known ahead, P numbers,
S static, D width, T steps in all.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Share
from gradus.layers.heads import Shape
from gradus.models.series_recurrent import all_inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesSeq2seqConfig:
    """A GRU that reads the past, and one that writes the future and attends to what was read."""

    width: Count = 64
    """Units of each."""
    dropout: Fraction = 0.0
    """Share of the units that a training step leaves out before each forecast."""
    teacher: Share = 0.0
    """Share of the steps that are fed the true value before them, not the forecast, when training begins."""
    teacher_until: Share = 0.5
    """Share of the training by which that has fallen to none, along a straight line."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a decoder that learns is told of the steps that it writes."""

    truth: Float[Tensor, "B H C"]
    """The values to forecast, on the scale of the inputs."""
    forced: Bool[Tensor, "B H"]
    """Steps whose true value goes into the next one in place of the forecast."""


class SeriesSeq2seq(nn.Module):
    """Read the past, then write a step at a time, each fed the one before."""

    def __init__(self, config: SeriesSeq2seqConfig, *, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, ahead = config.width, shape.known + shape.static
        self.encoder = nn.GRU(shape.inputs + ahead, width, batch_first=True)
        self.decoder = nn.GRUCell(shape.targets + ahead + width, width)
        self.score = nn.Linear(width, width, bias=False)
        self.mix = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(config.dropout)
        self.head = nn.Linear(width, shape.targets * shape.outputs)

    def forward(
        self,
        past: Float[Tensor, "B L F"],
        known: Float[Tensor, "B T K"],
        static: Float[Tensor, "B S"],
        *,
        taught: Taught | None = None,
    ) -> Float[Tensor, "B H C P"]:
        shape = self.shape
        read, last = self.encoder(all_inputs(past, known, static))
        keys = self.score(read)  # (B, L, D): scored once for all steps
        state = last.squeeze(0)  # (1, B, D) -> (B, D)
        value, found = past[:, -1, : shape.targets], torch.zeros_like(state)
        written = []
        for step in range(shape.horizon):
            ahead = known[:, past.shape[1] + step]
            state = self.decoder(torch.cat([value, ahead, static, found], dim=1), state)
            found = self.mix(torch.cat([state, attend(state, keys, read)], dim=1)).tanh()
            raw = self.head(self.drop(found)).unflatten(1, (shape.targets, shape.outputs))  # (B, C, P)
            written.append(raw)
            value = raw[:, :, shape.point]
            if taught is not None:
                value = torch.where(taught.forced[:, step, None], taught.truth[:, step], value)
        return torch.stack(written, dim=1)


def teacher_share(config: SeriesSeq2seqConfig, *, step: int, steps: int) -> float:
    """The share of the decoder's steps that are fed the truth at a step of the training."""
    end = config.teacher_until * steps
    return config.teacher * max(0.0, 1.0 - step / end) if end else 0.0


def attend(
    state: Float[Tensor, "B D"], keys: Float[Tensor, "B L D"], values: Float[Tensor, "B L D"]
) -> Float[Tensor, "B D"]:
    """The mean of the values, weighted by how well the state fits their keys."""
    weights = torch.einsum("bd,bld->bl", state, keys).softmax(dim=1)
    return torch.einsum("bl,bld->bd", weights, values)
