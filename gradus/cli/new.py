"""gradus new: a folder with a complete small job, to be changed into one's own."""

import keyword
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from gradus.cli import arguments
from gradus.core.errors import UsageError
from gradus.core.files import naming
from gradus.jobs import TABLE

STARTER = Path(__file__).parent.parent / "jobs" / "starter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Write a folder with a new job that passes `gradus check`."""

    what: Annotated[Literal["job"], tyro.conf.Positional]
    """What to make."""
    name: Annotated[str, tyro.conf.Positional]
    """Name of the job, and of the folder made here: small letters, digits and underscores."""


def run(given: list[str]) -> int:
    """Copy the starter under a new name."""
    asked = arguments.parse(Arguments, given, verb="new")
    place = Path(asked.name)
    if not asked.name.isidentifier() or keyword.iskeyword(asked.name) or asked.name in TABLE:
        raise UsageError(
            "GR-CLI-008",
            where=f"gradus new job {asked.name}",
            wanted="a name of letters, digits and underscores that no job of gradus has",
            got=repr(asked.name),
            remedy="Choose another, such as my_job.",
        )
    if place.exists():
        raise UsageError(
            "GR-CLI-009",
            where=str(place),
            wanted="a folder that does not exist yet",
            got="one that does",
            remedy="Choose another name, or move the folder away.",
        )
    with naming(place):
        shutil.copytree(STARTER, place, ignore=shutil.ignore_patterns("__pycache__"))
        for path in place.iterdir():
            path.write_text(path.read_text().replace("starter", asked.name))
    print(f"wrote {place}/: {', '.join(sorted(p.name for p in place.iterdir()))}")
    print(f"next  gradus check ./{place}")
    print(f"      gradus train ./{place}")
    return 0
