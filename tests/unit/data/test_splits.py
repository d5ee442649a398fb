"""Splits are disjoint, cover everything, keep classes, groups and time apart as they promise, and repeat."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError, UsageError
from gradus.data.splits import folds, grouped, grouped_folds, hold_out, ordered, stratified, whole_counts

SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(lambda w: [part / sum(w) for part in w])


def covers(parts, count):
    return sorted(torch.cat(list(parts)).tolist()) == list(range(count))


def in_order(parts):
    return all((part[1:] > part[:-1]).all() for part in parts)


@given(total=st.integers(0, 1000), shares=SHARES)
def test_whole_counts_add_up_and_are_within_one(total, shares):
    counts = whole_counts(total, shares)
    assert sum(counts) == total
    assert all(abs(count - total * share) < 1 for count, share in zip(counts, shares, strict=True))


def test_whole_counts_of_round_shares_are_exact():
    assert whole_counts(1000, [0.7, 0.1, 0.2]) == [700, 100, 200]
    assert whole_counts(10, [0.1] * 10) == [1] * 10
    assert whole_counts(3, [0.5, 0.5]) in ([1, 2], [2, 1])


@pytest.mark.parametrize("shares", [[], [0.5], [0.5, 0.6], [1.5, -0.5], [1.0, 0.0], [float("nan"), 0.5]])
def test_shares_that_make_no_whole_are_refused(shares):
    with pytest.raises(UsageError, match="GR-DATA-080"):
        whole_counts(10, shares)


@given(sizes=st.lists(st.integers(4, 40), min_size=1, max_size=6), shares=SHARES, seed=st.integers(0, 99))
def test_stratified_parts_have_the_mix_of_the_whole(sizes, shares, seed):
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    parts = stratified(labels, shares=shares, seed=seed)
    assert covers(parts, len(labels))
    assert in_order(parts)
    assert [len(part) for part in parts] == whole_counts(len(labels), shares)
    for part, share in zip(parts, shares, strict=True):
        counts = labels[part].bincount(minlength=len(sizes))
        assert ((counts - share * torch.tensor(sizes)).abs() <= 2).all()


def test_even_classes_are_divided_evenly():
    labels = torch.arange(10).repeat(100)
    train, validation, test = stratified(labels, shares=(0.7, 0.1, 0.2), seed=0)
    assert labels[train].bincount().tolist() == [70] * 10
    assert labels[validation].bincount().tolist() == [10] * 10
    assert labels[test].bincount().tolist() == [20] * 10


def test_a_seed_decides_and_another_decides_otherwise():
    labels = torch.arange(5).repeat(40)
    first, again, other = (stratified(labels, shares=(0.5, 0.5), seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    labels = torch.arange(5).repeat(40)
    stratified(labels, shares=(0.5, 0.5), seed=0)
    grouped(labels, shares=(0.5, 0.5), seed=0)
    folds(labels, count=4, seed=0)
    assert torch.equal(torch.rand(3), wanted)


def test_within_a_class_the_choice_is_random():
    chosen = torch.zeros(20)
    for seed in range(200):
        chosen[stratified(torch.zeros(20, dtype=torch.int64), shares=(0.5, 0.5), seed=seed)[1]] += 1
    assert (chosen - 100).abs().max() < 4 * (200 * 0.25) ** 0.5


def test_a_class_with_fewer_items_than_parts_is_refused():
    labels = torch.tensor([0, 0, 0, 7, 7])
    with pytest.raises(
        InputError, match=r"class 7: wanted 3 items or more, to be cut into 3 parts, got 2.*081"
    ):
        stratified(labels, shares=(0.5, 0.25, 0.25), seed=0)


@given(groups=st.lists(st.integers(0, 12), min_size=30, max_size=80), shares=SHARES, seed=st.integers(0, 99))
def test_grouped_parts_share_no_group(groups, shares, seed):
    groups = torch.tensor([*range(4), *groups])
    parts = grouped(groups, shares=shares, seed=seed)
    assert covers(parts, len(groups))
    assert in_order(parts)
    owners = [set(groups[part].tolist()) for part in parts]
    assert all(owners)
    assert sum(map(len, owners)) == len(set().union(*owners))
    largest = int(groups.bincount().max())
    wanted = whole_counts(len(groups), shares)
    assert all(len(part) <= want + largest for part, want in zip(parts, wanted, strict=True))


def test_many_small_groups_come_to_the_shares():
    parts = grouped(torch.arange(500).repeat(2), shares=(0.8, 0.2), seed=3)
    assert [len(part) for part in parts] == [800, 200]


def test_fewer_groups_than_parts_are_refused():
    with pytest.raises(InputError, match=r"wanted 3 groups or more.*got 2.*GR-DATA-082"):
        grouped(torch.tensor([5, 5, 9]), shares=(0.4, 0.3, 0.3), seed=0)


@given(times=st.lists(st.integers(-50, 50), min_size=40, max_size=120), shares=SHARES)
def test_ordered_parts_follow_each_other_in_time(times, shares):
    times = torch.tensor([*times, *range(-60, 60)])
    parts = ordered(times, shares=shares)
    assert covers(parts, len(times))
    assert in_order(parts)
    for earlier, later in pairwise(parts):
        assert times[earlier].max() < times[later].min()


def test_a_gap_is_left_out_before_each_later_part():
    parts = ordered(torch.arange(10.0), shares=(0.5, 0.3, 0.2), gap=1)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [5, 6], [8, 9]]


def test_one_moment_is_not_cut():
    parts = ordered(torch.tensor([1, 1, 2, 2, 2, 2, 3, 3]), shares=(0.5, 0.5))
    assert [part.tolist() for part in parts] == [[0, 1], [2, 3, 4, 5, 6, 7]]
    with pytest.raises(InputError, match="GR-DATA-082"):
        ordered(torch.ones(9), shares=(0.5, 0.5))
    with pytest.raises(InputError, match="GR-DATA-082"):
        ordered(torch.arange(9), shares=(0.5, 0.5), gap=9)


@settings(deadline=None)  # scikit-learn is imported on the way
@given(
    sizes=st.lists(st.integers(5, 12), min_size=2, max_size=4),
    count=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_folds_hold_every_item_out_once(sizes, count, seed):
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    for stratify in (True, False):
        cut = folds(labels, count=count, seed=seed, stratify=stratify)
        assert len(cut) == count
        assert covers([held_out for _, held_out in cut], len(labels))
        assert all(covers(both, len(labels)) for both in cut)
        if stratify:
            counts = torch.stack([labels[held_out].bincount(minlength=len(sizes)) for _, held_out in cut])
            assert (counts.amax(0) - counts.amin(0)).max() <= 1
    again = folds(labels, count=count, seed=seed, stratify=False)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(cut, again, strict=True))


def test_folds_need_enough_items():
    labels = torch.tensor([0] * 9 + [1] * 3)
    with pytest.raises(
        InputError, match=r"class 1: wanted 5 items or more, to be cut into 5 folds, got 3.*GR-DATA-081"
    ):
        folds(labels, count=5, seed=0)
    with pytest.raises(InputError, match=r"wanted 13 items or more.*GR-DATA-082"):
        folds(labels, count=13, seed=0, stratify=False)
    with pytest.raises(UsageError, match="GR-DATA-082"):
        folds(labels, count=1, seed=0)


@settings(deadline=None)
@given(groups=st.lists(st.integers(0, 8), min_size=20, max_size=60), count=st.integers(2, 5))
def test_grouped_folds_cut_no_group(groups, count):
    groups = torch.tensor([*range(5), *groups])
    cut = grouped_folds(groups, count=count, seed=1)
    assert covers([held_out for _, held_out in cut], len(groups))
    for train, held_out in cut:
        assert not set(groups[train].tolist()) & set(groups[held_out].tolist())
    with pytest.raises(InputError, match=r"groups or more.*GR-DATA-082"):
        grouped_folds(groups, count=10, seed=1)


def test_a_share_is_held_out_of_each_class_or_it_says_which_would_be_lost():
    labels = torch.tensor([0] * 30 + [1] * 10)
    kept, taken = hold_out(labels, share=0.2, name="test", classes=("cat", "dog"))
    assert covers((kept, taken), 40)
    assert labels[taken].bincount().tolist() == [6, 2]
    with pytest.raises(UsageError, match="leaves none of class dog"):
        hold_out(torch.tensor([0] * 30 + [1, 1]), share=0.96, name="test", classes=("cat", "dog"))
    with pytest.raises(UsageError, match="at least one of the 32 items"):
        hold_out(torch.tensor([0] * 30 + [1, 1]), share=0.01, name="validation", classes=("cat", "dog"))
