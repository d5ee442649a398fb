"""Training among files of somebody else's, in a few rounds; tests/slow/ownership.py disturbs it as well."""

import random
from pathlib import Path

import pytest

from tests.slow.forked import inside
from tests.slow.ownership import REFUSED, TASKS, began, refused, scene, undisturbed

TINY = TASKS["tiny"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("others")
    assert inside(["new", "job", "tiny"], folder).status == 0
    return folder


@pytest.mark.parametrize("kind", sorted(set(REFUSED)))
def test_a_folder_of_somebody_elses_is_refused(place: Path, kind: str) -> None:
    here = place / kind
    here.mkdir()
    at = scene(here, random.Random(kind), TINY, kind)
    assert at is not None
    at.ask = inside
    refused(at, kind)
    assert at.wrong == []


@pytest.mark.parametrize("kind", ["empty", "deep"])
def test_a_run_that_cannot_be_begun_leaves_all_as_it_was(place: Path, kind: str) -> None:
    here = place / kind
    here.mkdir()
    at = scene(here, random.Random(kind), TINY, kind)
    assert at is not None
    at.ask = inside
    began(at, undisturbed(here, TINY, ask=inside), disturbances=0)
    assert at.wrong == []
