"""Multi-layer perceptron: an image read as one long vector.

Paper: Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors.
Departures: any activation; dropout after each hidden layer; the head starts at a tenth of its scheme, so that
the first prediction is nearly the blind guess.
Letters: B images, C channels, H height, W width, K classes.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from gradus.core.configs import Count, Fraction
from gradus.layers.activations import Activation, activation_layer
from gradus.layers.initialise import Scheme, initialise


@dataclass(frozen=True, kw_only=True, slots=True)
class MlpConfig:
    """A multi-layer perceptron; without hidden layers it is a linear classifier."""

    widths: tuple[Count, ...] = (256, 256)
    """Units of each hidden layer."""
    activation: Activation = "relu"
    """What follows each hidden layer."""
    dropout: Fraction = 0.0
    """Share of each hidden layer's outputs that a training step leaves out."""
    initialiser: Scheme = "he_normal"
    """How weights start."""
    start_from: str | None = None
    """A local .safetensors file whose weights to start from."""


class Mlp(nn.Module):
    """Classify an image from all its values at once."""

    def __init__(self, config: MlpConfig, *, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.hidden = nn.Sequential()
        num_inputs = channels * height * width
        for units in config.widths:
            self.hidden.append(nn.Linear(num_inputs, units))
            self.hidden.append(activation_layer(config.activation))
            self.hidden.append(nn.Dropout(config.dropout))
            num_inputs = units
        self.head = nn.Linear(num_inputs, num_classes)
        initialise(self.hidden, scheme=config.initialiser, activation=config.activation)
        initialise(self.head, scheme=config.initialiser, scale=0.1)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """The logits of each class."""
        return self.head(self.hidden(image.flatten(1)))  # (B, C, H, W) -> (B, C H W) -> (B, K)
