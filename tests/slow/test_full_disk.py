"""A disk that fills up while a run trains: one clear error, no whole checkpoint lost, and then on again."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gradus.core.errors import InputError
from gradus.engine import folder
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.contract import differing, tensors_in
from tests.contract.toys import forecaster

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One megabyte that really fills up."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a disk of one megabyte needs root")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def begin(out: Path) -> Path:
    config = forecaster.Config(width=64)  # about 150 kB of weights, moments and averages a checkpoint
    train = replace(config.train, steps=20, evaluate_every=2, log_every=1, device="cpu")
    folder.begin(out, reference="toy_forecaster", recipe="smoke", config=replace(config, train=train))
    return out


def last(out: Path) -> tuple[int, dict[str, object]]:
    checkpoints = Checkpoints(out / "checkpoints")
    state = checkpoints.load()
    assert state is not None
    assert checkpoints.damaged == []
    return state["run"]["step"], tensors_in({name: state[name] for name in ("model", "optim")})


def test_a_full_disk_costs_no_checkpoint(small_disk: Path, tmp_path: Path) -> None:
    out = begin(small_disk / "run")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    with pytest.raises(InputError, match="GR-RUN-001") as caught:
        folder.execute(forecaster.JOB, out)
    assert "no space left" in caught.value.got
    step, _ = last(out)
    assert step < 20
    assert not list(out.glob("checkpoints/.step-*")), "nothing half written is left"
    ballast.unlink()
    folder.execute(forecaster.JOB, out)
    folder.execute(forecaster.JOB, begin(tmp_path / "whole"))
    (ended, bits), (_, wanted) = last(out), last(tmp_path / "whole")
    assert ended == 20
    assert differing(bits, wanted) == []


def test_a_disk_that_is_full_from_the_start_is_said_so(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_000_000))
    with pytest.raises(InputError, match="GR-RUN-001"):
        folder.execute(forecaster.JOB, begin(small_disk / "run"))
