"""The command line changes only on purpose: flags.txt lists all of it."""

import re
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from gradus.cli.main import VERBS
from gradus.core.configs import settings
from gradus.engine.schedules import Cosine, Plateau
from gradus.jobs import TABLE, find
from tests.architecture import flags


def test_flags_are_those_in_the_file():
    written, now = flags.FILE.read_text(encoding="utf-8").splitlines(), flags.lines()
    gone, new = [line for line in written if line not in now], [line for line in now if line not in written]
    assert (gone, new) == ([], []), "if this is meant, run  python -m tests.architecture.flags"
    assert written == now, "only the order differs: run  python -m tests.architecture.flags"


def test_every_verb_is_listed():
    listed = {line.split()[1] for line in flags.lines() if line.startswith("gradus ")}
    assert listed == set(VERBS)


def test_every_setting_of_every_recipe_is_listed():
    for name in TABLE:
        listed = {
            re.sub(r"\(\w+\)", "", line.split()[1].removeprefix("--")) for line in flags.job_lines(name)
        }
        for recipe in find(name).recipes.values():
            assert {path for path, _ in settings(recipe().config)} - listed == set()


@dataclass(frozen=True, kw_only=True)
class Inner:
    schedule: Cosine | Plateau = field(default_factory=Cosine)
    steps: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    place: Annotated[str, tyro.conf.Positional]
    train: Inner = field(default_factory=Inner)
    note: str | None = None


def test_names_are_found_through_kinds():
    assert list(flags.arguments_of(Outer)) == [
        "<place>",
        "--train.schedule cosine|plateau",
        "--train.schedule(cosine).end",
        "--train.schedule(plateau).patience",
        "--train.schedule(plateau).factor",
        "--train.schedule(plateau).end",
        "--train.steps",
        "--note",
    ]
