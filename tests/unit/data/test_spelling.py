"""Pieces of words: the example of the paper, and texts against a count by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data import spelling
from gradus.data.spelling import Spelling, pieces_of
from gradus.data.tokenise import Cut

texts_of = st.lists(st.lists(st.text("abc", min_size=1, max_size=5), max_size=6), min_size=1, max_size=8)


def test_the_pieces_of_where_are_those_of_the_paper():
    assert pieces_of("where", shortest=3, longest=3) == ["<wh", "whe", "her", "ere", "re>"]
    assert pieces_of("a", shortest=3, longest=6) == ["<a>"]
    assert pieces_of("a", shortest=4, longest=6) == []


@settings(deadline=None)
@given(texts=texts_of, min_count=st.integers(1, 3), together=st.integers(1, 9))
def test_a_text_has_the_different_pieces_of_its_words(texts, min_count, together):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spelling, "TOGETHER", together)
        cut = Cut.of(texts)
        made = Spelling.fit(cut, shortest=2, longest=3, min_count=min_count)
        found = made.encode(cut)
    there = [{p for word in text for p in pieces_of(word, shortest=2, longest=3)} for text in texts]
    every = set().union(*there)
    assert made.pieces == sorted(p for p in every if sum(p in some for some in there) >= min_count)
    assert len(found) == len(texts)
    for row, some in zip(found, there, strict=True):
        assert [made.pieces[number - 1] for number in row.tolist()] == sorted(some & set(made.pieces))


def test_a_word_that_was_never_met_has_the_pieces_that_were():
    made = Spelling.fit(Cut.of([["kindness"]]), shortest=3, longest=4, min_count=1)
    (row,) = made.encode(Cut.of([["unkind"]]))
    assert {made.pieces[number - 1] for number in row.tolist()} == {"kin", "ind", "kind"}


def test_pieces_know_their_words():
    made = Spelling.fit(Cut.of([["good", "goods", "bad"]]), shortest=3, longest=3, min_count=1)
    piece = torch.tensor([made.number["<go"], 0, made.number["ds>"]])
    owners = made.owners(["goods", "bad", "god"], piece)
    assert owners.tolist() == [[True, False, True], [False, False, False], [True, False, False]]
