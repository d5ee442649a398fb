"""What a classifier says of one text: its label or labels, how sure it is, and the words that drove it.

Letters: T tokens, K classes.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gradus.jobs.sentiment.networks import Voting
from gradus.jobs.sentiment.reader import Reader
from gradus.jobs.sentiment.scores import THRESHOLD
from gradus.models.text_bag import TextBag

TOP, WORDS, AT_ONCE = 5, 6, 64
WIDTH, LINE, MARGIN = 720, 26, 10
Driven = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The label of one text, or its labels, and what each token did for it."""

    labels: tuple[str, ...]
    probability: float
    """Of the label; of the likeliest where a text may have several."""
    top: tuple[tuple[str, float], ...]
    words: Driven
    """Each token, and how far it speaks for the likeliest label (above 0) or against it."""
    several: bool

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values, with the tokens that weighed most."""
        weight = dict[str, float]()
        for word, value in self.words:
            weight[word] = weight.get(word, 0.0) + value
        most = sorted(weight, key=lambda word: -abs(weight[word]))[:WORDS]
        label: Any = list(self.labels) if self.several else self.labels[0]
        return {
            "labels" if self.several else "label": label,
            "probability": self.probability,
            "top": dict(self.top),
            "words": {word: round(weight[word], 4) for word in most},
        }

    def draw(self) -> Image.Image:
        """The text with each token on green where it speaks for the label, on red where against it."""
        font = ImageFont.load_default(15)
        title = f"{', '.join(self.labels) or 'no label'}  {100 * self.probability:.1f} %"
        lines = _wrapped(self.words, font)
        picture = Image.new("RGB", (WIDTH, 2 * MARGIN + LINE * (len(lines) + 1)), "white")
        pen = ImageDraw.Draw(picture)
        pen.text((MARGIN, MARGIN), title, fill="black", font=font)
        strongest = max((abs(value) for _, value in self.words), default=0.0) or 1.0
        for row, line in enumerate(lines, start=1):
            top = MARGIN + row * LINE
            for left, right, (word, value) in line:
                pen.rectangle((left - 2, top, right + 2, top + LINE - 5), fill=_colour(value / strongest))
                pen.text((left, top), word, fill="black", font=font)
        return picture


def _colour(strength: float) -> tuple[int, int, int]:
    """From red at -1 over white to green at 1."""
    pale = round(255 - 150 * min(1.0, abs(strength)))
    return (pale, 255, pale) if strength > 0 else (255, pale, pale)


def _wrapped(words: Driven, font: Any) -> list[list[tuple[float, float, tuple[str, float]]]]:
    """The tokens with their left and right ends, in lines that fit."""
    lines: list[list[tuple[float, float, tuple[str, float]]]] = [[]]
    left = float(MARGIN)
    for word, value in words:
        shown = word if len(word) <= 40 else word[:39] + "…"
        right = left + font.getlength(shown)
        if right > WIDTH - MARGIN and lines[-1]:
            lines.append([])
            left, right = float(MARGIN), MARGIN + font.getlength(shown)
        lines[-1].append((left, right, (shown, value)))
        left = right + 7
    return lines


def verdict(
    probabilities: Float[Tensor, "K"], *, classes: list[str], words: Driven, several: bool
) -> Verdict:
    """The answer that a vector of probabilities gives."""
    values, places = probabilities.float().cpu().topk(min(TOP, len(classes)))
    top = tuple((classes[p], v) for p, v in zip(places.tolist(), values.tolist(), strict=True))
    if several:
        labels = tuple(
            name for name, chance in zip(classes, probabilities.tolist(), strict=True) if chance > THRESHOLD
        )
    else:
        labels = (top[0][0],)
    return Verdict(labels, top[0][1], top, words, several)


@torch.no_grad()
def drivers(model: Voting, reader: Reader, text: str, *, place: int) -> list[float]:
    """How far each token of a text speaks for the class at ``place``.

    Of a bag, exactly: what the token adds to the logit, less what it adds to the other logits on average. Of
    any other network, by leaving it out: how much of the probability goes with it.
    """
    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in reader.inputs(text).items()}
    word, mask, piece = inputs["word"], inputs["mask"], inputs.get("piece")
    owners = None if piece is None else reader.owners(text, piece[0])
    bags = [member for member in model.members if isinstance(member, TextBag)]
    if len(bags) == len(model.members):
        each = [
            bag.contributions(word, mask, piece, None if owners is None else owners[None])[0] for bag in bags
        ]
        given = torch.stack(each).mean(dim=0)  # (T, K)
        if model.several:
            return given[:, place].tolist()
        others = (given.sum(dim=1) - given[:, place]) / (given.shape[1] - 1)
        return (given[:, place] - others).tolist()
    whole, count = model(word, mask, piece)[0, place], word.shape[1]
    if count == 1:
        return [whole.item() - 1 / 2]
    left_out = ~torch.eye(count, dtype=torch.bool, device=device)
    shorter = word.expand(count, -1)[left_out].view(count, -1)  # (T, T) -> (T, T - 1)
    chances = []
    for rows in torch.arange(count, device=device).split(AT_ONCE):
        some = None
        if piece is not None and owners is not None:
            others = owners.sum(dim=0) - owners[rows].long()  # how many other tokens have each piece
            some = piece * (others > 0)
        chances.append(model(shorter[rows], torch.ones_like(shorter[rows], dtype=torch.bool), some)[:, place])
    return (whole - torch.cat(chances)).tolist()
