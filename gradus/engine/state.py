"""What a checkpoint holds put back into parts, after one look at whether it fits: names, types and shapes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradus.core.configs import settings
from gradus.core.errors import InputError
from gradus.engine.job import named_parts, state_of
from gradus.engine.optim import Optim
from gradus.engine.plan import Plan

FREE = ("train.steps", "train.device", "data.path")  # what may be another when a run goes on


def settings_of(config: Any, plan: Plan) -> dict[str, Any]:
    """The settings that the weights of a run depend on, by dotted name, as JSON gives them."""
    found = dict(settings(config))
    for name in ("precision", "channels_last"):
        if name in plan.decisions:
            found[f"train.{name}"] = plan.decisions[name]["value"]
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return {name: value for name, value in plain.items() if name not in FREE}


def refuse_other_plan(state: dict[str, Any], plan: Plan, *, where: Path) -> None:
    """Raise InputError where a decision of plan.json is not the one that the weights were trained with."""
    with fitting(where, "loop"):
        changed = plan.changed_since(state["loop"].get("plan"))
    if changed is not None:
        raise InputError(
            "GR-RUN-020",
            where=f"{where.parent / 'plan.json'}, {changed}",
            wanted="the decision that the weights were trained with",
            got="another" if changed in plan.decisions else "none",
            remedy="Restore the file from a backup, or train anew from the recipe.",
        )


def refuse_edited(state: dict[str, Any], config: Any, plan: Plan, *, where: Path) -> None:
    """Raise InputError where config.json says otherwise than when the weights were saved.

    Settings that only one of the two has are those of another version of gradus.
    """
    with fitting(where, "loop"):
        saved, now = dict(state["loop"].get("settings", {})), settings_of(config, plan)
    for name in (name for name in saved if name in now and now[name] != saved[name]):
        raise InputError(
            "GR-RUN-020",
            where=f"{where.parent}, {name}",
            wanted=f"{saved[name]!r}, as when its weights were saved",
            got=repr(now[name]),
            remedy="Undo the change in config.json, or train anew with the other setting.",
        )


def load_state(parts: Any, state: dict[str, Any], *, where: Path) -> None:
    """Put a checkpoint's state into freshly built parts; InputError if it is that of other parts."""
    for name in state_of(parts):
        _load(named_parts(parts)[name], state, name, where)


def load_weights(parts: Any, state: dict[str, Any], *, where: Path) -> None:
    """Put only a checkpoint's weights and their averages into parts; InputError as for ``load_state``."""
    for name, part in named_parts(parts).items():
        if isinstance(part, torch.nn.Module | Optim):
            _load(part, state, name, where)


def _load(part: Any, state: dict[str, Any], name: str, where: Path) -> None:
    with fitting(where, name):
        refuse_misshapen(state[name], _like(part))
        part.load_state_dict(state[name])


def _like(part: Any) -> Any:
    """What the state of a part looks like; that of a job's own kind may grow, so only its names are known."""
    if isinstance(part, Optim):
        return part.like()
    if isinstance(part, nn.Module):
        return part.state_dict()
    state = part.state_dict()
    return {name: value if isinstance(value, int | float | str) else None for name, value in state.items()}


@contextmanager
def fitting(where: Path, name: str) -> Iterator[None]:
    """Turn a state that does not fit into an InputError that names the part."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise InputError(
            "GR-RUN-014",
            where=f"{where}, {name}",
            wanted="the state of what config.json and plan.json describe",
            got=" ".join(str(error).split())[:200],
            remedy="Undo what was changed in these files, or train again from the recipe.",
        ) from error


def refuse_misshapen(state: Any, like: Any, path: str = "state") -> None:
    """Raise ValueError where a state has not the keys, types and shapes of one that fits.

    What fits is a state, with None where anything does.
    """
    if like is None:
        return
    if isinstance(like, Tensor):
        wanted = f"{str(like.dtype).removeprefix('torch.')} of shape {tuple(like.shape)}"
        if not isinstance(state, Tensor):
            raise ValueError(f"{path} is no tensor but {_kind(state)}")
        if (state.dtype, state.shape) != (like.dtype, like.shape):
            got = f"{str(state.dtype).removeprefix('torch.')} of shape {tuple(state.shape)}"
            raise ValueError(f"{path} is {got}, not {wanted}")
    elif isinstance(like, dict):
        if not isinstance(state, dict) or state.keys() != like.keys():
            names = sorted(state.keys() ^ like.keys()) if isinstance(state, dict) else [_kind(state)]
            raise ValueError(f"{path} has other names: {', '.join(map(str, names[:3]))}")
        for name, inner in like.items():
            refuse_misshapen(state[name], inner, f"{path}.{name}")
    elif isinstance(like, list):
        for place, inner in enumerate(like):
            refuse_misshapen(state[place], inner, f"{path}[{place}]")
    else:
        _refuse_other_kind(state, like, path)


def _refuse_other_kind(state: Any, like: bool | str | float, path: str) -> None:
    """Raise ValueError for a text, truth or number that is not of the kind; counts are not negative."""
    if isinstance(like, bool | str):
        fits = type(state) is type(like)
    elif isinstance(like, int):
        fits = type(state) is int and 0 <= state < 2**63
    else:
        fits = type(state) in (int, float)
    if not fits:
        raise ValueError(f"{path} is {_kind(state)} ({str(state)[:30]}), not {_kind(like)} that can be")


def _kind(value: Any) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "nothing" if value is None else "a tensor")
