"""The plan: every number that was derived and not given, with its reason, written before the first step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gradus.core.errors import InputError
from gradus.core.files import json_bytes, read_object, read_regular, sha256, without_nan, write_bytes

T = TypeVar("T")


class Plan:
    """Decisions by name. One that is made is kept: a run that is opened again needs no data to rebuild."""

    def __init__(self, decisions: dict[str, dict[str, Any]] | None = None, *, sha256_read: str = "") -> None:
        self.decisions = decisions or {}
        self._sha256_read = sha256_read
        self._seal: dict[str, Any] = {}

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
        content = json_bytes(self.decisions)
        write_bytes(path, content)
        hashes = {name: sha256(json_bytes(made)) for name, made in self.decisions.items()}
        self._seal = {"sha256": sha256(content), "decisions": hashes}

    def seal(self) -> dict[str, Any]:
        """Hashes of the plan as it was last written, and of each decision in it: what a checkpoint keeps."""
        return self._seal

    def changed_since(self, seal: Any) -> str | None:
        """A decision that is another than when ``seal`` was taken, or gone; None where all hold.

        The file is compared first, which costs next to nothing; a later gradus may have decided more.
        """
        if not seal or seal["sha256"] == self._sha256_read:
            return None
        for name, wanted in seal["decisions"].items():
            if name not in self.decisions or sha256(json_bytes(self.decisions[name])) != wanted:
                return str(name)
        return None

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """The plan in a file, or an empty one where there is no file yet; InputError where it is no plan."""
        decisions, digest = {}, ""
        if path.exists():
            decisions = without_nan(read_object(path))
            digest = sha256(read_regular(path))
        for name, made in decisions.items():
            if not isinstance(made, dict) or not {"value", "reason"} <= made.keys():
                raise InputError(
                    "GR-RUN-003",
                    where=f"{path}, {name}",
                    wanted="a decision with its value and its reason",
                    got=repr(made)[:80],
                    remedy="Restore the file from a backup, or train again from the recipe.",
                )
        return cls(decisions, sha256_read=digest)
