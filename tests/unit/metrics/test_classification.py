"""Every score against scikit-learn on random cases and against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from gradus.metrics.classification import ClassificationScore, ClassRow, ReliabilityBin


def random_case(seed, *, count, num_classes):
    """Confident, partly right probabilities; some classes may be absent or never predicted."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, num_classes, (count,), generator=generator)
    logits = 2 * torch.randn(count, num_classes, generator=generator, dtype=torch.float64)
    logits[torch.arange(count), labels] += 1
    return logits.softmax(1), labels


def scored(probabilities, labels, **settings):
    score = ClassificationScore(probabilities.shape[1], **settings)
    score.update(probabilities, labels)
    return score


cases = st.tuples(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 12))


@given(cases)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_scores_agree_with_scikit_learn(case):
    seed, count, num_classes = case
    probabilities, labels = random_case(seed, count=count, num_classes=num_classes)
    score = scored(probabilities, labels)
    found = score.compute()
    del found["calibration_error"]  # scikit-learn has none: see the next test
    p, y = probabilities.numpy(), labels.numpy()
    predicted, classes = p.argmax(1), np.arange(num_classes)
    wanted = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "macro_f1": metrics.f1_score(y, predicted, average="macro", zero_division=0),
        "weighted_f1": metrics.f1_score(y, predicted, average="weighted", zero_division=0),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "negative_log_likelihood": metrics.log_loss(y, p, labels=classes),
        "brier": sum(metrics.brier_score_loss((y == k).astype(int), p[:, k], pos_label=1) for k in classes),
    }
    if num_classes > 5:
        wanted["top5_accuracy"] = metrics.top_k_accuracy_score(y, p, k=5, labels=classes)
    assert found == pytest.approx(wanted, abs=1e-12)
    np.testing.assert_array_equal(score.confusion, metrics.confusion_matrix(y, predicted, labels=classes))
    rows = [(r.precision, r.recall, r.f1, r.count) for r in score.per_class([str(k) for k in classes])]
    by_class = metrics.precision_recall_fscore_support(y, predicted, labels=classes, zero_division=0)
    np.testing.assert_allclose(np.array(rows).T, np.array(by_class), atol=1e-12)


@given(cases, st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_reliability_bins_are_scikit_learns_calibration_curve_of_the_top_class(case, num_bins):
    seed, count, num_classes = case
    probabilities, labels = random_case(seed, count=count, num_classes=num_classes)
    score = scored(probabilities, labels, num_bins=num_bins)
    confidence, predicted = probabilities.max(1)
    hits = (predicted == labels).numpy()
    accuracies, confidences = calibration_curve(
        np.append(hits, [0, 1]), np.append(confidence.numpy(), [0, 0]), n_bins=num_bins
    )  # two more items, since it refuses data of one class; they land in the first bin
    bins = score.reliability()
    assert sum(b.count for b in bins) == count
    first, rest = (bins[0], bins[1:]) if bins[0].low == 0 else (None, bins)
    held = first.count if first else 0
    assert accuracies[0] == pytest.approx((first.accuracy * held + 1 if first else 1) / (held + 2))
    np.testing.assert_allclose([b.accuracy for b in rest], accuracies[1:], atol=1e-12)
    np.testing.assert_allclose([b.confidence for b in rest], confidences[1:], atol=1e-12)
    error = sum(b.count / count * abs(b.accuracy - b.confidence) for b in bins)
    assert score.compute()["calibration_error"] == pytest.approx(error, abs=1e-12)


def test_four_items_by_hand():
    probabilities = torch.tensor(
        [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], dtype=torch.float64
    )
    score = scored(probabilities, torch.tensor([0, 1, 1, 0]), num_bins=2)
    assert score.confusion.tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    found = score.compute()
    assert list(found) == [
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "balanced_accuracy",
        "calibration_error",
        "negative_log_likelihood",
        "brier",
    ]
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)  # class 2 is neither seen nor predicted
    assert found["weighted_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["balanced_accuracy"] == 0.75  # recalls 1 and 1/2
    # (0, .5] holds one item of confidence .5, wrong; (.5, 1] three of mean .7, all right.
    assert found["calibration_error"] == pytest.approx(0.25 * 0.5 + 0.75 * 0.3)
    assert found["negative_log_likelihood"] == pytest.approx(-np.log([0.7, 0.4, 0.8, 0.6]).mean())
    assert found["brier"] == pytest.approx((0.14 + 0.62 + 0.06 + 0.26) / 4)
    assert score.per_class(["cat", "dog", "eel"]) == [
        ClassRow(name="cat", precision=2 / 3, recall=1.0, f1=0.8, count=2, predicted=3),
        ClassRow(name="dog", precision=1.0, recall=0.5, f1=2 / 3, count=2, predicted=1),
        ClassRow(name="eel", precision=0.0, recall=0.0, f1=0.0, count=0, predicted=0),
    ]
    low, high = score.reliability()
    assert low == ReliabilityBin(low=0.0, high=0.5, count=1, confidence=0.5, accuracy=0.0)
    assert (high.low, high.high, high.count, high.accuracy) == (0.5, 1.0, 3, 1.0)
    assert high.confidence == pytest.approx(0.7)


def test_brier_of_two_classes_counts_both():
    found = scored(torch.tensor([[0.8, 0.2]]), torch.tensor([1])).compute()
    assert found["brier"] == pytest.approx(0.8**2 + 0.8**2)


@given(cases, st.data())
@settings(max_examples=40, deadline=None)
def test_merged_scores_equal_the_score_of_everything(case, data):
    seed, count, num_classes = case
    probabilities, labels = random_case(seed, count=count, num_classes=num_classes)
    cut = data.draw(st.integers(0, count))
    whole = scored(probabilities, labels)
    left, right = scored(probabilities[:cut], labels[:cut]), scored(probabilities[cut:], labels[cut:])
    before = {name: total.clone() for name, total in right.state.items()}
    left.merge(right)
    for name, total in whole.state.items():
        torch.testing.assert_close(left.state[name], total, rtol=1e-12, atol=1e-12)
        assert torch.equal(right.state[name], before[name])
    assert left.compute() == pytest.approx(whole.compute(), abs=1e-12)


def test_equal_probabilities_rank_in_the_order_of_the_classes():
    """A model that knows nothing must not get full marks for a tie."""
    labels = torch.arange(10)
    found = scored(torch.full((10, 10), 0.1), labels).compute()
    assert found["accuracy"] == 0.1
    assert found["top5_accuracy"] == 0.5


def test_top_k_follows_its_setting():
    probabilities = torch.tensor([[0.5, 0.3, 0.2]]).repeat(3, 1)
    found = scored(probabilities, torch.tensor([0, 1, 2]), top_k=2).compute()
    assert found["top2_accuracy"] == pytest.approx(2 / 3)


def test_an_impossible_answer_costs_much_but_not_everything():
    found = scored(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])).compute()
    assert found["negative_log_likelihood"] == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2)


def test_certain_answers_fall_in_the_last_bin():
    (only,) = scored(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).reliability()
    assert (only.high, only.accuracy, only.confidence) == (1.0, 1.0, 1.0)


def test_a_diverged_model_scores_nan_and_breaks_nothing():
    found = scored(torch.full((3, 8), torch.nan), torch.tensor([1, 2, 3])).compute()
    assert np.isnan(found["negative_log_likelihood"])
    assert found["accuracy"] == 0


def test_probabilities_that_still_carry_gradients_leave_none_in_the_score():
    score = scored(torch.randn(4, 3, requires_grad=True).softmax(1), torch.tensor([0, 1, 2, 0]))
    assert not any(total.requires_grad for total in score.state.values())


def test_scores_of_nothing_and_of_other_settings_are_refused():
    with pytest.raises(AssertionError, match="nothing was added"):
        ClassificationScore(3).compute()
    with pytest.raises(AssertionError):
        ClassificationScore(3).merge(ClassificationScore(3, num_bins=10))
    with pytest.raises(AssertionError, match="2 names for 3 classes"):
        ClassificationScore(3).per_class(["cat", "dog"])
    with pytest.raises(AssertionError, match="4 != 3"):
        ClassificationScore(3).update(torch.full((1, 4), 0.25), torch.tensor([0]))
