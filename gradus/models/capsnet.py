"""Capsule network: parts vote for wholes, and votes that agree are heard more.

Paper: Sabour, Frosst and Hinton 2017, arXiv 1710.09829, sections 2 to 4.
Departures: ``forward`` gives the log-odds of the capsules' lengths, for losses that take logits; window
sides, widths and the decoder's last activation are settings (the paper's values are the defaults, but for a
linear last activation, which also reaches standardised pixels); vote weights start so that a class
capsule's input is as long as a primary capsule in the mean square, whatever the number of primary capsules.
Letters: B images, C channels, H height, W width, N primary capsules, P numbers in one, K classes, D numbers
in a class capsule.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gradus.core.configs import Count, NotNegative
from gradus.core.errors import UsageError
from gradus.layers.initialise import initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class CapsnetConfig:
    """A capsule network."""

    convolution_width: Count = 256
    """Channels of the first convolution."""
    kernel_side: Count = 9
    """Side of both convolutions' windows, in pixels; 3 suits images of 8 x 8."""
    primary_maps: Count = 32
    """Kinds of primary capsules; each kind sits at every place of a grid."""
    primary_width: Count = 8
    """Numbers in a primary capsule."""
    class_width: Count = 16
    """Numbers in a class capsule."""
    routing_iterations: Count = 3
    """How often votes are weighed; 1 hears them all alike."""
    reconstruction_weight: NotNegative = 0.0005
    """What a unit of squared error of the redrawn image costs; 0 for no decoder."""
    decoder_widths: tuple[Count, ...] = (512, 1024)
    """Units of the decoder's hidden layers."""
    decoder_output: Literal["linear", "sigmoid"] = "linear"
    """How redrawn pixels end: sigmoid for images within 0..1, as in the paper; linear for any."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Capsnet(nn.Module):
    """Classify an image by the length of one capsule a class, and redraw it from the winner."""

    def __init__(self, config: CapsnetConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        smallest = 2 * config.kernel_side - 1
        if min(height, width) < smallest:
            raise UsageError(
                "GR-MODEL-001",
                where="--model.kernel_side",
                wanted=f"images of at least {smallest} pixels a side for two windows of {config.kernel_side}",
                got=f"{height} x {width}",
                remedy="Choose a smaller window (3 suits images of 8 x 8), or give larger images.",
            )
        self.primary_width = config.primary_width
        self.convolution = nn.Conv2d(channels, config.convolution_width, config.kernel_side)
        self.primary = nn.Conv2d(
            config.convolution_width,
            config.primary_maps * config.primary_width,
            config.kernel_side,
            stride=2,
        )
        initialise(self.convolution, scheme="he_normal", activation="relu")
        initialise(self.primary, scheme="he_normal", activation="linear")
        rows, columns = (height - smallest) // 2 + 1, (width - smallest) // 2 + 1
        self.head = Head(
            config, shape=shape, num_primary=config.primary_maps * rows * columns, num_classes=num_classes
        )

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The log-odds of each class capsule's length, which is the chance that the class is there.

        A length |s|^2 / (1 + |s|^2) has the log-odds log |s|^2, whose softmax is a class's share of all
        |s|^2.
        """
        inputs = self.head(self._primary(image))
        return (
            inputs.square().sum(dim=-1).clamp_min(torch.finfo(inputs.dtype).tiny).log()
        )  # (B, K, D) -> (B, K)

    def capsules(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K D"]:
        """One capsule a class: its length is the chance that the class is there, its direction says how."""
        return squash(self.head(self._primary(image)))

    def reconstruct(
        self, capsules: Float[Tensor, "B K D"], label: Int[Tensor, "B"]
    ) -> Float[Tensor, "B C H W"]:
        """The image redrawn from the capsule of its label alone; the others are masked with zeros."""
        assert self.head.decoder is not None, "a reconstruction weight of 0 builds no decoder"
        mask = F.one_hot(label, capsules.shape[1]).to(capsules.dtype)  # (B, K)
        masked = (capsules * mask[..., None]).flatten(1)  # (B, K, D) -> (B, K D)
        return self.head.decoder(masked).view(-1, *self.head.shape)  # (B, C H W) -> (B, C, H, W)

    def _primary(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B N P"]:
        """The primary capsules: what is where."""
        x = self.primary(F.relu(self.convolution(image)))
        x = x.unflatten(1, (-1, self.primary_width))  # (B, maps P, h, w) -> (B, maps, P, h, w)
        return squash(x.movedim(2, -1).flatten(1, 3))  # -> (B, maps, h, w, P) -> (B, N, P)


class Head(nn.Module):
    """What depends on the classes: a vote of each primary capsule for each of them, and the decoder."""

    def __init__(
        self, config: CapsnetConfig, *, shape: tuple[int, int, int], num_primary: int, num_classes: int
    ) -> None:
        super().__init__()
        self.shape = shape
        self.routing_iterations = config.routing_iterations
        deviation = num_classes / math.sqrt(
            num_primary * config.class_width
        )  # routing starts by dividing by K
        self.votes = nn.Parameter(
            torch.randn(num_primary, num_classes, config.class_width, config.primary_width) * deviation
        )
        self.decoder: nn.Sequential | None = None
        if config.reconstruction_weight > 0.0:
            self.decoder = nn.Sequential()
            num_inputs = num_classes * config.class_width
            for width in config.decoder_widths:
                self.decoder.append(nn.Linear(num_inputs, width))
                self.decoder.append(nn.ReLU())
                num_inputs = width
            self.decoder.append(nn.Linear(num_inputs, math.prod(shape)))
            if config.decoder_output == "sigmoid":
                self.decoder.append(nn.Sigmoid())

    def forward(self, primary: Float[Tensor, "B N P"]) -> Float[Tensor, "B K D"]:
        """The class capsules before squashing."""
        votes = torch.einsum("bnp,nkdp->bnkd", primary, self.votes)
        votes = votes.to(torch.promote_types(votes.dtype, torch.float32))  # routing adds up many small terms
        inputs, _ = route(votes, iterations=self.routing_iterations)
        return inputs


def squash(inputs: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """The same direction with the length |s|^2 / (1 + |s|^2), below 1 (equation 1); zero stays zero."""
    length = torch.linalg.vector_norm(inputs, dim=-1, keepdim=True)
    return inputs * length / (1.0 + length.square())


def route(
    votes: Float[Tensor, "B N K D"], *, iterations: int
) -> tuple[Float[Tensor, "B K D"], Float[Tensor, "B N K"]]:
    """Routing by agreement (procedure 1): each class's input, a weighted sum of votes, and the weights.

    A primary capsule's weights add up to 1 over the classes; they begin equal and move, iteration by
    iteration, to the classes whose capsule points along its vote.
    """
    assert iterations >= 1, "routing weighs the votes at least once"
    agreement = torch.zeros_like(votes[..., 0])  # (B, N, K)
    weights = agreement.softmax(dim=-1)
    inputs = (weights[..., None] * votes).sum(dim=1)  # (B, N, K, D) -> (B, K, D)
    for _ in range(iterations - 1):
        agreement = agreement + (votes * squash(inputs)[:, None]).sum(dim=-1)  # (B, N, K, D) -> (B, N, K)
        weights = agreement.softmax(dim=-1)
        inputs = (weights[..., None] * votes).sum(dim=1)
    return inputs, weights


def margin_loss_sum(capsules: Float[Tensor, "B K D"], label: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """The margin loss summed over images and classes (equation 4).

    The label's capsule pays for a length below 0.9, the others at half the price for a length above 0.1.
    """
    lengths = torch.linalg.vector_norm(capsules, dim=-1)  # (B, K)
    present = F.one_hot(label, lengths.shape[1])
    cost = present * F.relu(0.9 - lengths).square() + 0.5 * (1 - present) * F.relu(lengths - 0.1).square()
    return cost.sum()


def capsnet_loss_sum(
    model: Capsnet,
    image: Float[Tensor, "B C H W"],
    label: Int[Tensor, "B"],
    *,
    reconstruction_weight: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, "B K D"]]:
    """The paper's loss summed over the batch (margins, weighted error of redrawing), and capsules."""
    capsules = model.capsules(image)
    total = margin_loss_sum(capsules, label)
    if reconstruction_weight > 0.0:
        error = model.reconstruct(capsules, label) - image
        total = total + reconstruction_weight * error.square().sum()
    return total, capsules
