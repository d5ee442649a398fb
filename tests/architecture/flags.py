"""Every argument of every verb and every setting of every job, a line each.

``python -m tests.architecture.flags`` writes flags.txt anew. A change of that file is a change of the command
line: it belongs in the commit that makes it, and in CHANGELOG.md.
"""

import dataclasses
import importlib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tyro

from gradus.cli.main import VERBS
from gradus.core.configs import choices_of, hints_of
from gradus.jobs import TABLE, find

FILE = Path(__file__).with_name("flags.txt")


def verb_lines(verb: str) -> Iterator[str]:
    """The arguments of a verb; a class like FetchArguments holds those of its word ``fetch``."""
    module = importlib.import_module(f"gradus.cli.{verb}")
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    classes = [c for c in own if dataclasses.is_dataclass(c) and c.__name__.endswith("Arguments")]
    nested = {
        member for c in classes for hint in hints_of(c).values() for member in choices_of(hint).values()
    }
    for cls in classes:
        if cls not in nested:
            command = f"gradus {verb} {cls.__name__.removesuffix('Arguments').lower()}".rstrip()
            yield command
            yield from (f"{command} {argument}" for argument in arguments_of(cls))


def arguments_of(cls: type) -> Iterator[str]:
    """The arguments in a dataclass: ``<name>`` where its place says which it is, else ``--name``."""
    positional = [n for n, hint in hints_of(cls).items() if tyro.conf.Positional in typing.get_args(hint)]
    yield from (f"<{name}>" if name in positional else f"--{name}" for name in setting_names(cls))


def setting_names(cls: Any, prefix: str = "") -> Iterator[str]:
    """Every setting below a config class; those of one kind among several carry it: ``model(vit).width``."""
    for name, hint in hints_of(cls).items():
        kinds = choices_of(hint)
        if len(kinds) != 1:
            yield f"{prefix}{name}" + (f" {'|'.join(kinds)}" if kinds else "")
        for kind, member in kinds.items():
            mark = f"({kind})" if len(kinds) > 1 else ""
            yield from setting_names(member, f"{prefix}{name}{mark}.")


def job_lines(name: str) -> Iterator[str]:
    """The settings of a job, over all its recipes."""
    classes = dict.fromkeys(type(recipe().config) for recipe in find(name).recipes.values())
    yield from dict.fromkeys(f"{name} --{setting}" for cls in classes for setting in setting_names(cls))


def lines() -> list[str]:
    """The content of flags.txt."""
    verbs = [line for verb in VERBS for line in verb_lines(verb)]
    return verbs + [line for name in TABLE for line in job_lines(name)]


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    print(f"wrote {FILE.name}")
