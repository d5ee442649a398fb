"""What a run shows while it trains: one live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from gradus.core.facts import Ended, Evaluated, Found, Listeners, Measured, Started
from gradus.engine.job import Headline

PLAIN_SECONDS = 10.0


class Line:
    """Follows a run's facts and keeps one line up to date."""

    def __init__(self, headline: Headline) -> None:
        self.headline = headline
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.told = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self.live = self.console.is_terminal
        self.steps = self.first = 0
        self.started = self.printed = time.perf_counter()
        self.score = ""
        bar = BarColumn(bar_width=20)
        self.progress = Progress(bar, TextColumn("{task.description}"), console=self.console, transient=True)
        self.task = self.progress.add_task("starting", total=None)

    def listen(self, listeners: Listeners) -> None:
        """Follow the run that tells its facts here."""
        listeners.add(Started, self.begin)
        listeners.add(Measured, self.measured)
        listeners.add(Evaluated, self.evaluated)
        listeners.add(Found, self.found)
        listeners.add(Ended, self.ended)

    def begin(self, fact: Started) -> None:
        self.steps, self.first, self.started = fact.steps, fact.step, time.perf_counter()
        self.console.print(f"training from step {fact.step} to {fact.steps}")
        if self.live:
            self.progress.update(self.task, total=fact.steps, completed=fact.step)
            self.progress.start()

    def measured(self, fact: Measured) -> None:
        text = self.text(fact)
        if self.live:
            self.progress.update(self.task, completed=fact.step, description=text)
        elif time.perf_counter() - self.printed > PLAIN_SECONDS or fact.step == self.steps:
            self.printed = time.perf_counter()
            self.console.print(text)

    def text(self, fact: Measured) -> str:
        """Step, losses, the headline so far, rate, speed, memory and the time that is left."""
        spent = time.perf_counter() - self.started
        left = spent / max(fact.step - self.first, 1) * (self.steps - fact.step)
        losses = [f"{name} {value:.4g}" for name, value in fact.values.items() if name.endswith("loss")]
        rate = next((f"rate {value:.2g}" for name, value in fact.values.items() if name.endswith("rate")), "")
        memory = f"{fact.values['memory_gib']:.1f} GiB"
        speed = f"{fact.samples_per_second:,.0f} items/s"
        shown = [
            f"step {fact.step}/{self.steps}",
            *losses,
            self.score,
            rate,
            speed,
            memory,
            f"{clock(left)} left",
        ]
        return "  ".join(part for part in shown if part)

    def evaluated(self, fact: Evaluated) -> None:
        if fact.split == "validation":
            value = fact.metrics[self.headline.name]
            best = ", the best" if fact.best else ""
            self.score = f"{self.headline.name} {value:.4f} (step {fact.step}{best})"

    def found(self, fact: Found) -> None:
        told = self.console if self.progress.live.is_started else self.told
        told.print(f"note {fact.code}: {fact.sentence}")

    def ended(self, fact: Ended) -> None:
        self.stop()
        score = f"; validation {self.score}" if self.score else ""
        self.console.print(f"trained to step {fact.step} in {clock(fact.seconds)} ({fact.reason}){score}")

    def stop(self) -> None:
        """Take the live line away."""
        if self.live:
            self.progress.stop()


@contextmanager
def following(headline: Headline) -> Iterator[Line]:
    """A line that leaves the terminal in order, whatever happens to the run."""
    line = Line(headline)
    try:
        yield line
    finally:
        line.stop()


def clock(seconds: float) -> str:
    """Seconds as a person writes them: ``48 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
