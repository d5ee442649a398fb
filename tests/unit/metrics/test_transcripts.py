"""Error rates of transcripts: a case by hand, an edit distance written out, and sums over batches."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.errors import UsageError
from gradus.metrics.transcripts import TranscriptScore, word_errors

pytest.importorskip("jiwer")


def distance(one, other):
    """Levenshtein's, by its recurrence."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(before + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def scored(said, heard):
    score = TranscriptScore()
    score.update(said, heard)
    return score


def test_a_case_by_hand():
    score = scored(["the cat sat", "on it", "yes"], ["the bat sat down", "it", "yes"])
    found = score.compute()
    assert found["wer"] == pytest.approx(3 / 6)  # bat for cat, down made up, on missed
    assert found["word_accuracy"] == pytest.approx(1 / 2)
    assert found["transcript_accuracy"] == pytest.approx(1 / 3)
    assert found["cer"] == pytest.approx((1 + 5 + 3) / (11 + 5 + 3))
    assert score.confusions == {("cat", "bat"): 1, ("", "down"): 1, ("on", ""): 1}
    assert (score.words.substitutions, score.words.insertions, score.words.deletions) == (1, 1, 1)


def test_the_rate_is_over_the_set_and_not_a_mean():
    found = scored(["a", "b c d e f g h i j"], ["x", "b c d e f g h i j"]).compute()
    assert found["wer"] == pytest.approx(1 / 10)


def test_silence_is_all_missed_and_babble_goes_beyond_one():
    assert scored(["one two"], [""]).compute()["wer"] == 1.0
    found = scored(["one"], ["two three four"]).compute()
    assert (found["wer"], found["word_accuracy"]) == (3.0, -2.0)


words = st.lists(st.sampled_from(["a", "bb", "c", "dd"]), min_size=1, max_size=5).map(" ".join)
maybe = st.lists(st.sampled_from(["a", "bb", "c", "dd"]), max_size=5).map(" ".join)


@given(st.lists(st.tuples(words, maybe), min_size=1, max_size=6))
def test_rates_are_edit_distances_and_batches_add_up(pairs):
    whole = scored([said for said, _ in pairs], [heard for _, heard in pairs])
    pieces = TranscriptScore()
    for said, heard in pairs:
        pieces.update([said], [heard])
    assert pieces == whole
    found = whole.compute()
    errors = sum(distance(said.split(), heard.split()) for said, heard in pairs)
    letters = sum(distance(said, heard) for said, heard in pairs)
    assert found["wer"] == pytest.approx(errors / sum(len(said.split()) for said, _ in pairs))
    assert found["cer"] == pytest.approx(letters / sum(len(said) for said, _ in pairs))


def test_one_utterance_has_its_rate():
    assert word_errors("one two", "one too") == 0.5


def test_without_jiwer_the_remedy_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(UsageError, match="GR-SOUND-007"):
        scored(["a"], ["a"])
