"""A few damages to a run, each told or refused by every verb that opens it; tests/slow/damage.py has more."""

import random

import pytest

from tests.slow.damage import Subject, asked, stranger, subjects
from tests.slow.forked import inside
from tests.slow.mutations import draw

SEEDS = (3, 4, 6, 9, 20, 36, 38, 58)  # each another kind of damage


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    (subject,) = subjects(tmp_path_factory.mktemp("damaged"), ask=inside, names=("best",))
    stranger(subject.folder.parent)
    return subject


@pytest.mark.parametrize("seed", SEEDS)
def test_damage_is_told_or_refused(run: Subject, seed: int) -> None:
    place = run.folder.parent
    mutation = draw(random.Random(seed), run.folder, foreign=place / "stranger")
    _, wrong = asked(run, mutation, copy=place / "copy", loaded=place / "loaded", ask=inside)
    assert wrong == [], f"{mutation.kind}, {mutation.where}"
