"""Several processes for one run: the same command again, under torchrun."""

import os
import subprocess
import sys


def spread(count: int, command: list[str]) -> int:
    """Run ``gradus COMMAND`` in ``count`` processes that share every batch; returns the exit status."""
    threads = max(1, (os.cpu_count() or 1) // count)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    return subprocess.run([*launcher, "-m", "gradus", *command], env=environment, check=False).returncode
