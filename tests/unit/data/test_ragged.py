"""Ragged items: padding against torch's own, and batches of about one length that cover every item."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError, UsageError
from gradus.data.ragged import BucketBatches, Ragged, padded

lengths_of = st.lists(st.integers(0, 9), min_size=1, max_size=30).filter(any)


def sequences(lengths, width=()):
    numbers = torch.Generator().manual_seed(0)
    return [torch.randn(length, *width, generator=numbers) for length in lengths]


def items(count, *, seed=0):
    """Items whose values are their own number, as often as they are long."""
    lengths = torch.randint(1, 50, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
    return {
        "word": Ragged.of([torch.full((length,), place) for place, length in enumerate(lengths)]),
        "label": torch.arange(count),
    }


@given(lengths_of, st.sampled_from([(), (3,)]), st.data())
@settings(deadline=None)
def test_rows_are_torchs_padding(lengths, width, data):
    made = sequences(lengths, width)
    ragged = Ragged.of(made)
    assert len(ragged) == len(made)
    assert ragged.lengths.tolist() == lengths
    assert all(torch.equal(one, other) for one, other in zip(ragged, made, strict=True))
    places = data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=9))
    rows, row_lengths, mask = ragged.rows(torch.tensor(places), value=-7)
    chosen = [made[place] for place in places]
    wanted = torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=-7)
    assert torch.equal(rows, wanted)
    assert row_lengths.tolist() == [len(one) for one in chosen]
    assert mask.tolist() == [[step < len(one) for step in range(wanted.shape[1])] for one in chosen]
    rows.fill_(99)
    assert all(torch.equal(one, other) for one, other in zip(ragged, made, strict=True))


def test_an_epoch_has_every_item_once_but_for_the_last_part_batch():
    batches = BucketBatches(items(103), batch=10, seed=0, pool=3)
    seen = [batches.next_batch() for _ in range(10)]
    assert batches.epoch == 0
    labels = torch.cat([batch["label"] for batch in seen])
    assert len(labels.unique()) == len(labels) == 100
    for batch in seen:
        assert torch.equal(batch["word"].amax(1), batch["label"])
        assert torch.equal(batch["mask"].sum(1), batch["word_length"])
    batches.next_batch()
    assert (batches.epoch, batches.cursor) == (1, 1)


def test_batches_hold_items_of_about_one_length_and_come_in_any_order():
    columns = items(2000)
    lengths = columns["word"].lengths
    batches = BucketBatches(columns, batch=20, seed=0)
    spreads, means = [], []
    for _ in range(100):
        batch = batches.next_batch()
        within = lengths[batch["label"]].float()
        spreads.append(within.std())
        means.append(within.mean())
    assert torch.stack(spreads).mean() < lengths.float().std() / 8
    rising = (torch.stack(means).diff() > 0).float().mean()
    assert 0.35 < rising < 0.65


def test_the_position_is_the_whole_state():
    straight, other = (BucketBatches(items(64), batch=8, seed=3) for _ in range(2))
    for _ in range(11):
        straight.next_batch()
    other.load_state_dict(straight.state_dict())
    for _ in range(10):
        one, two = straight.next_batch(), other.next_batch()
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_weights_draw_with_replacement_and_go_on_where_they_were():
    weights = torch.tensor([1.0, 0.0, 3.0, 6.0] * 100)
    made = [
        BucketBatches(items(400), batch=20, seed=0, pool=3, weights=w) for w in (weights, lambda: weights)
    ]
    seen = torch.cat([made[0].next_batch()["label"] for _ in range(200)])  # ten epochs
    shares = (seen % 4).bincount(minlength=4) / len(seen)
    torch.testing.assert_close(shares, weights[:4] / 10, atol=0.02, rtol=0)
    for _ in range(7):
        made[0].next_batch()
    made[1].load_state_dict(made[0].state_dict())
    for _ in range(30):
        assert torch.equal(made[0].next_batch()["label"], made[1].next_batch()["label"])


def test_seeds_and_epochs_differ():
    orders = {}
    for seed in (0, 1):
        batches = BucketBatches(items(64), batch=8, seed=seed)
        orders[seed] = [tuple(batches.next_batch()["label"].tolist()) for _ in range(16)]
    assert orders[0] != orders[1]
    assert orders[0][:8] != orders[0][8:]


def test_columns_are_asked_for_when_the_first_batch_is():
    asked = []
    batches = BucketBatches(lambda: asked.append(1) or items(8), batch=8, seed=0)
    assert not asked
    batches.next_batch()
    batches.next_batch()
    assert asked == [1]


def test_too_few_items_and_a_position_beyond_them_are_refused():
    with pytest.raises(UsageError, match="GR-DATA-040"):
        BucketBatches(items(7), batch=8, seed=0).next_batch()
    batches = BucketBatches(items(16), batch=8, seed=0)
    batches.load_state_dict({"epoch": 0, "cursor": 3})
    with pytest.raises(InputError, match="GR-DATA-085"):
        batches.next_batch()


def test_two_ragged_columns_have_their_own_lengths_and_the_first_ones_mask():
    one, two = Ragged.of(sequences([1, 3])), Ragged.of(sequences([2, 1]))
    batch = padded({"sound": one, "text": two}, torch.tensor([1, 0]))
    assert batch["sound_length"].tolist() == [3, 1]
    assert batch["text_length"].tolist() == [1, 2]
    assert batch["mask"].shape == (2, 3)


def test_an_item_beyond_the_last_is_no_item():
    with pytest.raises(IndexError):
        Ragged.of(sequences([1]))[1]
