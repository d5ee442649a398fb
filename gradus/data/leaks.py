"""Leaks: pictures of one split that are in another as well, the same to the byte or almost.

Two pictures are near duplicates if their values correlate at ``similarity`` or above. At 0.995 a change of
brightness or contrast or a light recompression does not hide one, and things that only look alike are rarely
taken for one; a shift, a crop or a heavy recompression falls below. All such pairs are found, not only likely
ones: for centred pictures of length 1, a correlation s is a distance of sqrt(2 - 2 s), and a projection, here
to 8 x 8 thumbnails, makes no distance longer. So a pair with thumbnails farther apart needs no second look.

Letters: N earlier pictures, M later pictures, C channels, H height, W width, F thumbnail values.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from gradus.data.listings import ORDER
from gradus.data.picture_sets import Pictures

SIDE = 8
BLOCK = 64  # later pictures at a time: their distances to all earlier ones stay in the cache
VALUES = 2**24  # of pictures held as floats at a time
ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture of a later split and what it is most alike in an earlier one."""

    split: str
    name: str
    earlier_split: str
    earlier_name: str
    similarity: float
    same_label: bool


@dataclass(frozen=True, slots=True)
class Leaks:
    """Every leaked picture, once for each earlier split that has it."""

    exact: tuple[Pair, ...]
    near: tuple[Pair, ...]


def find_leaks(splits: Mapping[str, Pictures], *, similarity: float = 0.995) -> Leaks:
    """The pictures of each split that an earlier one (train, validation, then test) has, or almost has."""
    assert 0 < similarity < 1
    exact, near = list[Pair](), list[Pair]()
    in_order = [split for split in ORDER if split in splits]
    for earlier_split, split in combinations(in_order, 2):
        earlier, later = splits[earlier_split], splits[split]
        same = find_same(earlier.images, later.images)
        alike, values = find_alike(earlier.images, later.images, similarity=similarity)
        for place, (match, other, value) in enumerate(
            zip(same.tolist(), alike.tolist(), values.tolist(), strict=True)
        ):
            found, score = (match, 1.0) if match >= 0 else (other, value)
            if found >= 0:
                pair = Pair(
                    split,
                    later.names[place],
                    earlier_split,
                    earlier.names[found],
                    score,
                    bool(later.labels[place] == earlier.labels[found]),
                )
                (exact if match >= 0 else near).append(pair)
    return Leaks(tuple(exact), tuple(near))


def find_same(earlier: UInt8[Tensor, "N C H W"], later: UInt8[Tensor, "M C H W"]) -> Int64[Tensor, "M"]:
    """The first earlier picture with the same bytes as each later one; -1 where there is none."""
    place_of = dict[bytes, int]()
    for place, digest in enumerate(map(_digest, earlier.numpy())):
        place_of.setdefault(digest, place)
    return torch.tensor([place_of.get(_digest(picture), -1) for picture in later.numpy()], dtype=torch.int64)


def _digest(picture: UInt8[np.ndarray, "C H W"]) -> bytes:
    return hashlib.blake2b(picture.tobytes(), digest_size=16).digest()


def find_alike(
    earlier: UInt8[Tensor, "N C H W"], later: UInt8[Tensor, "M C H W"], *, similarity: float
) -> tuple[Int64[Tensor, "M"], Float[Tensor, "M"]]:
    """The earlier picture that correlates most with each later one, where that reaches ``similarity``.

    Its place, and the correlation; -1 and 0 where none reaches it. A picture of a single value has no match.
    """
    places, values = torch.full((len(later),), -1), torch.zeros(len(later))
    thumbnails = _thumbnails(earlier)
    half_squares = thumbnails.square().sum(dim=1) / 2
    for start in range(0, len(later), BLOCK):
        block = later[start : start + BLOCK]
        mine = _thumbnails(block)
        # |a - b|^2 / 2 = |a|^2 / 2 + |b|^2 / 2 - a b; what depends on b alone is moved into the limit
        distances = torch.addmm(half_squares, mine, thumbnails.T, alpha=-1)  # (B, N)
        limits = 1 - similarity + ROUNDING - mine.square().sum(dim=1) / 2
        rows = (distances.amin(dim=1) <= limits).nonzero()[:, 0]
        if not len(rows):
            continue
        columns = (distances[rows] <= limits[rows, None]).any(dim=0).nonzero()[:, 0]
        best, match = _best_correlation(earlier, columns, block[rows])
        found = best >= similarity
        places[start + rows[found]] = match[found]
        values[start + rows[found]] = best[found]
    return places, values


def _best_correlation(
    earlier: UInt8[Tensor, "N C H W"], columns: Int64[Tensor, "K"], later: UInt8[Tensor, "R C H W"]
) -> tuple[Float[Tensor, "R"], Int64[Tensor, "R"]]:
    """For each later picture the highest correlation with the earlier ones at ``columns``, and with which."""
    wanted = _unit(later).flatten(1)
    best = []
    for some in torch.split(columns, max(1, VALUES // wanted.shape[1])):
        value, where = (wanted @ _unit(earlier[some]).flatten(1).T).max(dim=1)
        best.append((value, some[where]))
    value, where = torch.stack([value for value, _ in best]).max(dim=0)  # over the chunks
    return value, torch.stack([match for _, match in best])[where, torch.arange(len(later))]


def _thumbnails(pictures: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N F"]:
    """Centred pictures of length 1, projected on blocks: never farther apart than the pictures are."""
    _, channels, height, width = pictures.shape
    rows, columns = _blocks(height), _blocks(width)
    chunk = max(1, VALUES // pictures[0].numel()) if len(pictures) else 1
    return torch.cat(
        [
            (rows @ _unit(some).sum(dim=1) @ columns.T).flatten(1) / channels**0.5  # (n, C, H, W) -> (n, F)
            for some in torch.split(pictures, chunk)
        ]
    )


def _blocks(length: int) -> Float[Tensor, "F {length}"]:
    """Up to 8 neighbouring blocks as rows of length 1, at right angles to each other."""
    block_of = torch.arange(length) * min(SIDE, length) // length
    member = (block_of == torch.arange(min(SIDE, length))[:, None]).float()
    return member / member.sum(dim=1, keepdim=True).sqrt()


def _unit(pictures: UInt8[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """Each picture with its mean taken off and its length made 1; one of a single value becomes 0."""
    values = pictures.float()
    values -= values.mean(dim=(1, 2, 3), keepdim=True)
    length = values.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return values / length.clamp(min=1e-6)
