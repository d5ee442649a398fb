"""Where a copy of a public data set is looked for.

At the path that is given; else in $GRADUS_DATA/<name>, then in the user's cache. The sets themselves are in
``source_table``.
"""

import difflib
import os
from pathlib import Path

from gradus.core.errors import InputError, UsageError
from gradus.data.source_table import SOURCES, Source


def source_named(name: str) -> Source:
    """The entry of that name; UsageError with the nearest name where there is none."""
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, 1)
        raise UsageError(
            "GR-DATA-070",
            where="the data set",
            wanted="one of " + ", ".join(SOURCES),
            got=name,
            remedy=f"Did you mean {near[0]}?" if near else "See `gradus data list`.",
        )
    return SOURCES[name]


def cache_folder() -> Path:
    """Where ``gradus data fetch`` keeps data sets: $XDG_CACHE_HOME/gradus, else ~/.cache/gradus."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "gradus"


def locate(name: str, data: str | None = None) -> Path:
    """The folder or file of a data set; a path that is given is the only place looked at.

    InputError lists the places that were looked at, and how to fetch the set.
    """
    source = source_named(name)
    cached = cache_folder() / name
    if data is not None:
        places = [Path(data).expanduser()]
        found = [place for place in places if place.exists()]
    else:
        folder = os.environ.get("GRADUS_DATA")
        places = [*([Path(folder).expanduser() / name] if folder else []), cached]
        found = [
            place for place in places if place.exists() and (place != cached or _is_whole(source, place))
        ]
    if found:
        return found[0]
    fetchable = source.files and all(file.url for file in source.files)
    files = " and ".join(file.name for file in source.files)
    raise InputError(
        "GR-DATA-001",
        where=f"the data set {name}",
        wanted="its files",
        got="nothing at " + ", nor at ".join(map(str, places)),
        remedy=f"Run `gradus data fetch {name}`, or give --data PATH."
        if fetchable
        else f"Put {files} into $GRADUS_DATA/{name}, or give --data PATH.",
    )


def _is_whole(source: Source, folder: Path) -> bool:
    """Whether every file has been fetched: a stopped fetch leaves a folder with some of them."""
    return all((folder / file.name).is_file() for file in source.files)
