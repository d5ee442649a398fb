"""The rows of a run by split: their keys, and where they are when the run is opened again.

Rows follow each other. Those that came after all others, and whole series that came, are left alone; where
rows are gone, or others came between them, every window around them would be another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gradus.core.errors import InputError
from gradus.data.calendar import shown
from gradus.data.manifest import ORDER, Keys, Manifest, content_keys, data_changed, key_of
from gradus.engine.run import Run
from gradus.jobs.forecasting.inputs import Part

Bounds = tuple[int, int, int]
"""Where validation and test begin and test ends, in rows of a part."""
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Opened:
    """What there is now of a run that is opened again."""

    parts: list[Part]
    """The series of the run, in its order; of other data all that are there."""
    bounds: list[Bounds] | None
    """Those of the parts; None where these are other data, without a row of the run."""
    fault: InputError | None
    """What is said of rows that do not follow each other as before."""
    manifest: Manifest


def manifest_of(parts: Sequence[Part], bounds: Sequence[Bounds], columns: Sequence[str]) -> Manifest:
    """The keys of the rows of a new run by split; those before the first inputs are trained on."""
    rows: dict[str, list[Keys]] = {split: [] for split in ORDER}
    for part, bound in zip(parts, bounds, strict=True):
        keys, shift = keys_of(part, columns), part.series.num_seen - len(part.inputs)
        stops = [0, *(place + shift for place in bound), len(keys)]
        for split, (first, stop) in zip(ORDER, pairwise(stops), strict=True):
            rows[split].append(keys.at(np.arange(first, stop)))
    return Manifest.of({split: Keys.together(each) for split, each in rows.items()})


def opened(found: Sequence[Part], columns: Sequence[str], run: Run) -> Opened:
    """Put the rows that are there now back into the splits of a run."""
    each = [keys_of(part, columns) for part in found]
    keys, begun = Keys.together(each), run.manifest
    places = run.arrange(keys)
    if places is None:
        return Opened(list(found), None, None, Manifest.of({}, read=keys))
    manifest = Manifest.of({split: keys.at(rows) for split, rows in places.items()}, read=keys)
    assert begun is not None
    assert begun.found is not None
    begins = np.cumsum([0, *map(len, each)])
    rows = [places[split] for split in SPLITS]
    owners = [np.searchsorted(begins, some, side="right") - 1 for some in rows]  # the series of each row
    fault, is_short = None, run.own_data and begun.found.lost(*SPLITS)
    if is_short or not _follow(np.concatenate(rows), np.concatenate(owners), begins):
        wanted = "the rows of each series as they were, and new ones after them"
        fault = data_changed(begun, run.folder, wanted=wanted)
    counts = np.stack([np.bincount(some, minlength=len(found)) for some in owners])
    order = [i for i in _in_order(owners[0], len(found)) if counts[:, i].any() or not run.own_data]
    bounds = list[Bounds]()
    for place in order:
        shift = found[place].series.num_seen - len(found[place].inputs)
        first, second, stop = (max(0, int(end) - shift) for end in counts[:, place].cumsum())
        bounds.append((first, second, stop))
    return Opened([found[place] for place in order], bounds, fault, manifest)


def _follow(rows: np.ndarray, owners: np.ndarray, begins: np.ndarray) -> bool:
    """Whether the rows of each series, in their order, are the first ones of it without one between them."""
    order = owners.argsort(kind="stable")
    counts = np.bincount(owners, minlength=len(begins) - 1)
    nth = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
    return bool(((rows - begins[owners])[order] == nth).all())


def _in_order(owners: np.ndarray, count: int) -> list[int]:
    """The places of series in the order in which they own rows; one without any follows the one before."""
    series, first = np.unique(owners, return_index=True)
    ranks = dict(zip(series.tolist(), first.tolist(), strict=True))
    rank, rank_of = -1, list[int]()
    for place in range(count):
        rank = ranks.get(place, rank)
        rank_of.append(rank)
    return sorted(range(count), key=rank_of.__getitem__)


def keys_of(part: Part, columns: Sequence[str]) -> Keys:
    """Keys of the rows of a series: of its name, the time, and the values of these columns."""
    series = part.series
    place = {name: column for column, name in enumerate(series.columns)}
    values = series.values[: series.num_seen, [place[name] for name in columns]] + 0.0  # -0 is 0
    times = series.times[: series.num_seen]
    rows = [np.ascontiguousarray(some).view(np.uint8) for some in (times[:, None], values)]
    keys = content_keys(np.concatenate(rows, axis=1)) ^ key_of(series.name, *series.static)
    return Keys(keys, [f"{series.place}, {time}" for time in shown(times, dated=series.dated)])
