"""The manifest of a run: which items each of its splits holds, by a key of their content.

It is written before the first step. When the data are read again they are put back into these splits, item by
item: what came since belongs to no split, so nothing that was trained on is ever scored as test.

File: ``<split>.keys`` (int64, an item each, in order) and ``<split>.names`` (their places as UTF-8: a line of
what all begin with, then a line of the rest of each; left out where there are very many).
Letters: N items, M items of now.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from safetensors import SafetensorError
from safetensors.torch import load, save

from gradus.core.errors import InputError
from gradus.core.files import read_regular, sha256, write_bytes

MANIFEST = "manifest.safetensors"
LEFT_OUT = "left_out"  # items that were read and are in no split
ORDER = ("train", "validation", "test", LEFT_OUT)  # of equal items the training split has the first
MOST_NAMES = 200_000
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Keys:
    """A key for each item, and the place that it comes from."""

    keys: Int64[np.ndarray, "N"]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, keys: Iterable[int], names: Sequence[str]) -> "Keys":
        """Keys of ``key_of``, an item each."""
        made = cls(np.fromiter(keys, dtype=np.int64), names)
        assert len(made.keys) == len(names)
        return made

    def at(self, places: Int64[np.ndarray, "M"]) -> "Keys":
        """Those at these places, in this order."""
        return Keys(self.keys[places], [self.names[place] for place in places.tolist()])

    @classmethod
    def together(cls, parts: Iterable["Keys"]) -> "Keys":
        """Those of all parts, one part after the other."""
        parts = list(parts)
        keys = np.concatenate([part.keys for part in parts]) if parts else np.empty(0, dtype=np.int64)
        return cls(keys, [name for part in parts for name in part.names])


NOTHING = Keys(np.empty(0, dtype=np.int64), [])


def key_of(*content: bytes | str) -> int:
    """A key of what an item is, its label included: equal items have equal keys."""
    digest = hashlib.blake2b(digest_size=8)
    for part in content:
        encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return int.from_bytes(digest.digest(), "little", signed=True)


def content_keys(contents: Iterable[bytes | np.ndarray]) -> Int64[np.ndarray, "N"]:
    """Keys of contents alone, for many items: those of their labels are mixed in with ``^``."""
    digests = b"".join(
        hashlib.blake2b(content.data if isinstance(content, np.ndarray) else content, digest_size=8).digest()
        for content in contents
    )
    return np.frombuffer(digests, "<i8").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Arranged:
    """Items of now put back into the splits of a run, and what is different."""

    places: dict[str, Int64[np.ndarray, "_"]]
    """Where the items of each split that are left are among those of now, in the order of the run."""
    removed: dict[str, list[str]]
    """The former places of items that are gone, by split; splits that lost none are not named."""
    changed: dict[str, list[str]]
    """Items of each split in whose place there is another one now."""
    added: list[str]
    """Items that no split has and that replace none."""
    spare: Int64[np.ndarray, "_"]
    """Where the items of now are that no split has."""

    def lost(self, *splits: str) -> int:
        """How many items of these splits are gone or changed."""
        return sum(len(found.get(split, ())) for found in (self.removed, self.changed) for split in splits)

    def sentences(self) -> list[str]:
        """What to say of it, a sentence a kind of change; none where nothing is different."""
        said = []
        for split in (s for s in ORDER if s != LEFT_OUT):
            for what, found in (("removed from", self.removed), ("changed in", self.changed)):
                if names := found.get(split):
                    said.append(
                        f"{_counted(names)} {what} the {split} split since the run began{_shown(names)}"
                    )
        if self.added:
            said.append(
                f"{_counted(self.added)} added since the run began, in none of its splits and not "
                f"used{_shown(self.added)}"
            )
        return said


def _counted(names: Sequence[str]) -> str:
    return f"{len(names):,} {'item' if len(names) == 1 else 'items'}"


def _shown(names: Sequence[str]) -> str:
    named = [name for name in names[:SHOWN] if name]
    more = f" and {len(names) - len(named):,} more" if len(names) > len(named) else ""
    return f": {', '.join(named)}{more}" if named else ""


@dataclass(slots=True)
class Manifest:
    """The items of a run by split, and what was found when the data were last put back into them."""

    splits: dict[str, Keys]
    found: Arranged | None = field(default=None, compare=False)

    @classmethod
    def of(cls, splits: Mapping[str, Keys], *, read: Keys | None = None) -> "Manifest":
        """The manifest of a run that begins; ``read`` is all that was read, also what is in no split."""
        made = cls({split: splits[split] for split in ORDER if split in splits})
        if read is not None:
            made.splits[LEFT_OUT] = read.at(made.arrange(read).spare)
            made.found = None
        return made

    def arrange(self, now: Keys) -> Arranged:
        """Put the items of now into the splits of the run."""
        kept = Keys.together(self.splits.values())
        place = _match(kept.keys, now.keys)
        spare = np.setdiff1d(np.arange(len(now)), place, assume_unique=True)
        names_now = {now.names[i] for i in spare.tolist()} - {""}
        places, removed, changed = (
            dict[str, Int64[np.ndarray, "_"]](),
            dict[str, list[str]](),
            dict[str, list[str]](),
        )
        first = 0
        for split, part in self.splits.items():
            found = place[first : first + len(part)]
            first += len(part)
            places[split] = found[found >= 0]
            for gone in np.flatnonzero(found < 0).tolist():
                name = part.names[gone]
                (changed if name in names_now else removed).setdefault(split, []).append(name)
        replaced = {name for names in changed.values() for name in names}
        added = [now.names[i] for i in spare.tolist() if now.names[i] not in replaced]
        self.found = Arranged(places, removed, changed, added, spare)
        return self.found

    def holds(self, now: Keys) -> int:
        """How many of these items, their labels included, the training split has."""
        return int(np.isin(now.keys, self.splits["train"].keys).sum()) if "train" in self.splits else 0

    def write(self, path: Path) -> str:
        """Write it as safetensors; returns the SHA-256 of the file."""
        tensors = {}
        for split, part in self.splits.items():
            tensors[f"{split}.keys"] = torch.from_numpy(part.keys)
            if len(part) <= MOST_NAMES:
                names = [name.replace("\n", " ") for name in part.names]
                shared = os.path.commonprefix(names)  # noqa: RUF071 - said once: names are "FILE, line 7"
                lines = "\n".join([shared, *(name[len(shared) :] for name in names)])
                encoded = lines.encode("utf-8", "surrogatepass")
                tensors[f"{split}.names"] = torch.frombuffer(bytearray(encoded or b"\n"), dtype=torch.uint8)
        content = save(tensors)
        write_bytes(path, content)
        return sha256(content)

    @classmethod
    def read(cls, path: Path, *, sha256_wanted: str | None = None) -> "Manifest":
        """The manifest in a file; InputError where it is none, or not the one of this hash."""
        try:
            content = read_regular(path)
            if sha256_wanted is not None and sha256(content) != sha256_wanted:
                raise ValueError("it does not match its hash in plan.json")
            tensors = load(content)
            splits = {}
            for split in ORDER:
                if f"{split}.keys" not in tensors:
                    continue
                keys = tensors[f"{split}.keys"]
                if keys.dtype != torch.int64 or keys.ndim != 1:
                    raise ValueError(f"{split}.keys is {keys.dtype} of shape {tuple(keys.shape)}")
                names = [""] * len(keys)
                if f"{split}.names" in tensors and len(keys):
                    text = tensors[f"{split}.names"].numpy().tobytes().decode("utf-8", "surrogatepass")
                    shared, *rest = text.split("\n")
                    names = [shared + name for name in rest]
                if len(names) != len(keys):
                    raise ValueError(f"{len(keys)} keys and {len(names)} names of the split {split}")
                splits[split] = Keys(keys.numpy(), names)
            if "train" not in splits:
                raise ValueError("no training split")
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(
                "GR-RUN-003",
                where=str(path),
                wanted="the items that the run was begun with",
                got=str(error)[:200],
                remedy="Restore the file from a backup, or train again from the recipe.",
            ) from error
        return cls(splits)


def data_changed(manifest: Manifest, folder: Path | None, *, wanted: str) -> InputError:
    """The error for a run whose items are not all there any more, and which can do nothing without them."""
    return InputError(
        "GR-RUN-019",
        where=f"the data of {folder or 'the run'}",
        wanted=wanted,
        got="; ".join(manifest.found.sentences() if manifest.found else []) or "another order",
        remedy="Restore the data that it was begun with, or train anew.",
    )


def _match(kept: Int64[np.ndarray, "N"], now: Int64[np.ndarray, "M"]) -> Int64[np.ndarray, "N"]:
    """For each key that is kept its place in ``now``, -1 where it is not there; equal ones in their order."""
    mine, theirs = _numbered(kept), _numbered(now)
    order = np.argsort(theirs, kind="stable")
    at = np.searchsorted(theirs, mine, sorter=order).clip(max=max(len(now) - 1, 0))
    if not len(now):
        return np.full(len(kept), -1)
    place = order[at]
    return np.where(theirs[place] == mine, place, -1)


def _numbered(keys: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    """Keys that no two items share: the second of equal ones becomes another number, and so on."""
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    first = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]]) if len(keys) else np.empty(0, np.int64)
    counts = np.diff(np.r_[first, len(keys)])
    nth = np.arange(len(keys)) - np.repeat(first, counts)
    unique = np.empty_like(keys)
    with np.errstate(over="ignore"):
        unique[order] = in_order + nth * np.int64(
            -7046029254386353131
        )  # an odd number: 2**64 over the golden ratio
    return unique
