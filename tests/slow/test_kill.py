"""Real processes, killed at random moments and started again: the end is the same to the bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from gradus.core.files import read_json
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.contract import differing, tensors_in
from gradus.engine.journal import read_journal
from tests.contract.toys import TOYS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = {
    "toy_forecaster": 300,
    "toy_labeller": 300,
    "toy_gan": 300,
    "toy_actor_critic": 60,
    "toy_preference": 60,
}
KILLS = (1, 3)  # in one run


def start(toy: str, out: Path) -> subprocess.Popen[str]:
    settings = json.dumps({"steps": STEPS[toy], "evaluate_every": 4, "log_every": 2, "keep": "best"})
    command = [sys.executable, "-m", "tests.slow.drive", toy, str(out), settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def state(out: Path) -> dict[str, Tensor]:
    """Everything in the last checkpoint but the seconds it took."""
    content = Checkpoints(out / "checkpoints").load()
    assert content is not None
    del content["loop"]["seconds"]
    return tensors_in(content)


def story(out: Path) -> list[dict[str, Any]]:
    """The journal less clocks, and less that it was started more than once."""
    rows = [row for row in read_journal(out / "journal.jsonl") if row["fact"] != "started"]
    for row in rows:
        for name in ("seconds", "samples_per_second"):
            row.pop(name, None)
        row.get("values", {}).pop("memory_gib", None)
    return rows


def kill_at_random(toy: str, out: Path, rng: random.Random, *, seconds: float) -> bool:
    """Start or go on, and kill within so many seconds of training; whether it was still at work."""
    process = start(toy, out)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    time.sleep(rng.uniform(0, seconds))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("toy", TOYS)
def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path: Path, toy: str) -> None:
    rng = random.Random(toy)
    finish(start(toy, tmp_path / "whole"))
    seconds = read_json(tmp_path / "whole" / "metrics.json")["seconds"]
    wanted, told = state(tmp_path / "whole"), story(tmp_path / "whole")
    for kills in KILLS:
        out = tmp_path / f"killed-{kills}"
        hits = [kill_at_random(toy, out, rng, seconds=0.9 * seconds / kills) for _ in range(kills)]
        assert any(hits), "every kill came too late"
        finish(start(toy, out))
        assert differing(wanted, state(out)) == []
        assert story(out) == told
        for name in ("metrics", "value", "steps"):
            assert (
                read_json(out / "metrics.json")[name] == read_json(tmp_path / "whole" / "metrics.json")[name]
            )
        assert not list(out.glob("checkpoints/.step-*")), "nothing half written is left"
