"""Facts: what happened in a run, told one way to the journal, the progress line and whoever else watches.

A watcher reads a fact and changes nothing; it may raise ``Halt`` to end the training loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar


class Halt(Exception):
    """Raised by a watcher to end training after the current step; the reason is journalled."""


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins, or goes on, at ``step`` of ``steps``."""

    step: int
    steps: int
    job: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The stream gave a batch for the step that comes."""

    step: int
    batch: Any


@dataclass(frozen=True, slots=True)
class Backpropagated:
    """Gradients of one update are complete, before clipping."""

    step: int
    optim: Any


@dataclass(frozen=True, slots=True)
class Updated:
    """One optimizer has moved its parameters."""

    step: int
    optim: Any


@dataclass(frozen=True, slots=True)
class Measured:
    """Means since the last line: losses and notes by name, rates, and samples a second."""

    step: int
    values: dict[str, float]
    seconds: float
    samples_per_second: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores on a split; ``best`` says that the headline is the best so far."""

    step: int
    split: str
    metrics: dict[str, float]
    seconds: float
    best: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint of ``step`` is on its way to disk."""

    step: int


@dataclass(frozen=True, slots=True)
class Found:
    """Something a person should know: a finding's code and a sentence with what was seen and done."""

    step: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Training is over, and why."""

    step: int
    reason: str
    seconds: float


F = TypeVar("F")


@dataclass(slots=True)
class Listeners:
    """Who wants which fact. Asking ``wants`` before making a fact keeps a step free of unread ones."""

    by_kind: dict[type, list[Callable[[Any], None]]] = field(default_factory=dict)

    def add(self, kind: type[F], listener: Callable[[F], None]) -> None:
        self.by_kind.setdefault(kind, []).append(listener)

    def wants(self, kind: type) -> bool:
        return kind in self.by_kind

    def tell(self, fact: Any) -> None:
        for listener in self.by_kind.get(type(fact), ()):
            listener(fact)
