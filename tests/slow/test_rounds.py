"""Random rounds against real processes; each program says which round went wrong, and replays it alone.

``GRADUS_TEST_ROUNDS=500 GRADUS_TEST_SEED=7 pytest -m slow tests/slow/test_rounds.py -k ownership``, or
``OMP_NUM_THREADS=1 python -m tests.slow.ownership ROUNDS SEED FIRST`` for one of them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("program", "rounds"), [("ownership", "60"), ("races", "30"), ("damage", "80")])
def test_no_round_goes_wrong(program: str, rounds: str) -> None:
    asked = [os.environ.get("GRADUS_TEST_ROUNDS", rounds), os.environ.get("GRADUS_TEST_SEED", "0")]
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.slow.{program}", *asked],
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
