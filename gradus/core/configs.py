"""Configs are complete values: frozen dataclasses checked, written as JSON and read back unchanged."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union

from gradus.core.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Within:
    """The closed range that a number of a config must lie in; ``above`` and ``below`` are open ends."""

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high and self.above < value < self.below  # false for NaN as well

    def __str__(self) -> str:
        ends = [
            (self.low, "at least"),
            (self.high, "at most"),
            (self.above, "above"),
            (self.below, "below"),
        ]
        return (
            " and ".join(f"{word} {end:g}" for end, word in ends if math.isfinite(end)) or "a finite number"
        )


Positive = Annotated[float, Within(above=0.0, below=math.inf)]
NotNegative = Annotated[float, Within(low=0.0, below=math.inf)]
Share = Annotated[float, Within(low=0.0, high=1.0)]
Fraction = Annotated[float, Within(low=0.0, below=1.0)]
Count = Annotated[int, Within(low=1)]
Whole = Annotated[int, Within(low=0)]


def kind_of(config: type) -> str:
    """The short name of a config class: ``ResnetConfig`` is ``resnet``, ``OneCycle`` is ``one_cycle``."""
    name = config.__name__.removesuffix("Config")
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def choices_of(hint: Any) -> dict[str, type]:
    """The dataclasses that a field may hold, by short name; empty where the field holds no dataclass."""
    members = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    return {kind_of(m): m for m in members if dataclasses.is_dataclass(m) and isinstance(m, type)}


def settings(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a config as (dotted path, value), in order."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from settings(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def hints_of(config: type) -> dict[str, Any]:
    """The type hints of a config's fields, with the ranges in them."""
    return typing.get_type_hints(config, include_extras=True)


def nearest(name: str, names: list[str]) -> str:
    """The remedy for an unknown name: the closest known one, or all of them."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(sorted(names))}."


def check(config: Any, where: str = "--") -> None:
    """Raise UsageError for the first number of a config that lies outside the range in its type hint.

    ``where`` stands before the setting's name: what the config was read from.
    """
    for name, hint in hints_of(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(value):
            check(value, f"{where}{name}.")
            continue
        for number, within in _ranged(value, hint):
            if not within.holds(number):
                raise UsageError(
                    "GR-CONFIG-003",
                    where=f"{where}{name}",
                    wanted=f"a number {within}",
                    got=str(value),
                    remedy="Give a value in that range.",
                )


def _ranged(value: Any, hint: Any) -> Iterator[tuple[float, Within]]:
    """The numbers inside a value, each with the range that its hint states."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        yield from ((value, a) for a in arguments[1:] if isinstance(a, Within) and is_number)
        yield from _ranged(value, arguments[0])
    elif origin in (Union, types.UnionType):
        for member in arguments:
            yield from _ranged(value, member)
    elif origin is tuple and isinstance(value, tuple):
        members = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        for item, member in zip(value, members, strict=False):
            yield from _ranged(item, member)


def to_json(config: Any) -> dict[str, Any]:
    """A config as plain JSON values; a nested dataclass that had alternatives carries its kind."""
    out: dict[str, Any] = {}
    for name, hint in hints_of(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(value):
            kind = {"kind": kind_of(type(value))} if len(choices_of(hint)) > 1 else {}
            out[name] = kind | to_json(value)
        else:
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def from_json(cls: type[T], data: Any, where: str) -> T:
    """The config that ``to_json`` wrote; UsageError names a key that is unknown, missing or mistyped."""
    if not isinstance(data, dict):
        raise _unreadable(where, f"the settings of {kind_of(cls)}", data)
    hints = hints_of(cls)
    for key in data:
        if key not in hints:
            raise UsageError(
                "GR-CONFIG-001",
                where=f"{where}.{key}",
                wanted="a known setting",
                got=repr(key),
                remedy=nearest(key, list(hints)),
            )
    missing = [name for name in hints if name not in data]
    if missing:
        raise _unreadable(f"{where}.{missing[0]}", "a value", "nothing")
    return cls(**{name: _decode(hint, data[name], f"{where}.{name}") for name, hint in hints.items()})


def _decode(hint: Any, value: Any, where: str) -> Any:
    """One JSON value as its type hint wants it, without conversions that lose anything."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _decode(arguments[0], value, where)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        members = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(members) == len(value):
            return tuple(_decode(m, v, where) for m, v in zip(members, value, strict=True))
    if isinstance(value, dict) and (choices := choices_of(hint)):
        kind = value.get("kind", next(iter(choices)) if len(choices) == 1 else None)
        if kind not in choices:
            raise _unreadable(f"{where}.kind", f"one of {', '.join(choices)}", kind)
        return from_json(choices[kind], {k: v for k, v in value.items() if k != "kind"}, where)
    if origin in (Union, types.UnionType):
        for member in arguments:
            try:
                return _decode(member, value, where)
            except UsageError:
                continue
    if hint is float and type(value) in (int, float):
        return float(value)
    if (hint is type(None) and value is None) or (hint in (bool, int, str) and type(value) is hint):
        return value
    raise _unreadable(where, _worded(hint), value)


def _worded(hint: Any) -> str:
    """What a type hint allows, in words: ``float or 'auto'``."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _worded(arguments[0])
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_worded, arguments))
    if origin is tuple:
        return f"a list of {_worded(arguments[0])}"
    return "null" if hint is type(None) else str(hint.__name__)


def _unreadable(where: str, wanted: str, got: Any) -> UsageError:
    return UsageError(
        "GR-CONFIG-002",
        where=where,
        wanted=wanted,
        got=repr(got)[:80],
        remedy="Correct the value, or start a new run from its recipe.",
    )
