"""CTC against every alignment written out: the loss, the search, and the search with a language model."""

import itertools
import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.layers.ctc import BLANK, ctc_loss_sum, greedy, prefix_beam


def log_probs(steps, tokens, *, seed=0, count=1):
    scores = torch.randn(count, steps, tokens, generator=torch.Generator().manual_seed(seed)).double()
    return (2 * scores).log_softmax(dim=2)


def collapsed(path):
    return tuple(token for token, _ in itertools.groupby(path) if token != BLANK)


def likelihoods(table):
    """The likelihood of every text, summed over all paths that spell it."""
    total = defaultdict(float)
    for path in itertools.product(range(table.shape[1]), repeat=len(table)):
        total[collapsed(path)] += math.exp(sum(table[t, k].item() for t, k in enumerate(path)))
    return total


def test_the_loss_is_the_sum_over_alignments():
    table = log_probs(5, 3, count=3)
    texts, steps = [(1, 2), (1, 1), (2,)], [5, 4, 2]
    wanted = sum(
        -math.log(likelihoods(row[:some])[text]) for row, some, text in zip(table, steps, texts, strict=True)
    )
    padded = torch.tensor([[1, 2], [1, 1], [2, 0]])
    total, count = ctc_loss_sum(table.float(), torch.tensor(steps), padded, torch.tensor([2, 2, 1]))
    assert total.item() == pytest.approx(wanted, rel=1e-5)
    assert count == 5


def test_a_text_that_cannot_be_written_costs_infinity():
    total, _ = ctc_loss_sum(
        log_probs(2, 3).float(), torch.tensor([2]), torch.tensor([[1, 1]]), torch.tensor([2])
    )
    assert total.item() == math.inf


def test_greedy_takes_repeats_and_blanks_out_and_heeds_lengths():
    paths = [[1, 1, 0, 1, 2, 2], [0, 2, 2, 0, 1, 1], [1, 2, 1, 0, 0, 2]]
    table = torch.stack([torch.nn.functional.one_hot(torch.tensor(path), 3).float() for path in paths])
    assert greedy(table, torch.tensor([6, 4, 3])) == [[1, 1, 2], [2], [1, 2, 1]]


@given(st.integers(1, 5), st.integers(2, 3), st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_a_wide_beam_finds_every_likelihood(steps, tokens, seed):
    table = log_probs(steps, tokens, seed=seed)[0]
    found = dict(prefix_beam(table, beam=10_000))
    wanted = likelihoods(table)
    assert found.keys() == wanted.keys()
    assert all(math.exp(score) == pytest.approx(wanted[text]) for text, score in found.items())


def test_the_search_prefers_the_text_with_most_paths():
    """The likeliest path is blank, blank; the likeliest text is not: Graves et al. 2006, section 3.2."""
    table = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert greedy(table[None], torch.tensor([2])) == [[]]
    text, score = prefix_beam(table, beam=4)[0]
    assert text == (1,)
    assert math.exp(score) == pytest.approx(0.64)


def test_a_language_model_and_a_bonus_are_added_to_whole_texts():
    table = log_probs(4, 3, seed=5)[0]
    chances = {(): [0.2, 0.7, 0.1], 1: [0.5, 0.1, 0.4], 2: [0.3, 0.3, 0.4]}

    def model(prefix):
        return [math.log(p) for p in chances[prefix[-1] if prefix else ()]]

    def worth(text):
        steps = [*text, BLANK]
        spoken = sum(model(text[:place])[token] for place, token in enumerate(steps))
        return math.log(likelihoods(table)[text]) + 0.8 * spoken + 0.3 * len(text)

    found = prefix_beam(table, beam=10_000, next_log_probs=model, weight=0.8, bonus=0.3)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert all(score == pytest.approx(worth(text)) for text, score in found)


def test_a_narrow_beam_never_claims_more_than_there_is():
    table = log_probs(6, 4, seed=2)[0]
    wanted = likelihoods(table)
    for text, score in prefix_beam(table, beam=3):
        assert math.exp(score) <= wanted[text] + 1e-12


def test_unlikely_tokens_may_be_passed_over():
    table = torch.tensor([[0.5, 0.49, 0.01]]).log()
    assert {text for text, _ in prefix_beam(table, beam=9)} == {(), (1,), (2,)}
    assert {text for text, _ in prefix_beam(table, beam=9, least_log_prob=math.log(0.1))} == {(), (1,)}
