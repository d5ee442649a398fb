"""Log-count ratios against a count by hand, and against scikit-learn's naive Bayes."""

import math

import torch
from sklearn.naive_bayes import MultinomialNB

from gradus.models.text_bag import TextBag, TextBagConfig, first_of_each, log_count_ratios


def test_ratios_by_hand():
    ratios = log_count_ratios(torch.tensor([[0, 0], [1, 0], [2, 0], [0, 1]]), smoothing=1.0)
    inside, outside = [1, 2, 3, 1], [1, 1, 1, 2]  # counts of each feature in class 0 and in class 1, plus 1
    expected = [math.log(a / 7) - math.log(b / 5) for a, b in zip(inside, outside, strict=True)]
    torch.testing.assert_close(ratios[1:, 0], torch.tensor(expected[1:]))
    torch.testing.assert_close(ratios[1:, 1], -ratios[1:, 0])
    assert ratios[0].tolist() == [0, 0]


def test_ratios_with_weights_of_one_are_naive_bayes():
    rng = torch.Generator().manual_seed(0)
    table = (torch.rand(40, 9, generator=rng) < 0.3).long()
    table[:, 0] = 0  # padding
    labels = torch.randint(2, (40,), generator=rng)
    counts = torch.stack([table[labels == label].sum(dim=0) for label in (0, 1)], dim=1)
    ratios = log_count_ratios(counts, smoothing=1.0)
    fitted = MultinomialNB(alpha=1.0, fit_prior=False).fit(table.numpy(), labels.numpy())
    theirs = torch.from_numpy(fitted.predict_joint_log_proba(table.numpy()))
    ours = table.double() @ ratios.double()
    torch.testing.assert_close(ours[:, 0], theirs[:, 0] - theirs[:, 1], rtol=1e-5, atol=1e-5)


def test_ratios_of_labels_that_go_together_are_each_against_the_texts_without_it():
    rng = torch.Generator().manual_seed(1)
    table = (torch.rand(50, 7, generator=rng) < 0.4).long()
    table[:, 0] = 0  # padding
    has = torch.rand(50, 3, generator=rng) < 0.4
    counts = torch.stack([table[has[:, label]].sum(dim=0) for label in range(3)], dim=1)
    ratios = log_count_ratios(counts, smoothing=1.0, texts=table.sum(dim=0))
    for label in range(3):
        alone = torch.stack([table[has[:, label]].sum(dim=0), table[~has[:, label]].sum(dim=0)], dim=1)
        torch.testing.assert_close(ratios[:, label], log_count_ratios(alone, smoothing=1.0)[:, 0])


def test_ratios_multiply_the_weights():
    ratios = torch.arange(8.0).reshape(4, 2)
    config = TextBagConfig(longest=1, ratio_smoothing=1.0, pace=3.0)
    model = TextBag(config, num_words=4, num_classes=2, ratios=ratios)
    torch.nn.init.ones_(model.embedding.weight[1:])
    logits = model.eval()(torch.tensor([[1, 3, 3]]), torch.ones(1, 3, dtype=torch.bool))
    assert logits.tolist() == [[3 * (2 + 6.0), 3 * (3 + 7.0)]]


def test_only_the_first_of_equal_features_counts():
    feature = torch.tensor([[5, 2, 5, 2, 0], [1, 1, 1, 0, 0]])
    real = torch.tensor([[True, True, True, True, False], [False, True, True, False, False]])
    expected = [[True, True, False, False], [False, True, False, False]]
    assert (first_of_each(feature, real) & real)[:, :4].tolist() == expected
