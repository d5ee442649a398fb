"""What every training run can be told: how long, how fast, with which optimizer, on what."""

from dataclasses import dataclass, field
from typing import Literal

from gradus.core.configs import Count, Fraction, NotNegative, Positive, Whole
from gradus.engine.schedules import Cosine, Schedule

Algorithm = Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """One optimizer and what is done to gradients and weights around it."""

    algorithm: Algorithm = "adamw"
    """Rule that turns gradients into steps."""
    rate_scale: Positive = 1.0
    """Multiplies train.rate; where a job has two optimizers they differ here."""
    momentum: Fraction = 0.9
    """Momentum of sgd's two variants and of rmsprop."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of the first and second moment in adam and adamw."""
    epsilon: Positive = 1e-8
    """Added to the denominator in adam, adamw and rmsprop."""
    weight_decay: NotNegative = 0.0
    """Decay of weights; norms, biases and other vectors are spared."""
    l1: NotNegative = 0.0
    """Weight of the sum of absolute weights in the loss; spares what weight decay spares."""
    max_norm: Positive | None = None
    """Longest allowed row of a weight matrix (or filter); longer ones are scaled back after each step."""
    clip_norm: Positive | None = None
    """Longest allowed gradient over all parameters."""
    clip_value: Positive | None = None
    """Largest allowed gradient of one number."""
    ema: Fraction = 0.0
    """Decay of the moving average of weights that is evaluated and deployed; 0 is off."""
    layer_decay: Positive = 1.0
    """Rate of a stage as a multiple of the rate of the next one nearer the output."""
    train_last: Count | None = None
    """Stages that learn at first, counted from the output; the others are frozen. Default: all learn."""
    unfreeze_every: Whole = 0
    """Steps after which one more frozen stage joins; 0 keeps them frozen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """The training loop's settings."""

    steps: Count = 1000
    """Batches to train on."""
    batch: Count | Literal["auto"] = 64
    """Items in a batch; auto tries sizes and takes the fastest that fits."""
    rate: Positive | Literal["auto"] = 1e-3
    """Learning rate; auto runs a range test."""
    schedule: Schedule = field(default_factory=Cosine)
    """How the rate changes over the run."""
    warmup: Whole = 0
    """Steps over which the rate rises linearly at first."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """The optimizer."""
    micro_batches: Count = 1
    """Pieces that a batch is computed in, to need less memory; the update stays the same."""
    seed: Whole = 0
    """Seed of every random number of the run."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Arithmetic of the forward pass; auto times fp32 against bf16 and takes the faster."""
    compile: bool = False
    """Compile the modules with torch.compile."""
    evaluate_every: Whole = 0
    """Steps between evaluations on the validation split; 0 means a tenth of the run."""
    log_every: Whole = 0
    """Steps between lines in the journal; 0 means a hundredth of the run."""
    patience: Count | None = None
    """Evaluations without an improvement after which training stops early. Default: never."""
    keep: Literal["best", "last"] = "last"
    """Weights that are tested and deployed: the best on the validation split, or those of the last step."""
