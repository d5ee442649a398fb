"""What an error code stands for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """What a code means and what to do about it, in sentences for docs/findings."""

    title: str
    means: str
    remedy: str
