"""Every toy learns in bf16 as well: the arithmetic is the engine's business, no job knows of it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradus.core.files import read_json
from gradus.engine import folder
from gradus.engine.contract import tensors_in
from gradus.engine.job import state_of
from gradus.engine.journal import read_journal
from tests.contract.toys import TOYS

STEPS = {
    "toy_forecaster": 120,
    "toy_labeller": 120,
    "toy_gan": 300,
    "toy_actor_critic": 50,
    "toy_preference": 50,
}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("toy", TOYS)
def test_toy_learns_in_half_precision(tmp_path: Path, toy: str, precision: str) -> None:
    job = TOYS[toy]
    config = job.recipes["smoke"]().config
    train = replace(config.train, precision=precision, device="cpu", steps=STEPS[toy])
    folder.begin(tmp_path / "run", reference=toy, recipe="smoke", config=replace(config, train=train))
    result = folder.execute(job, tmp_path / "run")
    assert job.headline.better(result["value"], result["baseline"])
    assert result["precision"] == precision
    assert read_json(tmp_path / "run" / "plan.json")["precision"] == {"value": precision, "reason": "given"}
    lines = [
        row["values"] for row in read_journal(tmp_path / "run" / "journal.jsonl") if row["fact"] == "measured"
    ]
    assert all(
        math.isfinite(value) for line in lines for name, value in line.items() if name.endswith("loss")
    )
    opened = folder.open_run(job, tmp_path / "run")
    state = tensors_in(state_of(opened.parts))
    assert all(tensor.isfinite().all() for tensor in state.values())
    assert torch.bfloat16 not in {tensor.dtype for tensor in state.values()}, "weights stay in full precision"
    assert not torch.is_autocast_enabled("cpu")
