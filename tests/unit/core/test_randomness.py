"""Named randomness: the same name gives the same numbers, and no name disturbs another."""

import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st

from gradus.core.randomness import generator, seed_from


def numbers(*parts):
    return torch.rand(8, generator=generator(*parts)).tolist()


def test_a_seed_stays_the_same_from_release_to_release():
    assert seed_from(0, "order", 3) == 554563163506081016


@given(st.lists(st.integers() | st.text(st.characters(codec="utf-8")), max_size=4))
def test_a_seed_is_the_upper_63_bits_of_a_hash_of_its_parts(parts):
    joined = "\x1f".join(map(str, parts)).encode()
    expected = int(hashlib.blake2b(joined, digest_size=8).hexdigest(), 16) // 2
    assert seed_from(*parts) == expected < 2**63


def test_parts_do_not_run_together():
    seeds = [seed_from(*parts) for parts in [("a", "b"), ("ab",), ("b", "a"), (1, 23), (12, 3), ("a",), ()]]
    assert len(set(seeds)) == len(seeds)


def test_a_name_gives_the_same_numbers_whatever_others_draw():
    alone = numbers(0, "noise")
    torch.rand(5)
    numbers(0, "order")
    assert numbers(0, "noise") == alone
    assert numbers(0, "order") != alone
    assert numbers(1, "noise") != alone


def test_a_generator_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    numbers(0, "noise")
    assert torch.equal(torch.get_rng_state(), before)


def test_streams_of_two_names_look_unrelated():
    first, second = (torch.rand(20_000, generator=generator(0, name)) for name in ("a", "b"))
    correlation = torch.corrcoef(torch.stack([first, second]))[0, 1]
    assert abs(correlation) < 5 / 20_000**0.5  # five standard errors
