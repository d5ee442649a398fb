"""Several processes for one run: the same command again, under torchrun."""

import logging
import os
import signal
import tempfile
from pathlib import Path
from signal import SIGTERM

from gradus.core.errors import InputError
from gradus.engine.signals import Interrupted


def spread(count: int, command: list[str], *, run: Path) -> int:
    """Run ``gradus COMMAND`` in ``count`` processes that share every batch; returns the exit status.

    A process that fails says why itself; InputError where one was killed, for then nobody has.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // count))
    logging.disable()  # a process that fails has said why: torchrun would say that it did, at length
    try:
        with tempfile.TemporaryDirectory() as logs:  # torchrun would leave one of its own behind
            started = ["--standalone", "--nproc-per-node", str(count), "--log-dir", logs]
            torchrun.main([*started, "-m", "gradus", *command])
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        killed = {rank: one.exitcode for rank, one in failed.failures.items() if one.exitcode < 0}
        for rank, exitcode in killed.items():
            if first.exitcode < 0 or exitcode != -SIGTERM:  # which the launcher sends to the others
                raise _killed(rank, count, -exitcode, run) from failed
        return max(1, first.exitcode)
    except SignalException as stopped:
        raise Interrupted(int(stopped.sigval)) from stopped
    finally:
        logging.disable(logging.NOTSET)
    return 0


def _killed(rank: int, count: int, number: int, run: Path) -> InputError:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return InputError(
        "GR-RUN-022",
        where=str(run),
        wanted=f"{count} processes that work to the end",
        got=f"{name} in process {rank}",
        remedy="Give it more memory if the system ended it; resume goes on from the last checkpoint.",
    )
