"""What a classifier says of one picture: a label, how sure it is, and what else it could be."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gradus.jobs.image_classification.data import picture_of

TOP, SIDE, LINE = 5, 256, 22


@dataclass(frozen=True, slots=True)
class Label:
    """The label of one picture, with the probabilities of the likeliest classes."""

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    raw: Any

    @classmethod
    def of(cls, probabilities: Float[Tensor, "K"], *, classes: list[str], raw: Any) -> "Label":
        """The answer that a vector of probabilities gives."""
        values, places = probabilities.float().cpu().topk(min(TOP, len(classes)))
        top = tuple(
            (classes[place], value) for place, value in zip(places.tolist(), values.tolist(), strict=True)
        )
        return cls(label=top[0][0], probability=top[0][1], top=top, raw=raw)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return {"label": self.label, "probability": self.probability, "top": dict(self.top)}

    def draw(self) -> Image.Image:
        """The picture with a bar for each of the likeliest classes below it."""
        picture = picture_of(self.raw)
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        smooth = Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST
        drawn = Image.new("RGB", (SIDE, SIDE + LINE * len(self.top) + 8), "white")
        drawn.paste(picture.resize(size, smooth), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
        pen = ImageDraw.Draw(drawn)
        font = ImageFont.load_default(13)
        for place, (name, probability) in enumerate(self.top):
            top = SIDE + 4 + place * LINE
            pen.rectangle((0, top, round(SIDE * probability), top + LINE - 4), fill="#cfe3f7")
            pen.text((6, top + 1), f"{name}  {100 * probability:.1f} %", fill="black", font=font)
        return drawn
