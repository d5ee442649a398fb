"""Splits: which items train and which are held out, as places in the data, the same for the same seed.

Every function returns sorted, disjoint parts. Letters: N items.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Int64, Num
from torch import Tensor

from gradus.core.errors import InputError, UsageError
from gradus.core.randomness import generator, seed_from

Places = Int64[Tensor, "_"]


def whole_counts(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers in the proportion of the shares that add up to ``total`` (largest remainders).

    UsageError where a share is not above 0, or they do not add up to 1.
    """
    if not shares or not all(share > 0 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise UsageError(
            "GR-DATA-080",
            where="shares",
            wanted="numbers above 0 that add up to 1",
            got=", ".join(f"{share:g}" for share in shares) or "none",
            remedy="Give each part its share of 1.",
        )
    exact = [total * share for share in shares]
    counts = [math.floor(part + 1e-9) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def stratified(
    labels: Int64[Tensor, "N"], *, shares: Sequence[float], seed: int, classes: Sequence[str] = ()
) -> tuple[Places, ...]:
    """Parts with the same mix of classes, as nearly as whole items allow.

    InputError where a class has fewer items than there are parts; it says its name, if there are ``classes``.
    """
    counts = whole_counts(len(labels), shares)
    _refuse_small_classes(labels, len(shares), f"{len(shares)} parts", classes)
    mixed = torch.randperm(len(labels), generator=generator(seed, "stratified"))
    by_class = mixed[labels[mixed].argsort(stable=True)]  # class by class, each in random order
    # Every part has its places evenly spread over that row, and so over every class.
    places = [(torch.arange(count) + (part + 0.5) / len(counts)) / count for part, count in enumerate(counts)]
    owners = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))[
        torch.cat(places).argsort(stable=True)
    ]
    return tuple(by_class[owners == part].sort().values for part in range(len(counts)))


def hold_out(
    labels: Int64[Tensor, "N"], *, share: float, name: str, classes: Sequence[str]
) -> tuple[Places, Places]:
    """What stays in training, and the share ``--data.NAME`` that is held out, with the same mix of classes.

    UsageError where that leaves no item of a class to train on, or none to hold out.
    """
    kept, taken = stratified(labels, shares=(1 - share, share), seed=0, classes=classes)
    lost = set(labels.tolist()) - set(labels[kept].tolist())
    if lost or not len(taken):
        raise UsageError(
            "GR-CONFIG-003",
            where=f"--data.{name}",
            wanted="a share that leaves some items of every class to train on"
            if lost
            else f"a share of at least one of the {len(kept)} items",
            got=f"{share:g}, which leaves none of class {classes[min(lost)]}" if lost else f"{share:g}",
            remedy="Give a smaller share." if lost else "Give a larger share, or 0 for no such split.",
        )
    return kept, taken


def grouped(groups: Int64[Tensor, "N"], *, shares: Sequence[float], seed: int) -> tuple[Places, ...]:
    """Parts that share no group (a patient, a speaker, a scene), of about the sizes that the shares ask for.

    InputError where there are fewer groups than parts.
    """
    wanted = whole_counts(len(groups), shares)
    names, sizes = groups.unique(return_counts=True)
    if len(names) < len(shares):
        raise _too_few(f"{len(shares)} groups or more, one for each part", f"{len(names)}")
    mixed = torch.randperm(len(names), generator=generator(seed, "grouped"))
    largest_first = mixed[sizes[mixed].argsort(descending=True, stable=True)].tolist()
    part_of = torch.empty(len(names), dtype=torch.int64)
    room, empty = list(wanted), set(range(len(shares)))
    for done, group in enumerate(largest_first):
        must_fill = len(largest_first) - done == len(empty)
        part = max(empty if must_fill else range(len(shares)), key=lambda i: room[i])
        part_of[group] = part
        room[part] -= int(sizes[group])
        empty.discard(part)
    part_of_item = part_of[torch.searchsorted(names, groups)]
    return tuple((part_of_item == part).nonzero()[:, 0] for part in range(len(shares)))


def ordered(times: Num[Tensor, "N"], *, shares: Sequence[float], gap: int = 0) -> tuple[Places, ...]:
    """Parts in the order of time: nothing in an earlier part is as late as anything in a later one.

    Items of one moment stay together. ``gap`` items before each later part are left out, for windows that
    would reach from one part into the next. InputError where a part would be empty.
    """
    counts = whole_counts(len(times), shares)
    order = times.argsort(stable=True)
    in_time = times[order]
    ends = torch.tensor(counts).cumsum(0)[:-1]
    ends = torch.searchsorted(
        in_time, in_time[ends.clamp(max=len(times) - 1)]
    )  # back to where that moment begins
    bounds = [0, *ends.tolist(), len(times)]
    parts = []
    for i, (start, stop) in enumerate(pairwise(bounds)):
        is_last = i == len(counts) - 1
        parts.append(order[start : stop if is_last else max(start, stop - gap)].sort().values)
    if not all(len(part) for part in parts):
        raise _too_few(f"items at enough moments for {len(counts)} parts", f"{[len(part) for part in parts]}")
    return tuple(parts)


def folds(
    labels: Int64[Tensor, "N"],
    *,
    count: int,
    seed: int,
    stratify: bool = True,
    classes: Sequence[str] = (),
) -> list[tuple[Places, Places]]:
    """(train, held out) for each of ``count`` folds; every item is held out once. Class mixes are alike.

    InputError where a class has fewer items than there are folds, or there are fewer items than folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    _refuse_bad_count(count, len(labels), "items")
    if stratify:
        _refuse_small_classes(labels, count, f"{count} folds", classes)
    cutter = (StratifiedKFold if stratify else KFold)(count, shuffle=True, random_state=_numpy_seed(seed))
    return [
        (torch.from_numpy(a), torch.from_numpy(b)) for a, b in cutter.split(labels.numpy(), labels.numpy())
    ]


def grouped_folds(groups: Int64[Tensor, "N"], *, count: int, seed: int) -> list[tuple[Places, Places]]:
    """As ``folds``, with every group whole on one side. InputError where groups are fewer than folds."""
    from sklearn.model_selection import GroupKFold

    _refuse_bad_count(count, len(groups.unique()), "groups")
    cutter = GroupKFold(count, shuffle=True, random_state=_numpy_seed(seed))
    cuts = cutter.split(groups.numpy(), groups=groups.numpy())
    return [(torch.from_numpy(a), torch.from_numpy(b)) for a, b in cuts]


def refuse_unknown_fold(fold: int, *, folds: int) -> None:
    """Raise UsageError where ``--data.fold`` is none of the ``--data.folds``, or is given without them."""
    if fold >= max(1, folds):
        raise UsageError(
            "GR-CONFIG-003",
            where="--data.fold",
            wanted=f"a number below --data.folds {folds}" if folds else "--data.folds as well",
            got=str(fold),
            remedy="Count folds from 0.",
        )


def _numpy_seed(seed: int) -> int:
    return seed_from(seed, "folds") % 2**32


def _refuse_bad_count(count: int, available: int, what: str) -> None:
    if count < 2:
        raise UsageError(
            "GR-DATA-082",
            where="folds",
            wanted="2 or more",
            got=str(count),
            remedy="Give a number of folds such as 5.",
        )
    if available < count:
        raise _too_few(f"{count} {what} or more, one for each fold", f"{available}")


def _refuse_small_classes(
    labels: Int64[Tensor, "N"], least: int, cut_into: str, classes: Sequence[str]
) -> None:
    present, sizes = labels.unique(return_counts=True)
    if len(sizes) and sizes.min() < least:
        smallest = int(sizes.argmin())
        label = int(present[smallest])
        raise InputError(
            "GR-DATA-081",
            where=f"class {classes[label] if classes else label}",
            wanted=f"{least} items or more, to be cut into {cut_into}",
            got=f"{sizes[smallest]}",
            remedy="Add items of that class, "
            + ("remove it, or cut into fewer." if least > 2 else "or remove it."),
        )


def _too_few(wanted: str, got: str) -> InputError:
    remedy = "Add data, or cut into fewer parts."
    return InputError("GR-DATA-082", where="the data to be split", wanted=wanted, got=got, remedy=remedy)
