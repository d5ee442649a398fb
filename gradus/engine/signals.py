"""Ctrl-C and SIGTERM: heard between two steps of training, so that what was learnt is saved; else at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ended the command; ``number`` is the signal's, the text says what became of the work."""

    def __init__(self, number: int, said: str = "") -> None:
        super().__init__(said)
        self.number = number


@dataclass(slots=True)
class Asked:
    """The signal that asked for an end; 0 for none."""

    number: int = 0


@contextmanager
def raised() -> Iterator[None]:
    """Let SIGTERM raise ``Interrupted``, as Ctrl-C raises KeyboardInterrupt: what is open is closed in order.

    Processes of one run wait for each other outside of Python, where nothing is raised: they just end.
    """

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled({} if "RANK" in os.environ else {signal.SIGTERM: interrupt}):
        yield


@contextmanager
def awaited() -> Iterator[Asked]:
    """Take note of the first signal, for whoever asks; the second one raises ``Interrupted``."""
    asked = Asked()

    def note(number: int, _: FrameType | None) -> None:
        if asked.number:
            raise Interrupted(number)
        asked.number = number

    with _handled({} if "RANK" in os.environ else dict.fromkeys(SIGNALS, note)):
        yield asked


@contextmanager
def _handled(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    """Handle signals so within this block; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
