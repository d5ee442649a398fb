"""Committee: several networks of one kind that learn side by side from their own starts, and vote.

Paper: Lakshminarayanan, Pritzel and Blundell 2017, arXiv 1612.01474, section 2.4.
Departures: members see the same batches, each with its own augmentation; no adversarial examples.
Letters: M members, B images, C channels, H height, W width, K classes.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Committee(nn.Module):
    """Average the probabilities of networks that each give logits."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def each(self, image: Float[Tensor, "B C H W"] | Float[Tensor, "B M C H W"]) -> Float[Tensor, "M B K"]:
        """The logits of each member, on the same images or its own; each has its own loss."""
        seen = image.unbind(dim=1) if image.ndim == 5 else [image] * len(self.members)
        return torch.stack([member(own) for member, own in zip(self.members, seen, strict=True)])

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logarithm of the mean probability, which is a logit like any other."""
        chances = self.each(image).float().log_softmax(dim=2)
        return chances.logsumexp(dim=0) - math.log(len(self.members))  # (M, B, K) -> (B, K)
