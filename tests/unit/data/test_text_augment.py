"""Random changes of texts: what they leave alone, how often they strike, and where synonyms come from."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import InputError
from gradus.data.text_augment import (
    TextAugmentConfig,
    augment_words,
    compact,
    delete,
    insert,
    nearest_words,
    read_synonyms,
    swap,
    synonym_table,
    synonyms_of,
)
from gradus.data.vocabulary import PADDING, UNKNOWN, Vocabulary

VOCABULARY = Vocabulary(["<pad>", "<unk>", "good", "fine", "great", "bad", "awful", "film"])
TABLE = synonym_table({"good": ["fine", "great"], "bad": ["awful"]}, VOCABULARY)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(lengths, width):
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    word = torch.randint(2, 8, (len(lengths), width), generator=rng(9)) * mask
    return word, mask


def rows(word, mask):
    return [sorted(row[real].tolist()) for row, real in zip(word, mask, strict=True)]


def test_nothing_asked_nothing_done():
    word, mask = batch([3, 5], 5)
    same, still = augment_words(word, mask, TextAugmentConfig(), synonyms=TABLE, generator=rng())
    assert torch.equal(same, word)
    assert torch.equal(still, mask)


def test_synonyms_are_drawn_evenly_among_those_there_are():
    word = torch.tensor([[2, 5, 7, 0]]).repeat(4000, 1)
    found = synonyms_of(word, TABLE, generator=rng())
    assert set(found[:, 0].tolist()) == {3, 4}
    assert (found[:, 0] == 3).double().mean().item() == pytest.approx(0.5, abs=0.03)
    assert set(found[:, 1].tolist()) == {6}
    assert torch.equal(found[:, 2:], word[:, 2:])


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 99),
)
def test_swapping_keeps_words_and_deleting_keeps_order(lengths, share, seed):
    word, mask = batch(lengths, 7)
    assert rows(swap(word, mask, share=share, generator=rng(seed)), mask) == rows(word, mask)
    less, left = delete(word, mask, share=share, generator=rng(seed))
    assert left.any(dim=1).all()
    for before, real, after, kept in zip(word, mask, less, left, strict=True):
        remaining = iter(before[real].tolist())
        assert all(any(one == other for other in remaining) for one in after[kept].tolist())
        assert (after[~kept] == PADDING).all()


def test_shares_are_kept_on_the_whole():
    word, mask = batch([50] * 200, 50)
    _, left = delete(word, mask, share=0.3, generator=rng())
    assert left.sum().item() / mask.sum().item() == pytest.approx(0.7, abs=0.02)
    _, more = insert(word, mask, share=0.2, synonyms=TABLE, generator=rng())
    assert more.sum().item() / mask.sum().item() == pytest.approx(1.2, abs=0.02)
    forgot, _ = augment_words(
        word, mask, TextAugmentConfig(unknown_share=0.1), synonyms=TABLE, generator=rng()
    )
    assert (forgot == UNKNOWN).double().mean().item() == pytest.approx(0.1, abs=0.02)
    moved = swap(word, mask, share=0.5, generator=rng())
    assert 0.2 < (moved != word).double().mean().item() < 0.5


def test_inserted_words_come_from_the_text_or_its_synonyms():
    word, mask = torch.tensor([[7, 7, 7], [5, 5, 0]]), torch.tensor([[True] * 3, [True, True, False]])
    more, real = insert(word, mask, share=0.9, synonyms=TABLE, generator=rng(3))
    assert set(more[0][real[0]].tolist()) == {7}
    assert set(more[1][real[1]].tolist()) == {5, 6}
    assert real[1].sum() > 2


def test_compacting_moves_words_together():
    word, kept = torch.tensor([[2, 3, 4, 5]]), torch.tensor([[False, True, False, True]])
    found, mask = compact(word, kept)
    assert found.tolist() == [[3, 5]]
    assert mask.all()


def test_a_list_of_synonyms_keeps_known_words(tmp_path):
    path = tmp_path / "synonyms.txt"
    path.write_text("Good fine, superb great\n\nbad awful\nodd strange\ngood fine\n")
    assert read_synonyms(path, VOCABULARY) == {"good": ["fine", "great"], "bad": ["awful"]}
    path.write_text("good fine\nalone\n")
    with pytest.raises(InputError, match="GR-TEXT-035") as caught:
        read_synonyms(path, VOCABULARY)
    assert caught.value.where.endswith("line 2")


def test_neighbours_point_the_same_way():
    vectors = torch.zeros(8, 2)
    vectors[2:7] = torch.tensor([[1.0, 0.1], [2.0, 0.1], [1.0, 0.3], [-1.0, 0.0], [-3.0, 0.1]])
    found = nearest_words(vectors, VOCABULARY, count=1)
    assert found == {
        "good": ["fine"],
        "fine": ["good"],
        "great": ["good"],
        "bad": ["awful"],
        "awful": ["bad"],
    }
    assert nearest_words(torch.zeros(8, 2), VOCABULARY, count=3) == {}
