"""gradus new: a folder with a complete small job, to be changed into one's own."""

import importlib.util
import keyword
import re
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
    is_word = re.fullmatch("[a-z][a-z0-9_]*", asked.name) and not keyword.iskeyword(asked.name)
    if not is_word or asked.name in TABLE or (not place.exists() and importlib.util.find_spec(asked.name)):
        raise UsageError(
            "GR-CLI-008",
            where=f"gradus new job {asked.name}",
            wanted="small letters, digits and underscores, and no name of a job or of an installed package",
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
        try:
            shutil.copytree(STARTER, place, ignore=shutil.ignore_patterns("__pycache__"))
            for path in place.iterdir():
                path.write_text(path.read_text().replace("starter", asked.name))
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
    print(f"wrote {place}/: {', '.join(sorted(p.name for p in place.iterdir()))}")
    print(f"next  gradus check ./{place}")
    print(f"      gradus train ./{place}")
    return 0
