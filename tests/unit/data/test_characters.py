"""Letters and subwords: against merges written out by hand, and there and back for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data.characters import Spelling, steps_needed, tidy, words_with_spaces

TEXTS = ["low low low", "lower lower", "newest newest newest newest newest newest", "widest widest widest"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Printing, in the only sense", "printing in the only sense"),
        ("don\u2019t 'quote' rock 'n' roll", "don't quote rock n roll"),
        ("  a\tb\u00a0c\n", "a b c"),
        ("caf\u0065\u0301 \ufb01n", "caf\u00e9 fin"),
        ("snake_case -- x!", "snake case x"),
        ("...", ""),
    ],
)
def test_tidy(text, wanted):
    assert tidy(text) == wanted
    assert tidy(tidy(text)) == wanted
    assert tidy(text, case="upper") == wanted.upper()


def test_letters_are_tokens_and_zero_is_the_blank():
    spelling = Spelling.learn(["cab", "a bad"])
    assert spelling.tokens == ("", " ", "a", "b", "c", "d")
    assert spelling.encode(["a cab"]) == [[2, 1, 4, 2, 3]]
    assert spelling.decode([2, 1, 4, 2, 3]) == "a cab"


def test_merges_are_those_of_the_paper():
    """Sennrich et al., figure 1: of low, lower, newest and widest the first merges are e s, es t, l o."""
    words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    spelling = Spelling.learn(words, merges=3)
    assert spelling.merges == (("e", "s"), ("es", "t"), ("l", "o"))
    assert [spelling.tokens[token] for token in spelling.encode(["lowest"])[0]] == ["lo", "w", "est"]


def test_a_pair_that_occurs_once_is_no_token():
    assert Spelling.learn(["ab", "cd"], merges=5).merges == ()


def test_merges_do_not_cross_words():
    spelling = Spelling.learn(["a b a b a b"], merges=10)
    assert all(" " not in token[1:] for token in spelling.tokens)


def test_unknown_letters_are_counted_and_left_out():
    spelling = Spelling.learn(["abc"])
    assert spelling.unknown(["axbx", "y"]) == {"x": 2, "y": 1}
    assert spelling.encode(["axb"]) == spelling.encode(["ab"])


@given(st.lists(st.text("ab cd", min_size=1).map(tidy).filter(bool), min_size=1), st.integers(0, 12))
def test_there_and_back(texts, merges):
    spelling = Spelling.learn(texts, merges=merges)
    assert Spelling.of_plan(spelling.to_plan()) == spelling
    assert [spelling.decode(tokens) for tokens in spelling.encode(texts)] == texts
    assert all(0 not in tokens for tokens in spelling.encode(texts))


def test_steps_count_a_blank_between_equal_tokens():
    assert [steps_needed(tokens) for tokens in ([], [1], [1, 1], [1, 2, 1], [3, 3, 3])] == [0, 1, 3, 3, 5]


def test_words_keep_the_space_before_them():
    assert words_with_spaces("a bc d") == ["a", " bc", " d"]
