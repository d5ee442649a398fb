"""Recurrent recogniser: convolutions that thin out the frames, then recurrent layers, then a token a step.

Papers: Amodei et al. 2016, Deep Speech 2, arXiv 1512.02595, section 3; Graves et al. 2006 (CTC).
Departures: layer norm over a frame in place of batch norm over the batch, so padding and neighbours change
nothing; the backward direction is a forward one on the sequence turned round.
Streaming: in one direction the convolutions look back only, so a chunk and the state after the last one give
what the whole sound gives, ``steps_ahead`` steps later (the row convolution of section 3.7).
Letters: B sounds, T frames in, t steps out, M bands, C channels, D width, V tokens.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction, Whole
from gradus.core.errors import UsageError

LEAST_VARIANCE = 1e-3  # of a frame of features: one of silence has none to divide by


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechRecurrentConfig:
    """Convolutions, then a recurrent network."""

    channels: tuple[Count, ...] = (32, 32)
    """Channels of each convolution; each halves the bands."""
    strides: tuple[Count, ...] = (2, 1)
    """Frames that each convolution moves on by; their product is the frames in a step."""
    cell: Literal["gru", "lstm"] = "gru"
    """What remembers."""
    directions: Literal["one", "both"] = "both"
    """One hears the past only and can stream; both hear the whole utterance."""
    width: Count = 128
    """Units of a recurrent layer in each direction."""
    depth: Count = 2
    """Recurrent layers."""
    steps_ahead: Whole = 0
    """Steps that come before an output is given, in one direction: a word is named once it was heard."""
    dropout: Fraction = 0.1
    """Share of what each layer gives that a training step leaves out."""


StreamState = dict[str, Tensor]
"""What a stream remembers: the last frames before each convolution, the state of each recurrent layer, and
the steps that wait for those ahead of them."""


class SpeechRecurrent(nn.Module):
    """Log-probabilities of tokens at each step, from frames."""

    def __init__(self, config: SpeechRecurrentConfig, *, bands: int, num_tokens: int) -> None:
        super().__init__()
        _refuse_what_hears_all(config)
        self.config = config
        self.subsample = Subsample(
            config.channels, config.strides, bands=bands, causal=config.directions == "one"
        )
        width = self.subsample.width
        self.layers = nn.ModuleList()
        for _ in range(config.depth):
            self.layers.append(RecurrentLayer(width, config))
            width = self.layers[-1].out_width
        self.ahead = LookAhead(width, steps=config.steps_ahead) if config.steps_ahead else None
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(width, num_tokens)
        with torch.no_grad():
            self.head.weight.mul_(0.1)  # the first prediction is nearly the blind guess

    def count(self, frames: Int64[Tensor, "*B"]) -> Int64[Tensor, "*B"]:
        """The steps that so many frames give."""
        return self.subsample.count(frames)

    def forward(
        self, frames: Float[Tensor, "B T M"], count: Int64[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B t V"], Int64[Tensor, "B"]]:
        """Log-probabilities, and how many steps of each sound are real."""
        x, steps = self.subsample(frames, count)
        mask = torch.arange(x.shape[1], device=x.device) < steps[:, None]
        for layer in self.layers:
            x = layer(self.dropout(x), mask)
        if self.ahead is not None:
            x = self.ahead(x)
        return self.head(self.dropout(x)).float().log_softmax(dim=2), steps

    def start(self, *, like: Tensor) -> StreamState:
        """The state of a stream of one sound that has heard nothing; ``like`` gives device and type."""
        assert self.config.directions == "one", "what hears the future cannot stream"
        state = {f"frames{i}": tail for i, tail in enumerate(self.subsample.start(like=like))}
        for i, layer in enumerate(self.layers):
            state |= {f"layer{i}.{k}": like.new_zeros(1, 1, layer.width) for k in range(layer.num_states)}
        return state | {"waiting": like.new_zeros(1, 0, self.layers[-1].out_width)}

    def follow(
        self, frames: Float[Tensor, "1 T M"], state: StreamState
    ) -> tuple[Float[Tensor, "1 t V"], StreamState]:
        """The steps that the next frames complete; all chunks but the last hold whole steps."""
        after: StreamState = {}
        tails = [state[f"frames{i}"] for i in range(len(self.subsample.convolutions))]
        x, tails = self.subsample.follow(frames, tails)
        after |= {f"frames{i}": tail for i, tail in enumerate(tails)}
        for i, layer in enumerate(self.layers):
            states = tuple(state[f"layer{i}.{k}"] for k in range(layer.num_states))
            x, states = layer.follow(x, states)
            after |= {f"layer{i}.{k}": value for k, value in enumerate(states)}
        x = torch.cat([state["waiting"], x], dim=1)
        ready = max(0, x.shape[1] - self.config.steps_ahead)
        after["waiting"] = x[:, ready:]
        if self.ahead is not None:
            x = self.ahead(x)[:, :ready]
        return self.head(x).float().log_softmax(dim=2), after

    def finish(self, state: StreamState) -> Float[Tensor, "1 t V"]:
        """The steps that still wait when a sound ends."""
        x = state["waiting"]
        if self.ahead is not None and x.shape[1]:
            x = self.ahead(x)
        return self.head(x).float().log_softmax(dim=2)


class Subsample(nn.Module):
    """Convolutions over time and frequency; nothing of the padding reaches a real step."""

    def __init__(
        self, channels: tuple[int, ...], strides: tuple[int, ...], *, bands: int, causal: bool
    ) -> None:
        super().__init__()
        if len(channels) != len(strides):
            raise UsageError(
                "GR-CONFIG-003",
                where="--model.strides",
                wanted=f"one number for each of the {len(channels)} convolutions in model.channels",
                got=str(strides),
                remedy="Name as many strides as channels.",
            )
        self.convolutions = nn.ModuleList()
        before = 1
        for width, stride in zip(channels, strides, strict=True):
            self.convolutions.append(Convolution(before, width, bands=bands, stride=stride, causal=causal))
            before, bands = width, (bands + 1) // 2
        self.width = before * bands

    def count(self, frames: Int64[Tensor, "*B"]) -> Int64[Tensor, "*B"]:
        """The steps that so many frames give."""
        for convolution in self.convolutions:
            frames = convolution.count(frames)
        return frames

    def forward(
        self, frames: Float[Tensor, "B T M"], count: Int64[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B t D"], Int64[Tensor, "B"]]:
        """Features of each step, and how many steps are real."""
        x = silenced(frames[:, None], count)  # (B, T, M) -> (B, 1, T, M)
        for convolution in self.convolutions:
            count = convolution.count(count)
            x = silenced(convolution(x), count)
        return x.transpose(1, 2).flatten(2), count  # (B, C, t, m) -> (B, t, C, m) -> (B, t, D)

    def start(self, *, like: Tensor) -> list[Tensor]:
        """What stands before the first frame, for each convolution: silence."""
        return [like.new_zeros(1, *convolution.tail_shape) for convolution in self.convolutions]

    def follow(
        self, frames: Float[Tensor, "1 T M"], tails: list[Tensor]
    ) -> tuple[Float[Tensor, "1 t D"], list[Tensor]]:
        """Features of the steps in the next frames, and the last frames before each convolution."""
        x, after = frames[:, None], []  # (1, T, M) -> (1, 1, T, M)
        for convolution, tail in zip(self.convolutions, tails, strict=True):
            seen = torch.cat([tail, x], dim=2)
            after.append(seen[:, :, seen.shape[2] - tail.shape[2] :])
            x = convolution.apply_to(seen)
        return x.transpose(1, 2).flatten(2), after  # as in forward


def silenced(x: Float[Tensor, "B C T M"], count: Int64[Tensor, "B"]) -> Float[Tensor, "B C T M"]:
    """Zero beyond the frames that each sound has."""
    inside = torch.arange(x.shape[2], device=x.device) < count[:, None]  # (B, T)
    return torch.where(inside[:, None, :, None], x, 0.0)


class Convolution(nn.Module):
    """A 3 x 3 convolution that halves the bands, a norm over each frame, a rectifier."""

    def __init__(self, channels: int, width: int, *, bands: int, stride: int, causal: bool) -> None:
        super().__init__()
        self.stride = stride
        self.padding = (2, 0) if causal else (1, 1)  # frames of silence before and after
        self.tail_shape = (channels, 2, bands)
        self.convolution = nn.Conv2d(channels, width, 3, stride=(stride, 2), padding=(0, 1))
        self.norm = nn.LayerNorm((width, (bands + 1) // 2), eps=LEAST_VARIANCE)

    def count(self, frames: Int64[Tensor, "*B"]) -> Int64[Tensor, "*B"]:
        """Frames after the convolution: every ``stride``-th, the first among them."""
        return (frames + self.stride - 1) // self.stride

    def forward(self, x: Float[Tensor, "B C T M"]) -> Float[Tensor, "B D t m"]:
        """Features of every ``stride``-th frame."""
        return self.apply_to(F.pad(x, (0, 0, *self.padding)))

    def apply_to(self, x: Float[Tensor, "B C T M"]) -> Float[Tensor, "B D t m"]:
        """The same, where the frames before and after are there already."""
        x = self.convolution(x).transpose(1, 2)  # (B, D, t, m) -> (B, t, D, m): the norm's are the last two
        return F.relu(self.norm(x)).transpose(1, 2)


class RecurrentLayer(nn.Module):
    """A recurrent network in one direction or in both, then a norm over each step."""

    def __init__(self, width: int, config: SpeechRecurrentConfig) -> None:
        super().__init__()
        cell = nn.GRU if config.cell == "gru" else nn.LSTM
        self.width = config.width
        self.num_states = 1 if config.cell == "gru" else 2
        self.ahead = cell(width, config.width, batch_first=True)
        self.back = cell(width, config.width, batch_first=True) if config.directions == "both" else None
        self.out_width = config.width * (2 if config.directions == "both" else 1)
        self.norm = nn.LayerNorm(self.out_width)

    def forward(self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T E"]:
        """What each step knows of those before it, and in both directions of those after it."""
        heard, _ = self.ahead(x)
        if self.back is not None:
            reverse, _ = self.back(turned(x, mask))
            heard = torch.cat([heard, turned(reverse, mask)], dim=2)
        return self.norm(heard) * mask[:, :, None]

    def follow(
        self, x: Float[Tensor, "1 T D"], states: tuple[Tensor, ...]
    ) -> tuple[Float[Tensor, "1 T E"], tuple[Tensor, ...]]:
        """The same for the steps that come next in a stream."""
        heard, after = self.ahead(x, states[0] if self.num_states == 1 else states)
        return self.norm(heard), (after,) if self.num_states == 1 else after


class LookAhead(nn.Module):
    """Row convolution: each number of a step and of the steps ahead, summed with weights of its own."""

    def __init__(self, width: int, *, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.rows = nn.Conv1d(width, width, steps + 1, groups=width)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What each step and those ahead give; beyond a sound's last step x is zero."""
        return self.rows(F.pad(x.transpose(1, 2), (0, self.steps))).transpose(1, 2)  # over (B, D, T)


def turned(x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """Each sequence from its last real step to its first; the padding stays where it is."""
    places = torch.arange(x.shape[1], device=x.device)
    last = mask.sum(dim=1, keepdim=True) - 1  # (B, 1)
    source = torch.where(mask, last - places, places)  # (B, T)
    return x.gather(1, source[:, :, None].expand_as(x))


def _refuse_what_hears_all(config: SpeechRecurrentConfig) -> None:
    """UsageError where steps ahead would be waited for that were heard anyway."""
    if config.steps_ahead and config.directions == "both":
        raise UsageError(
            "GR-CONFIG-003",
            where="--model.steps-ahead",
            wanted="0 for a model in both directions, which hears the whole utterance",
            got=str(config.steps_ahead),
            remedy="Leave it out, or give --model.directions one.",
        )
