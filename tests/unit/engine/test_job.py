"""The contract's own types: parts by kind, the headline's direction, and what a loader's stream yields."""

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn

from gradus.data.batches import Batches
from gradus.engine.job import (
    Headline,
    Job,
    forever,
    modules_of,
    named_parts,
    no_panels,
    optims_of,
    scored_for,
    state_of,
    supervised,
)
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys import TOYS


@dataclass
class Parts:
    model: nn.Linear
    reference: nn.Linear
    optim: Optim
    train: Batches
    names: tuple[str, ...]


def parts() -> Parts:
    model = nn.Linear(3, 1)
    train = TrainConfig(rate=0.1, optim=OptimConfig(algorithm="sgd"))
    return Parts(
        model, nn.Linear(2, 2), Optim(model, train), Batches({"x": torch.eye(3)}, batch=2, seed=0), ("a", "b")
    )


def test_parts_are_told_apart_by_kind() -> None:
    made = parts()
    assert list(named_parts(made)) == ["model", "reference", "optim", "train", "names"]
    assert modules_of(made) == [made.model, made.reference]
    assert optims_of(made) == [made.optim]
    assert list(state_of(made)) == ["model", "reference", "optim", "train"]
    assert state_of(made)["train"] == {"epoch": 0, "cursor": 0}


def test_parts_are_a_dataclass() -> None:
    with pytest.raises(AssertionError, match="build returns a dataclass"):
        named_parts({"model": nn.Linear(1, 1)})


@pytest.mark.parametrize(("higher", "better"), [(True, [True, False, False]), (False, [False, False, True])])
def test_the_headline_knows_its_direction(higher: bool, better: list[bool]) -> None:
    headline = Headline("score", higher=higher)
    assert [headline.better(value, 0.5) for value in (0.6, 0.5, 0.4)] == better
    assert not headline.better(math.nan, 0.5)


def test_a_recipe_may_be_decided_by_another_score() -> None:
    job: Job = TOYS["toy_labeller"]
    own = Headline("macro_f1")
    skewed = replace(job, recipes={**job.recipes, "skewed": lambda: replace(job_recipe(job), headline=own)})
    assert scored_for(skewed, "skewed").headline == own
    assert scored_for(skewed, "skewed").baseline is job.baseline
    assert scored_for(skewed, next(iter(job.recipes))) is skewed
    assert scored_for(skewed, "a recipe that is gone") is skewed


def test_a_recipe_may_have_another_baseline() -> None:
    job: Job = TOYS["toy_labeller"]

    def own(config: Any, parts: Any) -> dict[str, float]:
        return {"accuracy": 0.5}

    odd = replace(job, recipes={**job.recipes, "odd": lambda: replace(job_recipe(job), baseline=own)})
    assert scored_for(odd, "odd").baseline is own
    assert scored_for(odd, "odd").headline == job.headline
    assert scored_for(odd, next(iter(job.recipes))).baseline is job.baseline


def job_recipe(job: Job) -> Any:
    return next(iter(job.recipes.values()))()


def test_the_supervised_step_is_one_update() -> None:
    made = parts()
    run = Run(TrainConfig(rate=0.1), device=torch.device("cpu"))
    before = made.model.weight.detach().clone()

    def loss(config: Any, parts: Parts, batch: Any) -> Loss:
        assert config == "the config"
        return Loss(parts.model(batch["x"]).sum(), len(batch["x"]))

    supervised(loss)("the config", made, {"x": torch.ones(4, 3)}, run)
    torch.testing.assert_close(made.model.weight.detach(), before - 0.1)
    assert made.optim.updates == 1


def test_the_endless_stream_keeps_its_place_in_the_loader() -> None:
    made = parts()
    run = Run(TrainConfig(), device=torch.device("cpu"))
    stream = forever("train")(None, made, run)
    seen = [next(stream)["x"].shape for _ in range(3)]
    assert seen == [(2, 3)] * 3
    assert made.train.state_dict() == {"epoch": 2, "cursor": 2}


@pytest.mark.parametrize("toy", TOYS)
def test_a_job_is_a_value_that_is_extended_by_replacing(toy: str) -> None:
    job = TOYS[toy]
    other = replace(job, name="other")
    assert isinstance(other, Job)
    assert (other.name, job.name) == ("other", toy)
    assert other.step is job.step
    assert job.panels is no_panels
