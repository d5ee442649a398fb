"""Toys under torch.compile: the same numbers as without, exact after a resume, train and eval kept apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import config as jaxtyping_config
from torch import Tensor, nn
from torch._dynamo.utils import counters

from gradus.core.facts import Halt, Listeners, Saved
from gradus.engine import folder
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.contract import differing, tensors_in
from gradus.engine.job import Job
from gradus.engine.loop import Learning, prepare
from gradus.engine.optim import Optim
from gradus.engine.run import Run
from gradus.engine.settings import OptimConfig, TrainConfig
from tests.contract.toys import TOYS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # torch's own compiler warns of itself


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """No graph of another test, and no shape checks inside the graphs of this one."""
    torch._dynamo.reset()
    counters.clear()
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)


def train(job: Job, out: Path, *, stop_after: int | None = None, **settings: Any) -> dict[str, Tensor]:
    """The last state of a run of eight steps, begun or gone on with."""

    def stop(fact: Saved) -> None:
        if fact.step == stop_after:
            raise Halt("far enough")

    def watch(listeners: Listeners) -> None:
        listeners.add(Saved, stop)

    if not out.exists():
        config = job.recipes["smoke"]().config
        train = replace(config.train, steps=8, evaluate_every=4, device="cpu", **settings)
        folder.begin(out, reference=job.name, recipe="smoke", config=replace(config, train=train))
    folder.execute(job, out, watch=watch)
    state = Checkpoints(out / "checkpoints").load()
    assert state is not None
    del state["loop"]
    return tensors_in(state)


@pytest.mark.parametrize("toy", TOYS)
def test_a_compiled_toy_is_the_toy_and_resumes_exactly(tmp_path: Path, toy: str) -> None:
    job, optim = TOYS[toy], OptimConfig(algorithm="momentum", ema=0.9)
    plain = train(job, tmp_path / "plain", optim=optim)
    whole = train(job, tmp_path / "whole", optim=optim, compile=True)
    if toy == "toy_actor_critic":  # the compiler leaves recurrent layers and bare containers as they are
        assert counters["stats"]["unique_graphs"] > 0
    train(job, tmp_path / "cut", optim=optim, compile=True, stop_after=4)
    torch._dynamo.reset()
    again = train(job, tmp_path / "cut")
    assert differing(whole, again) == []
    assert plain.keys() == whole.keys()
    for name, tensor in plain.items():
        torch.testing.assert_close(
            whole[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


class Normed(nn.Module):
    """A layer, a norm with statistics, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.drop = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(self.linear(x)))


@dataclass
class Parts:
    model: Normed
    optim: Optim


def test_a_compiled_module_knows_train_mode_from_eval_mode() -> None:
    """The loop writes ``training`` past ``Module.train``: the graphs must see it all the same."""
    config = TrainConfig(compile=True, optim=OptimConfig(ema=0.9))
    run = Run(config, device=torch.device("cpu"))
    model = Normed()
    parts = Parts(model, Optim(model, config))
    prepare(parts, run)
    learning, inputs = Learning([parts.optim], run), torch.randn(64, 6)
    for _ in range(2):
        before = model.norm.running_mean.clone()
        with torch.no_grad():
            assert torch.equal(model(inputs), model(inputs))
            assert torch.equal(model.norm.running_mean, before)
            with learning:
                assert not torch.equal(model(inputs), model(inputs))
            assert not torch.equal(model.norm.running_mean, before)
    with torch.no_grad():
        own = model(inputs)
        parts.optim.average = {name: 2.0 * tensor for name, tensor in parts.optim.average.items()}
        with parts.optim.averaged():
            assert not torch.allclose(model(inputs), own), (
                "a graph must not remember the weights it was made with"
            )
        assert torch.equal(model(inputs), own)
    assert counters["stats"]["unique_graphs"] > 1
