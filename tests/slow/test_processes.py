"""Several processes that share every batch give the weights of one."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from gradus.core.files import read_json
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.contract import tensors_in
from gradus.engine.journal import read_journal

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Adam turns the rounding of a gradient near zero into a step of full length: momentum keeps it small.
COMMON = {
    "steps": 12,
    "evaluate_every": 3,
    "log_every": 1,
    "optim": {"algorithm": "momentum", "weight_decay": 0.01},
}


def train(name: str, out: Path, *, processes: int, **settings: Any) -> list[dict[str, Any]]:
    """The results of each process, all of which must end well and soon."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "tests.slow.drive"]
    process = subprocess.Popen(
        [*command, name, str(out), json.dumps(COMMON | settings)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        process.terminate()  # the launcher then ends the processes that wait for each other
        process.communicate(timeout=60)
        raise
    assert process.returncode == 0, said[-3000:]
    return [read_json(out / f"rank-{rank}.json") for rank in range(processes)]


def weights(out: Path) -> dict[str, torch.Tensor]:
    content = Checkpoints(out / "checkpoints").load()
    assert content is not None
    return tensors_in(
        {name: content[name] for name in ("model", "policy", "critic", "generator") if name in content}
    )


def assert_alike(tmp_path: Path, name: str, *, processes: int = 2, **settings: Any) -> None:
    (one,) = train(name, tmp_path / "one", processes=1, **settings)
    several = train(name, tmp_path / "several", processes=processes, **settings)
    ours, theirs = weights(tmp_path / "one"), weights(tmp_path / "several")
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        torch.testing.assert_close(
            theirs[key], tensor, rtol=1e-6, atol=1e-6, msg=lambda text, key=key: f"{key}: {text}"
        )
    for result in several:
        assert result["metrics"] == pytest.approx(one["metrics"], abs=1e-4)
        assert result["steps"] == one["steps"]
    journals = [read_journal(tmp_path / out / "journal.jsonl") for out in ("one", "several")]
    lines = [[row["values"] for row in rows if row["fact"] == "measured"] for rows in journals]
    for mine, its in zip(*lines, strict=True):
        assert its == pytest.approx(mine | {"memory_gib": its["memory_gib"]}, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["toy_labeller", "toy_gan", "toy_actor_critic", "toy_preference"])
def test_two_processes_are_one(tmp_path: Path, name: str) -> None:
    assert_alike(tmp_path, name)


def test_counts_that_a_mask_makes_unequal(tmp_path: Path) -> None:
    assert_alike(tmp_path, "toy_labeller", processes=3, micro_batches=2, batch=7)


def test_a_batch_smaller_than_the_processes(tmp_path: Path) -> None:
    assert_alike(tmp_path, "toy_labeller", processes=3, batch=2, log_every=5)


def test_a_batch_of_one_leaves_a_process_without_work(tmp_path: Path) -> None:
    assert_alike(tmp_path, "toy_labeller", batch=1)


def test_a_batch_that_cannot_be_split_is_learnt_by_all(tmp_path: Path) -> None:
    assert_alike(tmp_path, "whole")


def test_the_best_is_kept_by_all(tmp_path: Path) -> None:
    assert_alike(tmp_path, "toy_labeller", keep="best", patience=2)


def test_all_stop_when_the_first_one_does(tmp_path: Path) -> None:
    """Each has statistics of its own rows and so scores of its own: one that goes on alone waits forever."""
    settings = {"steps": 60, "evaluate_every": 1, "patience": 3, "schedule": "plateau", "keep": "best"}
    first, second = train("normed", tmp_path / "run", processes=2, batch=6, **settings)
    assert first["metrics"] == second["metrics"]
    assert first["steps"] == second["steps"] < 60


def test_what_is_timed_is_settled_once_for_all(tmp_path: Path) -> None:
    """The first process would choose a large batch and the second a small one, left to themselves."""
    first, second = train(
        "uneven", tmp_path / "run", processes=2, batch="auto", rate="auto", precision="auto"
    )
    for name in ("metrics", "precision", "steps"):
        assert first[name] == second[name]
    assert read_json(tmp_path / "run" / "plan.json")["batch"]["value"] > 8


# -- the end, whichever it is ------------------------------------------------------------------------------


def launched(place: Path, *words: str) -> subprocess.Popen[str]:
    """A gradus command in a folder, where what it leaves behind is found."""
    return subprocess.Popen(
        [sys.executable, "-m", "gradus", *words],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(launcher: subprocess.Popen[str], place: Path) -> list[int]:
    """The processes that work in a folder, but for the launcher; they have sessions of their own."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has just ended, or is nobody's business
            if entry.name.isdecimal() and (entry / "cwd").readlink() == place:
                found.append(int(entry.name))
    return [pid for pid in found if pid != launcher.pid]


def training(process: subprocess.Popen[str]) -> None:
    """Return when a run trains."""
    assert process.stdout
    while "training from" not in (line := process.stdout.readline()):
        assert line, process.stderr and process.stderr.read()


def ended(process: subprocess.Popen[str], place: Path) -> str:
    """What a command says on standard error; nothing of it is left a moment later."""
    _, said = process.communicate(timeout=90)
    deadline = time.monotonic() + 10
    while workers(process, place) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers(process, place) == []
    assert "Traceback" not in said
    assert "terminate called" not in said
    return said


@pytest.fixture
def job(tmp_path: Path) -> Path:
    assert ended(launched(tmp_path, "new", "job", "tiny"), tmp_path) == ""
    return tmp_path


LONG = (
    "train",
    "./tiny",
    "--out",
    "run",
    "--train.steps",
    "1000000",
    "--train.log-every",
    "1",
    "--devices",
    "3",
)


def test_a_run_of_several_processes_ends_with_its_report(job: Path) -> None:
    process = launched(job, "train", "./tiny", "--out", "run", "--train.steps", "20", "--devices", "3")
    assert ended(process, job) == ""
    assert process.returncode == 0
    assert (job / "run" / "metrics.json").is_file()
    assert (job / "run" / "report.html").is_file()


def test_a_process_that_is_killed_is_told_once_and_leaves_no_other(job: Path) -> None:
    process = launched(job, *LONG)
    training(process)
    named = [pid for pid in workers(process, job) if b"resume" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(named) == 3
    os.kill(named[1], signal.SIGKILL)
    said = ended(process, job)
    assert process.returncode == 1
    assert said.count("error GR-") == 1
    assert "error GR-RUN-022: run" in said
    assert "SIGKILL" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_launcher_ends_them_all(job: Path, number: signal.Signals) -> None:
    process = launched(job, *LONG)
    training(process)
    process.send_signal(number)
    assert "go on with `gradus resume run" in ended(process, job)
    assert process.returncode == 128 + number


def test_an_error_that_all_meet_is_told_once(job: Path) -> None:
    (job / "texts").mkdir()
    process = launched(job, "train", "sentiment", "--data", "texts", "--out", "run", "--devices", "3")
    assert ended(process, job).count("error GR-") == 1
    assert process.returncode == 1
    assert not (job / "run").exists()
