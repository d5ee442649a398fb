"""The contract suite on five toys that keep it."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from gradus.engine.contract import CHECKS, Outcome, examine, subject_of
from gradus.engine.run import Run
from tests.contract.toys import TOYS, forecaster


@cache
def outcomes(toy: str) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in examine(TOYS[toy])}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("toy", TOYS)
def test_toy_holds(toy: str, check: str) -> None:
    outcome = outcomes(toy)[check]
    assert outcome.passed, outcome.sentence
    assert outcome.sentence


def test_every_check_is_told_even_when_one_raises() -> None:
    def build(config: Any, run: Run) -> Any:
        raise KeyError("no such column")

    told = list(examine(replace(forecaster.JOB, build=build)))
    assert [outcome.name for outcome in told] == list(CHECKS)
    assert [outcome.name for outcome in told if outcome.passed] == ["config_round_trip"]
    assert "no such column" in told[1].sentence


def test_the_smoke_recipe_is_checked_or_else_the_first() -> None:
    other = lambda: replace(forecaster.smoke(), config=forecaster.Config(width=5))  # noqa: E731
    both = replace(forecaster.JOB, recipes={"other": other, "smoke": forecaster.smoke})
    assert subject_of(both).recipe == "smoke"
    assert subject_of(replace(forecaster.JOB, recipes={"other": other})).config.width == 5
