"""The recipe that a command names, with its settings replaced: what train and data check read alike."""

from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from gradus.cli import arguments
from gradus.core.configs import nearest, settings
from gradus.core.errors import InputError, UsageError
from gradus.engine.job import Job
from gradus.jobs import resolve

OWN_DATA = "folder"  # the recipe that reads the user's own data
PATHS = ("path", "train_also", "start_from", "synonyms", "translate_there", "translate_back")
MOST_NAMED = 200  # letters of a remedy that lists what is in a folder


@dataclass(frozen=True, slots=True)
class Chosen:
    """A job, one of its recipes, and the config that came of the settings."""

    reference: str
    job: Job
    recipe: str
    config: Any


def choose(
    target: str,
    given: list[str],
    *,
    data: str | None,
    skip_bad: bool,
    verb: str,
    default: str | None = None,
) -> Chosen:
    """``JOB[/RECIPE]`` with the settings that are ``given``.

    A bare job stands for its recipe ``default``, and with ``data`` for the one that reads the user's own.
    UsageError where there is no such job, recipe or setting, or where the recipe reads no path.
    """
    reference, job, recipe = resolve(target, default=OWN_DATA if data is not None else default)
    config = with_data(job.recipes[recipe]().config, data, skip_bad=skip_bad)
    return Chosen(reference, job, recipe, arguments.override(config, given, verb=f"{verb} {target}"))


def with_whole_paths(config: Any) -> Any:
    """``config`` with its paths from the root: a run finds the same files wherever it is opened from."""
    changes: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            changes[field.name] = with_whole_paths(value)
        elif field.name in PATHS and isinstance(value, str):
            changes[field.name] = whole_path(value)
        elif field.name in PATHS and isinstance(value, tuple):
            changes[field.name] = tuple(map(whole_path, value))
    return replace(config, **changes)


def whole_path(path: str) -> str:
    """A path from the root; an empty one, or that of an unknown user, stays for the reader to refuse."""
    with suppress(RuntimeError):
        return str(Path(path).expanduser().absolute()) if path.strip() else path
    return path


def with_data(config: Any, data: str | None, *, skip_bad: bool = False) -> Any:
    """``config`` with its data read from ``data``; UsageError if its recipe reads no path."""
    given = [*(["--data.path", data] if data is not None else []), *(["--data.skip-bad"] if skip_bad else [])]
    if given and "data.path" not in dict(settings(config)):
        raise UsageError(
            "GR-CLI-006",
            where=" ".join(given).replace(".path", "").replace("data.skip", "skip"),
            wanted="a recipe that reads data from a path",
            got="one that makes its own",
            remedy="Leave it out, or choose another recipe (`gradus jobs`).",
        )
    if data is not None:
        _refuse_absent(data)
    return arguments.override(config, given, verb="--data")


def _refuse_absent(data: str) -> None:
    """Raise InputError where nothing is at the path, with the nearest name among those that are there."""
    path = wanted = Path(data)
    with suppress(RuntimeError):  # there is no such user
        path = wanted = path.expanduser()
    if data.strip() and path.exists():
        return
    while not path.parent.is_dir():
        path = path.parent
    names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    near = nearest(path.name, names)
    raise InputError(
        "GR-DATA-001",
        where=f"--data {data}",
        wanted="a file or folder that is there",
        got="nothing at that path" if path == wanted else f"no {path.name} in {path.parent}",
        remedy=near if names and len(near) < MOST_NAMED else "Check the path; quote it if it has spaces.",
    )


def explain(cls: type, given: list[str], *, verb: str, default: str | None = None) -> int:
    """The help of a verb; with a job also every setting of its recipe, and of the model it is given."""
    given = [token for token in given if token not in arguments.HELP]
    targets = [token for token in given[:1] if not token.startswith("-")]
    config = None
    if targets:
        _, job, recipe = resolve(targets[0], default=default)
        config = arguments.of_kinds(job.recipes[recipe]().config, given[1:])
    arguments.show_help(cls, config, verb=" ".join([verb, *targets]))
    return 0
