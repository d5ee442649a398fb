"""Conformer: attention for what is far, convolution for what is near, in each block.

Paper: Gulati et al. 2020, arXiv 2005.08100, sections 2.1 to 2.4.
Departures: positions are fixed sines added once, not relative ones in each attention; the convolution module
has a layer norm in place of its batch norm, so padding and neighbours change nothing; the loss is CTC.
Letters: B sounds, T frames in, t steps out, M bands, D width, V tokens.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.core.errors import UsageError
from gradus.layers.attention import Attention, sincos_places
from gradus.models.speech_recurrent import Subsample


@dataclass(frozen=True, kw_only=True, slots=True)
class ConformerConfig:
    """A small conformer; it hears the whole utterance."""

    channels: tuple[Count, ...] = (32, 32)
    """Channels of each convolution before the blocks; each halves the bands."""
    strides: tuple[Count, ...] = (2, 1)
    """Frames that each convolution moves on by; their product is the frames in a step."""
    width: Count = 96
    """Numbers that describe a step; even."""
    depth: Count = 3
    """Blocks."""
    num_heads: Count = 4
    """Heads of attention; must divide the width."""
    hidden_ratio: Count = 4
    """Hidden units of the two feed-forward modules, as a multiple of the width."""
    kernel: Count = 15
    """Steps that a convolution module sees at once; odd."""
    dropout: Fraction = 0.1
    """Share of what each module gives that a training step leaves out."""


class Conformer(nn.Module):
    """Log-probabilities of tokens at each step, from frames."""

    def __init__(self, config: ConformerConfig, *, bands: int, num_tokens: int) -> None:
        super().__init__()
        _refuse_what_cannot_be_built(config)
        self.subsample = Subsample(config.channels, config.strides, bands=bands, causal=False)
        self.enter = nn.Linear(self.subsample.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(ConformerBlock(config) for _ in range(config.depth))
        self.head = nn.Linear(config.width, num_tokens)
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
        x = self.enter(x)
        x = self.dropout(x + sincos_places(x.shape[1], width=x.shape[2]).to(x))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x).float().log_softmax(dim=2), steps


class ConformerBlock(nn.Module):
    """Half a feed-forward module, attention, convolution, the other half; each adds what it found."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        width = config.width
        self.feed1 = FeedForward(width, hidden_width=config.hidden_ratio * width, dropout=config.dropout)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads=config.num_heads)
        self.convolution = ConvolutionModule(width, kernel=config.kernel)
        self.feed2 = FeedForward(width, hidden_width=config.hidden_ratio * width, dropout=config.dropout)
        self.last_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Steps that have looked around, at those where ``mask`` is true."""
        x = x + 0.5 * self.feed1(x)
        x = x + self.dropout(self.attention(self.norm(x), mask))
        x = x + self.dropout(self.convolution(x, mask))
        x = x + 0.5 * self.feed2(x)
        return self.last_norm(x)


class FeedForward(nn.Module):
    """A norm, and two linear layers on each step with a swish between them."""

    def __init__(self, width: int, *, hidden_width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, hidden_width)
        self.narrow = nn.Linear(hidden_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What is added to each step."""
        hidden = self.dropout(F.silu(self.widen(self.norm(x))))
        return self.dropout(self.narrow(hidden))


class ConvolutionModule(nn.Module):
    """A gated layer, a convolution of each channel over near steps, a norm, a swish, a layer."""

    def __init__(self, width: int, *, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gated = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.middle_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """What is added to each step; masked steps are silent to their neighbours."""
        x = F.glu(self.gated(self.norm(x)), dim=2) * mask[:, :, None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)  # (B, T, D) -> (B, D, T) -> (B, T, D)
        return self.output(F.silu(self.middle_norm(x)))


def _refuse_what_cannot_be_built(config: ConformerConfig) -> None:
    wrong = None
    if config.width % 2:
        wrong = ("width", "an even number", config.width)
    elif config.kernel % 2 == 0:
        wrong = ("kernel", "an odd number of steps", config.kernel)
    if wrong:
        name, wanted, got = wrong
        raise UsageError(
            "GR-CONFIG-003",
            where=f"--model.{name}",
            wanted=wanted,
            got=str(got),
            remedy="Choose another number.",
        )
