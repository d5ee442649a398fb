"""Cleaning steps, one by one."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.data import clean as cleaning
from gradus.data.clean import NEGATIONS, CleanConfig, clean, stop_words

TWEET = "@Jet &lt;3 thanks, http://t.co/x?y=1 <br />I'd NOT go at 10:30!!"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lower_case": False}, TWEET),
        ({}, TWEET.lower()),
        ({"markup": "remove"}, "@jet <3 thanks, http://t.co/x?y=1  i'd not go at 10:30!!"),
        ({"web": "mask"}, "@name &lt;3 thanks, @link <br />i'd not go at 10:30!!"),
        ({"web": "remove"}, "  &lt;3 thanks,   <br />i'd not go at 10:30!!"),
        ({"numbers": "mask"}, "@jet &lt;0 thanks, http://t.co/x?y=0 <br />i'd not go at 0!!"),
        (
            {"markup": "remove", "web": "remove", "punctuation": "remove", "stop_words": "remove"},
            "3 thanks 'd not 10 30",
        ),
    ],
)
def test_each_step_does_its_own(changes, expected):
    assert clean(TWEET, CleanConfig(**changes)) == expected


def test_negations_are_no_stop_words():
    kept = clean("it is not the one that I had never liked", CleanConfig(stop_words="remove"))
    assert kept == "not never liked"
    assert not stop_words("english") & NEGATIONS
    with pytest.raises(UsageError, match="GR-TEXT-020"):
        stop_words("german")


def test_stems():
    pytest.importorskip("snowballstemmer")
    assert clean("loving loved loves", CleanConfig(inflection="stem")) == "love love love"
    assert clean("Häuser", CleanConfig(inflection="stem", language="german")) == "haus"


def test_lemmas():
    pytest.importorskip("simplemma")
    assert clean("was children", CleanConfig(inflection="lemma")) == "be child"
    assert clean("Kinder", CleanConfig(inflection="lemma", language="german", lower_case=False)) == "Kind"


@pytest.mark.parametrize(("step", "library"), [("stem", "snowballstemmer"), ("lemma", "simplemma")])
def test_a_library_that_is_missing_is_named(monkeypatch, step, library):
    monkeypatch.setitem(sys.modules, library, None)
    cleaning.stemmer.cache_clear()
    cleaning.lemmatiser.cache_clear()
    with pytest.raises(UsageError, match=r"GR-TEXT-021") as caught:
        clean("a word", CleanConfig(inflection=step))
    assert caught.value.remedy == "Run `pip install 'gradus[text]'`."


@given(st.text(st.characters(exclude_characters="<>&@")))
def test_steps_that_only_take_away_are_done_once(text):
    config = CleanConfig(punctuation="remove", stop_words="remove")
    once = clean(text, config)
    assert clean(once, config) == once


@given(st.text())
def test_any_text_can_be_cleaned(text):
    assert isinstance(clean(text, CleanConfig(markup="remove", web="remove", numbers="mask")), str)
