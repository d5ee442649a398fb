"""The small tools of the contract suite, which must not miss a difference."""

import pytest
import torch

from gradus.engine.contract import differing, tensors_in


def test_every_tensor_and_number_is_found_by_its_path() -> None:
    state = {"a": {"b": torch.ones(2), "n": 3}, "c": True, "d": 0.5, "e": "text", "f": None}
    found = tensors_in(state)
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "a.b": [1.0, 1.0],
        "a.n": 3.0,
        "c": 1.0,
        "d": 0.5,
    }


def test_what_lies_in_a_list_is_found_too() -> None:
    assert set(tensors_in({"rows": [torch.ones(1), {"x": 2}], "pair": (1, 2)})) == {
        *("rows.0", "rows.1.x", "pair.0", "pair.1")
    }


def test_a_large_number_is_not_rounded() -> None:
    """Counters and seeds above 2 ** 24 differ in digits that single precision drops."""
    one, other = (tensors_in({"cursor": 2**60 + more}) for more in (0, 1))
    assert differing(one, other) == ["cursor"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": torch.zeros(2)}, {"a": torch.tensor([0.0, 1e-30])}),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(3)}),
        ({"a": torch.zeros(2)}, {}),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(2, dtype=torch.float64)}),
    ],
)
def test_the_smallest_difference_counts(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert differing(one, other) == ["a"]
    assert differing(other, one) == ["a"]
    assert differing(one, dict(one)) == []


def test_tensors_are_copies_of_their_moment() -> None:
    weight = torch.zeros(2)
    found = tensors_in({"weight": weight})
    weight.add_(1)
    assert found["weight"].tolist() == [0.0, 0.0]
