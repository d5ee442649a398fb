"""Skip-gram and its inverse: the loss by hand, the windows by loops, and words that end up together."""

import math

import pytest
import torch

from gradus.models.skipgram import Skipgram, SkipgramConfig, keep_chances, noise_contrast, windows


def test_the_loss_by_hand():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    cost = sum(math.log(1 + math.exp(x)) for x in (-2.0, -1.0, 0.5)) + 3 * math.log(2)
    assert noise_contrast(logits).item() == pytest.approx(cost, rel=1e-6)


def test_logits_are_products_with_the_mean_around():
    torch.manual_seed(0)
    model = Skipgram(SkipgramConfig(width=4), num_words=6)
    torch.nn.init.normal_(model.outside.weight)
    around = torch.tensor([[2, 3, 0]])
    logits = model(around, around > 0, torch.tensor([[4, 5]]))
    mean = (model.inside.weight[2] + model.inside.weight[3]) / 2
    torch.testing.assert_close(logits[0], model.outside.weight[4:] @ mean)


def test_windows_end_with_their_reach_and_their_sentence():
    sentence = torch.tensor([0, 0, 0, 1, 1])
    places, reach = torch.tensor([1, 2, 3]), torch.tensor([2, 1, 2])
    around, real = windows(places, reach, window=2, sentence=sentence)
    found = [sorted(row[there].tolist()) for row, there in zip(around, real, strict=True)]
    assert found == [[0, 2], [1], [4]]


def test_frequent_words_are_passed_over():
    chances = keep_chances(torch.tensor([0, 900, 99, 1]), frequent=0.01)
    torch.testing.assert_close(
        chances[1:], torch.tensor([math.sqrt(0.01 / 0.9), math.sqrt(0.01 / 0.099), 1.0])
    )
    assert keep_chances(torch.tensor([5, 1]), frequent=0.0).tolist() == [1, 1]


def test_words_that_stand_alike_end_up_alike():
    """Two words always beside 4, two always beside 5."""
    torch.manual_seed(0)
    model = Skipgram(SkipgramConfig(width=8), num_words=8)
    given = torch.tensor([[2], [3], [6], [7]])
    candidates = torch.tensor([[4, 5], [4, 5], [5, 4], [5, 4]])
    optim = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optim.zero_grad()
        noise_contrast(model(given, torch.ones_like(given, dtype=torch.bool), candidates)).backward()
        optim.step()
    vectors = torch.nn.functional.normalize(model.inside.weight.detach(), dim=1)
    assert vectors[2] @ vectors[3] > 0.8
    assert vectors[2] @ vectors[6] < 0
