"""Arguments of a verb and settings of a recipe, parsed by tyro, with errors in gradus' own words."""

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import tyro

from gradus.core.configs import check, choices_of, hints_of, nearest, settings
from gradus.core.errors import UsageError

T = TypeVar("T")
HELP = ("-h", "--help")


def parse(cls: type[T], given: Sequence[str], *, verb: str) -> T:
    """A verb's arguments as its dataclass; UsageError where they do not fit."""
    return _said(lambda: tyro.cli(cls, args=list(given), prog=f"gradus {verb}"), verb)


def parse_some(cls: type[T], given: Sequence[str], *, verb: str) -> tuple[T, list[str]]:
    """A verb's arguments, and what is left over for the recipe's settings."""
    return _said(
        lambda: tyro.cli(cls, args=list(given), prog=f"gradus {verb}", return_unknown_args=True), verb
    )


def override(config: T, given: Sequence[str], *, verb: str) -> T:
    """``config`` with dotted settings replaced: ``--train.steps 100``, ``--model resnet``.

    Naming one of several kinds (``--model resnet``) replaces that part by the kind's defaults. UsageError
    names an unknown setting's nearest neighbour, and values that cannot be.
    """
    changed, rest = _switch_kinds(config, list(given))
    known = [name for name, _ in settings(changed)]
    for token in rest:
        name = token.removeprefix("--").partition("=")[0].replace("-", "_")
        head, dot, last = name.rpartition(".")
        plain = f"{head}{dot}{last.removeprefix('no_')}"
        if token.startswith("--") and name not in known and plain not in known:
            raise UsageError(
                "GR-CONFIG-001",
                where=token.partition("=")[0],
                wanted="a setting of the recipe",
                got="an unknown one",
                remedy=nearest(name.replace("_", "-"), [one.replace("_", "-") for one in known]),
            )
    made = _said(
        lambda: tyro.cli(
            type(changed),
            default=changed,
            args=rest,
            prog=f"gradus {verb}",
            config=(tyro.conf.AvoidSubcommands,),
        ),
        verb,
    )
    check(made)
    return made


def of_kinds(config: T, given: Sequence[str]) -> T:
    """``config`` with the kinds that are named (``--model resnet``), whatever else is given."""
    return _switch_kinds(config, list(given))[0]


def wants_help(given: Sequence[str]) -> bool:
    """Whether the user asks for help and not for work."""
    return any(token in HELP for token in given)


def show_help(cls: type, config: Any, *, verb: str) -> None:
    """Print a verb's arguments, and below them every setting of a recipe with its default."""
    with contextlib.suppress(SystemExit):
        tyro.cli(cls, args=["--help"], prog=f"gradus {verb}")
    if config is not None:
        kinds = [f"--{name} {'|'.join(choices)}" for name, choices in _kinds(config) if len(choices) > 1]
        print("Settings of the recipe" + (f" (kinds: {', '.join(kinds)})" if kinds else "") + ":")
        with contextlib.suppress(SystemExit):
            tyro.cli(
                type(config),
                default=config,
                args=["--help"],
                prog=f"gradus {verb}",
                config=(tyro.conf.AvoidSubcommands,),
            )


def _kinds(config: Any, prefix: str = "") -> list[tuple[str, dict[str, type]]]:
    """The settings that hold one of several dataclasses, by dotted name."""
    found = []
    for name, hint in hints_of(type(config)).items():
        value = getattr(config, name)
        if is_dataclass(value):
            found.append((f"{prefix}{name}", choices_of(hint)))
            found += _kinds(value, f"{prefix}{name}.")
    return found


def _switch_kinds(config: T, given: list[str]) -> tuple[T, list[str]]:
    """Take ``--model resnet`` and its like out of the arguments, and put that kind into the config."""
    kinds = {name: choices for name, choices in _kinds(config) if len(choices) > 1}
    rest: list[str] = []
    tokens = iter(
        [part for token in given for part in (token.split("=", 1) if _is_kind(token, kinds) else [token])]
    )
    for token in tokens:
        name = token.removeprefix("--").replace("-", "_")
        if not token.startswith("--") or name not in kinds:
            rest.append(token)
            continue
        wanted = next(tokens, "").replace("-", "_")
        if wanted not in kinds[name]:
            raise UsageError(
                "GR-CONFIG-002",
                where=token,
                wanted=f"one of {', '.join(kinds[name])}",
                got=repr(wanted),
                remedy=nearest(wanted, list(kinds[name])),
            )
        config = _put(config, name.split("."), kinds[name][wanted]())
    return config, rest


def _is_kind(token: str, kinds: dict[str, dict[str, type]]) -> bool:
    return token.startswith("--") and "=" in token and token[2:].partition("=")[0].replace("-", "_") in kinds


def _put(config: Any, path: list[str], value: Any) -> Any:
    """``config`` with the field at ``path`` replaced."""
    head, *rest = path
    assert head in {field.name for field in fields(config)}
    return replace(config, **{head: _put(getattr(config, head), rest, value) if rest else value})


def _said(parsed: Any, verb: str) -> Any:
    """Call a tyro parser; what it prints before it exits with an error becomes a UsageError."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parsed()
    except SystemExit as stop:
        if not stop.code:
            sys.exit(0)
        # Its messages stand in a box, drawn with lines or, where these cannot be printed, with hyphens.
        frame = re.compile(r"[│╭╮╰╯─]+|-{3,}|^[+|]|[+|]$")
        lines = [frame.sub(" ", line).strip() for line in said.getvalue().split("\n")]
        text = " ".join(line for line in lines[1:] if line)
        text = re.split(r"Got errors:|Argument helptext:|For full helptext", text)[0].strip()
        raise UsageError(
            "GR-CLI-002",
            where=f"gradus {verb}",
            wanted="arguments and values as its help lists them",
            got=text[:300],
            remedy=f"See `gradus {verb} --help`.",
        ) from None
