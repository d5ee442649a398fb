"""Words, pieces of words, and the vocabulary."""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.data import tokenise
from gradus.data.tokenise import (
    Cut,
    SubwordsConfig,
    Words,
    WordsConfig,
    fit_tokeniser,
    split_words,
    tokeniser_of,
)
from gradus.data.vocabulary import PADDING, SPECIAL, UNKNOWN, Vocabulary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's great, isn't it?!", ["It", "'s", "great", ",", "is", "n't", "it", "?", "!"]),
        ("can't won't", ["ca", "n't", "wo", "n't"]),
        ("it 's n't so", ["it", "'s", "n't", "so"]),
        ("a well-made 3.5 star film...", ["a", "well-made", "3.5", "star", "film", "..."]),
        ("@jet :) #fail :-(", ["@jet", ":)", "#fail", ":-("]),
        ("  \n", []),
        ("déjà 很好", ["déjà", "很好"]),
        ("de\u0301ja\u0300", ["de\u0301ja\u0300"]),
        ("नमस्ते दुनिया! ดีมาก", ["नमस्ते", "दुनिया", "!", "ดีมาก"]),
        ("क्\u200dष है", ["क्\u200dष", "है"]),
        ("ISN'T so ❤\ufe0f❤\ufe0f!", ["IS", "N'T", "so", "❤\ufe0f❤\ufe0f", "!"]),
    ],
)
def test_words_are_cut_as_the_treebank_cuts_them(text, words):
    assert split_words(text) == words


@given(st.text(alphabet=st.characters() | st.sampled_from("abn't's-.@:)! \t\n\u200d\u0301"), max_size=80))
def test_cutting_at_spaces_first_changes_nothing(text):
    assert split_words(text) == [found[0] for found in tokenise._word_pattern().finditer(text)]


@given(st.text())
def test_words_hold_no_space_and_stand_in_order(text):
    rest = text
    for word in split_words(text):
        assert not any(map(str.isspace, word))
        before, found, rest = rest.partition(word)
        assert found
        assert not any(map(str.isalnum, before))


def test_a_vocabulary_goes_by_frequency_then_alphabet():
    texts = [["b", "a", "c"], ["c", "b", "d"], ["c"], [SPECIAL[1]]]
    assert Vocabulary.fit(texts).words == [*SPECIAL, "c", "b", "a", "d"]
    assert Vocabulary.fit(texts, min_count=2).words == [*SPECIAL, "c", "b"]
    assert Vocabulary.fit(texts, most=1).words == [*SPECIAL, "c"]


def test_unknown_words_and_empty_texts_have_a_number():
    made = Vocabulary.fit([["a"]])
    assert made.encode(["a", "z"]) == [2, UNKNOWN]
    assert made.encode([]) == [UNKNOWN]
    assert PADDING == 0


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=5), min_size=1, max_size=6), st.integers(1, 6))
def test_texts_cut_together_have_the_numbers_that_they_have_alone(texts, most):
    cut = Cut.of(texts)
    assert [[cut.tokens[i] for i in row.tolist()] for row in cut.place] == texts
    assert cut.counts() == Counter(chain.from_iterable(texts))
    vocabulary = Vocabulary([*SPECIAL, "a", "c", "e"])
    assert [row.tolist() for row in cut.encode(vocabulary)] == [vocabulary.encode(text) for text in texts]
    short = [row.tolist() for row in cut.first(most).encode(vocabulary)]
    assert short == [vocabulary.encode(text[:most]) for text in texts]


def test_words_come_back_from_json():
    made = fit_tokeniser(["a good film", "a bad film"], WordsConfig(min_count=2))
    again = tokeniser_of(json.loads(json.dumps(made.to_json())))
    assert again.encode("a good film") == made.encode("a good film") == [2, UNKNOWN, 3]
    assert again.tokens("a good film") == ["a", "good", "film"]


@pytest.mark.parametrize("algorithm", ["bpe", "wordpiece"])
def test_pieces_of_words_know_every_word(algorithm):
    pytest.importorskip("tokenizers")
    texts = ["the lowest price is the lower price", "newer and wider and lower"] * 4
    made = fit_tokeniser(texts, SubwordsConfig(algorithm=algorithm, size=60))
    again = tokeniser_of(json.loads(json.dumps(made.to_json())))
    assert made.vocabulary.words[:2] == list(SPECIAL)
    assert len(made.vocabulary) <= 60
    numbers = made.encode("lowest newest")
    assert UNKNOWN not in numbers
    assert [made.vocabulary.words[number] for number in numbers] == made.tokens("lowest newest")
    assert again.encode("lowest newest") == numbers
    assert made.encode("") == [UNKNOWN]
    assert UNKNOWN in made.encode("北")


AGAIN = """
import sys
from gradus.data.tokenise import SubwordsConfig, fit_tokeniser

texts = [" ".join(f"{a}{b}{c}" for a in "bdfgk" for c in "lmnrst") for b in "aeiou"]
print(fit_tokeniser(texts, SubwordsConfig(algorithm=sys.argv[1], size=90)).to_json()["tokenizer"])
"""


@pytest.mark.parametrize("algorithm", ["bpe", "wordpiece"])
def test_the_same_texts_give_the_same_pieces_in_every_process(algorithm):
    pytest.importorskip("tokenizers")
    found = {
        subprocess.run(
            [sys.executable, "-c", AGAIN, algorithm],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1  # every pair is as frequent as many others


def test_marks_of_letters_in_a_text_are_letters():
    pytest.importorskip("tokenizers")
    made = fit_tokeniser(["a bad ad", "dab"], SubwordsConfig(size=30))
    assert made.tokens("bad</w>") == ["bad</w>", *["<unk>"] * 4]


def test_the_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match="GR-TEXT-021"):
        fit_tokeniser(["a"], SubwordsConfig())


def test_words_have_one_number():
    with pytest.raises(AssertionError):
        Words(Vocabulary([*SPECIAL, "a", "a"]))
