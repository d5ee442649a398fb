"""Ranking scores against scikit-learn on random cases with ties, and against cases worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from gradus.metrics.ranking import (
    alarm_scores,
    auroc,
    average_precision,
    best_f1,
    roc_curve,
    threshold_at,
)

# Two normal rows at 1 and 3; anomalies at 2, 3 and 4.
SCORES = torch.tensor([1.0, 3.0, 2.0, 3.0, 4.0])
POSITIVE = torch.tensor([False, False, True, True, True])


def test_a_case_by_hand():
    # Pairs won: 2 over 1; 3 over 1, and half over 3; 4 over both.
    assert auroc(SCORES, POSITIVE) == pytest.approx((1 + 1.5 + 2) / 6)
    # At 4: 1 of 1; at 3: 2 of 3; at 2: 3 of 4. Each adds a third of recall.
    assert average_precision(SCORES, POSITIVE) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert best_f1(SCORES, POSITIVE) == pytest.approx((6 / 7, 1.0))
    found = alarm_scores(SCORES, POSITIVE, threshold=2.0)
    assert (found.precision, found.recall) == pytest.approx((2 / 3, 2 / 3))
    assert (found.f1, found.false_alarm_rate) == pytest.approx((2 / 3, 1 / 2))


cases = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60)


@given(cases)
@settings(max_examples=80, deadline=None)
def test_scores_agree_with_scikit_learn(case):
    scores = torch.tensor([score / 7 for score, _ in case])
    positive = torch.tensor([is_positive for _, is_positive in case])
    s, y = scores.double().numpy(), positive.numpy()
    if not positive.any():
        assert math.isnan(average_precision(scores, positive))
        return
    assert average_precision(scores, positive) == pytest.approx(metrics.average_precision_score(y, s))
    found = alarm_scores(scores, positive, threshold=float(s[0]))
    wanted = metrics.precision_recall_fscore_support(y, s > s[0], average="binary", zero_division=0)
    assert (found.precision, found.recall, found.f1) == pytest.approx(wanted[:3])
    if positive.all():
        assert math.isnan(auroc(scores, positive))
        assert math.isnan(found.false_alarm_rate)
        return
    assert found.false_alarm_rate == pytest.approx((s[~y] > s[0]).mean())
    assert auroc(scores, positive) == pytest.approx(metrics.roc_auc_score(y, s))
    false_alarms, recalls, _ = metrics.roc_curve(y, s, drop_intermediate=False)
    ours = roc_curve(scores, positive)
    np.testing.assert_allclose(np.stack([one.numpy() for one in ours]), np.stack([false_alarms, recalls]))


@given(cases)
@settings(max_examples=60, deadline=None)
def test_no_threshold_beats_the_best_f1_and_its_own_reaches_it(case):
    scores = torch.tensor([float(score) for score, _ in case])
    positive = torch.tensor([is_positive for _, is_positive in case])
    best, threshold = best_f1(scores, positive)
    tried = [alarm_scores(scores, positive, threshold=t - 0.5).f1 for t in range(10)]
    assert best == pytest.approx(max(tried))
    assert alarm_scores(scores, positive, threshold=threshold).f1 == pytest.approx(best)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=80),
    st.floats(0, 0.99),
)
@settings(max_examples=80, deadline=None)
def test_a_threshold_keeps_its_rate_and_no_lower_one_does(values, rate):
    scores = torch.tensor([float(value) for value in values])
    threshold = threshold_at(scores, false_alarm_rate=rate)
    allowed = rate * len(values) + 1e-6
    assert (scores > threshold).sum() <= allowed
    lower = [value for value in values if value < threshold]
    if lower:
        assert (scores > max(lower)).sum() > rate * len(values) - 1e-6


def test_a_rate_of_zero_is_the_highest_score():
    assert threshold_at(SCORES, false_alarm_rate=0.0) == 4.0
    assert threshold_at(SCORES, false_alarm_rate=0.2) == 3.0


@pytest.mark.parametrize("scores", [SCORES, 2 * SCORES + 1, SCORES.exp()])
def test_only_the_order_matters(scores):
    assert auroc(scores, POSITIVE) == auroc(SCORES, POSITIVE)
    assert average_precision(scores, POSITIVE) == average_precision(SCORES, POSITIVE)
