"""The counting language model: a case by hand, sums of one, and a perplexity worked out."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data.ngrams import EDGE, Ngrams

A, B = 1, 2


def test_a_case_by_hand():
    """Texts "ab" and "aa", three tokens with the edge: Witten and Bell's estimate worked out."""
    model = Ngrams.fit([[A, B], [A, A]], order=2, num_tokens=3)
    # No context: a three times, b once, the end twice; three kinds. After a: b, a, end, once each.
    single = {A: (3 + 3 / 3) / 9, B: (1 + 3 / 3) / 9, EDGE: (2 + 3 / 3) / 9}
    after_a = {token: (1 + 3 * single[token]) / 6 for token in (A, B, EDGE)}
    got = [math.exp(value) for value in model.next_log_probs([B, A])]
    assert got == pytest.approx([after_a[EDGE], after_a[A], after_a[B]])
    first = {token: ((2 if token == A else 0) + 1 * single[token]) / 3 for token in (A, B, EDGE)}
    assert [math.exp(value) for value in model.next_log_probs([])] == pytest.approx(
        [first[EDGE], first[A], first[B]]
    )


def test_order_one_has_no_context():
    model = Ngrams.fit([[A, B], [A, A]], order=1, num_tokens=3)
    assert model.next_log_probs([]) == model.next_log_probs([B, B])


def test_the_log_prob_of_a_text_is_that_of_its_steps():
    model = Ngrams.fit([[A, B, A], [B]], order=3, num_tokens=3)
    wanted = model.next_log_probs([])[B] + model.next_log_probs([B])[A] + model.next_log_probs([B, A])[EDGE]
    assert model.log_prob([B, A]) == pytest.approx(wanted)
    assert model.perplexity([[B, A]]) == pytest.approx(math.exp(-wanted / 3))


def test_what_was_seen_is_likelier():
    model = Ngrams.fit([[1, 2, 3]] * 9 + [[3, 1, 2]], order=3, num_tokens=5)
    assert model.log_prob([1, 2, 3]) > model.log_prob([3, 1, 2]) > model.log_prob([2, 1, 3])
    assert model.perplexity([[1, 2, 3]]) < model.perplexity([[4, 4, 4]])


texts = st.lists(st.lists(st.integers(1, 4), max_size=6), min_size=1, max_size=8)


@given(texts, st.integers(1, 5), st.lists(st.integers(1, 4), max_size=6))
@settings(deadline=None)
def test_probabilities_sum_to_one_after_any_context(known, order, context):
    model = Ngrams.fit(known, order=order, num_tokens=5)
    assert math.fsum(map(math.exp, model.next_log_probs(context))) == pytest.approx(1)
    again = Ngrams.of_plan(json.loads(json.dumps(model.to_plan())))
    assert again.next_log_probs(context) == pytest.approx(model.next_log_probs(context))
