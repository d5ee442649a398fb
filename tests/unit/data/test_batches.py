"""Batches: every item once an epoch, an order that two numbers fix, exact resumption, and ragged items."""

import time
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import InputError, UsageError
from gradus.data.batches import Batches, pad


def numbered(count):
    return {"item": torch.arange(count), "square": torch.arange(count).square().view(-1, 1).float()}


def taken(batches, count):
    return [batches.next_batch()["item"].tolist() for _ in range(count)]


@given(count=st.integers(1, 40), batch=st.integers(1, 45), seed=st.integers(0, 9))
def test_an_epoch_has_every_item_once(count, batch, seed):
    batches = Batches(numbered(count), batch=batch, seed=seed, drop_last=False)
    steps = -(-count // batch)
    for _ in range(3):
        epoch = taken(batches, steps)
        assert sorted(item for some in epoch for item in some) == list(range(count))
        assert all(len(some) == batch for some in epoch[:-1])


@given(count=st.integers(1, 40), batch=st.integers(1, 40))
def test_whole_batches_only(count, batch):
    if batch > count:
        with pytest.raises(UsageError, match=f"wanted at most the {count} items.*got {batch}.*GR-DATA-040"):
            Batches(numbered(count), batch=batch, seed=0).next_batch()
        return
    batches = Batches(numbered(count), batch=batch, seed=0)
    for _ in range(2):
        epoch = taken(batches, count // batch)
        assert {len(some) for some in epoch} == {batch}
        assert len({item for some in epoch for item in some}) == count // batch * batch


def test_rows_of_all_tensors_stay_together():
    batch = Batches(numbered(50), batch=7, seed=0).next_batch()
    assert torch.equal(batch["item"].square().view(-1, 1).float(), batch["square"])


def test_the_order_depends_on_seed_and_epoch_alone():
    first, second = (taken(Batches(numbered(30), batch=10, seed=4), 6) for _ in range(2))
    torch.manual_seed(123)
    assert first == second
    assert first[:3] != first[3:]
    assert taken(Batches(numbered(30), batch=10, seed=5), 6) != first
    later = Batches(numbered(30), batch=15, seed=4)
    later.load_state_dict({"epoch": 1, "cursor": 0})
    assert list(chain(*taken(later, 2))) == list(chain(*first[3:]))


def test_the_orders_are_uniform():
    """Each of the 6 orders of 3 items is as frequent as the others, over 3,000 epochs."""
    batches = Batches(numbered(3), batch=3, seed=0)
    counts = {}
    for order in taken(batches, 3000):
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    assert len(counts) == 6
    assert all(abs(count - 500) < 4 * (3000 / 6 * 5 / 6) ** 0.5 for count in counts.values())


@given(count=st.integers(5, 20), batch=st.integers(1, 5), before=st.integers(0, 25), drop_last=st.booleans())
def test_resuming_goes_on_with_the_very_batches(count, batch, before, drop_last):
    whole = Batches(numbered(count), batch=batch, seed=1, drop_last=drop_last)
    taken(whole, before)
    state = whole.state_dict()
    assert all(type(value) is int for value in state.values())
    resumed = Batches(numbered(count), batch=batch, seed=1, drop_last=drop_last)
    taken(resumed, 3)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert taken(whole, 12) == taken(resumed, 12)


def test_a_position_beyond_the_data_is_refused():
    batches = Batches(numbered(10), batch=2, seed=0)
    batches.load_state_dict({"epoch": 3, "cursor": 12})
    with pytest.raises(InputError, match="GR-DATA-085"):
        batches.next_batch()


def test_without_shuffling_items_come_as_they_are():
    batches = Batches(numbered(5), batch=2, seed=0, shuffle=False, drop_last=False)
    assert taken(batches, 4) == [[0, 1], [2, 3], [4], [0, 1]]


def test_in_order_shows_everything_and_moves_nothing():
    batches = Batches(numbered(7), batch=3, seed=0)
    expected = taken(Batches(numbered(7), batch=3, seed=0), 2)
    first = taken(batches, 1)
    assert [b["item"].tolist() for b in batches.in_order()] == [[0, 1, 2], [3, 4, 5], [6]]
    assert first + taken(batches, 1) == expected


def test_weights_draw_with_replacement_in_their_proportion():
    weights = torch.tensor([1.0, 0.0, 3.0, 6.0, 0.0])
    batches = Batches(numbered(5), batch=5, seed=0, weights=weights)
    drawn = torch.tensor(taken(batches, 4000)).flatten().bincount(minlength=5)
    shares = weights / weights.sum()
    deviation = (20_000 * shares * (1 - shares)).sqrt()
    assert ((drawn - 20_000 * shares).abs() <= 4 * deviation).all()
    again = Batches(numbered(5), batch=5, seed=0, weights=lambda: weights)
    again.load_state_dict({"epoch": 3999, "cursor": 0})
    last = Batches(numbered(5), batch=5, seed=0, weights=weights)
    assert taken(last, 4000)[-1] == taken(again, 1)[0]


def test_the_weights_of_two_classes_balance_them():
    labels = torch.tensor([0] * 95 + [1] * 5)
    weights = 1 / labels.bincount().float()[labels]
    batches = Batches({"item": labels}, batch=100, seed=3, weights=weights)
    share = torch.tensor(taken(batches, 200), dtype=torch.float64).mean().item()
    assert abs(share - 0.5) < 4 * 0.5 / 20_000**0.5


def test_data_given_as_a_function_are_read_when_needed():
    calls = []

    def read():
        calls.append(1)
        return numbered(4)

    batches = Batches(read, batch=2, seed=0)
    assert calls == []
    assert taken(batches, 5) == taken(Batches(numbered(4), batch=2, seed=0), 5)
    assert calls == [1]


@pytest.mark.parametrize("drop_last", [True, False])
def test_no_items_are_refused(drop_last):
    with pytest.raises(UsageError, match="GR-DATA-040"):
        Batches(numbered(0), batch=1, seed=0, drop_last=drop_last).next_batch()


def test_tensors_of_unequal_length_are_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="unequal length"):
        Batches({"a": torch.zeros(3), "b": torch.zeros(4)}, batch=1, seed=0).next_batch()


def test_a_batch_costs_no_loop_over_its_items():
    batches = Batches({"image": torch.zeros(20_000, 784, dtype=torch.uint8)}, batch=128, seed=0)
    batches.next_batch()
    started = time.perf_counter()
    for _ in range(100):
        batches.next_batch()
    assert (time.perf_counter() - started) / 100 < 0.002  # about 30 microseconds on an idle core


def test_padding_fills_up_and_tells_what_is_real():
    padded, lengths, mask = pad(
        [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([], dtype=torch.int64)], value=-1
    )
    assert padded.tolist() == [[1, 2, 3], [4, -1, -1], [-1, -1, -1]]
    assert lengths.tolist() == [3, 1, 0]
    assert mask.tolist() == [[True] * 3, [True, False, False], [False] * 3]


def test_padding_keeps_further_dimensions_and_the_type():
    rows = [torch.rand(length, 2, 3, dtype=torch.float64) for length in (4, 1)]
    padded, lengths, mask = pad(rows, value=0.5)
    assert padded.shape == (2, 4, 2, 3)
    assert padded.dtype == torch.float64
    assert all(torch.equal(padded[i][mask[i]], row) for i, row in enumerate(rows))
    assert (padded[~mask] == 0.5).all()
    assert torch.equal(mask.sum(dim=1), lengths)
