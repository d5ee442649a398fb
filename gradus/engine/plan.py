"""The plan: every number that was derived and not given, with its reason, written before the first step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gradus.core.errors import InputError
from gradus.core.files import read_object, write_json

T = TypeVar("T")


class Plan:
    """Decisions by name. One that is made is kept: a run that is opened again needs no data to rebuild."""

    def __init__(self, decisions: dict[str, dict[str, Any]] | None = None) -> None:
        self.decisions = decisions or {}

    def decide(self, name: str, value: T | Callable[[], T], reason: str) -> T:
        """The decision called ``name``: the one on record, or ``value`` (called if it can be).

        Values are plain JSON and come back as JSON gives them, lists for tuples, the first time as well.
        """
        if name not in self.decisions:
            made = value() if callable(value) else value
            self.decisions[name] = {"value": json.loads(json.dumps(made)), "reason": reason}
        decided: T = self.decisions[name]["value"]
        return decided

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        write_json(path, self.decisions)

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """The plan in a file, or an empty one where there is no file yet; InputError where it is no plan."""
        decisions = read_object(path) if path.exists() else {}
        for name, made in decisions.items():
            if not isinstance(made, dict) or not {"value", "reason"} <= made.keys():
                raise InputError(
                    "GR-RUN-003",
                    where=f"{path}, {name}",
                    wanted="a decision with its value and its reason",
                    got=repr(made)[:80],
                    remedy="Restore the file from a backup, or train again from the recipe.",
                )
        return cls(decisions)
