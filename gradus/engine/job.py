"""The contract: a job is a value, functions side by side and nothing to inherit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from PIL import Image
from torch import Tensor, nn

from gradus.core.errors import GradusError
from gradus.data.manifest import Manifest
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.engine.settings import TrainConfig

Split = Literal["train", "validation", "test", "all"]
Raw = Any  # what a person hands to predict: a path, bytes, an array, a text


class Config(Protocol):
    """A job's config is its own frozen dataclass; the engine reads only ``train`` of it."""

    @property
    def train(self) -> TrainConfig: ...


@runtime_checkable
class Stateful(Protocol):
    """What a part with state offers: a dict of tensors and plain JSON values, nested, with string keys."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Headline:
    """The metric that decides, and whether more of it is better."""

    name: str
    higher: bool = True
    chance: str = ""
    """The score, if there is one, that says how likely chance alone is to beat the baseline by so much."""

    def better(self, value: float, than: float) -> bool:
        """Whether ``value`` beats ``than``; NaN beats nothing."""
        return value > than if self.higher else value < than


@dataclass(frozen=True, kw_only=True, slots=True)
class Expect:
    """What a recipe should reach: shown by ``gradus jobs``, held to by ``gradus check`` and by benchmarks."""

    value: float
    """Bound on the headline, in its direction."""
    minutes: float
    """Wall time at most."""
    device: str = "cpu"
    first_loss: tuple[float, float] | None = None
    """Range of the first loss: a blind guess, the logarithm of the number of classes."""
    overfit_steps: int = 150
    overfit_share: float = 0.2
    """Share of its first loss that a batch must fall below when it alone is learnt for ``overfit_steps``."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole config, and what to expect of it."""

    config: Any
    expect: Expect
    headline: Headline | None = None
    """What decides on these data, where it is not what decides for the job: F1 where classes are skewed."""
    baseline: Callable[[Any, Any], dict[str, float]] | None = None
    """The naive answer to this recipe, where it is not the job's."""


@runtime_checkable
class Answer(Protocol):
    """What a deployed model says about one input."""

    def to_dict(self) -> dict[str, Any]: ...

    def draw(self) -> Image.Image | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployable:
    """A trained model with its way in and its way out: what predict, export, serve and explain take."""

    module: nn.Module
    """Tensors in (in the order of ``example``), a tensor or a dict of tensors out."""
    example: dict[str, Tensor]
    axes: dict[str, dict[int, str]]
    """Names of the dimensions that vary, by input."""
    read: Callable[[Raw], dict[str, Tensor]]
    """One raw input as tensors with a first dimension of one: decode, resize, normalise, tokenise."""
    answer: Callable[[dict[str, Tensor], Raw], Answer]
    """The module's output for one input as an answer; a module that gives a tensor gives it as ``output``."""
    lines: Callable[[Iterable[str], str], Iterator[tuple[str, Raw | GradusError]]] | None = None
    """The inputs in the lines of a text, each with its name, given the lines and the name of the text: for a
    job whose inputs are sentences or rows. Without it a file is one input."""
    inside: Callable[[Path], Iterator[tuple[str, Raw | GradusError]]] | None = None
    """The inputs in a file, each with its name, where a file holds several that are no lines: series."""
    endings: tuple[str, ...] = ()
    """What names of files end in that are an input, in small letters; others in a folder are passed over.
    Without it every file in a folder is an input."""
    spoken: bool = False
    """Whether words on the command line that are no path are an input themselves."""
    matters: Callable[[Any], bool] = lambda answer: True
    """Whether an answer is worth telling to who follows a stream; an alarm is."""
    remarks: Callable[[Sequence[Answer]], list[str]] = lambda answers: []
    """What is worth saying of many answers together: that their inputs are not like those of training."""
    causal: str = ""
    """The axis along which an output may depend only on what came before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One part of a report: a title, a sentence, and a figure or a table."""

    title: str
    sentence: str
    figure: Any = None
    """A matplotlib figure."""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def nothing_to_settle(config: Any, parts: Any, run: Run) -> None:
    """A job whose weights are all that it learns."""


def no_panels(config: Any, parts: Any, run: Run) -> list[Panel]:
    """A job that adds nothing to the report's curves and tables."""
    return []


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What the engine needs to know of a task; ``dataclasses.replace(JOB, step=...)`` extends one."""

    name: str
    headline: Headline
    recipes: dict[str, Callable[[], Recipe]]
    """Whole configs by name; the first is the default."""
    build: Callable[[Any, Run], Any]
    """Everything that has state, in one dataclass."""
    stream: Callable[[Any, Any, Run], Iterator[Batch]]
    """Acts: reads parts, remembers nothing."""
    step: Callable[[Any, Any, Batch, Run], None]
    """Learns: any number of ``run.update`` calls."""
    evaluate: Callable[[Any, Any, Run, Split], dict[str, float]]
    """Scores on a split; empty where there is no such split."""
    settle: Callable[[Any, Any, Run], None] = nothing_to_settle
    """Fits what is not learnt by steps, a threshold or a temperature, to the weights that an evaluation in
    training will score. It is state of a part, and is saved with them."""
    baseline: Callable[[Any, Any], dict[str, float]]
    """The naive answer, scored the same way on the test split; the first line of its docstring is printed."""
    deploy: Callable[[Any, Any], Deployable]
    panels: Callable[[Any, Any, Run], list[Panel]] = no_panels
    """What the report shows beside curves and scores: mistakes, a batch as the model saw it."""
    items: Callable[[Any, Any], Manifest] | None = None
    """The items of the data by split, with their keys. The engine keeps them before the first step; of a run
    that is opened again it asks for them so that ``run.arrange`` is heard, and tells what has changed."""
    examine: Callable[[Any], list[Panel]] | None = None
    """What ``gradus data check`` says of the data of a config, all that is wrong with them."""


def scored_for(job: Job, recipe: str) -> Job:
    """The job with the headline and the baseline of one of its recipes, where that has its own."""
    if recipe not in job.recipes:
        return job
    own = job.recipes[recipe]()
    if own.headline is None and own.baseline is None:
        return job
    return dataclasses.replace(
        job, headline=own.headline or job.headline, baseline=own.baseline or job.baseline
    )


def supervised(loss: Callable[[Any, Any, Batch], Loss]) -> Callable[[Any, Any, Batch, Run], None]:
    """The step of every job whose parts hold one ``optim``: one batch, one update."""

    def step(config: Any, parts: Any, batch: Batch, run: Run) -> None:
        run.update(parts.optim, lambda piece: loss(config, parts, piece), batch)

    return step


def forever(part: str) -> Callable[[Any, Any, Run], Iterator[Batch]]:
    """The stream of a job that trains on the batches of one of its parts, epoch after epoch."""

    def stream(config: Any, parts: Any, run: Run) -> Iterator[Batch]:
        batches = getattr(parts, part)
        while True:
            yield batches.next_batch()

    return stream


def named_parts(parts: Any) -> dict[str, Any]:
    """The fields of a job's parts, by name."""
    assert dataclasses.is_dataclass(parts), "build returns a dataclass: it is what is saved and restored"
    return {field.name: getattr(parts, field.name) for field in dataclasses.fields(parts)}


def optims_of(parts: Any) -> list[Optim]:
    """The optimizers among a job's parts."""
    return [part for part in named_parts(parts).values() if isinstance(part, Optim)]


def modules_of(parts: Any) -> list[nn.Module]:
    """The modules among a job's parts."""
    return [part for part in named_parts(parts).values() if isinstance(part, nn.Module)]


def state_of(parts: Any) -> dict[str, dict[str, Any]]:
    """The state of every part that has one, by name; the others are constants."""
    return {
        name: part.state_dict() for name, part in named_parts(parts).items() if isinstance(part, Stateful)
    }
