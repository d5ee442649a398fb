"""A committee against the probabilities of its members, averaged by hand."""

import torch
from torch import nn

from gradus.models.committee import Committee
from gradus.models.mlp import Mlp, MlpConfig


def committee(count: int) -> Committee:
    torch.manual_seed(0)
    return Committee(
        [Mlp(MlpConfig(widths=(8,)), shape=(1, 4, 4), num_classes=3) for _ in range(count)]
    ).eval()


def test_it_votes_with_the_mean_probability():
    image = torch.rand(5, 1, 4, 4)
    made = committee(3)
    expected = torch.stack([member(image).softmax(dim=1) for member in made.members]).mean(dim=0)
    torch.testing.assert_close(made(image).softmax(dim=1), expected)


def test_its_logits_are_logarithms_of_probabilities():
    torch.testing.assert_close(committee(2)(torch.rand(4, 1, 4, 4)).exp().sum(dim=1), torch.ones(4))


def test_members_start_apart_and_learn_apart():
    made = committee(2)
    image, label = torch.rand(6, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    each = made.each(image)
    assert not torch.equal(each[0], each[1])
    nn.functional.cross_entropy(each[0], label).backward()
    assert all(p.grad is not None for p in made.members[0].parameters())
    assert not any(p.grad.any() for p in made.members[1].parameters() if p.grad is not None)


def test_each_member_may_have_images_of_its_own():
    made = committee(3)
    image = torch.rand(5, 3, 1, 4, 4)
    each = made.each(image)
    for place, member in enumerate(made.members):
        torch.testing.assert_close(each[place], member(image[:, place]))
