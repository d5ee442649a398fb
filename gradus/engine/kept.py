"""The items of a run by split: drawn when it begins, put back when it is opened again."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gradus.data.manifest import LEFT_OUT, NOTHING, Keys, Manifest, data_changed
from gradus.engine.job import Split
from gradus.engine.run import Run


@runtime_checkable
class Items(Protocol):
    """Items in memory, one after the other."""

    def keyed(self) -> Keys:
        """A key of each."""

    def select(self, places: list[int], /) -> Any:
        """Those at one place or more, in this order."""


class Kept:
    """The items of each split, from data that are read when a split is first asked for.

    A new run has them as ``divided`` draws them, ``left_out`` being what it read and put into no split. For a
    run that is opened again nothing is drawn: ``undivided`` are all items that are in its data now, without
    any that cannot be read. The split ``all`` is ``everything``; other data in the place of a run's own are
    divided by themselves unless some of its items are in there.
    """

    def __init__(
        self,
        run: Run,
        *,
        divided: Callable[[], Mapping[str, Items]],
        undivided: Callable[[], Items],
        everything: Callable[[], Items],
        left_out: Callable[[], Keys] = lambda: NOTHING,
    ) -> None:
        self.run = run
        self._divided, self._everything, self._left_out = divided, everything, left_out
        self._undivided = undivided if run.own_data else everything
        self._whole: Items | None = None
        self._keys = NOTHING
        self._places: dict[str, np.ndarray] | None = None
        self._splits: dict[str, Items] | None = None

    def of(self, split: Split) -> Any:
        """The items of a split, None where there is no such split; InputError where none of them is left."""
        if split == "all":
            return self._now() if self.run.manifest and not self.run.own_data else self._everything()
        places = self._arranged()
        if places is None or self.run.manifest is None:
            return self._divided().get(split)
        if self._splits is None:
            whole = self._now()
            self._splits = {
                name: whole.select(some.tolist())
                for name, some in places.items()
                if len(some) and name != LEFT_OUT
            }
            self._whole = None  # not held twice
        if split not in self._splits and self.run.manifest.splits.get(split):
            raise data_changed(self.run.manifest, self.run.folder, wanted=f"an item of its {split} split")
        return self._splits.get(split)

    def manifest(self) -> Manifest:
        """The keys of all items that are there, by split."""
        if self.run.manifest is None:
            splits = {split: part.keyed() for split, part in self._divided().items()}
            left_out = self._left_out()
            return Manifest.of(splits | ({LEFT_OUT: left_out} if left_out else {}))
        places, keys = self._arranged() or {}, self._keys
        return Manifest.of({split: keys.at(some) for split, some in places.items()}, read=keys)

    def _arranged(self) -> dict[str, np.ndarray] | None:
        """Where the items of each split are, of a run that is opened again and has some there."""
        if self._places is None and self.run.manifest is not None:
            self._keys = self._now().keyed()
            self._places = self.run.arrange(self._keys) or {}
        return self._places or None

    def _now(self) -> Items:
        if self._whole is None:
            self._whole = self._undivided()
        return self._whole
